// Loads: intent, then exactly one of committed and aborted, then verified; later perhaps lost.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

IntendLoad intending(const Digest& load = load_a, Generation generation = 1, Attempt attempt = 1,
                     RunId run = run0) {
  return {.run = run,
          .slot = slot0,
          .attempt = attempt,
          .generation = generation,
          .load_id = load,
          .mode = LoadMode::replace};
}
CommitLoad committing(const Digest& load = load_a, std::uint64_t rows = 10) {
  return {.slot = slot0,
          .load_id = load,
          .rows = rows,
          .recovered = false,
          .evidence = "manifest",
          .files = {}};
}
AbortLoad aborting(const Digest& load = load_a) {
  return {.slot = slot0, .load_id = load, .evidence = "no marker", .failure = {}};
}
VerifyLoad verifying(const Digest& load = load_a, std::uint64_t rows = 10) {
  return {.slot = slot0, .load_id = load, .rows = rows};
}
LoseLoad losing(const Digest& load = load_a) {
  return {.slot = slot0, .load_id = load, .evidence = "table dropped"};
}
const History appended_twice = running + staged_as() +
                               intends(load_a, 1, content_a, 1, run0, slot0, LoadMode::append) +
                               commits() + verifies() + finished() + started(run1) +
                               planned_as(PlanReason::input_changed, run1, slot0, inputs_b) +
                               attempted(2, run1) + staged_as(content_b, 2, run1, slot0, inputs_b) +
                               intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append);

TEST(Load, IsIntendedCommittedAndVerified) {
  given(staged)
      .when(intending())
      .then({intends()})
      .when(committing())
      .then({commits()})
      .so([](const State& state) { EXPECT_EQ(state.slots[0].current, 1U); })
      .when(verifying())
      .then({verifies()})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].generations[0].standing, Standing::verified);
        EXPECT_EQ(state.slots[0].generations[0].inputs, inputs_a);
      });
}

TEST(Intent, IsThatOfTheLiveStagedAttempt) {
  given(running).when(intending()).then(wrong_phase);
  given(awaiting).when(intending()).then(wrong_phase);
  given(staged).when(intending(load_a, 1, 2)).then(conflict);
  given(staged + boot(2)).when(intending()).then(conflict);
  given(run_open).when(intending()).then(unknown);
  given(staged).when(intending(load_a, 1, 1, run1)).then(unknown);
  given(done).when(intending()).then(wrong_phase);
}

TEST(Intent, InTheNameOfAnotherRunIsRefused) {
  RunStarted other = started(run1, definition1);
  other.pipeline = "navaids";
  given(staged + registered(definition1, def_b) + other)
      .when(intending(load_a, 1, 1, run1))
      .then(conflict);
}

TEST(Intent, IsOfTheNextGeneration) {
  given(staged).when(intending(load_a, 2)).then(conflict);
  given(staged).when(intending(load_a, 0)).then(conflict);
}

TEST(Intent, AfterAnAbortedLoadOfTheSameContentIsTheSameLoad) {
  const History again = intended + aborts() + attempted(2) + staged_as(content_a, 2);
  given(again).when(intending(load_a, 2, 2)).then(conflict);
  given(again).when(intending(load_b, 1, 2)).then(mismatch);
  given(again)
      .when(intending(load_a, 1, 2))
      .then({intends(load_a, 1, content_a, 2)})
      .when(committing())
      .so([](const State& state) { EXPECT_EQ(state.slots[0].generations.size(), 1U); });
}

TEST(Intent, AfterAnAbortedLoadOfOtherContentIsAnotherLoad) {
  const History again = intended + aborts() + attempted(2) + staged_as(content_b, 2);
  given(again).when(intending(load_b, 1, 2)).then(conflict);
  // One load id for two contents: the sink would take the second for the first.
  given(again).when(intending(load_a, 2, 2)).then(mismatch);
  given(again).when(intending(load_b, 2, 2)).then({intends(load_b, 2, content_b, 2)});
}

// An open circuit refused the load of what was staged, and the run waited for it for ever.
TEST(Intent, OfWhatIsStagedPassesAnOpenCircuit) {
  given(staged + CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5})
      .when(intending())
      .then({intends()});
}

TEST(Identity, NamesWhereWhatAndWhichGeneration) {
  const State state = folded(staged);
  EXPECT_EQ(load_identity(state, state.slots[0], 3, digest(0xAB)),
            "daybook/load/v1\ndaybook.local/test\nrunways\nwarehouse\n2024-06-01\n3\n"
            "abababababababababababababababababababababababababababababababab\n");
}

