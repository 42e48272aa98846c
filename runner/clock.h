// Time, as the runner sees it. Decisions never read it: it enters commands as a field.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "statemachine/ids.h"

namespace daybook {

class Executor;

// Microseconds on a clock that never steps; only differences mean anything.
using Monotonic = std::int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp wall() const = 0;
  virtual Monotonic mono() const = 0;
  // Calls back on the executor's loop, not before `when`; once; can not be withdrawn, so the
  // callback must hold nothing that may be gone by then.
  virtual void call_at(Monotonic when, std::move_only_function<void()> callback) = 0;
};

// The machine's own clocks, with timers on the executor's loop.
std::unique_ptr<Clock> make_system_clock(Executor& executor);

}  // namespace daybook
