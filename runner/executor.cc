#include "runner/executor.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>

#include "runner/clock.h"

namespace daybook {

namespace asio = boost::asio;

struct SystemExecutor::Impl {
  explicit Impl(unsigned count) : pool(count), threads(count) {}
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  asio::thread_pool pool;
  unsigned threads;
};

SystemExecutor::SystemExecutor(unsigned threads) : impl_(std::make_unique<Impl>(threads)) {}
SystemExecutor::~SystemExecutor() { impl_->pool.join(); }

asio::any_io_executor SystemExecutor::loop() { return impl_->context.get_executor(); }

void SystemExecutor::run_blocking(std::move_only_function<void()> work) {
  asio::post(impl_->pool, [work = std::move(work)]() mutable { work(); });
}

unsigned SystemExecutor::blocking_limit() const { return impl_->threads; }

void SystemExecutor::run() {
  impl_->context.restart();
  impl_->context.run();
}

void SystemExecutor::stop() { impl_->context.stop(); }

asio::awaitable<void> blocking_each(Executor& executor, std::size_t count,
                                    std::function<void(std::size_t)> each) {
  if (count == 0) co_return;
  // Named: g++ 12 destroys a closure written within a co_await expression twice.
  auto begin = [&executor, count, &each](auto handler) {
    struct Shared {
      std::function<void(std::size_t)> each;
      std::move_only_function<void()> done;
      std::atomic<std::size_t> next = 0, left = 0;
    };
    auto shared = std::make_shared<Shared>();
    shared->each = std::move(each);
    shared->done = [handler = std::move(handler)]() mutable { std::move(handler)(); };
    const std::size_t hands = std::min<std::size_t>(count, executor.blocking_limit());
    shared->left = hands;
    for (std::size_t hand = 0; hand < hands; ++hand)
      executor.run_blocking([&executor, count, shared] {
        for (std::size_t i = shared->next++; i < count; i = shared->next++) shared->each(i);
        if (--shared->left == 0)
          asio::post(executor.loop(), [shared] { std::exchange(shared->done, {})(); });
      });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(begin),
                                                                       asio::use_awaitable);
}

namespace {

class SystemClock final : public Clock {
 public:
  explicit SystemClock(Executor& executor) : executor_(executor) {}

  Timestamp wall() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  Monotonic mono() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void call_at(Monotonic when, std::move_only_function<void()> callback) override {
    auto timer = std::make_shared<asio::steady_timer>(executor_.loop());
    timer->expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(when)));
    timer->async_wait([timer, callback = std::move(callback)](
                          const boost::system::error_code&) mutable { callback(); });
  }

 private:
  Executor& executor_;
};

}  // namespace

std::unique_ptr<Clock> make_system_clock(Executor& executor) {
  return std::make_unique<SystemClock>(executor);
}

}  // namespace daybook
