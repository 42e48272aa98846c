// Where the runner's work happens: one loop for everything that decides, and other threads for work
// that blocks (reading, transforming, loading). The seam under which a simulator stands: production
// code names no thread and no io_context.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace daybook {

class Executor {
 public:
  virtual ~Executor() = default;
  virtual boost::asio::any_io_executor loop() = 0;
  // Runs `work` off the loop, at some time; at most `blocking_limit()` at once.
  virtual void run_blocking(std::move_only_function<void()> work) = 0;
  virtual unsigned blocking_limit() const = 0;
};

// An io_context run by the calling thread, and a pool of `threads` for blocking work.
class SystemExecutor final : public Executor {
 public:
  explicit SystemExecutor(unsigned threads);
  ~SystemExecutor() override;  // waits for blocking work under way
  boost::asio::any_io_executor loop() override;
  void run_blocking(std::move_only_function<void()> work) override;
  unsigned blocking_limit() const override;
  void run();   // until stop() or nothing is left to do
  void stop();  // from any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// co_await blocking(executor, work): the result of work(), back on the loop. work must not throw
// and its result must not be void.
template <typename Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> blocking(Executor& executor, Work work) {
  using Value = std::invoke_result_t<Work&>;
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Value)>(
      [&executor](auto handler, Work job) {
        executor.run_blocking(
            [&executor, handler = std::move(handler), job = std::move(job)]() mutable {
              auto value = job();
              boost::asio::post(executor.loop(),
                                [handler = std::move(handler), value = std::move(value)]() mutable {
                                  std::move(handler)(std::move(value));
                                });
            });
      },
      boost::asio::use_awaitable, std::move(work));
}

// Calls each(i) for every i below `count`, on as many threads as there are, and returns when all of
// it is done. `each` must not throw, and is called from several threads at once.
boost::asio::awaitable<void> blocking_each(Executor& executor, std::size_t count,
                                           std::function<void(std::size_t)> each);

}  // namespace daybook
