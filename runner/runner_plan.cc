// From a pipeline file to planned partitions: what the source offers, what of it is new, and the
// run that takes it on.
#include <fmt/ranges.h>

#include <algorithm>

#include "runner/connect/crash_point.h"
#include "runner/definition/partitions.h"
#include "runner/fence.h"
#include "runner/outside.h"
#include "runner/planning.h"
#include "runner/quarantine.h"
#include "runner/witnesses.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

RunProblem problem(RunProblem::Kind kind, std::string message, std::string hint = {}) {
  return {.kind = kind, .message = std::move(message), .hint = std::move(hint), .diagnostics = {}};
}

RunProblem refused(const Refusal& refusal) {
  RunProblem out = problem(RunProblem::Kind::refused, refusal.detail);
  out.refusal = refusal;
  return out;
}

RunProblem not_signed(const Error& error, std::string_view before) {
  return problem(RunProblem::Kind::integrity, fmt::format("{}{}", before, error.detail),
                 error.hint);
}

}  // namespace

LatePolicy late_policy(const Pipeline& pipeline) {
  switch (pipeline.late_data) {
    case LateData::reject: return LatePolicy::reject;
    case LateData::hold: return LatePolicy::hold;
    // Appending a whole partition again would double it: a person decides.
    case LateData::reopen:
    case LateData::absorb:
      return pipeline.sink.mode == LoadMode::append ? LatePolicy::hold : LatePolicy::reopen;
  }
  return LatePolicy::hold;
}

bool missing_or_failed(const Slot& slot) {
  switch (slot.phase) {
    case SlotPhase::quarantined:
    case SlotPhase::failed:
    case SlotPhase::held:
    case SlotPhase::lost:
    case SlotPhase::cancelled:
    case SlotPhase::planned:
    case SlotPhase::retry_waiting: return true;
    default: return slot.current == 0;
  }
}

asio::awaitable<std::expected<std::vector<Offered>, RunProblem>> Runner::offered(
    std::shared_ptr<const Pipeline> pipeline) {
  auto job = [pipeline] { return offers_of(*pipeline); };
  co_return co_await blocking(keeper_.executor(), std::move(job));
}

std::shared_ptr<const Runner::Offers> Runner::by_key(std::vector<Offered> all) {
  auto out = std::make_shared<Offers>();
  for (Offered& one : all) {
    std::string key = one.key;
    out->emplace(std::move(key), std::move(one));
  }
  return out;
}

asio::awaitable<std::expected<std::shared_ptr<const Runner::Offers>, RunProblem>>
Runner::offered_to(RunId run, std::shared_ptr<const Pipeline> pipeline) {
  if (const auto known = offers_.find(run); known != offers_.end()) co_return known->second;
  auto all = co_await offered(pipeline);
  if (!all) co_return std::unexpected(all.error());
  auto offers = by_key(std::move(*all));
  if (keeper_.state().open_runs.contains(run)) offers_[run] = offers;
  co_return offers;
}

asio::awaitable<std::expected<Offered, StageFailure>> Runner::find_input(
    RunId run, std::shared_ptr<const Pipeline> pipeline, std::string key) {
  const auto offers = co_await offered_to(run, pipeline);
  if (!offers)
    co_return std::unexpected(StageFailure{.error = ErrorClass::dependency_down,
                                           .code = "source.unlisted",
                                           .fingerprint = "source.unlisted",
                                           .detail = offers.error().message,
                                           .classified_by = "runner"});
  const auto found = (*offers)->find(key);
  if (found == (*offers)->end())
    co_return std::unexpected(
        StageFailure{.error = ErrorClass::data,
                     .code = "source.missing",
                     .fingerprint = "source.missing",
                     .detail = fmt::format("the source no longer offers partition {}", key),
                     .classified_by = "runner"});
  co_return found->second;
}

