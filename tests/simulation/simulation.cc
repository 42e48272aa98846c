#include "tests/simulation/simulation.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>

#include "replay/words.h"
#include "runner/connect/crash_point.h"
#include "runner/connect/directory_sink.h"
#include "runner/connect/sink.h"
#include "runner/runner.h"
#include "statemachine/invariants.h"
#include "tests/simulation/canary.h"

namespace daybook::sim {

namespace asio = boost::asio;

namespace {

Simulation* running_simulation = nullptr;

const BookPaths paths{book_place};
const Actor ana{.principal = "ana", .kind = ActorKind::human, .on_behalf_of = {}};

std::string definition_text(const Options& o, std::uint64_t version) {
  return fmt::format(R"yaml(pipeline: items
version: {}
owner: simulation
source:
  csv: {{path: "feed/{{part}}/items.csv"}}
partition: {{by: part}}
sink:
  {}
  mode: {}
{}  compensate: restore_previous
retry: {{attempts: {}, backoff: {{initial: 1s, factor: 2, max: 60s}}, timeout: 10m}}
retain: {}
approvals: {}
)yaml",
                     version,
                     o.target == Target::server
                         ? R"(postgres: {connection: "host=simulated", table: "public.items"})"
                         : R"(csv: {path: "lake/items"})",
                     word(o.mode), o.merges() ? "  key: [number]\n" : "", o.attempts,
                     o.seed % 3 == 0 ? "copy" : "reference",
                     version == 1   ? "{}"
                     : version == 2 ? "{load: 1, compensate: 1}"
                                    : "{compensate: 2}");
}

}  // namespace

Simulation& Simulation::here() { return *running_simulation; }

Simulation::Simulation(const Options& options, Figures& figures)
    : world(options, figures),
      feed(world),
      server(world),
      lake(world),
      counsel_(Chance(options.seed).stream("legal holds")),
      calendar_(Chance(options.seed).stream("calendar")),
      audits_(Chance(options.seed).stream("audits")) {
  running_simulation = this;
  world.on_end = [this](Process& process, bool gone) { process_over(process, gone); };
  lake.make_path("/project");
}

Simulation::~Simulation() {
  for (const auto& process : world.processes)
    if (!process->ended) leave_now(*process);
  running_simulation = nullptr;
}

void Simulation::say(std::string_view type, std::string_view what, std::string_view more) {
  history_.push_back(fmt::format(R"({{"time":{},"type":"{}","what":"{}"{}{}}})", world.time, type,
                                 what, more.empty() ? "" : ",", more));
}

void Simulation::define(std::uint64_t version) {
  static std::map<std::string, std::shared_ptr<const Pipeline>> known;
  std::string text = definition_text(world.options, version);
  auto& pipeline = known[text];
  if (!pipeline) {
    Diagnostics diagnostics;
    auto read = read_pipeline(
        DefinitionFiles{
            .pipeline_file = "items.pipeline.yaml", .pipeline_text = text, .contracts = {}},
        "/project", diagnostics);
    if (!read)
      throw Broken{"the simulated pipeline does not read: " +
                   (diagnostics.empty() ? "" : render(diagnostics.front()))};
    pipeline = std::make_shared<const Pipeline>(std::move(*read));
  }
  pipeline_ = pipeline;
}

// Two machines have folders of the same name.
std::string Simulation::own(const std::string& directory) const {
  return fmt::format("/machine-{}{}", world.current->id, directory);
}

void Simulation::keep_staged(const std::string& directory, const std::vector<std::string>& rows,
                             const std::string& bytes) {
  feed.staged[own(directory)] = rows;
  const auto folder = lake.make_path(own(directory));
  auto file = lake.make_node(false);
  file->data = bytes;
  folder->entries["part-0"] = file;
}

void Simulation::drop_staged(const std::string& directory) {
  feed.staged.erase(own(directory));
  if (const auto folder = lake.find(own(directory))) folder->entries.clear();
}

// --- processes
// --------------------------------------------------------------------------------------

