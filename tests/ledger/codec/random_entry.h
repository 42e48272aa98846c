// Entries with every field filled at random, for any kind of event, also one added tomorrow.
#pragma once

#include <boost/pfr.hpp>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "statemachine/events.h"

namespace daybook::testing {

using Rng = std::mt19937_64;

// The number of enumerators, which count from 0 without gaps: read from the names the compiler has.
template <typename E, std::size_t number = 0>
constexpr std::size_t enumerators() {
  constexpr std::string_view name = []<E value>() {
    return std::string_view(__PRETTY_FUNCTION__);
  }.template operator()<static_cast<E>(number)>();
  // "… value = daybook::RunKind::rerun]", or "… value = (daybook::RunKind)3]" where there is none.
  if constexpr (name.find("value = (") != name.npos)
    return number;
  else
    return enumerators<E, number + 1>();
}

template <typename T>
void randomize(T& value, Rng& rng) {
  if constexpr (std::is_same_v<T, bool>) {
    value = rng() % 2 == 0;
  } else if constexpr (std::is_enum_v<T> && sizeof(T) == 1) {
    value = static_cast<T>(rng() % enumerators<T>());
  } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    value = static_cast<T>(rng() >> (rng() % 64));
  } else if constexpr (std::is_same_v<T, std::string>) {
    value.resize(rng() % 40);
    for (char& c : value) c = static_cast<char>(rng());
  } else if constexpr (requires { typename T::allocator_type; }) {
    value.resize(rng() % 5);
    for (auto& element : value) randomize(element, rng);
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    if (rng() % 4 != 0)
      for (auto& element : value) randomize(element, rng);
  } else {
    boost::pfr::for_each_field(value, [&](auto& field) { randomize(field, rng); });
  }
}

template <typename Kind>
Entry random_entry(Rng& rng) {
  Entry entry;
  randomize(entry.envelope, rng);
  randomize(entry.event.emplace<Kind>(), rng);
  return entry;
}

// Of any kind.
inline Entry random_entry(Rng& rng) {
  Entry entry;
  randomize(entry.envelope, rng);
  const std::size_t kind = rng() % std::variant_size_v<Event>;
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((i == kind ? randomize(entry.event.emplace<i>(), rng) : void()), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Event>>());
  return entry;
}

}  // namespace daybook::testing
