#include "runner/wakeup.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <memory>
#include <vector>

#include "runner/clock.h"
#include "runner/executor.h"

namespace daybook {
namespace {

namespace asio = boost::asio;

// Takes the memory that was freed, and leaves in it what no pointer may be.
void overwrite_what_is_free() {
  std::vector<std::unique_ptr<char[]>> taken;
  for (std::size_t size = 16; size <= 256; size += 8)
    for (int i = 0; i < 8; ++i) {
      taken.push_back(std::make_unique<char[]>(size));
      std::memset(taken.back().get(), 0x5a, size);
    }
}

asio::awaitable<void> wait_often(Wakeup& wakeup, Clock& clock, SystemExecutor& executor,
                                 int& woken) {
  for (; woken < 200; ++woken) {
    asio::post(executor.loop(), [&wakeup] { wakeup.notify(); });
    const Monotonic deadline = clock.mono() + 500;
    co_await wakeup.wait(clock, deadline);
    overwrite_what_is_free();
  }
  // The last deadlines come after the last wait.
  clock.call_at(clock.mono() + 20'000, [&executor] { executor.stop(); });
}

TEST(Wakeup, IsNotHurtByADeadlineThatComesAfterItWasWoken) {
  SystemExecutor executor(1);
  const auto clock = make_system_clock(executor);
  Wakeup wakeup(executor);
  int woken = 0;
  asio::co_spawn(executor.loop(), wait_often(wakeup, *clock, executor, woken), asio::detached);
  executor.run();
  EXPECT_EQ(woken, 200);
}

asio::awaitable<void> wait_once(Wakeup& wakeup, Clock& clock, SystemExecutor& executor,
                                bool& woken) {
  const Monotonic deadline = clock.mono() + 1'000;
  co_await wakeup.wait(clock, deadline);
  woken = clock.mono() >= deadline;
  executor.stop();
}

TEST(Wakeup, EndsAtItsDeadlineWhenNobodyCalls) {
  SystemExecutor executor(1);
  const auto clock = make_system_clock(executor);
  Wakeup wakeup(executor);
  bool woken = false;
  asio::co_spawn(executor.loop(), wait_once(wakeup, *clock, executor, woken), asio::detached);
  executor.run();
  EXPECT_TRUE(woken);
}

}  // namespace
}  // namespace daybook