void Simulation::process_over(Process& process, bool gone) {
  Machine& machine = process.machine;
  if (!gone) {
    if (process.end != End::done) machine.disk.switch_off();
    server.client_gone(process);
    return;
  }
  lake.client_gone(process);
  if (process.end == End::power && machine.main) {
    lake.power_loss();
    // Whoever had files of it open does not go on as if they were what it wrote.
    for (const auto& other : world.processes)
      if (!other->ended && lake.is_open_to(*other)) {
        other->end = End::killed;
        world.end_now(*other);
      }
  }
  machine.after(process.end);
}

void Simulation::make_book() {
  machines_.push_back(std::make_unique<Machine>(world));
  main_ = machines_.back().get();
  Process& process = world.start_process(*main_);
  const bool calm = std::exchange(world.faults_off, true);
  world.current = &process;
  const auto made = Keeper::create(paths, {.origin = "", .anchor = "", .checkpoint_every = 50},
                                   process, process, process, ana);
  world.current = nullptr;
  world.faults_off = calm;
  if (!made) throw Broken{"no book can be made: " + made.error().detail};
  leave_now(process);
}

// Often one process does several things, one after the other; often each has its own.
void Simulation::leave(Process& process) {
  const bool stays = process.runner != nullptr && !process.runner->stopped() && !process.late;
  if (stays && !world.operators.one_in(3)) {
    living_ = &process;
    return;
  }
  leave_now(process);
}

void Simulation::leave_now(Process& process) {
  process.end = End::done;
  world.end_now(process);
}

// A process on the main machine, with its keeper and runner; as many tries as it takes.
Process& Simulation::boot() {
  if (Process* living = std::exchange(living_, nullptr);
      living != nullptr && !living->ended && !living->late && living->end == End::none)
    return *living;
  for (int tries = 0; tries < 200; ++tries) {
    Process& process = world.start_process(*main_);
    ++world.figures.boots;
    if (tries > 20) main_->full = false;
    if (tries < 50) main_->arm();
    const bool calm = std::exchange(world.faults_off, world.faults_off || tries > 50);
    world.current = &process;
    std::string refused;
    try {
      auto keeper = Keeper::open(paths, process, process, process);
      if (keeper) {
        process.keeper = std::move(*keeper);
        process.runner = std::make_unique<Runner>(*process.keeper);
      } else {
        refused = keeper.error().detail;
        if (keeper.error().code == Error::Code::corrupt && !main_->disk.off() &&
            !main_->disk.failed())
          throw Broken{"the book is refused: " + refused};
        process.end = main_->disk.off() ? End::power : End::storage;
      }
    } catch (const Ended&) {
      if (process.end == End::none) process.end = End::killed;
    }
    world.current = nullptr;
    world.faults_off = calm;
    if (process.end == End::none) {
      erasures_go_on(*process.keeper);
      if (tries > 0) world.sometimes("a start failed and the next one recovered");
      return process;
    }
    if (main_->full && world.faults.one_in(3)) main_->full = false;
    world.end_now(process);
    world.time += static_cast<Timestamp>(world.faults.below(60)) * second;
  }
  throw Broken{"no process can be started any more"};
}

void Simulation::take_over(Process& process) {
  world.happened(Fault::takeover);
  process.late = late_writers_ = true;
  machines_.push_back(main_->taken_over());
  main_ = machines_.back().get();
  const Timestamp span = world.pause_span();
  world.freeze(process, span);
  // It goes on for a while, and ends at last.
  world.at(world.time + span + 600 * second, nullptr, [this, &process] {
    if (!process.ended) world.end(process, End::killed);
  });
}

// Canaries: somebody cancels just while a load is on its way.
void Simulation::cancel_intended(Process& process) {
  const State& state = process.keeper->state();
  const auto on_its_way = [](const Slot& s) { return s.phase == SlotPhase::load_intended; };
  if (state.open_runs.empty() || !std::ranges::any_of(state.slots, on_its_way)) return;
  if (!world.operators.one_in(10)) return;
  world.current = &process;
  try {
    (void)process.keeper->ask_now(ana, Cancel{scope_of(*state.open_runs.begin()), "not wanted"});
  } catch (const Ended&) {
    if (process.end == End::none) process.end = End::killed;
  }
  world.current = nullptr;
}

