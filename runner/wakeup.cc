#include "runner/wakeup.h"

namespace daybook {

namespace asio = boost::asio;

void Wakeup::notify() {
  if (!waiter_ || !waiter_->resume) {
    notified_ = true;
    return;
  }
  auto resume = std::exchange(waiter_->resume, nullptr);
  waiter_.reset();
  asio::post(executor_.loop(), std::move(resume));
}

asio::awaitable<void> Wakeup::wait(Clock& clock, std::optional<Monotonic> deadline) {
  if (std::exchange(notified_, false)) co_return;
  auto waiter = std::make_shared<Waiter>();
  waiter_ = waiter;
  if (deadline)
    clock.call_at(*deadline, [waiter] {
      if (!waiter->resume) return;
      auto resume = std::exchange(waiter->resume, nullptr);
      resume();
    });
  // Named: g++ 12 destroys a closure that is written within a co_await expression twice, and the
  // waiter with it, while the deadline still refers to it.
  auto begin = [waiter](auto handler) {
    waiter->resume = [handler = std::move(handler)]() mutable { std::move(handler)(); };
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(begin),
                                                                       asio::use_awaitable);
  if (waiter_ == waiter) waiter_.reset();
}

}  // namespace daybook
