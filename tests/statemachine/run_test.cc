// Runs: started once, finished when nothing is owed, cancelled before the load, paused and drained.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

StartRun starting(std::uint8_t n = 1) {
  return {.uuid = uuid(n),
          .kind = RunKind::normal,
          .pipeline = "runways",
          .definition = def_a,
          .engine = engine_a,
          .idempotency_key = {},
          .reason = "nightly"};
}
const FinishRun finish{.run = run0};
const Cancel cancel{.scope = scope_of(run0), .reason = "wrong day"};

Paused pause_of(const Scope& scope) { return {.scope = scope, .reason = "deploy"}; }
const Scope whole_book{};
const Scope of_pipeline{
    .kind = ScopeKind::pipeline, .pipeline = "runways", .run = no_run, .slot = no_slot};
const Scope of_run{.kind = ScopeKind::run, .pipeline = {}, .run = run0, .slot = no_slot};
const Scope of_partition{
    .kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot0};
const std::vector<Scope> scopes = {whole_book, of_pipeline, of_run, of_partition};

TEST(Run, StartsOfARegisteredDefinition) {
  given(defined).when(starting()).then({started()}).when(starting(2)).then(conflict);
}

TEST(Run, StartsOncePerId) { given(done).when(starting()).then(already); }

TEST(Run, StartsOncePerIdempotencyKey) {
  StartRun once = starting(5), again = starting(6);
  once.idempotency_key = again.idempotency_key = "monday";
  given(done)
      .when(once)
      .so([](const State& state) { EXPECT_EQ(state.runs.size(), 2U); })
      .when(again)
      .then(already);
}

TEST(Run, OfAnUnregisteredDefinitionIsRefused) {
  StartRun c = starting();
  c.definition = def_b;
  given(defined).when(c).then(unknown);
}

TEST(Run, OfTheDefinitionOfAnotherPipelineIsRefused) {
  StartRun c = starting();
  c.pipeline = "navaids";
  given(defined).when(c).then(mismatch);
}

TEST(Run, DoesNotStartWhilePaused) {
  given(defined + pause_of(whole_book)).when(starting()).then(paused);
  given(defined + pause_of(of_pipeline)).when(starting()).then(paused);
}

StartRun taking_on(std::uint32_t partitions, std::vector<std::string> chosen = {}) {
  StartRun c = starting();
  c.partitions = partitions;
  c.chosen = std::move(chosen);
  return c;
}
RunStarted started_for(std::uint32_t partitions) {
  RunStarted out = started();
  out.partitions = partitions;
  return out;
}
const CompletePlanning complete{.run = run0};
const PlanPartition plan_a_partition{.run = run0,
                                     .sink = "warehouse",
                                     .partition = "2024-06-01",
                                     .inputs = inputs_a,
                                     .late = LatePolicy::reopen,
                                     .force = false};
// Planned the first of two partitions, and died.
const History planning_run = defined + by("ana", started_for(2)) + opened() +
                             planned_as(PlanReason::new_partition) + boot(2);

TEST(Run, NeitherFinishesNorAttemptsAnythingBeforeItIsPlanned) {
  given(defined + by("ana", started_for(2))).when(finish).then(wrong_phase);
  given(planning_run)
      .when(finish)
      .then(wrong_phase)
      .when(StartAttempt{.run = run0, .slot = slot0})
      .then(wrong_phase)
      .when(complete)
      .then({PlanningCompleted{.run = run0, .planned = 1, .skipped = 0}})
      .when(complete)
      .then(already)
      .when(StartAttempt{.run = run0, .slot = slot0})
      .then({attempted()});
}

TEST(Run, PlansNothingMoreOnceItIsPlanned) {
  PlanPartition other = plan_a_partition;
  other.partition = "2024-06-02";
  given(planning_run)
      .when(other)
      .so(SlotPhase::planned, slot1)
      .when(complete)
      .then({PlanningCompleted{.run = run0, .planned = 2, .skipped = 0}})
      .when(other)
      .then(wrong_phase);
}

TEST(Run, CountsWhatItSkipped) {
  RunStarted second = started(run1);
  second.partitions = 1;
  given(done + by("ana", second) + skipped_as(SkipReason::unchanged, 1))
      .when(CompletePlanning{.run = run1})
      .then({PlanningCompleted{.run = run1, .planned = 0, .skipped = 1}})
      .when(FinishRun{.run = run1})
      .then({finished(run1)});
}

