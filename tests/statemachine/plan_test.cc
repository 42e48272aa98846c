// What a run does about a partition it found: one test for each row of the table in decide_slot.cc.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

PlanPartition planning(const Digest& inputs = inputs_a, LatePolicy late = LatePolicy::reopen,
                       RunId run = run1) {
  return {.run = run,
          .sink = "warehouse",
          .partition = "2024-06-01",
          .inputs = inputs,
          .late = late,
          .force = false};
}
PlanPartition forced(PlanPartition c) {
  c.force = true;
  return c;
}
// A second run over what the first left behind.
History again(const History& first, RunKind kind = RunKind::normal,
              RunOutcome outcome = RunOutcome::succeeded, DefinitionId definition = definition0,
              const Digest& engine = engine_a) {
  RunStarted run = started(run1, definition);
  run.kind = kind;
  run.engine = engine;
  return first + finished(run0, outcome) + by("ana", run);
}
Event plan_of(PlanReason reason, const Digest& inputs = inputs_a) {
  return planned_as(reason, run1, slot0, inputs);
}
CompensationProposed proposed(Generation generation, Generation restores,
                              CompensationAction action = CompensationAction::restore_previous) {
  return {
      .compensation = compensation0,
      .action = action,
      .steps = {{.slot = slot0, .generation = generation, .restores = restores, .load_id = load_c}},
      .plan = plan_b,
      .text = {},
      .approvals = 0,
      .reason = "wrong source"};
}
History taken_back(const History& history, Generation generation, Generation restores) {
  return history + proposed(generation, restores) +
         CompensationStarted{.compensation = compensation0} +
         CompensationIntended{.compensation = compensation0, .step = 0} +
         CompensationCommitted{.compensation = compensation0,
                               .step = 0,
                               .rows_removed = 10,
                               .rows_restored = 0,
                               .recovered = false,
                               .evidence = "marker"} +
         CompensationFinished{.compensation = compensation0};
}

TEST(Plan, OpensTheSlotOfANewPartition) {
  given(run_open)
      .when(planning(inputs_a, LatePolicy::reopen, run0))
      .then({opened(), planned_as(PlanReason::new_partition)});
}

TEST(Plan, TakesAnExpectedPartitionAsNew) {
  given(run_open + opened())
      .when(planning(inputs_a, LatePolicy::reopen, run0))
      .then({planned_as(PlanReason::new_partition)});
}

TEST(Plan, ReleasesRecordsWhateverStands) {
  given(again(verified, RunKind::release)).when(planning()).then({plan_of(PlanReason::released)});
  given(again(quarantined, RunKind::release, RunOutcome::failed))
      .when(planning())
      .then({plan_of(PlanReason::released)});
}

TEST(Plan, SkipsWhatWasSetAsideAndDidNotChange) {
  const History set_aside_before = again(quarantined, RunKind::normal, RunOutcome::failed);
  given(set_aside_before).when(planning()).then({skipped_as(SkipReason::set_aside)});
  given(set_aside_before)
      .when(planning(inputs_b))
      .then({plan_of(PlanReason::failed_before, inputs_b)});
  given(set_aside_before).when(forced(planning())).then({plan_of(PlanReason::failed_before)});
  given(again(quarantined, RunKind::rerun, RunOutcome::failed))
      .when(planning())
      .then({plan_of(PlanReason::failed_before)});
  given(again(quarantined + registered(definition1, def_b), RunKind::normal, RunOutcome::failed,
              definition1))
      .when(planning())
      .then({plan_of(PlanReason::failed_before)});
  given(again(quarantined, RunKind::normal, RunOutcome::failed, definition0, engine_b))
      .when(planning())
      .then({plan_of(PlanReason::failed_before)});
}

// A skip turned "set aside" into "skipped": nobody could release it, and the run after the next
// attempted it again.
TEST(Plan, SkippedAsSetAsideItStaysSetAside) {
  given(again(quarantined, RunKind::normal, RunOutcome::failed))
      .when(planning())
      .so(SlotPhase::quarantined)
      .when(FinishRun{.run = run1})
      .then({finished(run1)})
      .meanwhile({started(RunId{2})})
      .when(planning(inputs_a, LatePolicy::reopen, RunId{2}))
      .then({skipped_as(SkipReason::set_aside, 0, RunId{2})})
      .when(ReleaseSlot{.slot = slot0, .reason = "fixed"})
      .so(SlotPhase::idle);
}

