// From a pipeline file to planned partitions: what the source offers, what of it is new, and the
// run that takes it on.
#include <algorithm>

#include "runner/definition/partitions.h"
#include "runner/fence.h"
#include "runner/planning.h"
#include "runner/quarantine.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

RunProblem problem(RunProblem::Kind kind, std::string message, std::string hint = {}) {
  return {.kind = kind, .message = std::move(message), .hint = std::move(hint), .diagnostics = {}};
}

RunProblem refused(const Refusal& refusal) {
  return problem(RunProblem::Kind::refused, refusal.detail);
}

}  // namespace

std::expected<std::vector<Offered>, RunProblem> offers_of(const Pipeline& pipeline) {
  Diagnostics diagnostics;
  const auto found = find_partitions(pipeline, diagnostics);
  if (!found)
    return std::unexpected(RunProblem{.kind = RunProblem::Kind::source,
                                      .message = "the source's partitions can not be read",
                                      .hint = {},
                                      .diagnostics = std::move(diagnostics)});
  std::vector<Offered> out;
  for (const PartitionInput& input : *found) {
    if (pipeline.partition.by != Partitioning::By::column) {
      out.push_back({.input = input, .key = input.key, .column_key = {}});
      continue;
    }
    StageProgress progress;
    const auto keys = discover_partitions(pipeline, input, progress);
    if (!keys) return std::unexpected(problem(RunProblem::Kind::source, keys.error().detail));
    for (const std::string& key : *keys)
      out.push_back({.input = input, .key = key, .column_key = key});
  }
  return out;
}

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

asio::awaitable<std::expected<Digest, StageFailure>> Runner::inputs_digest(
    std::shared_ptr<const Pipeline> pipeline, Offered offered) {
  std::vector<OverlayRecord> overlay;
  if (const auto slot = keeper_.state().slot(pipeline->name, pipeline->sink.name(), offered.key)) {
    auto released = overlay_of(keeper_.view(), *slot);
    if (!released)
      co_return std::unexpected(StageFailure{.error = ErrorClass::internal,
                                             .code = "quarantine.unreadable",
                                             .fingerprint = "quarantine.unreadable",
                                             .detail = released.error().detail,
                                             .classified_by = "runner"});
    overlay = std::move(*released);
  }
  auto progress = std::make_shared<StageProgress>();
  auto job = [pipeline, offered, overlay = std::move(overlay), progress] {
    return inputs_digest_of(*pipeline, offered.input, offered.column_key, overlay, *progress);
  };
  co_return co_await blocking(keeper_.executor(), std::move(job));
}

asio::awaitable<std::optional<Offered>> Runner::find_input(RunId run,
                                                           std::shared_ptr<const Pipeline> pipeline,
                                                           std::string key) {
  auto known = offers_.find(run);
  if (known == offers_.end()) {
    auto all = co_await offered(pipeline);
    std::map<std::string, Offered> by_key;
    if (all)
      for (Offered& one : *all) by_key.emplace(one.key, std::move(one));
    known = offers_.insert_or_assign(run, std::move(by_key)).first;
  }
  const auto found = known->second.find(key);
  if (found == known->second.end()) co_return std::nullopt;
  co_return found->second;
}

asio::awaitable<std::expected<void, RunProblem>> Runner::plan_all(RunId run,
                                                                  const RunRequest& request,
                                                                  std::vector<Offered> offered) {
  const auto pipeline = request.pipeline;
  const std::string sink = pipeline->sink.name();
  for (const Offered& one : offered) {
    if (stopped_) break;
    PlanPartition command{.run = run,
                          .sink = sink,
                          .partition = one.key,
                          .inputs = {},
                          .late = late_policy(*pipeline),
                          .force = request.force};
    // Nothing is known of a new partition that its digest could be compared with: reading it once,
    // when it is staged, is enough.
    const auto slot = keeper_.state().slot(pipeline->name, sink, one.key);
    if (slot && keeper_.state().find(*slot)->attempt > 0) {
      const auto digest = co_await inputs_digest(pipeline, one);
      // A source that can not be read now is the attempt's failure, with its retries.
      if (digest) command.inputs = *digest;
    }
    const Command planned = command;
    const auto answer = co_await keeper_.ask(system_actor(), planned);
    if (!answer && answer.error().code != Refusal::Code::already)
      co_return std::unexpected(refused(answer.error()));
  }
  co_return std::expected<void, RunProblem>{};
}

