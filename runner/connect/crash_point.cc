#include "runner/connect/crash_point.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace daybook::crash_point {
namespace {

std::string_view armed_name;  // points into crash_points
Act armed_act = Act::kill;
std::atomic<std::uint32_t> left{0};

// Runs before main: the variable is read once, and a wrong one is not survived.
[[maybe_unused]] const bool from_environment = [] {
#if DAYBOOK_CRASH_POINTS
  for (const auto& [variable, act] :
       {std::pair{"DAYBOOK_CRASH_AT", Act::kill}, {"DAYBOOK_STOP_AT", Act::stop}}) {
    const char* spec = std::getenv(variable);
    if (spec != nullptr && *spec != '\0' && !arm(spec, act)) {
      fmt::print(stderr, "daybook: {}={} names no crash point\n", variable, spec);
      std::_Exit(64);
    }
  }
#endif
  return true;
}();

}  // namespace

constinit std::atomic<bool> armed{false};

bool arm(std::string_view spec, Act act) {
  std::uint32_t count = 1;
  const std::size_t colon = spec.find(':');
  if (colon != std::string_view::npos) {
    const char* end = spec.data() + spec.size();
    const auto parsed = std::from_chars(spec.data() + colon + 1, end, count);
    if (parsed.ec != std::errc{} || parsed.ptr != end || count == 0) return false;
  }
  const auto known = std::find(crash_points.begin(), crash_points.end(), spec.substr(0, colon));
  if (known == crash_points.end()) return false;
  armed_name = *known;
  armed_act = act;
  left.store(count);
  armed.store(true);
  return true;
}

void disarm() { armed.store(false); }

void reached(std::string_view name) {
  if (name != armed_name || left.fetch_sub(1) != 1) return;
  if (armed_act == Act::stop) {
    ::kill(::getpid(), SIGSTOP);
    return;
  }
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();  // the signal may need a moment; nothing of this process happens after it
}

}  // namespace daybook::crash_point
