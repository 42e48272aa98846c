// What the process says when it ends. Scripts read these, so a number never changes its meaning; a
// number that is not known is to be treated as a failure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace daybook {

enum class Exit : std::uint8_t {
  good = 0,
  bad = 1,
  usage = 2,
  invalid = 3,
  not_allowed = 4,
  not_found = 5,
  conflict = 6,
  gate = 7,
  pending = 8,
  integrity = 9,
  unreachable = 10,
  differs = 11,
  internal = 12,
  interrupted = 130,
  terminated = 143,
};

struct ExitMeaning {
  Exit code;
  std::string_view name;
  std::string_view meaning;
};

// All of them, by number.
std::span<const ExitMeaning> exit_meanings();

}  // namespace daybook