TEST(Plan, SkipsWhatWaitsForAPerson) {
  for (const History& waiting : {held, awaiting}) {
    const History next = again(waiting, RunKind::normal, RunOutcome::held);
    given(next).when(planning()).then({skipped_as(SkipReason::waiting)});
    given(next).when(planning(inputs_b)).then({plan_of(PlanReason::failed_before, inputs_b)});
  }
}

// What is read of a new partition is known only once it was read. Staging it again undid the
// approvals that were collected meanwhile.
TEST(Plan, SkipsWhatWaitsForAPersonThoughItWasPlannedBeforeItsInputsWereKnown) {
  const History read_when_staged = run_open + opened() +
                                   planned_as(PlanReason::new_partition, run0, slot0, Digest{}) +
                                   attempted() + staged_as();
  for (const History& waiting :
       {read_when_staged + asks(), read_when_staged + held_for("rows is 10, must be 11")}) {
    const History next = again(waiting, RunKind::normal, RunOutcome::held);
    given(next).when(planning()).then({skipped_as(SkipReason::waiting)});
    given(next).when(planning(inputs_b)).then({plan_of(PlanReason::failed_before, inputs_b)});
  }
}

// A skip turned "held" into "skipped": the decision came too late by a night.
TEST(Plan, SkippedAsWaitingItStillWaits) {
  given(again(held, RunKind::normal, RunOutcome::held))
      .when(planning())
      .so(SlotPhase::held)
      .when(DecideHold{
          .slot = slot0, .decision = HoldDecision::load_anyway, .reason = "known closure"})
      .so(SlotPhase::planned);
  given(again(awaiting, RunKind::normal, RunOutcome::held))
      .when(planning())
      .so(SlotPhase::awaiting_approval);
}

TEST(Plan, SkipsWhatStandsUnchanged) {
  given(again(verified))
      .when(planning())
      .then({skipped_as(SkipReason::unchanged, 1)})
      .so(SlotPhase::verified);
  given(again(verified, RunKind::rerun))
      .when(planning())
      .then({skipped_as(SkipReason::unchanged, 1)});
}

TEST(Plan, SkipsWhatStandsUnchangedThoughALaterWorkOnItFailed) {
  // Run 1 found new inputs and failed on them; run 2 finds the loaded ones again.
  given(again(verified) + plan_of(PlanReason::input_changed, inputs_b) + attempted(2, run1) +
        failed_with(ErrorClass::data, 2, run1) + finished(run1, RunOutcome::failed) +
        started(RunId{2}))
      .when(planning(inputs_a, LatePolicy::reopen, RunId{2}))
      .then({skipped_as(SkipReason::unchanged, 1, RunId{2})})
      .so(SlotPhase::skipped);
}

TEST(Plan, LoadsAgainWhatIsForced) {
  given(again(verified)).when(forced(planning())).then({plan_of(PlanReason::forced)});
}

TEST(Plan, LoadsAgainWhatChanged) {
  given(again(verified))
      .when(planning(inputs_b))
      .then({plan_of(PlanReason::input_changed, inputs_b)});
  given(again(verified + registered(definition1, def_b), RunKind::normal, RunOutcome::succeeded,
              definition1))
      .when(planning())
      .then({plan_of(PlanReason::definition_changed)});
  given(again(verified, RunKind::normal, RunOutcome::succeeded, definition0, engine_b))
      .when(planning())
      .then({plan_of(PlanReason::engine_changed)});
}

TEST(Plan, RejectsLateInputsWhereThePolicySaysSo) {
  given(again(verified))
      .when(planning(inputs_b, LatePolicy::reject))
      .then({skipped_as(SkipReason::late_rejected, 1)})
      .so(SlotPhase::verified);
  given(again(verified, RunKind::rerun))
      .when(planning(inputs_b, LatePolicy::reject))
      .then({plan_of(PlanReason::input_changed, inputs_b)});
  given(again(verified))
      .when(forced(planning(inputs_b, LatePolicy::reject)))
      .then({plan_of(PlanReason::input_changed, inputs_b)});
}