TEST(Run, CancelledWhileItPlansEndsWithoutPlanningTheRest) {
  given(planning_run)
      .when(cancel)
      .so(SlotPhase::cancelled)
      .when(complete)
      .then(wrong_phase)
      .when(finish)
      .then({finished(run0, RunOutcome::cancelled)});
}

TEST(Run, RemembersWhichPartitionsItTookOnUntilTheyArePlanned) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i <= limits::keys_per_event_max; ++i) keys.push_back(std::to_string(i));
  const std::vector<std::string> first(keys.begin(), keys.end() - 1);
  given(defined)
      .as("ana")
      .when(taking_on(201, keys))
      .then({started_for(201), PartitionsChosen{.run = run0, .keys = first},
             PartitionsChosen{.run = run0, .keys = {keys.back()}}})
      .so([&](const State& state) { EXPECT_EQ(state.runs[0].chosen, keys); })
      .when(complete)
      .so([](const State& state) { EXPECT_TRUE(state.runs[0].chosen.empty()); });
  given(defined).when(taking_on(0, {"a"})).then(mismatch);
}

// Books of 0.1 do not say how many partitions a run takes on.
TEST(Run, OfABookThatDoesNotSayWhatItTakesOnFinishesAsBefore) {
  given(verified).when(complete).then(wrong_phase).when(finish).then({finished()});
}

TEST(Run, FinishesOnce) {
  given(verified)
      .when(FinishRun{.run = run1})
      .then(unknown)
      .when(finish)
      .then({finished()})
      .when(finish)
      .then(already);
}

TEST(Run, DoesNotFinishWhileItOwesWork) {
  for (const History& history : {planned, running, staged, intended, loaded,
                                 running + failed_with(ErrorClass::transient) + retry_in(500)})
    given(history).when(finish).then(wrong_phase);
}

TEST(Run, FinishesAsItsPartitionsStand) {
  given(verified).when(finish).then({finished(run0, RunOutcome::succeeded)});
  given(quarantined).when(finish).then({finished(run0, RunOutcome::failed)});
  given(running + failed_with(ErrorClass::data))
      .when(finish)
      .then({finished(run0, RunOutcome::failed)});
  given(verified + loses()).when(finish).then({finished(run0, RunOutcome::failed)});
  given(held).when(finish).then({finished(run0, RunOutcome::held)});
  given(awaiting).when(finish).then({finished(run0, RunOutcome::held)});
  given(planned)
      .when(cancel)
      .so(SlotPhase::cancelled)
      .when(finish)
      .then({finished(run0, RunOutcome::cancelled)});
}

TEST(Run, ThatFailedAndHeldHasFailed) {
  given(quarantined + opened(slot1, "b") + planned_as(PlanReason::new_partition, run0, slot1) +
        attempted(1, run0, slot1) + staged_as(content_a, 1, run0, slot1) +
        held_for("rows", run0, slot1))
      .when(finish)
      .then({finished(run0, RunOutcome::failed)});
}

TEST(Run, DoesNotAnswerForPartitionsThatALaterRunTookOver) {
  // Run 0 ended with a partition set aside; run 1 released and loads it.
  given(quarantined + finished(run0, RunOutcome::failed) +
        SlotReleased{.slot = slot0, .reason = "fixed"} + started(run1) +
        planned_as(PlanReason::failed_before, run1))
      .when(FinishRun{.run = run1})
      .then(wrong_phase);
}

TEST(Run, WhoseCircuitOpenedFinishesAsFailedWithWorkLeft) {
  const CircuitOpened circuit{.run = run0, .fingerprint = "refused", .failures = 5};
  for (const History& history :
       {planned, running + failed_with(ErrorClass::transient) + retry_in(500)})
    given(history + circuit).when(finish).then({finished(run0, RunOutcome::failed)});
  given(staged + circuit).when(finish).then(wrong_phase);
}