// What comes from outside at any moment.
void Simulation::strike(Process& process) {
  if (process.machine.disk.off() && process.end == End::none) world.end(process, End::power);
  if (world.faults_off) return;
  if (process.frozen_until > world.time) {
    // Somebody takes it for dead, with whatever it had on its way.
    if (world.options.on(Fault::takeover) && world.faults.one_in(3)) take_over(process);
    return;
  }
  if (canary(Canary::cancel_late) && process.keeper) cancel_intended(process);
  if (world.faults.below(40) != 0) return;
  if (world.strikes(Fault::clock)) {
    world.happened(Fault::clock);
    const auto years = static_cast<Timestamp>(world.faults.between(0, 10)) * 365 * 86'400 * second;
    process.wall_offset = world.faults.one_in(2) ? years : -years;
    if (world.faults.one_in(3)) process.wall_offset = 0;
  }
  if (world.strikes(Fault::takeover)) take_over(process);
  if (world.strikes(Fault::interference)) interfere(process);
}

bool Simulation::drive(Process& process, asio::awaitable<void> work) {
  auto done = std::make_shared<bool>(false);
  asio::co_spawn(process.loop(), std::move(work), [done](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    *done = true;
  });
  while (!*done && !process.ended && !process.late) {
    if (!world.step())
      throw Broken{"I18: nothing is left to happen, and what was asked for is not done"};
    if (world.steps > world.options.steps_max)
      throw Broken{fmt::format("I18: no end after {} steps", world.steps)};
    if (!process.ended) strike(process);
  }
  // Its end may have been decided in the very step that did it: nobody learns of an answer.
  if (process.end != End::none && !process.ended) world.end_now(process);
  return *done && !process.late && !process.ended;
}

// --- what clients do
// ------------------------------------------------------------------------------

void Simulation::run_pipeline(RunKind kind, const std::string& key,
                              std::vector<std::string> partitions) {
  const std::uint64_t number = ++keys_;
  const std::string named = fmt::format("{}-{}", key, number);
  std::optional<RunId> known;
  std::string trouble;
  for (int tries = 0;; ++tries) {
    if (tries > 100)
      throw Broken{"I18: a run is not done after a hundred starts; the last said: " + trouble};
    const bool calm = std::exchange(world.faults_off, world.faults_off || tries > 40);
    Process& process = boot();
    if (given_up_) return;
    // Whoever paused something comes back for it, sooner or later.
    if (world.options.on(Fault::interference) && (tries > 10 || world.operators.one_in(2)))
      resume_paused(process);
    if (process.end != End::none) {
      world.end_now(process);
      continue;
    }
    say("invoke", "run", fmt::format(R"("key":"{}")", named));
    RunRequest request;
    request.pipeline = pipeline_;
    request.kind = kind;
    request.actor = ana;
    request.partitions = partitions;
    request.idempotency_key = named;
    // Shared: one that is late answers when nobody waits any more.
    const auto answer = std::make_shared<std::optional<std::expected<RunReport, RunProblem>>>();
    const bool stops = !world.faults_off && world.operators.one_in(12);
    const bool cancels = !world.faults_off && world.operators.one_in(25);
    if (stops || cancels)
      world.at(world.time + static_cast<Timestamp>(world.operators.below(20)) * second, &process,
               [&process, stops] {
                 if (stops) {
                   process.runner->stop();
                 } else if (!process.keeper->state().open_runs.empty()) {
                   const RunId open = *process.keeper->state().open_runs.begin();
                   if (process.keeper->ask_now(ana, Cancel{scope_of(open), "not wanted"}))
                     process.world.sometimes("a run was cancelled");
                 }
               });
    if (!world.faults_off && audits_.one_in(6)) reconcile_beside(process);
    auto ask = [](Process& p, RunRequest r, auto out) -> asio::awaitable<void> {
      auto report = co_await p.runner->run(std::move(r));
      out->emplace(std::move(report));
    };
    const bool done = drive(process, ask(process, std::move(request), answer));
    world.faults_off = calm;
    if (!done) {
      say("unknown", "run", fmt::format(R"("key":"{}")", named));
      continue;
    }
    if (!**answer) {
      say("fail", "run", fmt::format(R"("key":"{}")", named));
      const bool over = (**answer).error().kind == RunProblem::Kind::nothing ||
                        (**answer).error().kind == RunProblem::Kind::refused ||
                        (**answer).error().kind == RunProblem::Kind::source;
      trouble = (**answer).error().message + "; " + (**answer).error().hint;
      leave(process);
      if (over) return;
      world.time += static_cast<Timestamp>(world.operators.below(60)) * second;
      continue;
    }
    const RunReport report = ***answer;
    const bool open = report.open();
    say(open ? "open" : "ok", "run",
        fmt::format(R"("key":"{}","run":{},"size":{})", named, report.run,
                    process.keeper->state().size));
    if (!open && known && *known != report.run)
      throw Broken{fmt::format("I37: key {} started runs {} and {}", named, *known, report.run)};
    if (!open) known = report.run;
    check_replay(process);
    if (report.interrupted) world.sometimes("a run was interrupted");
    if (!process.runner->trouble().empty()) trouble = process.runner->trouble().begin()->second;
    if (report.unsettled != Unsettled::none)
      world.sometimes("a run was left open because a sink did not answer");
    if (!open && world.operators.one_in(8)) {
      // Asked again, by another process, it is the same run.
      leave_now(process);
      continue;
    }
    if (!open && !world.faults_off) people(process);
    if (!process.ended) leave(process);
    if (!open) return;
  }
}