asio::awaitable<std::expected<RunReport, RunProblem>> Runner::run(RunRequest request) {
  const auto pipeline = request.pipeline;
  const std::string sink_name = pipeline->sink.name();
  concurrency_.fix(pipeline->concurrency);

  // What a crash or an interruption left open comes first: it is part of the same story.
  std::vector<RunId> open;
  for (const RunId id : keeper_.state().open_runs)
    if (keeper_.state().find(id)->pipeline == pipeline->name) open.push_back(id);
  std::vector<ResumedRun> resumed;
  for (const RunId id : open) {
    const EntryIndex before = keeper_.state().size;
    RunReport report = co_await resume(id);
    ResumedRun done{.run = id, .slots = {}};
    for (const SlotId slot : keeper_.state().find(id)->slots)
      if (const EntryIndex story = keeper_.state().find(slot)->story;
          story >= before && story != no_entry)
        done.slots.push_back(slot);
    resumed.push_back(std::move(done));
    if (report.paused || report.interrupted) {
      resumed.pop_back();  // it is what the report is about
      report.resumed = std::move(resumed);
      co_return report;
    }
  }

  auto all = co_await offered(pipeline);
  if (!all) co_return std::unexpected(all.error());
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

  auto prepare = [pipeline]() -> SinkResult<void> {
    auto sink = open_sink(*pipeline);
    if (!sink) return std::unexpected(sink.error());
    return (*sink)->prepare(output_columns(*pipeline), pipeline->sink.mode, pipeline->sink.key);
  };
  const auto prepared = co_await blocking(keeper_.executor(), std::move(prepare));
  if (!prepared)
    co_return std::unexpected(
        problem(RunProblem::Kind::sink, prepared.error().detail, "nothing was planned or loaded"));

  const auto definition = co_await register_definition(keeper_, request.actor, *pipeline);
  if (!definition)
    co_return std::unexpected(problem(RunProblem::Kind::storage, definition.error().detail));
  definitions_.put(*definition, pipeline);

  const Command start = StartRun{.uuid = make_uuid7(keeper_.clock().wall(), keeper_.entropy()),
                                 .kind = request.kind,
                                 .pipeline = pipeline->name,
                                 .definition = pipeline->digest,
                                 .engine = engine_version().digest,
                                 .idempotency_key = request.idempotency_key,
                                 .reason = request.reason};
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

  ExpectPartitions expected{.pipeline = pipeline->name, .sink = sink_name, .keys = {}};
  if (request.partitions.empty() && !request.only_failed) {
    for (const Offered& one : chosen)
      if (partition_fault(*pipeline, one.input).empty()) expected.keys.push_back(one.key);
    for (const std::string& key : pipeline->partition.expected) expected.keys.push_back(key);
    (void)co_await keeper_.ask(system_actor(), std::move(expected));
  }
  auto& by_key = offers_[run];
  for (const Offered& one : chosen) by_key.emplace(one.key, one);

  if (auto planned = co_await plan_all(run, request, std::move(chosen)); !planned)
    co_return std::unexpected(planned.error());
  RunReport report = co_await resume(run);
  report.resumed = std::move(resumed);
  co_return report;
}

asio::awaitable<RunReport> Runner::resume(std::optional<RunId> run) {
  Drive work;
  if (run)
    work.runs.insert(*run);
  else
    work.runs = keeper_.state().open_runs;
  // A run that was interrupted while it planned: what it had not looked at yet is the next run's.
  co_await drive(work);
  RunReport report;
  for (const RunId id : work.runs) {
    const RunState& state = *keeper_.state().find(id);
    report.run = id;
    report.outcome = state.outcome;
    report.interrupted = report.interrupted || (state.open && stopped_);
    report.paused = report.paused || (state.open && !stopped_);
  }
  if (report.paused) co_await mark_drained(work.runs);
  if (const auto signed_now = keeper_.checkpoint(); !signed_now)
    last_trouble_[no_slot] = signed_now.error().detail;
  co_return report;
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
    auto job = [definition = *pipeline, plan]() -> SinkResult<CompensationEvidence> {
      auto sink = open_sink(*definition);
      if (!sink) return std::unexpected(sink.error());
      return (*sink)->compensate(plan);
    };
    const auto done = co_await blocking(keeper_.executor(), std::move(job));
    if (!done) {
      const Command failed = FailCompensation{id, number, done.error().detail.substr(0, 1'900)};
      (void)co_await keeper_.ask(system_actor(), failed);
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
  if (const auto signed_now = keeper_.checkpoint(); !signed_now)
    co_return std::unexpected(signed_now.error());
  co_return Result<void>{};
}

}  // namespace daybook