TEST(Commit, IsOfTheIntendedLoadAndItsRows) {
  given(staged).when(committing()).then(wrong_phase);
  given(run_open).when(committing()).then(unknown);
  given(intended).when(committing(load_b)).then(mismatch);
  given(intended).when(committing(load_a, 9)).then(mismatch);
  CommitLoad many = committing();
  many.files.resize(limits::files_per_load_max + 1);
  given(intended).when(many).then(too_large);
}

CommitLoad committing_files(std::size_t count) {
  CommitLoad c = committing();
  for (std::size_t i = 0; i < count; ++i)
    c.files.push_back({fmt::format("part-{}.parquet", i), i, i, load_a});
  return c;
}

TEST(Commit, NamesTheFilesWhereTheyAreFew) {
  const CommitLoad few = committing_files(limits::files_in_commit_max);
  LoadCommitted committed = commits();
  committed.files = few.files;
  given(intended).when(few).then({committed});
}

// An entry is bounded, and so is the proof of a row that carries it.
TEST(Commit, ListsManyFilesBeforeIt) {
  const CommitLoad many = committing_files(limits::list_items_max + 1);
  LoadFilesListed first{.run = run0, .slot = slot0, .load_id = load_a, .files = many.files};
  first.files.pop_back();
  const LoadFilesListed last{
      .run = run0, .slot = slot0, .load_id = load_a, .files = {many.files.back()}};
  LoadCommitted committed = commits();
  committed.files_listed = limits::list_items_max + 1;
  given(intended).when(many).then({first, last, committed});
}

TEST(Commit, OfASlotWithoutLoadsIsRefused) {
  State state = folded(intended);
  state.slots[0].generations.clear();
  const auto decision = decide(state, {.now = state.now, .actor = {}}, committing());
  ASSERT_FALSE(decision.has_value());
  EXPECT_EQ(decision.error().code, mismatch);
}

TEST(Commit, MayBeFoundByALaterBoot) {
  CommitLoad c = committing();
  c.recovered = true;
  LoadCommitted found = commits();
  found.recovered = true;
  given(intended + boot(2)).when(c).then({found});
}

TEST(Commit, ReplacesWhatStoodBefore) {
  const State state = folded(second_load);
  EXPECT_EQ(state.slots[0].generations[0].standing, Standing::superseded);
  EXPECT_EQ(state.slots[0].generations[1].replaced, 1U);
  EXPECT_EQ(state.slots[0].current, 2U);
}

TEST(Commit, OfAnAppendLeavesWhatStoodBefore) {
  given(appended_twice).when(committing(load_b)).so([](const State& state) {
    EXPECT_EQ(state.slots[0].generations[0].standing, Standing::verified);
    EXPECT_EQ(state.slots[0].generations[1].standing, Standing::committed);
    EXPECT_EQ(state.slots[0].current, 2U);
  });
}

// A slot with an earlier append unverified could settle that one in place of the intended load.
TEST(Commit, OfAnEarlierAppendDoesNotSettleTheIntendedOne) {
  const History unverified = [] {
    History history;
    for (const Fact& fact : appended_twice)
      if (!std::holds_alternative<LoadVerified>(fact.event)) history = history + fact;
    return history;
  }();
  State state = folded(unverified);
  state.slots[0].generations[0].standing = Standing::committed;
  const auto decision = decide(state, {.now = state.now, .actor = {}}, committing(load_a));
  ASSERT_FALSE(decision.has_value());
  EXPECT_EQ(decision.error().code, mismatch);
}

TEST(Commit, DeliversTheRecordsReleasedBeforeItsAttempt) {
  AttemptStaged with_batch = staged_as();
  with_batch.counts = {.read = 12, .accepted = 10, .quarantined = 2, .filtered = 0, .merged = 0};
  with_batch.batch = batch0;
  const auto release = [](std::uint32_t record) {
    return RecordsReleased{.batch = batch0, .records = {record}, .reason = "right after all"};
  };
  given(running + with_batch + intends() + commits() + verifies() + finished() + release(0) +
        started(run1) + planned_as(PlanReason::released, run1) + attempted(2, run1) + release(1) +
        staged_as(content_b, 2, run1) + intends(load_b, 2, content_b, 2, run1))
      .when(committing(load_b))
      .so([](const State& state) {
        const BatchState& batch = state.batches[0];
        EXPECT_EQ(batch.touched.at(0).status, RecordState::Status::delivered);
        EXPECT_EQ(batch.touched.at(1).status, RecordState::Status::released);
        EXPECT_TRUE(batch.superseded);
      })
      .when(DiscardRecords{.batch = batch0, .records = {1}, .reason = "no"})
      .then(stale);
}