TEST(Cancel, StopsEverythingBeforeTheIntent) {
  for (const History& history : {planned, running, staged, held, awaiting,
                                 running + failed_with(ErrorClass::transient) + retry_in(500)})
    given(history)
        .when(cancel)
        .then({RunCancelled{.run = run0, .reason = "wrong day"}})
        .so(SlotPhase::cancelled)
        .when(StageAttempt{.staged = staged_as(), .approvals_needed = 0, .approval_digest = {}})
        .then(wrong_phase)
        .when(finish)
        .then({finished(run0, RunOutcome::cancelled)});
}

TEST(Cancel, AfterTheIntentLeavesTheLoadToItsEnd) {
  given(intended)
      .when(cancel)
      .so(SlotPhase::load_intended)
      .when(CommitLoad{.slot = slot0,
                       .load_id = load_a,
                       .rows = 10,
                       .recovered = false,
                       .evidence = "manifest",
                       .files = {}})
      .then({commits()})
      .when(VerifyLoad{.slot = slot0, .load_id = load_a, .rows = 10})
      .then({verifies()})
      .when(finish)
      .then({finished(run0, RunOutcome::cancelled)});
}

// An aborted load went back to "planned" in a run that plans nothing any more: it never ended.
TEST(Cancel, AndThenAnAbortedLoadLetsTheRunEnd) {
  FailAttempt failure;
  failure.attempt = 1;
  for (const bool counted : {false, true})
    given(intended + RunCancelled{.run = run0, .reason = "wrong day"})
        .when(AbortLoad{.slot = slot0,
                        .load_id = load_a,
                        .evidence = "no marker",
                        .failure = counted ? std::optional(failure) : std::nullopt})
        .then({aborts()})
        .so(SlotPhase::cancelled)
        .when(finish)
        .then({finished(run0, RunOutcome::cancelled)});
}

TEST(Cancel, VoidsTheApprovalThatWasAskedFor) {
  given(awaiting)
      .when(cancel)
      .so([](const State& state) { EXPECT_TRUE(state.approvals[0].voided); })
      .when(GiveApproval{.approval = approval0,
                         .approver = "ben",
                         .key_fingerprint = "SHA256:ben",
                         .signature = "sig",
                         .digest = plan_a})
      .then(stale);
}

TEST(Cancel, LeavesPartitionsOfOtherRunsAlone) {
  given(next_run + skipped_as(SkipReason::unchanged, 1))
      .when(Cancel{.scope = scope_of(run1), .reason = "wrong day"})
      .so(SlotPhase::verified);
  given(held + finished(run0, RunOutcome::held) + started(run1) + skipped_as(SkipReason::waiting))
      .when(Cancel{.scope = scope_of(run1), .reason = "wrong day"})
      .so(SlotPhase::held);
}

TEST(Cancel, OfAPartitionLeavesTheRunToItsOthers) {
  const Scope partition{.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot0};
  const Cancel one{.scope = partition, .reason = "wrong day"};
  for (const History& history : {planned, running, staged, held, awaiting,
                                 running + failed_with(ErrorClass::transient) + retry_in(500)})
    given(history)
        .when(one)
        .then({SlotCancelled{.run = run0, .slot = slot0, .reason = "wrong day"}})
        .so(SlotPhase::cancelled)
        .when(StageAttempt{.staged = staged_as(), .approvals_needed = 0, .approval_digest = {}})
        .then(wrong_phase)
        .when(one)
        .then(already)
        .when(finish)
        .then({finished(run0, RunOutcome::succeeded)});
  given(intended).when(one).then(wrong_phase);
  given(done).when(one).then(wrong_phase);
  given(defined).when(one).then(unknown);
}

TEST(Cancel, OfAPipelineOrTheBookIsOfEveryRunThatIsOpen) {
  const Scope runways{
      .kind = ScopeKind::pipeline, .pipeline = "runways", .run = no_run, .slot = no_slot};
  const Scope strange{
      .kind = ScopeKind::pipeline, .pipeline = "strange", .run = no_run, .slot = no_slot};
  for (const Scope& scope : {Scope{}, runways})
    given(planned)
        .when(Cancel{.scope = scope, .reason = "wrong day"})
        .then({RunCancelled{.run = run0, .reason = "wrong day"}})
        .so(SlotPhase::cancelled)
        .when(Cancel{.scope = scope, .reason = "wrong day"})
        .then(wrong_phase);
  given(done).when(Cancel{.scope = {}, .reason = "wrong day"}).then(wrong_phase);
  given(planned).when(Cancel{.scope = strange, .reason = "wrong day"}).then(unknown);
}

