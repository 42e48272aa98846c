// What the outside owes, read off the state.
#include "statemachine/effects.h"

#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename... Effects>
void owed(const History& history, const Effects&... effects) {
  EXPECT_THAT(pending(folded(history)), ElementsAre(Effect(effects)...));
}
const effect::ExecuteAttempt execute{.run = run0, .slot = slot0, .not_before = 0};
const effect::Load load{.run = run0, .slot = slot0};
const effect::SettleLoad settle{.slot = slot0};
const effect::VerifyLoaded verify{.slot = slot0};
const effect::AbandonAttempt abandon{.slot = slot0};
const effect::FinishRun finish{.run = run0};

TEST(Pending, FollowsThePartitionThroughItsLife) {
  owed(defined);
  owed(run_open, finish);
  owed(planned, execute);
  owed(running);
  owed(staged, load);
  owed(intended, settle);
  owed(loaded, verify);
  owed(verified, finish);
  owed(done);
}

TEST(Pending, OfARunThatIsNotPlannedIsItsPlanning) {
  RunStarted taking_on = started();
  taking_on.partitions = 2;
  const effect::PlanRun plan{.run = run0};
  const History begun = defined + by("ana", taking_on);
  const History half = begun + opened() + planned_as(PlanReason::new_partition);
  owed(begun, plan);
  owed(half, plan);
  owed(half + boot(2), plan);
  owed(half + PlanningCompleted{.run = run0, .planned = 1, .skipped = 0}, execute);
  owed(half + Paused{.scope = {}, .reason = "deploy"});
  owed(half + RunCancelled{.run = run0, .reason = "wrong day"}, finish);
}

TEST(Pending, SaysWhenARetryMayStart) {
  const History waiting = running + failed_with(ErrorClass::transient) + retry_in(500);
  owed(waiting,
       effect::ExecuteAttempt{.run = run0, .slot = slot0, .not_before = start + second / 2});
}

TEST(Pending, LeavesToPeopleWhatIsTheirs) {
  for (const History& history : {held, awaiting, quarantined, verified + loses()})
    owed(history, finish);
}

TEST(Pending, AfterABootAbandonsWhatTheLastOneHadInHand) {
  owed(running + boot(2), abandon);
  owed(staged + boot(2), abandon);
  owed(intended + boot(2), settle);
  owed(loaded + boot(2), verify);
  owed(planned + boot(2), execute);
}

TEST(Pending, LeavesOutWhatIsPausedButSettlesWhatIsUncertain) {
  const Event pause = Paused{.scope = {}, .reason = "deploy"};
  owed(planned + pause);
  owed(staged + pause);
  owed(intended + pause, settle);
  owed(loaded + pause, verify);
  owed(running + boot(2) + pause, abandon);
}

TEST(Pending, OnceTheCircuitIsOpenLoadsButStartsNothing) {
  const Event circuit = CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5};
  owed(planned + circuit, finish);
  owed(running + failed_with(ErrorClass::transient) + retry_in(0) + circuit, finish);
  owed(staged + circuit, load);
}

TEST(Pending, OfACancelledRunIsWhatWasIntended) {
  const Event cancel = RunCancelled{.run = run0, .reason = "wrong day"};
  owed(planned + cancel, finish);
  owed(intended + cancel, settle);
  owed(loaded + cancel, verify);
}

TEST(Pending, IsInAFixedOrder) {
  const auto more = [](std::uint32_t n) {
    return History{opened(SlotId{n}, std::to_string(n)),
                   planned_as(PlanReason::new_partition, run0, SlotId{n})};
  };
  History all = run_open + more(0) + more(1) + more(2) + more(3) + more(4);
  const auto staging = [](std::uint32_t n) {
    return History{attempted(1, run0, SlotId{n}), staged_as(content_a, 1, run0, SlotId{n})};
  };
  const auto intending = [](std::uint32_t n) {
    return History{intends(load_a, 1, content_a, 1, run0, SlotId{n})};
  };
  all = all + attempted(1, run0, SlotId{4}) + boot(2) + staging(1) + staging(2) + intending(2) +
        staging(3) + intending(3) + commits(load_a, run0, SlotId{3});
  owed(all, effect::AbandonAttempt{.slot = SlotId{4}}, effect::SettleLoad{.slot = SlotId{2}},
       effect::VerifyLoaded{.slot = SlotId{3}}, effect::Load{.run = run0, .slot = SlotId{1}},
       execute);
}

TEST(Pending, ContinuesACompensationUntilItsEnd) {
  const CompensationProposed proposed{
      .compensation = compensation0,
      .action = CompensationAction::restore_previous,
      .steps = {{.slot = slot0, .generation = 1, .restores = 0, .load_id = load_c}},
      .plan = plan_b,
      .text = {},
      .approvals = 0,
      .reason = "wrong source"};
  const effect::ContinueCompensation go_on{.compensation = compensation0};
  const History begun = done + proposed + CompensationStarted{.compensation = compensation0};
  const CompensationIntended intended_step{.compensation = compensation0, .step = 0};
  owed(done + proposed);
  owed(begun, go_on);
  owed(begun + intended_step, go_on);
  owed(begun + intended_step +
           CompensationFailed{.compensation = compensation0, .step = 0, .detail = "down"},
       go_on);
  owed(begun + intended_step +
       CompensationCommitted{.compensation = compensation0,
                             .step = 0,
                             .rows_removed = 10,
                             .rows_restored = 0,
                             .recovered = false,
                             .evidence = "marker"} +
       CompensationFinished{.compensation = compensation0});
}

// A run waits for the compensation of a partition of its own.
TEST(Pending, DoesNotFinishARunWhosePartitionIsBeingTakenBack) {
  const History begun =
      verified +
      CompensationProposed{
          .compensation = compensation0,
          .action = CompensationAction::remove,
          .steps = {{.slot = slot0, .generation = 1, .restores = 0, .load_id = load_c}},
          .plan = plan_b,
          .text = {},
          .approvals = 0,
          .reason = "wrong source"} +
      CompensationStarted{.compensation = compensation0};
  owed(begun, effect::ContinueCompensation{.compensation = compensation0});
}

TEST(Pending, LeavesAPartitionToTheRunThatTookItOver) {
  const History taken_over = quarantined + finished(run0, RunOutcome::failed) +
                             SlotReleased{.slot = slot0, .reason = "fixed"} + started(run1) +
                             planned_as(PlanReason::failed_before, run1);
  owed(taken_over, effect::ExecuteAttempt{.run = run1, .slot = slot0, .not_before = 0});
  owed(next_run + skipped_as(SkipReason::unchanged, 1), effect::FinishRun{.run = run1});
}

}  // namespace
}  // namespace daybook
