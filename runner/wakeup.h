// Lets one coroutine of the loop sleep until another calls it, or until a time. One waiter at a
// time; everything on the loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "runner/clock.h"
#include "runner/executor.h"

namespace daybook {

class Wakeup {
 public:
  explicit Wakeup(Executor& executor) : executor_(executor) {}

  // Wakes the waiter; remembered when nobody waits, so that no call is lost.
  void notify();

  // Returns after notify(), or at `deadline` where one is given.
  boost::asio::awaitable<void> wait(Clock& clock, std::optional<Monotonic> deadline);

 private:
  struct Waiter {
    std::move_only_function<void()> resume;  // empty once used
  };
  Executor& executor_;
  std::shared_ptr<Waiter> waiter_;
  bool notified_ = false;
};

}  // namespace daybook