TEST(Cancel, OfWhatIsNotGoingOnIsRefused) {
  given(defined).when(cancel).then(unknown);
  given(done).when(cancel).then(wrong_phase);
  given(planned + RunCancelled{.run = run0, .reason = "wrong day"}).when(cancel).then(already);
}

TEST(Cancel, EndsThePlanningAndTheLoading) {
  const History cancelled_run = planned + RunCancelled{.run = run0, .reason = "wrong day"};
  given(cancelled_run).when(StartAttempt{.run = run0, .slot = slot0}).then(cancelled);
  given(cancelled_run)
      .when(PlanPartition{.run = run0, .sink = "warehouse", .partition = "b", .inputs = {}})
      .then(cancelled);
  given(cancelled_run)
      .when(
          IntendLoad{.run = run0, .slot = slot0, .attempt = 1, .generation = 1, .load_id = load_a})
      .then(cancelled);
}

TEST(Pause, StopsAttemptsAndLoadsInItsScope) {
  for (const Scope& scope : scopes) {
    given(planned)
        .when(Pause{.scope = scope, .reason = "deploy"})
        .then({pause_of(scope)})
        .when(StartAttempt{.run = run0, .slot = slot0})
        .then(paused)
        .when(Pause{.scope = scope, .reason = "deploy"})
        .then(already)
        .when(Resume{.scope = scope, .reason = "done"})
        .then({Resumed{.scope = scope, .reason = "done"}})
        .when(Resume{.scope = scope, .reason = "done"})
        .then(already)
        .when(StartAttempt{.run = run0, .slot = slot0})
        .then({attempted()});
    given(staged + pause_of(scope))
        .when(IntendLoad{
            .run = run0, .slot = slot0, .attempt = 1, .generation = 1, .load_id = load_a})
        .then(paused);
  }
}

TEST(Pause, OutsideItsScopeStopsNothing) {
  const Event navaids = DefinitionRegistered{.definition = definition1,
                                             .pipeline = "navaids",
                                             .version = 1,
                                             .digest = def_b,
                                             .files = {},
                                             .owner = "olga"};
  given(planned + navaids + opened(slot1, "b") +
        pause_of(
            {.kind = ScopeKind::pipeline, .pipeline = "navaids", .run = no_run, .slot = no_slot}) +
        pause_of({.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot1}))
      .when(StartAttempt{.run = run0, .slot = slot0})
      .then({attempted()});
}

TEST(Pause, OfWhatIsNotThereIsRefused) {
  const auto refused = [](const Scope& scope, Refusal::Code code) {
    given(done).when(Pause{.scope = scope, .reason = {}}).then(code);
    given(done).when(Resume{.scope = scope, .reason = {}}).then(code);
    given(done).when(MarkDrained{.scope = scope}).then(code);
  };
  refused({.kind = ScopeKind::pipeline, .pipeline = "x", .run = no_run, .slot = no_slot}, unknown);
  refused({.kind = ScopeKind::run, .pipeline = {}, .run = run1, .slot = no_slot}, unknown);
  refused(of_run, wrong_phase);
  refused({.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot1}, unknown);
  refused({.kind = ScopeKind{9}, .pipeline = {}, .run = no_run, .slot = no_slot}, unknown);
}

TEST(Drain, IsMarkedWhenNothingOfTheScopeIsUnderWay) {
  for (const Scope& scope : scopes) {
    given(planned).when(MarkDrained{.scope = scope}).then(wrong_phase);
    given(planned + pause_of(scope))
        .when(MarkDrained{.scope = scope})
        .then({Drained{.scope = scope}});
    for (const History& busy : {running, intended, loaded})
      given(busy + pause_of(scope)).when(MarkDrained{.scope = scope}).then(wrong_phase);
  }
}

TEST(Drain, LooksAtNothingOutsideTheScope) {
  const Scope other{.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot1};
  given(running + opened(slot1, "b") + pause_of(other))
      .when(MarkDrained{.scope = other})
      .then({Drained{.scope = other}});
}

}  // namespace
}  // namespace daybook
