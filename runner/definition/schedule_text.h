// The texts of a schedule: when it asks for something that no calendar has, where and why.
//
//   cron   minute hour day month weekday, each  * | a | a-b | */n | a-b/n | a list of these;
//          jan-dec and sun-sat are names, 0 and 7 are Sunday; L is the last day of the month, FRI#2
//          the second and FRIL the last Friday of a month. @hourly @daily @weekly @monthly @yearly.
//   avoid  [days] HH:MM-HH:MM, the days as in cron; an end before its start is on the next day.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runner/definition/source_text.h"

namespace daybook {

namespace code {
inline constexpr DiagnosticCode bad_schedule{"DB-2045", "a schedule asks for what no calendar has"};
}  // namespace code

struct ScheduleFault {
  ByteRange at;  // within the text
  std::string message, hint;
};

std::optional<ScheduleFault> cron_fault(std::string_view text);
// Of the zones this machine knows; where it knows none, the form alone is looked at.
std::optional<ScheduleFault> timezone_fault(std::string_view text);
std::optional<ScheduleFault> avoid_fault(std::string_view text);

}  // namespace daybook
