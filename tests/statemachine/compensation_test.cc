// Compensation: proposed, approved, executed step by step under a fence, exactly once.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

CompensationStep step_of(Generation generation, Generation restores, SlotId slot = slot0) {
  return {.slot = slot, .generation = generation, .restores = restores, .load_id = load_c};
}
ProposeCompensation proposing(std::vector<CompensationStep> steps,
                              CompensationAction action = CompensationAction::restore_previous,
                              std::uint32_t approvals = 0) {
  return {.action = action,
          .steps = std::move(steps),
          .plan = plan_b,
          .text = {},
          .approvals = approvals,
          .reason = "wrong source"};
}
CompensationProposed proposed(const ProposeCompensation& c, CompensationId id = compensation0) {
  return {.compensation = id,
          .action = c.action,
          .steps = c.steps,
          .plan = c.plan,
          .text = c.text,
          .approvals = c.approvals,
          .reason = c.reason};
}
const StartCompensation start_it{.compensation = compensation0, .plan = plan_b};
const IntendCompensation intend_it{.compensation = compensation0};
CommitCompensation committing(std::uint32_t step = 0) {
  return {.compensation = compensation0,
          .step = step,
          .rows_removed = 10,
          .rows_restored = 0,
          .recovered = false,
          .evidence = "marker"};
}
CompensationCommitted committed(std::uint32_t step = 0) {
  return {.compensation = compensation0,
          .step = step,
          .rows_removed = 10,
          .rows_restored = 0,
          .recovered = false,
          .evidence = "marker"};
}
CompensationIntended intended_step(std::uint32_t step = 0) {
  return {.compensation = compensation0, .step = step};
}
const Event started_it = CompensationStarted{.compensation = compensation0};
const Event finished_it = CompensationFinished{.compensation = compensation0};
const WithdrawCompensation withdraw{.compensation = compensation0, .reason = "changed my mind"};

// A second partition, loaded by run 0 besides the first.
const History two_partitions = verified + opened(slot1, "2025-06-01") +
                               planned_as(PlanReason::new_partition, run0, slot1) +
                               attempted(1, run0, slot1) + staged_as(content_b, 1, run0, slot1) +
                               intends(load_b, 1, content_b, 1, run0, slot1) +
                               commits(load_b, run0, slot1) + verifies(load_b, run0, slot1);

History loading(const History& history, RunId run, Generation generation, const Digest& load,
                LoadMode mode) {
  return history + planned_as(PlanReason::forced, run) + attempted(generation, run) +
         staged_as(content_a, generation, run) +
         intends(load, generation, content_a, generation, run, slot0, mode) + commits(load, run) +
         verifies(load, run) + finished(run);
}
const History appended = loading(run_open + opened(), run0, 1, load_a, LoadMode::append);
const History appended_twice = loading(appended + started(run1), run1, 2, load_b, LoadMode::append);

TEST(Compensation, RestoresThePreviousGeneration) {
  const ProposeCompensation c = proposing({step_of(2, 1)});
  given(second_load)
      .as("ana")
      .when(c)
      .then({proposed(c)})
      .when(start_it)
      .then({started_it})
      .so(SlotPhase::compensating)
      .when(intend_it)
      .then({intended_step()})
      .when(committing())
      .then({committed(), finished_it})
      .so([](const State& state) {
        const Slot& slot = state.slots[0];
        EXPECT_EQ(slot.phase, SlotPhase::compensated);
        EXPECT_EQ(slot.current, 1U);
        EXPECT_EQ(slot.generations[0].standing, Standing::verified);
        EXPECT_EQ(slot.generations[1].standing, Standing::compensated);
        EXPECT_TRUE(state.open_compensations.empty());
        EXPECT_EQ(state.compensations[0].proposer, "ana");
      })
      .when(start_it)
      .then(wrong_phase)
      .when(intend_it)
      .then(wrong_phase)
      .when(withdraw)
      .then(wrong_phase);
}

TEST(Compensation, RemovesOrFlagsAndLeavesNothing) {
  for (const CompensationAction action : {CompensationAction::remove, CompensationAction::flag})
    given(second_load + proposed(proposing({step_of(2, 0)}, action)) + started_it + intended_step())
        .when(committing())
        .so([](const State& state) {
          EXPECT_EQ(state.slots[0].current, 0U);
          EXPECT_EQ(state.slots[0].generations[0].standing, Standing::superseded);
        });
}