asio::awaitable<std::expected<void, RunProblem>> Runner::plan_rest(RunId run) {
  const auto pipeline = definition_of(run, DefinitionCache::Match::exact);
  if (!pipeline)
    co_return std::unexpected(problem(
        RunProblem::Kind::definition,
        fmt::format("run {} was not planned to its end, and its definition can not be read back",
                    run),
        fmt::format("daybook cancel {} --reason ... ends it; the next run plans anew", run)));
  const auto offers = co_await offered_to(run, pipeline);
  if (!offers) co_return std::unexpected(offers.error());
  std::vector<std::string> keys = keeper_.state().find(run)->chosen;
  if (keys.empty()) {
    ExpectPartitions expected{
        .pipeline = pipeline->name, .sink = pipeline->sink.name(), .keys = {}};
    for (const auto& [key, one] : **offers) {
      keys.push_back(key);
      if (partition_fault(*pipeline, one.input).empty()) expected.keys.push_back(key);
    }
    for (const std::string& key : pipeline->partition.expected) expected.keys.push_back(key);
    (void)co_await keeper_.ask(system_actor(), std::move(expected));
  }
  // What was planned before a crash stands.
  std::set<std::string> there;
  for (const SlotId slot : keeper_.state().find(run)->slots)
    there.insert(keeper_.state().find(slot)->partition);
  std::erase_if(keys, [&](const std::string& key) { return there.contains(key); });

  constexpr std::size_t at_once = 64;
  // A run that was cancelled meanwhile plans nothing more.
  const auto goes_on = [&] { return !stopped_ && planning(*keeper_.state().find(run)); };
  for (std::size_t begin = 0; begin < keys.size() && goes_on(); begin += at_once) {
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to =
        keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), begin + at_once));
    std::vector<std::string> some(from, to);
    auto planned = co_await plan_these(run, pipeline, *offers, std::move(some));
    if (!planned) co_return planned;
    DAYBOOK_CRASH_POINT("run.planning");
  }
  if (stopped_) co_return std::expected<void, RunProblem>{};
  const Command complete = CompletePlanning{run};
  const auto completed = co_await keeper_.ask(system_actor(), complete);
  DAYBOOK_CRASH_POINT("run.planned");
  if (!completed && planning(*keeper_.state().find(run)))
    co_return std::unexpected(refused(completed.error()));
  co_return std::expected<void, RunProblem>{};
}

// Reads what it needs of the sources side by side, and records the plans as one group.
asio::awaitable<std::expected<void, RunProblem>> Runner::plan_these(
    RunId run, std::shared_ptr<const Pipeline> pipeline, std::shared_ptr<const Offers> offers,
    std::vector<std::string> keys) {
  struct Question {
    std::size_t command;
    Offered offered;
    std::vector<OverlayRecord> overlay;
    std::optional<Digest> digest = std::nullopt;
  };
  const std::string sink = pipeline->sink.name();
  const bool force = keeper_.state().find(run)->force;
  std::vector<Command> commands;
  auto questions = std::make_shared<std::vector<Question>>();
  for (const std::string& key : keys) {
    commands.push_back(PlanPartition{.run = run,
                                     .sink = sink,
                                     .partition = key,
                                     .inputs = {},
                                     .late = late_policy(*pipeline),
                                     .force = force,
                                     .appends = pipeline->sink.mode == LoadMode::append});
    // Nothing is known of a new partition that its digest could be compared with: reading it once,
    // when it is staged, is enough. One that is gone is the attempt's failure, with its retries; so
    // is one that can not be read now.
    const auto slot = keeper_.state().slot(pipeline->name, sink, key);
    const auto offered = offers->find(key);
    if (offered == offers->end() || !slot || keeper_.state().find(*slot)->attempt == 0) continue;
    auto overlay = overlay_of(keeper_.view(), *slot);
    if (!overlay) continue;
    questions->push_back({commands.size() - 1, offered->second, std::move(*overlay)});
  }
  std::function<void(std::size_t)> read = [pipeline, questions](std::size_t i) {
    Question& q = (*questions)[i];
    const auto digest = inputs_now(*pipeline, q.offered, q.overlay);
    if (digest) q.digest = *digest;
  };
  co_await blocking_each(keeper_.executor(), questions->size(), std::move(read));
  for (const Question& q : *questions)
    if (q.digest) std::get<PlanPartition>(commands[q.command]).inputs = *q.digest;
  const auto answers = co_await keeper_.ask_all(system_actor(), std::move(commands));
  for (const Answer& answer : answers) {
    if (answer || answer.error().code == Refusal::Code::already) continue;
    if (!planning(*keeper_.state().find(run))) break;  // cancelled meanwhile
    co_return std::unexpected(refused(answer.error()));
  }
  co_return std::expected<void, RunProblem>{};
}

