#include "runner/service/host.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>

namespace daybook {

namespace asio = boost::asio;

Host::Host() = default;

Host::~Host() {
  socket_.reset();
  // Coroutines still in the loop hold the keeper: they go with the loop, before it.
  if (executor_) executor_->stop();
}

Result<void> Host::create(const BookPaths& paths, const BookConfig& config) {
  SystemExecutor executor(1);
  const auto clock = make_system_clock(executor);
  const auto entropy = make_system_entropy();
  return Keeper::create(paths, config, executor, *clock, *entropy, local_actor());
}

Result<std::unique_ptr<Host>> Host::open(const BookPaths& paths, unsigned threads) {
  std::unique_ptr<Host> host(new Host);
  host->executor_ = std::make_unique<SystemExecutor>(std::max(1U, threads));
  host->clock_ = make_system_clock(*host->executor_);
  host->entropy_ = make_system_entropy();
  auto keeper = Keeper::open(paths, *host->executor_, *host->clock_, *host->entropy_);
  if (!keeper) return std::unexpected(keeper.error());
  host->keeper_ = std::move(*keeper);
  host->runner_ = std::make_unique<Runner>(*host->keeper_);
  if (auto socket = KeeperSocket::listen(*host->keeper_, host->runner_.get()))
    host->socket_ = std::move(*socket);
  return host;
}

template <typename T>
T Host::drive(asio::awaitable<T> work, const Watch& watch) {
  std::optional<T> result;
  const auto loop = executor_->loop();
  asio::signal_set signals(loop);
  // What whoever started us chose to ignore (nohup, a shell's &) stays ignored.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
      signals.add(number);
  }
  std::function<void()> wait_signal = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int number) {
      if (error) return;
      if (signal_ != 0)
        ::_exit(number == SIGINT ? 130 : 143);  // every acknowledged entry is durable
      signal_ = number;
      runner_->stop();
      if (watch.interrupted) watch.interrupted(number);
      wait_signal();
    });
  };
  wait_signal();
  asio::steady_timer timer(loop);
  std::function<void()> wait_tick = [&] {
    timer.expires_after(std::chrono::milliseconds(watch.tick_ms));
    timer.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      watch.tick(*runner_);
      wait_tick();
    });
  };
  if (watch.tick) wait_tick();
  std::exception_ptr thrown;
  asio::co_spawn(loop, std::move(work), [&](const std::exception_ptr& error, T value) {
    thrown = error;
    if (!error) result.emplace(std::move(value));
    timer.cancel();
    signals.cancel();
    executor_->stop();
  });
  executor_->run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

std::expected<RunReport, RunProblem> Host::run(RunRequest request, const Watch& watch) {
  return drive(runner_->run(std::move(request)), watch);
}

std::expected<RunReport, RunProblem> Host::resume(std::optional<RunId> run, const Watch& watch) {
  return drive(runner_->resume(run), watch);
}

RequestAnswer Host::handle(const Request& request, const Watch& watch) {
  return drive(daybook::handle(*keeper_, runner_.get(), local_actor(), request), watch);
}

std::expected<std::vector<Offered>, RunProblem> Host::offered(
    std::shared_ptr<const Pipeline> pipeline) {
  return drive(runner_->offered(std::move(pipeline)), {});
}

RequestAnswer answer_reading(const BookView& book, const Request& request) {
  SystemExecutor executor(1);
  std::optional<RequestAnswer> answer;
  std::exception_ptr thrown;
  asio::co_spawn(executor.loop(), handle_reading(book, executor, request),
                 [&](const std::exception_ptr& error, RequestAnswer value) {
                   thrown = error;
                   if (!error) answer.emplace(std::move(value));
                   executor.stop();
                 });
  executor.run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*answer);
}

Timestamp wall_time() {
  SystemExecutor executor(1);
  return make_system_clock(executor)->wall();
}

unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace daybook
