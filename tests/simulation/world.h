// One simulated world: virtual time, a seeded scheduler, processes that can be ended, frozen and
// resumed, and a hash over everything that happened. Single-threaded.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/digest.h"
#include "runner/clock.h"
#include "runner/entropy.h"
#include "runner/executor.h"
#include "runner/keeper.h"
#include "runner/runner.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/fiber.h"
#include "tests/simulation/figures.h"
#include "tests/simulation/options.h"

namespace daybook::sim {

class World;
class Machine;

inline constexpr Timestamp second = 1'000'000;
inline constexpr Timestamp epoch_of_worlds = 1'760'000'000 * second;

// A promise did not hold. What it says is the failure of the seed.
struct Broken {
  std::string what;
};

// How a process ends.
enum class End : std::uint8_t { none, killed, power, storage, done };

// One daybook process: its loop, its blocking work, its clock and its randomness.
class Process final : public Executor, public Clock, public Entropy {
 public:
  Process(World& world, unsigned id, Machine& machine);
  ~Process() override;

  boost::asio::any_io_executor loop() override;
  void run_blocking(std::move_only_function<void()> work) override;
  unsigned blocking_limit() const override;
  Timestamp wall() const override;
  Monotonic mono() const override;
  void call_at(Monotonic when, std::move_only_function<void()> callback) override;
  void fill(std::span<std::byte> out) override;

  World& world;
  const unsigned id;
  Machine& machine;
  End end = End::none;  // decided; over when `ended`
  bool ended = false;
  bool late = false;  // another machine took over
  Timestamp frozen_until = 0;
  Timestamp wall_offset = 0;
  std::vector<std::move_only_function<void()>> parked;  // handlers of a frozen process
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::unique_ptr<Keeper> keeper;
  std::unique_ptr<Runner> runner;

 private:
  friend class World;
  Chance entropy_;
};

class World : public boost::asio::execution_context {
 public:
  World(const Options& options, Figures& figures);
  ~World();

  // The world that runs now: the link seams have nobody to ask.
  static World& here();

  const Options options;
  Figures& figures;
  Chance faults, scheduling, sources, operators, damage;
  Timestamp time = 0;
  Process* current = nullptr;  // whose handler or blocking work runs
  std::vector<std::unique_ptr<Process>> processes;

  Process& start_process(Machine& machine);
  void post(Process* owner, std::move_only_function<void()> work);
  void at(Timestamp when, Process* owner, std::move_only_function<void()> work);
  // Runs one handler; false: there is nothing left to run.
  bool step();
  // The current blocking work waits; on a loop, where nothing may wait, it does not.
  void wait(Timestamp span);

  // A named step of a protocol: the current process may end or freeze here.
  void reached(std::string_view point);
  // Something that is to be met now and then.
  void sometimes(std::string_view what);
  void happened(Fault fault, std::uint64_t times = 1);
  // The fault strikes now, with so many times its chance; counts nothing: not every strike has an
  // effect.
  bool strikes(Fault fault, std::uint32_t times = 1);
  bool faults_off = false;  // the last phase of a seed: everything is to come to its end

  // Decides that a process ends, and leaves what it is doing if it is the current one.
  void end(Process& process, End how);
  Timestamp pause_span();
  void freeze(Process& process, Timestamp span);
  // The same for a process that runs nothing now: it is over when this returns.
  void end_now(Process& process) { finish(process); }
  // Called on the scheduler's own stack once a process is over, before its objects go, and after.
  std::function<void(Process&, bool gone)> on_end;

  void mark(std::uint64_t value) { trace_ = (trace_ ^ value) * 1099511628211ULL; }
  void mark(std::string_view text);
  std::uint64_t trace() const { return trace_; }

  std::uint64_t steps = 0;
  bool unwinding() const { return current != nullptr && current->ended; }

 private:
  struct Item {
    Process* owner;
    std::move_only_function<void()> work;
  };
  struct Timer {
    Timestamp at;
    std::uint64_t number;
    Process* owner;
    std::move_only_function<void()> work;
  };
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  std::size_t choose();
  void finish(Process& process);
  void run_fiber(Process& process, Fiber* fiber);
  friend class Process;

  std::vector<Item> ready_;
  std::vector<Timer> timers_;  // a heap
  std::uint64_t numbers_ = 0, trace_ = 1469598103934665603ULL;
  std::vector<bool> seen_;  // faults of this world
};

}  // namespace daybook::sim