asio::awaitable<std::expected<RunReport, RunProblem>> Runner::run(RunRequest request) {
  const auto pipeline = request.pipeline;
  const std::string sink_name = pipeline->sink.name();
  concurrency_.fix(pipeline->concurrency);

  // An old copy of a book is to load nothing: whoever has seen more is asked before anything is
  // done.
  const auto seen = co_await ask_witnesses(keeper_);
  if (const auto good = seen ? not_overtaken(*seen) : std::unexpected(seen.error());
      !good && good.error().code == Error::Code::corrupt)
    co_return std::unexpected(not_signed(good.error(), ""));

  // What a crash or an interruption left open comes first: it is part of the same story.
  std::vector<RunId> open;
  for (const RunId id : keeper_.state().open_runs)
    if (keeper_.state().find(id)->pipeline == pipeline->name) open.push_back(id);
  std::vector<ResumedRun> resumed;
  for (const RunId id : open) {
    const EntryIndex before = keeper_.state().size;
    auto went_on = co_await resume(id);
    if (!went_on) co_return std::unexpected(went_on.error());
    RunReport report = std::move(*went_on);
    ResumedRun done{.run = id, .slots = {}};
    for (const SlotId slot : keeper_.state().find(id)->slots)
      if (const EntryIndex story = keeper_.state().find(slot)->story;
          story >= before && story != no_entry)
        done.slots.push_back(slot);
    resumed.push_back(std::move(done));
    if (report.open()) {
      resumed.pop_back();  // it is what the report is about
      report.resumed = std::move(resumed);
      co_return report;
    }
  }

  auto all = co_await offered(pipeline);
  if (!all) co_return std::unexpected(all.error());
  // What was released and never delivered goes into an appending target as a run of its own: to the
  // run that is asked for it would be a changed partition, and be appended as a whole.
  if (request.kind == RunKind::normal && pipeline->sink.mode == LoadMode::append &&
      !request.force) {
    RunRequest release;
    release.pipeline = pipeline;
    release.kind = RunKind::release;
    release.actor = request.actor;
    release.reason = "released before, and not delivered";
    for (std::string& key : undelivered_partitions(keeper_.state(), pipeline->name, sink_name))
      if (std::ranges::find(*all, key, &Offered::key) != all->end() &&
          (request.partitions.empty() ||
           std::ranges::find(request.partitions, key) != request.partitions.end()))
        release.partitions.push_back(std::move(key));
    if (!release.partitions.empty()) {
      auto delivered = co_await run(std::move(release));
      if (!delivered) co_return std::unexpected(delivered.error());
      if (delivered->open()) {
        delivered->resumed = std::move(resumed);
        co_return std::move(*delivered);
      }
      resumed.push_back({.run = delivered->run,
                         .slots = keeper_.state().find(delivered->run)->slots,
                         .release = true});
    }
  }
  std::vector<Offered> chosen;
  for (Offered& one : *all) {
    if (!request.partitions.empty() &&
        std::ranges::find(request.partitions, one.key) == request.partitions.end())
      continue;
    if (request.only_failed) {
      const auto slot = keeper_.state().slot(pipeline->name, sink_name, one.key);
      if (slot && !missing_or_failed(*keeper_.state().find(*slot))) continue;
    }
    chosen.push_back(std::move(one));
  }
  for (const std::string& key : request.partitions)
    if (std::ranges::find(chosen, key, &Offered::key) == chosen.end())
      co_return std::unexpected(problem(RunProblem::Kind::nothing,
                                        fmt::format("the source offers no partition {}", key),
                                        "daybook plan lists what it offers"));
  if (chosen.empty())
    co_return std::unexpected(
        request.only_failed
            ? problem(RunProblem::Kind::nothing, "nothing failed and nothing is missing")
            : problem(RunProblem::Kind::source, "the source offers no partitions",
                      "check the path in the pipeline's source"));

  auto prepare = [pipeline, memory = memory_of(sink_name),
                  token = keeper_.entropy().number()]() -> SinkResult<void> {
    auto sink = open_sink(*pipeline, memory);
    if (!sink) return std::unexpected(sink.error());
    return (*sink)->prepare(output_columns(*pipeline), pipeline->sink.mode, pipeline->sink.key,
                            token);
  };
  const auto prepared = co_await blocking(keeper_.executor(), std::move(prepare));
  if (!prepared)
    co_return std::unexpected(
        problem(RunProblem::Kind::sink, prepared.error().detail, "nothing was planned or loaded"));

  const auto definition = co_await register_definition(keeper_, request.actor, *pipeline);
  if (!definition)
    co_return std::unexpected(definition.error().refusal
                                  ? refused(*definition.error().refusal)
                                  : problem(RunProblem::Kind::storage, definition.error().detail));
  definitions_.put(*definition, pipeline);

  std::vector<std::string> keys;
  if (!request.partitions.empty() || request.only_failed)
    for (const Offered& one : chosen) keys.push_back(one.key);
  const Command start = StartRun{.uuid = make_uuid7(keeper_.clock().wall(), keeper_.entropy()),
                                 .kind = request.kind,
                                 .pipeline = pipeline->name,
                                 .definition = pipeline->digest,
                                 .engine = engine_version().digest,
                                 .idempotency_key = request.idempotency_key,
                                 .reason = request.reason,
                                 .partitions = static_cast<std::uint32_t>(chosen.size()),
                                 .force = request.force,
                                 .chosen = std::move(keys)};
  const auto started = co_await keeper_.ask(request.actor, start);
  if (!started) {
    const auto same = keeper_.state().run_by_idempotency_key.find(request.idempotency_key);
    if (started.error().code == Refusal::Code::already && !request.idempotency_key.empty() &&
        same != keeper_.state().run_by_idempotency_key.end())
      co_return RunReport{.run = same->second,
                          .outcome = keeper_.state().find(same->second)->outcome,
                          .resumed = std::move(resumed)};
    co_return std::unexpected(refused(started.error()));
  }
  const RunId run = std::get<RunStarted>(started->events.front()).run;

  DAYBOOK_CRASH_POINT("run.started");
  offers_[run] = by_key(std::move(chosen));
  auto report = co_await resume(run);
  if (report) report->resumed = std::move(resumed);
  co_return report;
}