// Removing the last append said that readers see nothing, with the earlier appends still there.
TEST(Compensation, OfAnAppendLeavesTheAppendsBeforeIt) {
  given(appended_twice)
      .when(proposing({step_of(2, 0)}, CompensationAction::remove))
      .so([](const State&) {})
      .meanwhile({started_it, intended_step()})
      .when(committing())
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].current, 1U);
        EXPECT_EQ(state.slots[0].generations[0].standing, Standing::verified);
      })
      .when(proposing({step_of(1, 0)}))
      .so([](const State& state) { EXPECT_EQ(state.compensations.size(), 2U); });
}

TEST(Compensation, GoesThroughItsStepsInOrder) {
  const ProposeCompensation c = proposing({step_of(1, 0, slot1), step_of(1, 0, slot0)});
  given(two_partitions + proposed(c) + started_it)
      .when(committing())
      .then(mismatch)
      .when(intend_it)
      .then({intended_step(0)})
      .when(committing(1))
      .then(mismatch)
      .when(committing(0))
      .then({committed(0)})
      .so(SlotPhase::compensated, slot1)
      .so(SlotPhase::compensating, slot0)
      .when(committing(1))
      .then(mismatch)
      .when(intend_it)
      .then({intended_step(1)})
      .when(committing(1))
      .then({committed(1), finished_it});
}

TEST(Compensation, ResumedAfterACrashRaisesTheFence) {
  const History crashed =
      verified + proposed(proposing({step_of(1, 0)})) + started_it + intended_step() + boot(2);
  const EntryIndex first = folded(crashed).compensations[0].fence;
  given(crashed)
      .when(intend_it)
      .then({intended_step()})
      .so([&](const State& state) {
        EXPECT_GT(state.compensations[0].fence, first);
        EXPECT_EQ(state.slots[0].fence, state.compensations[0].fence);
        EXPECT_EQ(state.compensations[0].done, 0U);
      })
      .when(committing())
      .then({committed(), finished_it});
}

TEST(Compensation, ThatFailsMayBeResumed) {
  const auto failing = [](std::uint32_t step) {
    return FailCompensation{.compensation = compensation0, .step = step, .detail = "sink down"};
  };
  given(verified).when(failing(0)).then(unknown);
  given(verified + proposed(proposing({step_of(1, 0)}))).when(failing(0)).then(wrong_phase);
  given(verified + proposed(proposing({step_of(1, 0)})) + started_it + intended_step())
      .when(failing(1))
      .then(mismatch)
      .when(failing(0))
      .then({CompensationFailed{.compensation = compensation0, .step = 0, .detail = "sink down"}})
      .so([](const State& state) { EXPECT_EQ(state.compensations[0].last_failure, "sink down"); })
      .when(intend_it)
      .then({intended_step()})
      .when(committing())
      .so([](const State& state) { EXPECT_TRUE(state.compensations[0].last_failure.empty()); });
}

TEST(Compensation, IsNotWithdrawnWhileAStepIsUnderWay) {
  given(verified + proposed(proposing({step_of(1, 0)})) + started_it + intended_step())
      .when(withdraw)
      .then(wrong_phase)
      .when(FailCompensation{.compensation = compensation0, .step = 0, .detail = "sink down"})
      .when(withdraw)
      .then(wrong_phase);
}

// The sink lost the load and no start could ever take it back.
TEST(Compensation, IsWithdrawnOnceTheSinkSaidThatNothingWasDone) {
  given(verified + proposed(proposing({step_of(1, 0)})) + started_it + intended_step())
      .when(FailCompensation{
          .compensation = compensation0, .step = 0, .detail = "not there", .settled = true})
      .then({CompensationFailed{
          .compensation = compensation0, .step = 0, .detail = "not there", .settled = true}})
      .when(withdraw)
      .then({CompensationWithdrawn{.compensation = compensation0, .reason = "changed my mind"}})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].phase, SlotPhase::verified);
        EXPECT_TRUE(state.open_compensations.empty());
      });
}

