// Prints events, refusals and violations in a test failure, field by field; knows no event by name.
#pragma once

#include <fmt/format.h>

#include <array>
#include <boost/core/demangle.hpp>
#include <boost/pfr.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "statemachine/decide.h"
#include "statemachine/effects.h"
#include "statemachine/events.h"
#include "statemachine/invariants.h"

namespace daybook {

template <typename T, typename Variant>
inline constexpr bool is_alternative = false;
template <typename T, typename... Ts>
inline constexpr bool is_alternative<T, std::variant<Ts...>> = (std::same_as<T, Ts> || ...);

namespace printing {

template <typename T>
std::string type_name() {
  const std::string full = boost::core::demangle(typeid(T).name());
  return full.substr(full.rfind(':') + 1);
}

inline void print(const std::string& text, std::ostream& out) { out << '"' << text << '"'; }

template <std::size_t n>
void print(const std::array<std::uint8_t, n>& bytes, std::ostream& out) {
  for (std::size_t i = 0; i < 4; ++i) out << fmt::format("{:02x}", bytes[i]);
}

template <typename T>
requires std::is_arithmetic_v<T>
void print(T number, std::ostream& out) { out << fmt::format("{}", number); }

template <typename T>
requires std::is_enum_v<T>
void print(T value, std::ostream& out) { out << fmt::format("{}", std::to_underlying(value)); }

template <typename T>
void print(const std::optional<T>& value, std::ostream& out);
template <typename T>
void print(const std::vector<T>& values, std::ostream& out);

template <typename T>
requires std::is_aggregate_v<T>
void print(const T& value, std::ostream& out) {
  out << type_name<T>() << '{';
  boost::pfr::for_each_field(value, [&](const auto& field, std::size_t index) {
    if (index > 0) out << ", ";
    print(field, out);
  });
  out << '}';
}

template <typename T>
void print(const std::optional<T>& value, std::ostream& out) {
  if (value)
    print(*value, out);
  else
    out << "none";
}

template <typename T>
void print(const std::vector<T>& values, std::ostream& out) {
  out << '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out << ", ";
    print(values[i], out);
  }
  out << ']';
}

}  // namespace printing

template <typename E>
requires is_alternative<E, Event> || is_alternative<E, Effect> || is_alternative<E, Command>
void PrintTo(const E& value, std::ostream* out) { printing::print(value, *out); }

inline std::string printed(const Event& event) {
  std::ostringstream out;
  std::visit([&](const auto& e) -> void { printing::print(e, out); }, event);
  return out.str();
}

inline void PrintTo(const InvariantViolation& violation, std::ostream* out) {
  *out << violation.rule << ": " << violation.detail;
}

inline void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << name(refusal.code) << ": " << refusal.detail;
}

inline void PrintTo(Refusal::Code code, std::ostream* out) { *out << name(code); }
inline void PrintTo(SlotPhase phase, std::ostream* out) { *out << name(phase); }

}  // namespace daybook
