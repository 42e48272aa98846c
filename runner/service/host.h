// This process as the keeper of a book: executor, clock, entropy, keeper, runner and socket, wired.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "runner/keeper.h"
#include "runner/runner.h"
#include "runner/service/keeper_socket.h"

namespace daybook {

// What happens beside the work, on its loop.
struct Watch {
  int tick_ms = 100;
  std::function<void(Runner&)> tick = {};  // while it runs
  // First SIGINT, SIGTERM or SIGHUP: the runner was told to stop. A second one ends the process at
  // once.
  std::function<void(int signal)> interrupted = {};
};

class Host {
 public:
  // `conflict` where another keeper lives.
  static Result<std::unique_ptr<Host>> open(const BookPaths& paths, unsigned threads);
  static Result<void> create(const BookPaths& paths, const BookConfig& config);
  ~Host();

  Keeper& keeper() { return *keeper_; }
  Runner& runner() { return *runner_; }
  bool reachable() const { return socket_ != nullptr; }
  int signal() const { return signal_; }  // that interrupted the work; 0: none

  std::expected<RunReport, RunProblem> run(RunRequest request, const Watch& watch);
  std::expected<RunReport, RunProblem> resume(std::optional<RunId> run, const Watch& watch);
  RequestAnswer handle(const Request& request, const Watch& watch);
  std::expected<std::vector<Offered>, RunProblem> offered(std::shared_ptr<const Pipeline> pipeline);

 private:
  Host();
  template <typename T>
  T drive(boost::asio::awaitable<T> work, const Watch& watch);

  std::unique_ptr<SystemExecutor> executor_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Entropy> entropy_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<KeeperSocket> socket_;
  int signal_ = 0;
};

// Answers a request that changes nothing, from a book that is only read.
RequestAnswer answer_reading(const BookView& book, const Request& request);

// The machine's clock, for showing times beside recorded ones.
Timestamp wall_time();

// Processors this process may use.
unsigned usable_processors();

}  // namespace daybook