TEST(Compensation, WithdrawnBetweenItsStepsKeepsWhatWasDone) {
  given(two_partitions + proposed(proposing({step_of(1, 0, slot1), step_of(1, 0, slot0)})) +
        started_it + intended_step() + committed())
      .when(withdraw)
      .then({CompensationWithdrawn{.compensation = compensation0, .reason = "changed my mind"}})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[1].phase, SlotPhase::compensated);
        EXPECT_EQ(state.slots[0].phase, SlotPhase::verified);
      });
}

TEST(Compensation, IsProposedWithStepsAndAReason) {
  given(verified).when(proposing({})).then(unknown);
  ProposeCompensation mute = proposing({step_of(1, 0)});
  mute.reason.clear();
  given(verified).when(mute).then(mismatch);
  given(verified)
      .when(proposing(std::vector(limits::slots_per_compensation_max + 1, step_of(1, 0))))
      .then(too_large);
}

TEST(Compensation, IsOfWhatStandsNow) {
  given(verified).when(proposing({step_of(1, 0, slot1)})).then(unknown);
  given(verified).when(proposing({step_of(0, 0)})).then(stale);
  given(verified).when(proposing({step_of(2, 0)})).then(stale);
  given(second_load).when(proposing({step_of(1, 0)})).then(stale);
  given(intended).when(proposing({step_of(1, 0)})).then(stale);
  given(verified + loses()).when(proposing({step_of(1, 0)})).then(stale);
}

TEST(Compensation, WaitsForTheWorkOnThePartition) {
  given(loaded).when(proposing({step_of(1, 0)})).then(conflict);
  given(next_run + planned_as(PlanReason::forced, run1))
      .when(proposing({step_of(1, 0)}))
      .then(conflict);
}

// What a run had left planned when it ended stood in the way until another run came by.
TEST(Compensation, DoesNotWaitForWhatAnEndedRunLeftBehind) {
  const ProposeCompensation c = proposing({step_of(1, 0)});
  given(next_run + planned_as(PlanReason::forced, run1) +
        CircuitOpened{.run = run1, .fingerprint = "x", .failures = 5} +
        finished(run1, RunOutcome::failed))
      .when(c)
      .then({proposed(c)})
      .when(start_it)
      .so(SlotPhase::compensating);
}

TEST(Compensation, RestoresExactlyWhatStoodBefore) {
  given(second_load).when(proposing({step_of(2, 0)})).then(mismatch);
  given(second_load).when(proposing({step_of(2, 1)}, CompensationAction::remove)).then(mismatch);
  given(verified).when(proposing({step_of(1, 1)})).then(mismatch);
}

TEST(Compensation, DoesNotRestoreWhatWasTakenBackItself) {
  // Generation 2 restored 1; 1 is then taken back; 3 replaced nothing.
  const History back = second_load + finished(run1) + proposed(proposing({step_of(2, 1)})) +
                       started_it + intended_step() + committed() + finished_it;
  State state = folded(back + started(RunId{2}) + planned_as(PlanReason::forced, RunId{2}) +
                       attempted(3, RunId{2}) + staged_as(content_a, 3, RunId{2}) +
                       intends(load_c, 3, content_a, 3, RunId{2}) + commits(load_c, RunId{2}) +
                       verifies(load_c, RunId{2}));
  state.slots[0].generations[0].standing = Standing::compensated;
  const auto decision = decide(state, {.now = state.now, .actor = {}}, proposing({step_of(3, 1)}));
  ASSERT_FALSE(decision.has_value());
  EXPECT_EQ(decision.error().code, wrong_phase);
}

// "Restoring" a lost generation said that readers see what the sink no longer holds.
TEST(Compensation, DoesNotRestoreWhatTheSinkLost) {
  given(appended_twice + loses(load_a)).when(proposing({step_of(2, 1)})).then(wrong_phase);
  given(appended_twice + loses(load_a))
      .when(proposing({step_of(2, 0)}, CompensationAction::remove))
      .so([](const State&) {});
}

