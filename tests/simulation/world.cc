#include "tests/simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "tests/simulation/canary.h"

namespace daybook::sim {

namespace asio = boost::asio;

namespace {

World* running_world = nullptr;

// What any_io_executor asks of an executor, and nothing more.
struct LoopExecutor {
  Process* process;

  bool operator==(const LoopExecutor&) const noexcept = default;
  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return process->world;
  }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  LoopExecutor require(asio::execution::blocking_t::never_t) const { return *this; }
  template <typename F>
  void execute(F&& f) const {
    process->world.post(process, [g = std::decay_t<F>(std::forward<F>(f))]() mutable {
      auto work = std::move(g);
      work();
    });
  }
};

}  // namespace

// --- a process
// --------------------------------------------------------------------------------------

Process::Process(World& w, unsigned number, Machine& m)
    : world(w),
      id(number),
      machine(m),
      entropy_(Chance(w.options.seed).stream(fmt::format("process {}", number))) {}

Process::~Process() = default;

asio::any_io_executor Process::loop() { return LoopExecutor{this}; }

void Process::run_blocking(std::move_only_function<void()> work) {
  if (ended) return;
  // Threads start when they start.
  const auto delay = static_cast<Timestamp>(world.scheduling.below(5'000));
  world.at(world.time + delay, this, [this, work = std::move(work)]() mutable {
    Fiber* fiber = fibers.emplace_back(std::make_unique<Fiber>(std::move(work))).get();
    world.run_fiber(*this, fiber);
  });
}

unsigned Process::blocking_limit() const { return world.options.concurrency; }
Timestamp Process::wall() const { return epoch_of_worlds + world.time + wall_offset; }
Monotonic Process::mono() const { return world.time; }

void Process::call_at(Monotonic when, std::move_only_function<void()> callback) {
  world.at(std::max<Timestamp>(when, world.time), this, std::move(callback));
}

void Process::fill(std::span<std::byte> out) {
  if (canary(Canary::reuse_nonce)) {
    std::ranges::fill(out, std::byte{0x5a});
    return;
  }
  for (std::byte& byte : out) byte = static_cast<std::byte>(entropy_.next());
}

// --- the world
// --------------------------------------------------------------------------------------

World::World(const Options& o, Figures& f)
    : options(o),
      figures(f),
      faults(Chance(o.seed).stream("faults")),
      scheduling(Chance(o.seed).stream("scheduling")),
      sources(Chance(o.seed).stream("sources")),
      operators(Chance(o.seed).stream("operators")),
      damage(Chance(o.seed).stream("damage")),
      seen_(fault_count) {
  running_world = this;
}

World::~World() {
  for (const auto& process : processes)
    if (!process->ended) {
      process->end = End::done;
      finish(*process);
    }
  ready_.clear();
  timers_.clear();
  running_world = nullptr;
}

World& World::here() { return *running_world; }

Process& World::start_process(Machine& machine) {
  processes.push_back(
      std::make_unique<Process>(*this, static_cast<unsigned>(processes.size()), machine));
  return *processes.back();
}

void World::post(Process* owner, std::move_only_function<void()> work) {
  if (owner != nullptr && owner->ended) return;
  ready_.push_back({owner, std::move(work)});
}

void World::at(Timestamp when, Process* owner, std::move_only_function<void()> work) {
  if (owner != nullptr && owner->ended) return;
  timers_.push_back({when, numbers_++, owner, std::move(work)});
  std::ranges::push_heap(timers_, Later{});
}

std::size_t World::choose() {
  if (ready_.size() == 1) return 0;
  switch (options.order) {
    case Order::fifo: return 0;
    case Order::random: return scheduling.below(ready_.size());
    // The newest first, and what waits waits long: what is rarely last is last here.
    case Order::adversary:
      return scheduling.one_in(16) ? scheduling.below(ready_.size()) : ready_.size() - 1;
  }
  return 0;
}

bool World::step() {
  for (std::size_t i = 0; i < processes.size(); ++i)
    if (processes[i]->end != End::none && !processes[i]->ended) {
      finish(*processes[i]);
      return true;
    }
  if (ready_.empty()) {
    if (timers_.empty()) return false;
    time = std::max(time, timers_.front().at);
    while (!timers_.empty() && timers_.front().at <= time) {
      std::ranges::pop_heap(timers_, Later{});
      Timer timer = std::move(timers_.back());
      timers_.pop_back();
      post(timer.owner, std::move(timer.work));
    }
    if (ready_.empty()) return true;
  }
  const std::size_t chosen = choose();
  Item item = std::move(ready_[chosen]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
  if (item.owner != nullptr && item.owner->frozen_until > time) {
    item.owner->parked.push_back(std::move(item.work));
    return true;
  }
  ++steps;
  mark((item.owner != nullptr ? item.owner->id + 1 : 0) * 1'000'003ULL +
       static_cast<std::uint64_t>(time));
  current = item.owner;
  bool over = false;
  try {
    item.work();
  } catch (const Ended&) {
    over = true;
  }
  if (over && current != nullptr && current->end == End::none) current->end = End::killed;
  current = nullptr;
  return true;
}

void World::run_fiber(Process& process, Fiber* fiber) {
  fiber->resume();
  if (fiber->done())
    std::erase_if(process.fibers, [&](const auto& each) { return each.get() == fiber; });
}

void World::wait(Timestamp span) {
  Fiber* fiber = Fiber::current();
  if (fiber == nullptr || unwinding()) return;
  Process* process = current;
  at(time + span, process, [this, process, fiber] { run_fiber(*process, fiber); });
  Fiber::leave();
  current = process;
  if (process->end != End::none) throw Ended{};
}

void World::end(Process& process, End how) {
  if (process.end == End::none) process.end = how;
  if (&process == current && std::uncaught_exceptions() == 0) throw Ended{};
}

// Some are over before a successor has done more than to settle what it found, most are long.
Timestamp World::pause_span() {
  constexpr Timestamp ms = second / 1000;
  return faults.one_in(3) ? static_cast<Timestamp>(faults.between(1, 3000)) * ms
                          : static_cast<Timestamp>(faults.between(1, 600)) * second;
}

void World::freeze(Process& process, Timestamp span) {
  const bool already = process.frozen_until > time;
  process.frozen_until = std::max(process.frozen_until, time + span);
  if (already) return;
  // Looked at again when it is over: it may have been frozen anew meanwhile.
  auto wake = std::make_shared<std::function<void()>>();
  *wake = [this, &process, again = std::weak_ptr(wake)] {
    const auto self = again.lock();
    if (process.frozen_until > time) {
      at(process.frozen_until, nullptr, [self] { (*self)(); });
      return;
    }
    for (auto& work : std::exchange(process.parked, {})) post(&process, std::move(work));
  };
  at(process.frozen_until, nullptr, [wake] { (*wake)(); });
}

void World::finish(Process& process) {
  Process* before = std::exchange(current, &process);
  process.ended = true;
  if (on_end) on_end(process, false);
  for (const auto& fiber : process.fibers) fiber->end();
  process.fibers.clear();
  process.parked.clear();
  // What these hold may post more while it goes: that goes nowhere.
  std::vector<Item> ours;
  for (Item& item : ready_)
    if (item.owner == &process) ours.push_back(std::move(item));
  std::erase_if(ready_, [&](const Item& item) { return item.owner == &process; });
  ours.clear();
  std::vector<Timer> timers;
  for (Timer& timer : timers_)
    if (timer.owner == &process) timers.push_back(std::move(timer));
  std::erase_if(timers_, [&](const Timer& timer) { return timer.owner == &process; });
  std::ranges::make_heap(timers_, Later{});
  timers.clear();
  process.runner.reset();
  process.keeper.reset();
  if (on_end) on_end(process, true);
  current = before;
}

void World::mark(std::string_view text) {
  for (const char c : text) mark(static_cast<std::uint8_t>(c));
}

bool World::strikes(Fault fault, std::uint32_t times) {
  return !faults_off && options.on(fault) && faults.hit(times * options.chance(fault));
}

void World::happened(Fault fault, std::uint64_t times) {
  const auto at = static_cast<std::size_t>(fault);
  figures.happened[std::string(fault_names[at])] += times;
  seen_[at] = true;
}

void World::sometimes(std::string_view what) {
  const auto found = figures.sometimes.find(what);
  if (found == figures.sometimes.end())
    throw Broken{fmt::format("'{}' is not in the registry of what is met", what)};
  ++found->second;
}

void World::reached(std::string_view point) {
  if (unwinding()) return;
  const auto found = figures.points.find(point);
  if (found == figures.points.end())
    throw Broken{fmt::format("'{}' is not in the registry of points", point)};
  ++found->second;
  mark(point);
  if (current == nullptr || faults_off) return;
  Process& process = *current;
  // Each seed has points of its own where it strikes more: what needs several at one place is met.
  const std::uint32_t times = Chance(options.seed).stream(point).one_in(12) ? 8 : 1;
  if (strikes(Fault::kill, times)) {
    happened(Fault::kill);
    ++figures.ended_at[std::string(point)];
    end(process, End::killed);
  }
  if (strikes(Fault::power, times)) {
    ++figures.ended_at[std::string(point)];
    end(process, End::power);
  }
  if (strikes(Fault::pause, times)) {
    happened(Fault::pause);
    const Timestamp span = pause_span();
    freeze(process, span);
    wait(span);
  }
  // Elsewhere something happens meanwhile.
  if (Fiber::current() != nullptr && scheduling.one_in(4))
    wait(static_cast<Timestamp>(scheduling.below(20'000)));
}

}  // namespace daybook::sim
