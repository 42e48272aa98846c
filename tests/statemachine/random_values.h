// Random values of any plain struct: ids near the small numbers that books use and far outside,
// names and digests from small pools so that they meet.
#pragma once

#include <array>
#include <boost/pfr.hpp>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace daybook {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::uint64_t any() { return engine_(); }
  template <typename T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::mt19937_64 engine_;
};

template <typename T>
void fill(Random& random, T& value);

template <std::size_t n>
void fill(Random& random, std::array<std::uint8_t, n>& bytes) {
  bytes.fill(static_cast<std::uint8_t>(random.below(6)));
}
inline void fill(Random& random, std::string& text) {
  static const std::vector<std::string> names = {
      "", "runways", "navaids", "warehouse", "p0", "p1", "p2", "ana", "ben", "approver", "cause"};
  text = random.of(names);
}
template <typename T>
void fill(Random& random, std::vector<T>& values) {
  values.resize(random.below(4));
  for (T& value : values) fill(random, value);
}
template <typename T>
void fill(Random& random, std::optional<T>& value) {
  if (random.one_in(2)) fill(random, value.emplace());
}
template <typename... Ts>
void fill(Random& random, std::variant<Ts...>& value) {
  static constexpr std::array<void (*)(std::variant<Ts...>&), sizeof...(Ts)> makers = {
      [](std::variant<Ts...>& v) { v.template emplace<Ts>(); }...};
  random.of(std::vector(makers.begin(), makers.end()))(value);
  std::visit([&](auto& alternative) { fill(random, alternative); }, value);
}

template <typename T>
void fill(Random& random, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    value = random.one_in(2);
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    fill(random, number);
    value = static_cast<T>(number);
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (random.one_in(12))
      value = std::numeric_limits<T>::max();
    else if (random.one_in(12))
      value = static_cast<T>(random.any());
    else
      value = static_cast<T>(random.below(5));
  } else {
    boost::pfr::for_each_field(value, [&](auto& field) { fill(random, field); });
  }
}

// DAYBOOK_WALK_SEED reruns one walk, DAYBOOK_WALK_SEEDS says how many there are.
inline std::pair<std::uint64_t, std::uint64_t> seeds() {
  const auto number = [](const char* variable) -> std::uint64_t {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  };
  if (const std::uint64_t one = number("DAYBOOK_WALK_SEED"); one != 0) return {one, one + 1};
  const std::uint64_t many = number("DAYBOOK_WALK_SEEDS");
  return {1, 1 + (many != 0 ? many : 60)};
}

}  // namespace daybook
