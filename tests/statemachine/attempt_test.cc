// Attempts: started, staged, failed, lost; retries, the circuit, holds and whole-partition
// quarantine.
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

const StartAttempt begin{.run = run0, .slot = slot0};

StageAttempt staging(AttemptStaged staged = staged_as(), std::uint32_t approvals = 0,
                     const Digest& plan = {}) {
  return {.staged = std::move(staged), .approvals_needed = approvals, .approval_digest = plan};
}
FailAttempt failing(ErrorClass error, Attempt attempt = 1) {
  FailAttempt c;
  c.run = run0;
  c.slot = slot0;
  c.attempt = attempt;
  c.error = error;
  c.code = "sqlstate.40001";
  c.fingerprint = "serialization";
  c.detail = "could not serialize access";
  c.classified_by = "postgres";
  return c;
}
GateFinding gate(bool passed, bool blocking = true) {
  return {
      .gate = "rows", .measured = "10", .required = "11", .passed = passed, .blocking = blocking};
}
AttemptStaged with_gates(std::vector<GateFinding> gates, const Digest& content = content_a,
                         Attempt attempt = 1) {
  AttemptStaged staged = staged_as(content, attempt);
  staged.gates = std::move(gates);
  return staged;
}
AttemptStaged with_counts(const RowCounts& counts) {
  AttemptStaged staged = staged_as();
  staged.counts = counts;
  return staged;
}
// `n` more partitions of run 0, each of which failed once for the same reason.
History others_failing(std::uint32_t n) {
  History history;
  for (std::uint32_t i = 1; i <= n; ++i) {
    const SlotId id{i};
    history = history + opened(id, std::to_string(i)) +
              planned_as(PlanReason::new_partition, run0, id) + attempted(1, run0, id) +
              failed_with(ErrorClass::transient, 1, run0, id) + retry_in(500, run0, id);
  }
  return history;
}

TEST(Attempt, StartsOncePlanned) {
  given(planned).when(begin).then({attempted()}).when(begin).then(wrong_phase);
}

TEST(Attempt, IsNumberedOverAllRuns) {
  given(next_run + planned_as(PlanReason::forced, run1))
      .when(StartAttempt{.run = run1, .slot = slot0})
      .then({attempted(2, run1)});
}

TEST(Attempt, OfWhatIsNotThereIsRefused) {
  given(planned).when(StartAttempt{.run = run1, .slot = slot0}).then(unknown);
  given(planned).when(StartAttempt{.run = run0, .slot = slot1}).then(unknown);
  given(done).when(begin).then(wrong_phase);
}

TEST(Attempt, BelongsToTheRunThatPlannedIt) {
  RunStarted other = started(run1, definition1);
  other.pipeline = "navaids";
  given(planned + registered(definition1, def_b) + other)
      .when(StartAttempt{.run = run1, .slot = slot0})
      .then(conflict);
}