// A replacement of two appends restored only the second of them.
TEST(Compensation, DoesNotRestoreOneOfSeveralThatStoodBefore) {
  const History replaced =
      loading(appended_twice + started(RunId{2}), RunId{2}, 3, load_c, LoadMode::replace);
  given(replaced).when(proposing({step_of(3, 2)})).then(wrong_phase);
  given(replaced).when(proposing({step_of(3, 0)}, CompensationAction::remove)).so([](const State&) {
  });
  // One append before it is one generation, and may be restored.
  const History one = loading(appended + started(run1), run1, 2, load_b, LoadMode::replace);
  given(one).when(proposing({step_of(2, 1)})).so([](const State&) {});
  given(appended_twice).when(proposing({step_of(2, 1)})).so([](const State&) {});
}

// A partition named twice was taken back twice in one plan.
TEST(Compensation, NamesAPartitionOnce) {
  given(verified).when(proposing({step_of(1, 0), step_of(1, 0)})).then(mismatch);
}

TEST(Compensation, IsTheOnlyOneOpenForAPartition) {
  given(two_partitions + proposed(proposing({step_of(1, 0)})))
      .when(proposing({step_of(1, 0, slot1), step_of(1, 0)}))
      .then(conflict)
      .when(proposing({step_of(1, 0, slot1)}))
      .so([](const State& state) { EXPECT_EQ(state.open_compensations.size(), 2U); });
}

TEST(Compensation, StartsWithItsOwnPlan) {
  const History open = verified + proposed(proposing({step_of(1, 0)}));
  given(verified).when(start_it).then(unknown);
  given(open).when(StartCompensation{.compensation = compensation0, .plan = plan_a}).then(stale);
  given(open + Paused{.scope = {}, .reason = "deploy"}).when(start_it).then(paused);
  given(open).when(intend_it).then(wrong_phase);
  given(open).when(committing()).then(wrong_phase);
  given(verified).when(intend_it).then(unknown);
  given(verified).when(committing()).then(unknown);
}

TEST(Compensation, WhosePlanWasOvertakenDoesNotStart) {
  const History open = next_run + proposed(proposing({step_of(1, 0)}));
  given(open + loses()).when(start_it).then(stale);
  given(open + planned_as(PlanReason::forced, run1)).when(start_it).then(conflict);
}

ApprovalRequested asks_for_it(std::uint32_t needed = 1) {
  return {.approval = approval0,
          .subject = ApprovalSubject::compensation,
          .slot = no_slot,
          .compensation = compensation0,
          .digest = plan_b,
          .needed = needed};
}
GiveApproval giving(const std::string& who, const Digest& plan = plan_b) {
  return {.approval = approval0,
          .approver = who,
          .key_fingerprint = "SHA256:" + who,
          .signature = "sig",
          .digest = plan};
}
const ProposeCompensation needing_approval =
    proposing({step_of(1, 0)}, CompensationAction::restore_previous, 1);

TEST(CompensationApproval, StandsBeforeTheStart) {
  given(verified)
      .as("ana")
      .when(needing_approval)
      .then({proposed(needing_approval), asks_for_it()})
      .when(start_it)
      .then(not_approved)
      .when(giving("ana"))
      .then(not_allowed)
      .when(giving("ben", plan_a))
      .then(stale)
      .when(giving("ben"))
      .then({approves("ben")})
      .when(start_it)
      .then({started_it});
}

TEST(CompensationApproval, RejectedWithdrawsThePlan) {
  given(verified + by("ana", proposed(needing_approval)) + by("ana", asks_for_it()))
      .when(RejectApproval{.approval = approval0, .approver = "ben", .reason = "no"})
      .so([](const State& state) {
        EXPECT_EQ(state.compensations[0].phase, CompensationState::Phase::withdrawn);
        EXPECT_TRUE(state.open_compensations.empty());
      })
      .when(start_it)
      .then(wrong_phase);
}

TEST(CompensationApproval, OfAWithdrawnPlanIsVoid) {
  given(verified + by("ana", proposed(needing_approval)) + by("ana", asks_for_it()))
      .when(WithdrawCompensation{.compensation = compensation1, .reason = "x"})
      .then(unknown)
      .when(withdraw)
      .then({CompensationWithdrawn{.compensation = compensation0, .reason = "changed my mind"}})
      .when(giving("ben"))
      .then(stale)
      .when(withdraw)
      .then(wrong_phase)
      .when(needing_approval)
      .so([](const State& state) { EXPECT_EQ(state.compensations.size(), 2U); });
}

}  // namespace
}  // namespace daybook