asio::awaitable<std::expected<RunReport, RunProblem>> Runner::resume(std::optional<RunId> run) {
  const std::set<RunId> runs = run ? std::set<RunId>{*run} : keeper_.state().open_runs;
  Drive work{.runs = runs, .owed = Owed(keeper_.state(), runs)};
  unanswered_.clear();  // every sink is asked anew
  co_await drive(work);
  RunReport report;
  for (const RunId id : work.runs) {
    const RunState& state = *keeper_.state().find(id);
    report.run = id;
    report.outcome = state.outcome;
    report.interrupted = report.interrupted || (state.open && stopped_);
    if (!state.open || stopped_) continue;
    const Unsettled unsettled = unsettled_in(state);
    report.unsettled = std::max(report.unsettled, unsettled);
    report.paused = report.paused || unsettled == Unsettled::none;
  }
  if (report.paused && !work.problem) co_await mark_drained(work.runs);
  const auto signed_now = co_await witnessed_checkpoint(keeper_);
  if (!signed_now && signed_now.error().code == Error::Code::corrupt)
    co_return std::unexpected(not_signed(signed_now.error(), "what was done is in the book: "));
  if (!signed_now) last_trouble_[no_slot] = signed_now.error().detail;
  if (signed_now)
    if (const auto warnings = warnings_of(*signed_now); !warnings.empty())
      last_trouble_[no_slot] = fmt::format("{}", fmt::join(warnings, "; "));
  if (work.problem) co_return std::unexpected(std::move(*work.problem));
  co_return report;
}

Unsettled Runner::unsettled_in(const RunState& run) const {
  Unsettled worst = Unsettled::none;
  for (const auto& [slot, asked] : unanswered_)
    if (std::ranges::find(run.slots, slot) != run.slots.end())
      worst = std::max(worst, asked.given_up);
  return worst;
}