TEST(Attempt, WaitsForTheRetryDelay) {
  given(running + failed_with(ErrorClass::transient) + retry_in(500))
      .after(499'000)
      .when(begin)
      .then(too_early)
      .after(500'000)
      .when(begin)
      .then({attempted(2)});
}

TEST(Attempt, DoesNotStartOnceTheCircuitIsOpen) {
  given(planned + CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5})
      .when(begin)
      .then(circuit_open);
}

TEST(Staging, IsOnRecord) {
  given(running).when(staging()).then({staged_as()}).so(SlotPhase::staged);
}

TEST(Staging, OfTheLiveAttemptAlone) {
  given(planned).when(staging()).then(wrong_phase);
  given(running).when(staging(staged_as(content_a, 2))).then(conflict);
  given(running + lost_attempt() + attempted(2)).when(staging()).then(conflict);
  given(running + boot(2)).when(staging()).then(conflict);
  given(running).when(staging(staged_as(content_a, 1, run0, slot1))).then(unknown);
}

TEST(Staging, InTheNameOfAnotherRunIsRefused) {
  RunStarted other = started(run1, definition1);
  other.pipeline = "navaids";
  const History two_runs = running + registered(definition1, def_b) + other;
  given(two_runs).when(staging(staged_as(content_a, 1, run1))).then(conflict);
  given(two_runs).when(staging(staged_as(content_a, 1, RunId{7}))).then(unknown);
}

TEST(Staging, AccountsForEveryRowRead) {
  given(running)
      .when(staging(
          with_counts({.read = 10, .accepted = 4, .quarantined = 3, .filtered = 2, .merged = 1})))
      .so(SlotPhase::staged);
  for (const RowCounts& counts : std::vector<RowCounts>{
           {.read = 10, .accepted = 9, .quarantined = 0, .filtered = 0, .merged = 0},
           {.read = 10, .accepted = 10, .quarantined = 1, .filtered = 0, .merged = 0},
           {.read = 10, .accepted = 10, .quarantined = 0, .filtered = 1, .merged = 0},
           {.read = 10, .accepted = 10, .quarantined = 0, .filtered = 0, .merged = 1},
           {.read = 0, .accepted = 1, .quarantined = 0, .filtered = 0, .merged = 0}})
    given(running).when(staging(with_counts(counts))).then(mismatch);
}

// Two halves of 2^64 made nothing: rows from nowhere balanced.
TEST(Staging, AccountsForRowsWithoutWrappingAround) {
  const std::uint64_t half = std::uint64_t{1} << 63;
  given(running)
      .when(staging(with_counts(
          {.read = 0, .accepted = half, .quarantined = half, .filtered = 0, .merged = 0})))
      .then(mismatch);
}

TEST(Staging, OpensABatchForQuarantinedRecords) {
  AttemptStaged expected =
      with_counts({.read = 12, .accepted = 10, .quarantined = 2, .filtered = 0, .merged = 0});
  AttemptStaged asked = expected;
  asked.batch = BatchId{77};
  expected.batch = batch0;
  given(running).when(staging(asked)).then({expected}).so([](const State& state) {
    EXPECT_EQ(state.batches.size(), 1U);
    EXPECT_EQ(state.batches[0].records, 2U);
    EXPECT_EQ(state.slots[0].batches, std::vector{batch0});
  });
}

TEST(Staging, OfListsThatDoNotFitIsRefused) {
  AttemptStaged files = staged_as(), rules = staged_as(), gates = staged_as();
  files.files.resize(limits::list_items_max + 1);
  rules.rules.resize(limits::list_items_max + 1);
  gates.gates.resize(limits::list_items_max + 1, gate(true));
  for (const AttemptStaged& staged : {files, rules, gates})
    given(running).when(staging(staged)).then(too_large);
  gates.gates.pop_back();
  given(running).when(staging(gates)).so(SlotPhase::staged);
}

TEST(Hold, FollowsAFailedGate) {
  given(running)
      .when(staging(with_gates({gate(true), gate(false), gate(false, false), gate(false)})))
      .then({with_gates({gate(true), gate(false), gate(false, false), gate(false)}),
             held_for("rows is 10, must be 11; rows is 10, must be 11")})
      .so(SlotPhase::held);
}

TEST(Hold, DoesNotFollowAGateThatOnlyWarns) {
  given(running).when(staging(with_gates({gate(false, false)}))).so(SlotPhase::staged);
}

const DecideHold let_pass{
    .slot = slot0, .decision = HoldDecision::load_anyway, .reason = "known closure"};
const DecideHold discard{.slot = slot0, .decision = HoldDecision::discard, .reason = "wrong file"};

TEST(Hold, IsDecidedWithAReason) {
  given(held)
      .when(DecideHold{.slot = slot0, .decision = HoldDecision::discard, .reason = ""})
      .then(mismatch)
      .when(discard)
      .then({HoldDecided{.slot = slot0, .decision = HoldDecision::discard, .reason = "wrong file"}})
      .so(SlotPhase::cancelled);
  given(staged).when(discard).then(wrong_phase);
  given(run_open).when(discard).then(unknown);
}

TEST(Hold, OverruledLetsExactlyThatContentPass) {
  const auto decided = [] {
    return given(held).when(let_pass).so(SlotPhase::planned).when(begin).then({attempted(2)});
  };
  decided().when(staging(with_gates({gate(false)}, content_a, 2))).so(SlotPhase::staged);
  decided().when(staging(with_gates({gate(false)}, content_b, 2))).so(SlotPhase::held);
}

// "Load anyway" went straight to the load, past the approvals the definition asks for.
TEST(Hold, OverruledStillNeedsItsApprovals) {
  given(held)
      .when(let_pass)
      .so(SlotPhase::planned)
      .when(begin)
      .then({attempted(2)})
      .when(staging(with_gates({gate(false)}, content_a, 2), 1, plan_a))
      .so(SlotPhase::awaiting_approval);
}

TEST(Hold, OverruledInARunThatEndedPassesInTheNext) {
  given(held + finished(run0, RunOutcome::held) +
        HoldDecided{.slot = slot0, .decision = HoldDecision::load_anyway, .reason = "closure"} +
        started(run1) + planned_as(PlanReason::failed_before, run1) + attempted(2, run1))
      .when([] {
        AttemptStaged staged = with_gates({gate(false)}, content_a, 2);
        staged.run = run1;
        return staging(staged);
      }())
      .so(SlotPhase::staged);
}

TEST(RetryDelay, IsAFunctionOfRuleFailuresAndSeed) {
  const RetryRule rule;
  EXPECT_EQ(retry_delay_ms(rule, 3, 42), retry_delay_ms(rule, 3, 42));
  EXPECT_NE(retry_delay_ms(rule, 3, 42), retry_delay_ms(rule, 3, 43));
  EXPECT_EQ(retry_delay_ms(rule, 1, 0), 500U);
  EXPECT_EQ(retry_delay_ms(rule, 1, 500), 1000U);
  EXPECT_EQ(retry_delay_ms(rule, 3, 0), 2000U);
}

TEST(RetryDelay, DoublesUpToItsCapWithHalfOfItJitter) {
  const RetryRule rule{.attempts = 20, .initial_ms = 1000, .factor = 2, .max_ms = 60'000};
  for (std::uint32_t failures = 0; failures < 40; ++failures) {
    const std::uint64_t full = std::min<std::uint64_t>(
        60'000, std::uint64_t{1000} << std::min(failures == 0 ? 0 : failures - 1, 10U));
    std::uint64_t least = full, most = 0;
    for (std::uint64_t seed = 0; seed <= full; ++seed) {
      const std::uint64_t delay = retry_delay_ms(rule, failures, seed);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    EXPECT_EQ(least, full - full / 2) << failures;
    EXPECT_EQ(most, full) << failures;
  }
}

TEST(RetryDelay, IsCappedWhereTheProductWouldWrapAround) {
  const std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
  const RetryRule rule{.attempts = 9, .initial_ms = 3, .factor = end / 2, .max_ms = end - 1};
  EXPECT_GE(retry_delay_ms(rule, 3, 0), end / 2);
  EXPECT_EQ(retry_delay_ms({.attempts = 9, .initial_ms = 5, .factor = 0, .max_ms = 9}, 4, 0), 3U);
  EXPECT_EQ(retry_delay_ms({.attempts = 9, .initial_ms = 0, .factor = 2, .max_ms = 9}, 4, 7), 0U);
  EXPECT_EQ(retry_delay_ms({.attempts = 9, .initial_ms = 90, .factor = 2, .max_ms = 8}, 1, 0), 4U);
  EXPECT_EQ(retry_delay_ms({.attempts = 9, .initial_ms = 1, .factor = 1, .max_ms = 8},
                           std::numeric_limits<std::uint32_t>::max(), 0),
            1U);
}

TEST(Failure, IsRetriedWhereTheClassSaysSo) {
  for (const ErrorClass error :
       {ErrorClass::transient, ErrorClass::throttled, ErrorClass::dependency_down,
        ErrorClass::poison, ErrorClass::internal})
    given(running)
        .when(failing(error))
        .then({failed_with(error), retry_in(500)})
        .so(SlotPhase::retry_waiting);
  for (const ErrorClass error :
       {ErrorClass::contract, ErrorClass::data, ErrorClass::definition, ErrorClass::permission})
    given(running)
        .when(failing(error))
        .then({failed_with(error),
               SlotQuarantined{.run = run0, .slot = slot0, .reason = "sqlstate.40001"}})
        .so(SlotPhase::quarantined);
}

TEST(Failure, IsRetriedUntilTheAttemptsAreSpent) {
  FailAttempt c = failing(ErrorClass::transient, 2);
  c.retry.attempts = 2;
  given(running + failed_with(ErrorClass::transient) + retry_in(0) + attempted(2))
      .when(c)
      .then({failed_with(ErrorClass::transient, 2),
             SlotQuarantined{.run = run0,
                             .slot = slot0,
                             .reason = "2 attempts failed; the last: sqlstate.40001"}});
  c.retry.attempts = 3;
  given(running + failed_with(ErrorClass::transient) + retry_in(0) + attempted(2))
      .when(c)
      .so(SlotPhase::retry_waiting);
}

TEST(Failure, MayFollowTheStaging) {
  given(staged)
      .when(failing(ErrorClass::transient))
      .then({failed_with(ErrorClass::transient), retry_in(500)});
}

TEST(Failure, OfAnOvertakenAttemptIsRefused) {
  given(running + lost_attempt() + attempted(2)).when(failing(ErrorClass::data)).then(conflict);
  given(running + boot(2)).when(failing(ErrorClass::data)).then(conflict);
  given(staged + boot(2)).when(failing(ErrorClass::data)).then(conflict);
  given(planned).when(failing(ErrorClass::data)).then(wrong_phase);
  given(run_open).when(failing(ErrorClass::data)).then(unknown);
}

TEST(Circuit, OpensOnABurstOfOneCauseAndSetsNothingAside) {
  FailAttempt c = failing(ErrorClass::transient);
  c.retry.attempts = 1;
  given(running + others_failing(4))
      .when(c)
      .then({failed_with(ErrorClass::transient), retry_in(0),
             CircuitOpened{.run = run0, .fingerprint = "serialization", .failures = 5}})
      .so(SlotPhase::retry_waiting)
      .when(FinishRun{.run = run0})
      .then({finished(run0, RunOutcome::failed)});
}

TEST(Circuit, StaysClosedBelowItsThresholdOrWithoutOne) {
  given(running + others_failing(3))
      .when(failing(ErrorClass::transient))
      .so([](const State& state) { EXPECT_TRUE(state.runs[0].circuit.empty()); });
  FailAttempt without = failing(ErrorClass::transient);
  without.circuit_threshold = 0;
  given(running + others_failing(8)).when(without).so([](const State& state) {
    EXPECT_TRUE(state.runs[0].circuit.empty());
  });
}

TEST(Circuit, CountsOneCauseSinceTheLastSuccess) {
  FailAttempt other = failing(ErrorClass::transient);
  other.fingerprint = "timeout";
  given(running + others_failing(8)).when(other).so([](const State& state) {
    EXPECT_TRUE(state.runs[0].circuit.empty());
  });
  const SlotId good{9};
  given(running + others_failing(8) + opened(good, "good") +
        planned_as(PlanReason::new_partition, run0, good) + attempted(1, run0, good) +
        staged_as(content_a, 1, run0, good))
      .when(failing(ErrorClass::transient))
      .so([](const State& state) { EXPECT_TRUE(state.runs[0].circuit.empty()); });
}

TEST(Circuit, DoesNotOpenForWhatIsThePartitionsOwnFault) {
  given(running + others_failing(8)).when(failing(ErrorClass::data)).so(SlotPhase::quarantined);
}

// One bad partition in a run of several opened the circuit with its last attempt: it was never set
// aside, and the next run began the same again.
TEST(Circuit, DoesNotOpenForOnePartitionThatFailsAlone) {
  History alone = running + opened(slot1, "b") + planned_as(PlanReason::new_partition, run0, slot1);
  for (Attempt attempt = 1; attempt < 5; ++attempt)
    alone =
        alone + failed_with(ErrorClass::transient, attempt) + retry_in(0) + attempted(attempt + 1);
  given(alone).when(failing(ErrorClass::transient, 5)).so(SlotPhase::quarantined);
}

TEST(Circuit, OnceOpenLetsNoLateFailureOfItsCauseSetAPartitionAside) {
  FailAttempt c = failing(ErrorClass::transient);
  c.retry.attempts = 1;
  const History open =
      running + CircuitOpened{.run = run0, .fingerprint = "serialization", .failures = 5};
  given(open).when(c).then({failed_with(ErrorClass::transient), retry_in(0)});
  c.fingerprint = "disk full";
  given(open).when(c).so(SlotPhase::quarantined);
}

TEST(Loss, PlansTheWorkAgain) {
  const LoseAttempt lose{.slot = slot0, .reason = "crash"};
  given(running)
      .when(lose)
      .then({lost_attempt()})
      .so(SlotPhase::planned)
      .when(begin)
      .then({attempted(2)});
  given(staged + boot(2)).when(lose).then({lost_attempt()}).so(SlotPhase::planned);
  given(loaded).when(lose).then(wrong_phase);
  given(run_open).when(lose).then(unknown);
}

TEST(Loss, TooOftenIsPoison) {
  History history = running;
  for (Attempt attempt = 1; attempt < limits::lost_attempts_max; ++attempt)
    history = history + lost_attempt(attempt) + attempted(attempt + 1);
  given(history)
      .when(LoseAttempt{.slot = slot0, .reason = "crash"})
      .then({lost_attempt(limits::lost_attempts_max),
             SlotQuarantined{.run = run0,
                             .slot = slot0,
                             .reason = "poison: the process died 50 times during this partition"}})
      .so(SlotPhase::quarantined);
}

TEST(Loss, IsCountedPerRun) {
  History history = running;
  for (Attempt attempt = 1; attempt < limits::lost_attempts_max; ++attempt)
    history = history + lost_attempt(attempt) + attempted(attempt + 1);
  history = history + RunCancelled{.run = run0, .reason = "stuck"} +
            finished(run0, RunOutcome::cancelled) + started(run1) +
            planned_as(PlanReason::failed_before, run1) +
            attempted(limits::lost_attempts_max + 1, run1);
  given(history).when(LoseAttempt{.slot = slot0, .reason = "crash"}).so(SlotPhase::planned);
}

TEST(WholePartition, IsReleasedWithAReason) {
  given(quarantined)
      .when(ReleaseSlot{.slot = slot0, .reason = ""})
      .then(mismatch)
      .when(ReleaseSlot{.slot = slot0, .reason = "source fixed"})
      .then({SlotReleased{.slot = slot0, .reason = "source fixed"}})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].phase, SlotPhase::idle);
        EXPECT_EQ(state.slots[0].failures, 0U);
        EXPECT_FALSE(state.slots[0].error);
      })
      .when(ReleaseSlot{.slot = slot0, .reason = "source fixed"})
      .then(wrong_phase);
  given(run_open).when(ReleaseSlot{.slot = slot0, .reason = "source fixed"}).then(unknown);
}

}  // namespace
}  // namespace daybook