void Simulation::round(std::uint32_t number) {
  if (number > 0) feed.change(static_cast<std::uint32_t>(world.sources.below(4)));
  // An hour or some days between two rounds; but nobody sleeps while a late writer is about.
  const auto about = [](const auto& process) { return !process->ended && process->late; };
  if (number > 0 && std::ranges::none_of(world.processes, about))
    world.time += static_cast<Timestamp>(calendar_.between(1, 144)) * 3600 * second;
  if (world.strikes(Fault::source)) feed.come_and_go();
  // A server does not wait for somebody to be at work with it.
  if (world.options.target == Target::server && world.options.on(Fault::server_crash) &&
      world.faults.one_in(3))
    server.crash();
  if (world.operators.one_in(6)) define(1 + world.operators.below(3));
  run_pipeline(RunKind::normal, "run");
  if (given_up_) return;
  std::vector<std::string> released;
  {
    Process& process = boot();
    for (const BatchState& batch : process.keeper->state().batches)
      for (const auto& [record, state] : batch.touched)
        if (state.status == RecordState::Status::released) {
          const std::string& key = process.keeper->state().find(batch.slot)->partition;
          if (std::ranges::find(released, key) == released.end() && feed.parts().at(key).there)
            released.push_back(key);
        }
    leave(process);
  }
  if (!released.empty() && world.operators.one_in(2))
    run_pipeline(RunKind::release, "release", released);
  if (world.operators.one_in(world.options.on(Fault::lost_tail) ? 2 : 4)) compensate();
  if (world.operators.one_in(4)) reconcile_now();
  if (world.operators.one_in(5)) erase();
}

void Simulation::run() {
  define(1);
  make_book();
  for (std::uint32_t i = 0; i < world.options.rounds && !given_up_; ++i) round(i);
  if (!given_up_) bring_to_an_end();
  if (Process* living = std::exchange(living_, nullptr); living != nullptr && !living->ended)
    leave_now(*living);
  if (world.options.on(Fault::damage) && !given_up_) main_->damage_a_copy();
  world.figures.steps += world.steps;
  world.figures.virtual_us += world.time;
}

}  // namespace daybook::sim

// --- what sink.h and crash_point.h promise -------------------------------------------------------

namespace daybook {

SinkResult<std::unique_ptr<SinkDriver>> open_sink(const Pipeline& pipeline, const SinkMemory&) {
  if (const auto* directory = std::get_if<DirectorySink>(&pipeline.sink.to))
    return open_directory_sink(pipeline.project, *directory);
  return sim::open_server_sink(sim::Simulation::here().server);
}

namespace crash_point {

constinit std::atomic<bool> armed{true};
bool arm(std::string_view, Act) { return false; }
void disarm() {}
void reached(std::string_view name) { sim::World::here().reached(name); }

}  // namespace crash_point

void assertion_failed(const char* file, int line, const char* expression,
                      const std::string& values) {
  throw sim::Broken{fmt::format("{}:{}: assertion {} failed: {}", file, line, expression, values)};
}

}  // namespace daybook