TEST(Abort, PlansTheWorkAgain) {
  given(staged).when(aborting()).then(wrong_phase);
  given(run_open).when(aborting()).then(unknown);
  given(intended).when(aborting(load_b)).then(mismatch);
  given(intended)
      .when(aborting())
      .then({aborts()})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].phase, SlotPhase::planned);
        EXPECT_EQ(state.slots[0].losses, 0U);
        EXPECT_EQ(state.slots[0].generations[0].standing, Standing::aborted);
      })
      .when(StartAttempt{.run = run0, .slot = slot0})
      .then({attempted(2)});
}

TEST(Abort, OfAFailedLoadIsAFailedAttempt) {
  AbortLoad c = aborting();
  FailAttempt& failure = c.failure.emplace();
  failure.attempt = 1;
  failure.error = ErrorClass::transient;
  failure.code = "sqlstate.40001";
  failure.fingerprint = "serialization";
  failure.detail = "could not serialize access";
  failure.classified_by = "postgres";
  // The command names its slot; so does the failure within, to no effect.
  failure.slot = slot0;
  given(intended)
      .when(c)
      .then({aborts(), failed_with(ErrorClass::transient), retry_in(500)})
      .so(SlotPhase::retry_waiting);
  given(intended + boot(2)).when(c).then(conflict);
  failure.attempt = 2;
  given(intended).when(c).then(conflict);
}

// A process that dies during the load, each time, was never counted: the partition was attempted
// without end.
TEST(Abort, AfterTheProcessDiedTooOftenIsPoison) {
  History history = planned;
  for (std::uint32_t n = 1; n <= limits::lost_attempts_max; ++n) {
    history = history + attempted(n) + staged_as(content_a, n) + intends(load_a, 1, content_a, n) +
              boot(n + 1);
    if (n < limits::lost_attempts_max) history = history + aborts();
  }
  given(history)
      .when(aborting())
      .then({aborts(),
             SlotQuarantined{.run = run0,
                             .slot = slot0,
                             .reason = "poison: the process died 50 times during this partition"}});
}

TEST(Verification, IsOfTheCommittedLoadAndItsRows) {
  given(intended).when(verifying()).then(wrong_phase);
  given(run_open).when(verifying()).then(unknown);
  given(loaded).when(verifying(load_b)).then(mismatch);
  given(loaded).when(verifying(load_a, 9)).then(mismatch);
}

TEST(LostLoad, LeavesAGap) {
  given(verified)
      .when(losing())
      .then({loses()})
      .so([](const State& state) {
        EXPECT_EQ(state.slots[0].phase, SlotPhase::lost);
        EXPECT_EQ(state.slots[0].current, 0U);
      })
      .when(losing())
      .then(wrong_phase);
  given(loaded).when(losing()).so(SlotPhase::lost);
}

TEST(LostLoad, IsOneThatStood) {
  given(run_open).when(losing()).then(unknown);
  given(verified).when(losing(load_b)).then(unknown);
  given(intended).when(losing()).then(wrong_phase);
  given(second_load).when(losing()).then(wrong_phase);
}

TEST(LostLoad, OfAnAppendLeavesTheOthers) {
  const History both = appended_twice + commits(load_b, run1) + verifies(load_b, run1);
  given(both).when(losing(load_b)).so([](const State& state) {
    EXPECT_EQ(state.slots[0].phase, SlotPhase::lost);
    EXPECT_EQ(state.slots[0].current, 1U);
  });
  given(both).when(losing(load_a)).so([](const State& state) {
    EXPECT_EQ(state.slots[0].phase, SlotPhase::verified);
    EXPECT_EQ(state.slots[0].current, 2U);
  });
}

// A loss found while the next load was under way made its phase "lost": the intended load was never
// settled, the attempt that ran was turned away.
TEST(LostLoad, LeavesWhatIsUnderWayAlone) {
  const History planned_again =
      next_run + planned_as(PlanReason::input_changed, run1, slot0, inputs_b);
  const History running_again = planned_again + attempted(2, run1);
  const History staged_again = running_again + staged_as(content_b, 2, run1, slot0, inputs_b);
  const History intended_again = staged_again + intends(load_b, 2, content_b, 2, run1);
  const auto keeps = [](const History& history, SlotPhase phase) {
    given(history).when(losing()).so([&](const State& state) {
      EXPECT_EQ(state.slots[0].phase, phase);
      EXPECT_EQ(state.slots[0].current, 0U);
    });
  };
  keeps(planned_again, SlotPhase::planned);
  keeps(running_again, SlotPhase::running);
  keeps(staged_again, SlotPhase::staged);
  keeps(staged_again + held_for("rows", run1), SlotPhase::held);
  keeps(intended_again, SlotPhase::load_intended);
}

}  // namespace
}  // namespace daybook