const Event late_hold = held_for("the input changed after it was loaded", run1);

TEST(Plan, HoldsLateInputsWhereThePolicySaysSo) {
  given(again(verified))
      .when(planning(inputs_b, LatePolicy::hold))
      .then({plan_of(PlanReason::input_changed, inputs_b), late_hold})
      .so(SlotPhase::held);
  given(again(verified, RunKind::rerun))
      .when(planning(inputs_b, LatePolicy::hold))
      .then({plan_of(PlanReason::input_changed, inputs_b)});
}

// Once the holding run had ended, the next run held the same inputs again, for ever.
TEST(Plan, DoesNotHoldLateInputsThatAPersonLetIn) {
  given(again(verified) + plan_of(PlanReason::input_changed, inputs_b) + late_hold +
        finished(run1, RunOutcome::held) +
        HoldDecided{
            .slot = slot0, .decision = HoldDecision::load_anyway, .reason = "late but right"} +
        started(RunId{2}))
      .when(planning(inputs_b, LatePolicy::hold, RunId{2}))
      .then({planned_as(PlanReason::input_changed, RunId{2}, slot0, inputs_b)});
}

TEST(Plan, DoesNotHoldLateInputsThatWereWorkedOn) {
  const History let_in = again(verified) + plan_of(PlanReason::input_changed, inputs_b);
  const History tried = let_in + attempted(2, run1);
  const Event failure = failed_with(ErrorClass::data, 2, run1);
  const auto next = [](const History& history) {
    given(history + registered(definition1, def_b) +
          CircuitOpened{.run = run1, .fingerprint = "x", .failures = 5} +
          finished(run1, RunOutcome::failed) + started(RunId{2}, definition1))
        .when(planning(inputs_b, LatePolicy::hold, RunId{2}))
        .then({planned_as(PlanReason::input_changed, RunId{2}, slot0, inputs_b)});
  };
  next(let_in);
  next(tried + failure);
  next(tried + failure + retry_in(1, run1));
  next(tried + failure + set_aside(run1));
  next(tried + failure + set_aside(run1) + SlotReleased{.slot = slot0, .reason = "fixed"});
  next(tried + staged_as(content_b, 2, run1, slot0, inputs_b) + asks());
  next(tried + staged_as(content_b, 2, run1, slot0, inputs_b) + asks() + approves("ben"));
}

TEST(Plan, AsksAgainAboutLateInputsThatAPersonDiscarded) {
  given(again(verified) + plan_of(PlanReason::input_changed, inputs_b) + late_hold +
        finished(run1, RunOutcome::held) +
        HoldDecided{.slot = slot0, .decision = HoldDecision::discard, .reason = "not ours"} +
        started(RunId{2}))
      .when(planning(inputs_b, LatePolicy::hold, RunId{2}))
      .then({planned_as(PlanReason::input_changed, RunId{2}, slot0, inputs_b),
             held_for("the input changed after it was loaded", RunId{2})});
}

PlanPartition appending(PlanPartition c) {
  c.appends = true;
  return c;
}
const History appended_once = staged +
                              intends(load_a, 1, content_a, 1, run0, slot0, LoadMode::append) +
                              commits() + verifies();

TEST(Plan, AppendsNothingAgainOfWhichTheInputIsUnchanged) {
  const History upgraded =
      again(appended_once, RunKind::normal, RunOutcome::succeeded, definition0, engine_b);
  given(upgraded).when(planning()).then({plan_of(PlanReason::engine_changed)});
  given(upgraded).when(appending(planning())).then({skipped_as(SkipReason::appended, 1)});
  given(upgraded).when(appending(forced(planning()))).then({plan_of(PlanReason::engine_changed)});
}