// Says in the book that nothing of what is paused is running any more.
asio::awaitable<void> Runner::mark_drained(std::set<RunId> runs) {
  const State& state = keeper_.state();
  std::vector<Scope> scopes;
  if (state.paused) scopes.push_back({.kind = ScopeKind::book, .pipeline = {}});
  std::set<std::string> pipelines;
  for (const RunId id : runs) {
    const RunState& run = *state.find(id);
    if (state.paused_pipelines.contains(run.pipeline) && pipelines.insert(run.pipeline).second)
      scopes.push_back({.kind = ScopeKind::pipeline, .pipeline = run.pipeline});
    if (run.paused) scopes.push_back({.kind = ScopeKind::run, .pipeline = {}, .run = id});
    for (const SlotId slot : run.slots)
      if (state.find(slot)->run == id && state.find(slot)->paused)
        scopes.push_back(
            {.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot});
  }
  for (const Scope& scope : scopes) {
    const Command command = MarkDrained{scope};
    (void)co_await keeper_.ask(system_actor(), command);
  }
}

asio::awaitable<Result<void>> Runner::compensate(CompensationId id) {
  while (true) {
    const CompensationState* state = keeper_.state().find(id);
    if (state == nullptr) co_return fail(Error::Code::not_found, "there is no compensation {}", id);
    if (state->phase == CompensationState::Phase::finished) break;
    if (stopped_) co_return fail(Error::Code::unavailable, "interrupted; compensate resumes it");
    const Command intend = IntendCompensation{id};
    const auto intended = co_await keeper_.ask(system_actor(), intend);
    if (!intended) co_return fail(Error::Code::conflict, "{}", intended.error().detail);
    state = keeper_.state().find(id);
    const std::uint32_t number = state->done;
    const CompensationStep step = state->steps[number];
    const Slot& slot = *keeper_.state().find(step.slot);
    const GenerationState& taken = *generation(slot, step.generation);
    auto pipeline = definitions_.get(taken.definition);
    if (!pipeline) co_return std::unexpected(pipeline.error());
    CompensationPlan plan{.origin = keeper_.state().origin,
                          .pipeline = slot.pipeline,
                          .partition = slot.partition,
                          .action = state->action,
                          .generation = step.generation,
                          .restores = step.restores,
                          .generation_load_id = taken.load_id,
                          .restores_load_id = {},
                          .load_id = step.load_id,
                          .fence = fence_of(keeper_.state().epoch, state->fence)};
    if (const GenerationState* restored = generation(slot, step.restores))
      plan.restores_load_id = restored->load_id;
    auto job = [definition = *pipeline, plan,
                memory = memory_of(slot.sink)]() -> SinkResult<CompensationEvidence> {
      auto sink = open_sink(*definition, memory);
      if (!sink) return std::unexpected(sink.error());
      return (*sink)->compensate(plan);
    };
    const auto done = co_await blocking(keeper_.executor(), std::move(job));
    if (!done) {
      // What stands in the sink is not what was to be taken back, and the sink said so under the
      // fence.
      const bool settled = done.error().code == "conflict" && !done.error().ambiguous;
      const Command failed =
          FailCompensation{id, number, done.error().detail.substr(0, 1'900), settled};
      const auto noted = co_await keeper_.ask(system_actor(), failed);
      if (noted && settled)
        co_return fail(
            Error::Code::conflict,
            "step {} of compensation {}: {}; nothing of it was done: compensate withdraw "
            "{} gives it up",
            number + 1, id, done.error().detail, id);
      co_return fail(done.error().error == ErrorClass::dependency_down ? Error::Code::unavailable
                                                                       : Error::Code::conflict,
                     "step {} of compensation {}: {}", number + 1, id, done.error().detail);
    }
    const Command commit = CommitCompensation{.compensation = id,
                                              .step = number,
                                              .rows_removed = done->rows_removed,
                                              .rows_restored = done->rows_restored,
                                              .recovered = done->recovered,
                                              .evidence = done->evidence};
    const auto committed = co_await keeper_.ask(system_actor(), commit);
    if (!committed) co_return fail(Error::Code::conflict, "{}", committed.error().detail);
  }
  if (const auto signed_now = co_await witnessed_checkpoint(keeper_); !signed_now)
    co_return std::unexpected(signed_now.error());
  co_return Result<void>{};
}

}  // namespace daybook