TEST(Plan, AppendsALostLoadAgainWhereNothingElseStands) {
  given(again(appended_once + loses(), RunKind::normal, RunOutcome::failed))
      .when(appending(planning()))
      .then({plan_of(PlanReason::lost)});
}

TEST(Plan, HoldsAPartitionOfWhichPartOfWhatWasAppendedIsLost) {
  const History half =
      again(appended_once) + planned_as(PlanReason::input_changed, run1, slot0, inputs_b) +
      attempted(2, run1) + staged_as(content_b, 2, run1, slot0, inputs_b) +
      intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append) + commits(load_b, run1) +
      verifies(load_b, run1) + finished(run1) + loses(load_b) + started(RunId{2});
  given(half)
      .when(appending(planning(inputs_b, LatePolicy::reopen, RunId{2})))
      .so(SlotPhase::held)
      .when(DecideHold{
          .slot = slot0, .decision = HoldDecision::load_anyway, .reason = "the rest is removed"})
      .so(SlotPhase::planned);
  given(half)
      .when(appending(forced(planning(inputs_b, LatePolicy::reopen, RunId{2}))))
      .then({planned_as(PlanReason::lost, RunId{2}, slot0, inputs_b)});
}

// What a release had delivered was lost, and the partition was passed over as unchanged: the load
// it was appended to is of the same input.
TEST(Plan, HoldsAPartitionOfWhichWhatAReleaseAppendedIsLost) {
  const History released =
      again(appended_once, RunKind::release) + planned_as(PlanReason::released, run1) +
      attempted(2, run1) + staged_as(content_b, 2, run1) +
      intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append) + commits(load_b, run1) +
      verifies(load_b, run1) + finished(run1) + loses(load_b) + started(RunId{2});
  given(released)
      .when(appending(planning(inputs_a, LatePolicy::reopen, RunId{2})))
      .so(SlotPhase::held);
}

// A record that was released and then erased made of the inputs what they were before.
TEST(Plan, AppendsNothingAgainThatStandsUnderALaterLoad) {
  const History twice =
      again(appended_once, RunKind::release) + planned_as(PlanReason::released, run1) +
      attempted(2, run1) + staged_as(content_b, 2, run1, slot0, inputs_b) +
      intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append) + commits(load_b, run1) +
      verifies(load_b, run1) + finished(run1) + started(RunId{2});
  given(twice)
      .when(appending(planning(inputs_a, LatePolicy::hold, RunId{2})))
      .then({skipped_as(SkipReason::appended, 2, RunId{2})});
  given(twice)
      .when(appending(forced(planning(inputs_a, LatePolicy::hold, RunId{2}))))
      .then({planned_as(PlanReason::input_changed, RunId{2}, slot0, inputs_a)});
}

// A release that failed had begun on the same inputs: the next run appended all of them again.
TEST(Plan, HoldsALateAppendOnWhichOnlyAReleaseHadBegun) {
  const History failed = again(appended_once, RunKind::release) +
                         planned_as(PlanReason::released, run1, slot0, inputs_b) +
                         attempted(2, run1) + failed_with(ErrorClass::data, 2, run1) +
                         finished(run1, RunOutcome::failed) + started(RunId{2});
  given(failed).when(appending(planning(inputs_b, LatePolicy::hold, RunId{2}))).so(SlotPhase::held);
}

TEST(Plan, SaysThatToLetALateAppendInAddsAllOfItAgain) {
  given(again(appended_once))
      .when(appending(planning(inputs_b, LatePolicy::hold)))
      .then({plan_of(PlanReason::input_changed, inputs_b),
             held_for("what it gives changed after it was loaded, and to load it appends all of it "
                      "again",
                      run1)});
}

TEST(Plan, SkipsExactlyWhatWasTakenBack) {
  // Nothing is left.
  given(again(taken_back(verified, 1, 0)))
      .when(planning())
      .then({skipped_as(SkipReason::compensated)})
      .so(SlotPhase::compensated);
  // What stood before is left.
  const History restored = taken_back(second_load, 2, 1) + finished(run1) + started(RunId{2});
  given(restored)
      .when(planning(inputs_b, LatePolicy::reopen, RunId{2}))
      .then({skipped_as(SkipReason::compensated, 1, RunId{2})});
  given(restored)
      .when(planning(inputs_a, LatePolicy::reopen, RunId{2}))
      .then({skipped_as(SkipReason::unchanged, 1, RunId{2})});
}

TEST(Plan, LoadsAgainAfterACompensationWhatChangedOrIsAskedFor) {
  const History back = taken_back(verified, 1, 0);
  given(again(back)).when(planning(inputs_b)).then({plan_of(PlanReason::compensated, inputs_b)});
  given(again(back)).when(forced(planning())).then({plan_of(PlanReason::compensated)});
  given(again(back, RunKind::rerun)).when(planning()).then({plan_of(PlanReason::compensated)});
}

TEST(Plan, LoadsAgainWhatTheSinkLost) {
  given(again(verified + loses())).when(planning()).then({plan_of(PlanReason::lost)});
}

TEST(Plan, LoadsAgainALostAppendThoughEarlierOnesStand) {
  const History appended =
      running + staged_as() + intends(load_a, 1, content_a, 1, run0, slot0, LoadMode::append) +
      commits() + verifies() + finished() + started(run1) +
      planned_as(PlanReason::input_changed, run1, slot0, inputs_b) + attempted(2, run1) +
      staged_as(content_b, 2, run1, slot0, inputs_b) +
      intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append) + commits(load_b, run1) +
      verifies(load_b, run1) + finished(run1) + loses(load_b) + started(RunId{2});
  for (const LatePolicy late : {LatePolicy::reopen, LatePolicy::hold, LatePolicy::reject})
    given(appended)
        .when(planning(inputs_b, late, RunId{2}))
        .then({planned_as(PlanReason::lost, RunId{2}, slot0, inputs_b)});
}

TEST(Plan, TriesAgainWhatWasTriedBefore) {
  given(again(running + failed_with(ErrorClass::data), RunKind::normal, RunOutcome::failed))
      .when(planning())
      .then({plan_of(PlanReason::failed_before)});
}

TEST(Plan, IsMadeOncePerRun) {
  given(planned).when(planning(inputs_b, LatePolicy::reopen, run0)).then(already);
  given(again(verified) + skipped_as(SkipReason::unchanged, 1))
      .when(planning(inputs_b))
      .then(already);
}

TEST(Plan, OfARunThatIsNotWorkingIsRefused) {
  given(defined).when(planning()).then(unknown);
  given(done).when(planning(inputs_a, LatePolicy::reopen, run0)).then(wrong_phase);
  given(run_open + RunCancelled{.run = run0, .reason = "wrong day"})
      .when(planning(inputs_a, LatePolicy::reopen, run0))
      .then(cancelled);
  given(run_open + CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5})
      .when(planning(inputs_a, LatePolicy::reopen, run0))
      .then(circuit_open);
}

TEST(Plan, LoadsAgainAfterACompensationWithAnotherDefinitionOrEngine) {
  const History back = taken_back(verified, 1, 0);
  given(again(back + registered(definition1, def_b), RunKind::normal, RunOutcome::succeeded,
              definition1))
      .when(planning())
      .then({plan_of(PlanReason::compensated)});
  given(again(back, RunKind::normal, RunOutcome::succeeded, definition0, engine_b))
      .when(planning())
      .then({plan_of(PlanReason::compensated)});
}

TEST(Plan, WaitsForTheRunThatWorksOnThePartition) {
  given(running + started(run1)).when(planning()).then(conflict);
}

TEST(Plan, WaitsForALoadThatIsNotSettled) {
  for (const History& history : {intended, loaded}) {
    State state = folded(history + started(run1));
    state.runs[0].open = false;
    const auto decision = decide(state, {.now = state.now, .actor = {}}, planning());
    ASSERT_FALSE(decision.has_value());
    EXPECT_EQ(decision.error().code, conflict);
  }
}

TEST(Plan, WaitsForTheCompensationOfThePartition) {
  given(again(verified) + proposed(1, 0) + CompensationStarted{.compensation = compensation0})
      .when(planning())
      .then(conflict);
}

}  // namespace
}  // namespace daybook
