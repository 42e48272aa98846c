// What may never be in a book is found when it is: each rule is broken once.
#include "statemachine/invariants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;

std::set<std::string> rules(const std::vector<InvariantViolation>& found) {
  std::set<std::string> names;
  for (const InvariantViolation& violation : found) {
    EXPECT_FALSE(violation.detail.empty());
    names.insert(violation.rule);
  }
  return names;
}
std::set<std::string> broken(const History& history, const Fact& fact) {
  const State state = folded(history);
  return rules(violations(state, entry_after(state, fact)));
}
using Rules = std::set<std::string>;
const Rules none;

TEST(Invariants, TheBookIsCreatedFirstAndOnce) {
  EXPECT_EQ(broken({}, created), none);
  EXPECT_EQ(broken({}, boot(1)), Rules{"I1"});
  EXPECT_EQ(broken(book, created), Rules{"I1"});
}

TEST(Invariants, EpochsRiseByOneAndEntriesCarryTheirs) {
  EXPECT_EQ(broken(book, boot(2)), none);
  EXPECT_EQ(broken(book, boot(3)), Rules{"I6"});
  const State state = folded(book);
  Entry entry = entry_after(state, boot(2));
  entry.envelope.epoch = 1;
  EXPECT_EQ(rules(violations(state, entry)), Rules{"I6"});
  entry = entry_after(state, started());
  entry.envelope.epoch = 2;
  EXPECT_TRUE(rules(violations(state, entry)).contains("I6"));
}

TEST(Invariants, TimeDoesNotGoBack) {
  const State state = folded(book);
  Entry entry = entry_after(state, enrolled("ben", {}));
  EXPECT_EQ(rules(violations(state, entry)), none);
  --entry.envelope.recorded_at;
  EXPECT_EQ(rules(violations(state, entry)), Rules{"I9"});
}

TEST(Invariants, CheckpointsCoverMoreEachTimeAndNeverTheFuture) {
  const auto of = [](std::uint64_t size) {
    return CheckpointSigned{.size = size, .root = {}, .state_root = {}};
  };
  EXPECT_EQ(broken(book, of(2)), none);
  EXPECT_EQ(broken(book, of(3)), Rules{"I8"});
  EXPECT_EQ(broken(book + of(2), of(2)), Rules{"I8"});
}

TEST(Invariants, NewIdsAreTheNextOnes) {
  EXPECT_EQ(broken(people, registered(definition1)), Rules{"I19"});
  EXPECT_EQ(broken(defined, started(run1)), Rules{"I13"});
  EXPECT_EQ(broken(people, started()), Rules{"I19"});
  EXPECT_EQ(broken(run_open, opened(slot1)), Rules{"I13"});
  EXPECT_EQ(broken(planned, opened(slot1)), Rules{"I22"});
  EXPECT_EQ(broken(staged, asks(approval1)), Rules{"I33"});
}

TEST(Invariants, EntriesNameWhatIsThere) {
  EXPECT_EQ(broken(book, PrincipalRevoked{.principal = "ben", .reason = {}}), Rules{"I36"});
  EXPECT_EQ(broken(run_open,
                   PartitionsExpected{.pipeline = "runways", .sink = "warehouse", .keys = {"x"}}),
            Rules{"I13"});
  EXPECT_EQ(broken(defined, finished()), Rules{"I13"});
  EXPECT_EQ(broken(defined, RunCancelled{.run = run0, .reason = {}}), Rules{"I13"});
  EXPECT_EQ(broken(defined, CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5}),
            Rules{"I13"});
  EXPECT_EQ(broken(run_open, planned_as(PlanReason::forced)), Rules{"I13"});
  EXPECT_EQ(broken(run_open, skipped_as(SkipReason::unchanged, 1, run0)), Rules{"I13"});
  EXPECT_EQ(broken(planned, attempted(1, run1)), (Rules{"I13", "I14"}));
  EXPECT_EQ(broken(staged, intends(load_a, 1, content_a, 1, run1)), Rules{"I13"});
  EXPECT_EQ(broken(run_open, commits()), Rules{"I13"});
  EXPECT_EQ(broken(run_open, loses()), Rules{"I13"});
  EXPECT_EQ(broken(staged, RecordsReleased{.batch = batch0, .records = {0}, .reason = {}}),
            Rules{"I29"});
  EXPECT_EQ(broken(staged, approves("ben")), Rules{"I33"});
  EXPECT_EQ(
      broken(staged, ApprovalRejected{.approval = approval0, .approver = "ben", .reason = {}}),
      Rules{"I33"});
  EXPECT_EQ(broken(done, CompensationStarted{.compensation = compensation0}), Rules{"I30"});
  EXPECT_EQ(broken(done, CompensationIntended{.compensation = compensation0, .step = 0}),
            Rules{"I30"});
  EXPECT_EQ(
      broken(done, CompensationFailed{.compensation = compensation0, .step = 0, .detail = {}}),
      Rules{"I30"});
  EXPECT_EQ(broken(done, CompensationFinished{.compensation = compensation0}), Rules{"I30"});
  EXPECT_EQ(broken(done, CompensationWithdrawn{.compensation = compensation0, .reason = {}}),
            Rules{"I30"});
}

// The table of transitions: the phases from which each event of a partition may follow.
struct Edge {
  Event event;
  std::set<SlotPhase> from;
};
const std::vector<Edge> edges = {
    {attempted(2), {SlotPhase::planned, SlotPhase::retry_waiting}},
    {staged_as(), {SlotPhase::running}},
    {failed_with(ErrorClass::data), {SlotPhase::running, SlotPhase::staged, SlotPhase::planned}},
    {lost_attempt(), {SlotPhase::running, SlotPhase::staged}},
    {retry_in(5), {SlotPhase::failed}},
    {held_for("rows"), {SlotPhase::staged, SlotPhase::planned}},
    {HoldDecided{.slot = slot0, .decision = HoldDecision::discard, .reason = "x"},
     {SlotPhase::held}},
    {set_aside(), {SlotPhase::failed, SlotPhase::planned}},
    {SlotReleased{.slot = slot0, .reason = "x"}, {SlotPhase::quarantined}},
    {intends(load_b, 2), {SlotPhase::staged}},
    {commits(), {SlotPhase::load_intended}},
    {aborts(), {SlotPhase::load_intended}},
    {verifies(), {SlotPhase::loaded}},
};

TEST(Invariants, PartitionsFollowTheTableOfTransitions) {
  // A partition with one settled load and another attempt staged; only its phase is varied.
  State base = folded(verified);
  base.slots[0].staged = folded(staged).slots[0].staged;
  for (const Edge& edge : edges)
    for (int phase = 0; phase <= static_cast<int>(SlotPhase::skipped); ++phase) {
      State state = base;
      state.slots[0].phase = static_cast<SlotPhase>(phase);
      const Rules found = rules(violations(state, entry_after(state, edge.event)));
      EXPECT_EQ(found.contains("I13"), !edge.from.contains(static_cast<SlotPhase>(phase)))
          << ::testing::PrintToString(edge.event) << " while "
          << name(static_cast<SlotPhase>(phase));
    }
}

TEST(Invariants, PlanningWaitsForWhatIsUnderWay) {
  const Event plan_again = planned_as(PlanReason::forced);
  EXPECT_EQ(broken(verified, plan_again), none);
  EXPECT_EQ(broken(running, plan_again), Rules{"I13"});
  EXPECT_EQ(broken(intended, plan_again), (Rules{"I13", "I24"}));
  EXPECT_EQ(broken(loaded, plan_again), (Rules{"I13", "I24"}));
  State abandoned = folded(staged);
  abandoned.runs[0].open = false;
  EXPECT_EQ(rules(violations(abandoned, entry_after(abandoned, plan_again))), none);
}

TEST(Invariants, UnchangedIsWhatStands) {
  EXPECT_EQ(broken(next_run, skipped_as(SkipReason::unchanged, 1)), none);
  EXPECT_EQ(broken(next_run, skipped_as(SkipReason::unchanged, 2)), Rules{"I22"});
  EXPECT_EQ(broken(planned, skipped_as(SkipReason::unchanged, 0, run0)), Rules{"I22"});
  EXPECT_EQ(broken(planned, skipped_as(SkipReason::waiting, 0, run0)), none);
}

TEST(Invariants, RunsEndOnceAndWithNothingOwed) {
  EXPECT_EQ(broken(done, finished()), Rules{"I13"});
  EXPECT_EQ(broken(running, finished()), Rules{"I13"});
  EXPECT_EQ(broken(done, RunCancelled{.run = run0, .reason = {}}), Rules{"I32"});
  const Event circuit = CircuitOpened{.run = run0, .fingerprint = "x", .failures = 5};
  EXPECT_EQ(broken(planned + circuit, finished(run0, RunOutcome::failed)), none);
  EXPECT_EQ(broken(planned + circuit, circuit), Rules{"I13"});
}

TEST(Invariants, AttemptsAreNumberedInOneRunAndInTime) {
  EXPECT_EQ(broken(planned, attempted(2)), Rules{"I14"});
  EXPECT_EQ(broken(running + failed_with(ErrorClass::transient) + retry_in(5), attempted(2)),
            Rules{"I17"});
  State state = folded(planned);
  state.runs[0].cancelled = true;
  EXPECT_EQ(rules(violations(state, entry_after(state, attempted()))), Rules{"I32"});
}

TEST(Invariants, OnlyTheLiveAttemptSpeaks) {
  for (const Event& event :
       {Event(staged_as(content_a, 2)), Event(failed_with(ErrorClass::data, 2))})
    EXPECT_EQ(broken(running, event), Rules{"I15"});
  EXPECT_EQ(broken(running + boot(2), staged_as()), Rules{"I15"});
  EXPECT_EQ(broken(running + boot(2), failed_with(ErrorClass::data)), Rules{"I15"});
  EXPECT_EQ(broken(staged + boot(2), intends()), Rules{"I15"});
  EXPECT_EQ(broken(running + boot(2), lost_attempt()), none);
}

TEST(Invariants, RowsAreConserved) {
  AttemptStaged lossy = staged_as();
  lossy.counts.accepted = 9;
  EXPECT_EQ(broken(running, lossy), Rules{"I27"});
  LoadCommitted fewer = commits();
  fewer.rows = 9;
  EXPECT_EQ(broken(intended, fewer), Rules{"I27"});
}

TEST(Invariants, QuarantinedRecordsHaveABatch) {
  AttemptStaged staged = staged_as();
  staged.batch = batch0;
  EXPECT_EQ(broken(running, staged), Rules{"I29"});
  staged.batch = no_batch;
  staged.counts.quarantined = 1;
  ++staged.counts.read;
  EXPECT_EQ(broken(running, staged), Rules{"I29"});
}

TEST(Invariants, RecordsAreThereAndDecidedOnce) {
  AttemptStaged staged = staged_as();
  staged.counts = {.read = 12, .accepted = 10, .quarantined = 2, .filtered = 0, .merged = 0};
  staged.batch = batch0;
  const History history = running + staged;
  const auto release = [](std::uint32_t record) {
    return RecordsReleased{.batch = batch0, .records = {record}, .reason = "x"};
  };
  const RecordAmended amend{
      .batch = batch0, .record = 0, .replacement = {}, .digest = {}, .reason = "x"};
  EXPECT_EQ(broken(history, release(2)), Rules{"I29"});
  EXPECT_EQ(broken(history + release(0), release(0)), Rules{"I29"});
  EXPECT_EQ(broken(history + release(0), amend), Rules{"I29"});
  EXPECT_EQ(broken(history + amend, release(0)), none);
  EXPECT_EQ(broken(history + release(1),
                   RecordsDiscarded{.batch = batch0, .records = {0, 1}, .reason = "x"}),
            Rules{"I29"});
}

TEST(Invariants, ALoadIsWhatWasStagedUnderItsOwnIdAndNumber) {
  EXPECT_EQ(broken(staged, intends()), none);
  EXPECT_EQ(broken(staged, intends(load_a, 1, content_b)), Rules{"I25"});
  EXPECT_EQ(broken(staged, intends(load_a, 2)), Rules{"I22"});
  const History again = intended + aborts() + attempted(2) + staged_as(content_a, 2);
  EXPECT_EQ(broken(again, intends(load_a, 1, content_a, 2)), none);
  EXPECT_EQ(broken(again, intends(load_b, 1, content_a, 2)), Rules{"I25"});
  const History other = intended + aborts() + attempted(2) + staged_as(content_b, 2);
  EXPECT_EQ(broken(other, intends(load_a, 2, content_b, 2)), Rules{"I25"});
}

TEST(Invariants, ALoadIsIntendedBeforeACancelAndAfterItsApprovals) {
  State state = folded(staged);
  state.runs[0].cancelled = true;
  EXPECT_EQ(rules(violations(state, entry_after(state, intends()))), Rules{"I32"});
  state = folded(awaiting);
  state.slots[0].phase = SlotPhase::staged;
  EXPECT_EQ(rules(violations(state, entry_after(state, intends()))), Rules{"I33"});
  EXPECT_EQ(broken(awaiting + approves("ben"), intends()), none);
}

TEST(Invariants, OnlyTheIntendedLoadIsSettled) {
  EXPECT_EQ(broken(intended, commits(load_b)), Rules{"I21"});
  EXPECT_EQ(broken(intended, aborts(load_b)), Rules{"I21"});
  EXPECT_EQ(broken(loaded, verifies(load_b)), Rules{"I21"});
  State state = folded(intended);
  state.slots[0].generations.clear();
  EXPECT_EQ(rules(violations(state, entry_after(state, commits()))), Rules{"I21"});
}

TEST(Invariants, OnlyWhatStandsIsLost) {
  EXPECT_EQ(broken(verified, loses()), none);
  EXPECT_EQ(broken(verified, loses(load_b)), Rules{"I23"});
  EXPECT_EQ(broken(verified + loses(), loses()), Rules{"I23"});
}

TEST(Invariants, WhatIsRejectedOrVoidIsNotApproved) {
  EXPECT_EQ(broken(awaiting + ApprovalRejected{.approval = approval0,
                                               .approver = "ben",
                                               .reason = "too many rows"},
                   approves("cleo")),
            Rules{"I35"});
  EXPECT_EQ(broken(awaiting + RunCancelled{.run = run0, .reason = "wrong day"}, approves("ben")),
            Rules{"I35"});
}

TEST(Invariants, ApproversTookNoPartAndAreTwoPeople) {
  const History two = staged + asks(approval0, plan_a, 2);
  EXPECT_EQ(broken(two, approves("ben")), none);
  EXPECT_EQ(broken(two, approves("ana")), Rules{"I34"});
  EXPECT_EQ(broken(two + approves("ben"), approves("ben")), Rules{"I34"});
  ApprovalGiven same_key = approves("cleo");
  same_key.key_fingerprint = "SHA256:ben";
  EXPECT_EQ(broken(two + approves("ben"), same_key), Rules{"I34"});
  EXPECT_EQ(broken(two, approves("nobody")), Rules{"I35"});
  EXPECT_EQ(broken(two + PrincipalRevoked{.principal = "ben", .reason = {}}, approves("ben")),
            Rules{"I35"});
}

CompensationProposed proposed(Generation generation) {
  return {.compensation = compensation0,
          .action = CompensationAction::restore_previous,
          .steps = {{.slot = slot0, .generation = generation, .restores = 0, .load_id = load_c}},
          .plan = plan_b,
          .text = {},
          .approvals = 0,
          .reason = "x"};
}
const Event begun = CompensationStarted{.compensation = compensation0};
const Event step = CompensationIntended{.compensation = compensation0, .step = 0};
const CompensationCommitted committed{.compensation = compensation0,
                                      .step = 0,
                                      .rows_removed = 10,
                                      .rows_restored = 0,
                                      .recovered = false,
                                      .evidence = "marker"};

TEST(Invariants, OnlyWhatStandsIsTakenBack) {
  EXPECT_EQ(broken(verified, proposed(1)), none);
  EXPECT_EQ(broken(verified, proposed(0)), Rules{"I30"});
  EXPECT_EQ(broken(second_load, proposed(1)), Rules{"I30"});
  CompensationProposed nowhere = proposed(1);
  nowhere.steps[0].slot = slot1;
  EXPECT_EQ(broken(verified, nowhere), Rules{"I13"});
  EXPECT_EQ(broken(verified + proposed(1) + loses(), begun), Rules{"I30"});
}

TEST(Invariants, CompensationsStartApprovedAndOnce) {
  ApprovalRequested ask = asks(approval0, plan_b);
  ask.subject = ApprovalSubject::compensation;
  ask.compensation = compensation0;
  const History asked = verified + proposed(1) + ask;
  EXPECT_EQ(broken(asked, begun), Rules{"I33"});
  EXPECT_EQ(broken(asked + approves("ben"), begun), none);
  EXPECT_EQ(broken(verified + proposed(1), begun), none);
  EXPECT_EQ(broken(verified + proposed(1) + begun, begun), Rules{"I31"});
}

TEST(Invariants, CompensationsGoStepByStep) {
  const History open = verified + proposed(1);
  EXPECT_EQ(broken(open, step), Rules{"I31"});
  EXPECT_EQ(broken(open + begun, step), none);
  EXPECT_EQ(broken(open + begun, CompensationIntended{.compensation = compensation0, .step = 1}),
            Rules{"I31"});
  EXPECT_EQ(broken(open + begun, committed), Rules{"I31"});
  EXPECT_EQ(broken(open + begun + step, step), none);
  EXPECT_EQ(broken(open + begun + step, committed), none);
  CompensationCommitted other = committed;
  other.step = 1;
  EXPECT_EQ(broken(open + begun + step, other), Rules{"I31"});
  other.compensation = compensation1;
  EXPECT_EQ(broken(open + begun + step, other), Rules{"I30"});
  const Event end = CompensationFinished{.compensation = compensation0};
  EXPECT_EQ(broken(open + begun + step, end), Rules{"I31"});
  EXPECT_EQ(broken(open + begun + step + committed, end), none);
}

TEST(Invariants, OfTheWholeStateHoldForEveryStoryWeTell) {
  for (const History& history : {book, planned, staged, intended, verified, held, second_load})
    EXPECT_EQ(rules(violations(folded(history))), none);
}

TEST(Invariants, OfTheWholeStateFindWhatTheEntriesHide) {
  State two_stand = folded(second_load);
  two_stand.slots[0].generations[0].standing = Standing::verified;
  EXPECT_EQ(rules(violations(two_stand)), Rules{"I22"});
  two_stand.slots[0].generations[1].mode = LoadMode::append;
  EXPECT_EQ(rules(violations(two_stand)), none);

  State fallen = folded(verified);
  fallen.slots[0].generations[0].standing = Standing::lost;
  EXPECT_EQ(rules(violations(fallen)), Rules{"I22"});
  fallen.slots[0].current = 7;
  EXPECT_EQ(rules(violations(fallen)), Rules{"I22"});

  State settled_twice = folded(intended);
  settled_twice.slots[0].generations[0].standing = Standing::aborted;
  EXPECT_EQ(rules(violations(settled_twice)), Rules{"I24"});
  settled_twice.slots[0].generations.clear();
  EXPECT_EQ(rules(violations(settled_twice)), Rules{"I24"});

  State strange = folded(book);
  strange.anomalies = 1;
  EXPECT_EQ(rules(violations(strange)), Rules{"I11"});
}

TEST(Settled, IsWhatWaitsForNobodyButAPerson) {
  const std::set<SlotPhase> busy = {
      SlotPhase::planned,       SlotPhase::running, SlotPhase::retry_waiting, SlotPhase::staged,
      SlotPhase::load_intended, SlotPhase::loaded,  SlotPhase::compensating};
  for (int phase = 0; phase <= static_cast<int>(SlotPhase::skipped); ++phase)
    EXPECT_EQ(settled(static_cast<SlotPhase>(phase)),
              !busy.contains(static_cast<SlotPhase>(phase)));
  EXPECT_TRUE(settled(static_cast<SlotPhase>(200)));
}

TEST(Paused, IsAPartitionByItselfOrByWhatItBelongsTo) {
  const State state = folded(run_open + opened());
  EXPECT_FALSE(paused(state, state.slots[0]));
  State by_itself = state;
  by_itself.slots[0].paused = true;
  EXPECT_TRUE(paused(by_itself, by_itself.slots[0]));
  State by_book = state;
  by_book.paused = true;
  EXPECT_TRUE(paused(by_book, by_book.slots[0]));
}

TEST(Lookup, FindsWhatIsThereAndNothingElse) {
  const State state = folded(awaiting);
  EXPECT_EQ(state.find(slot0), &state.slots[0]);
  EXPECT_EQ(state.find(slot1), nullptr);
  EXPECT_EQ(state.find(no_run), nullptr);
  EXPECT_EQ(state.find(batch0), nullptr);
  EXPECT_EQ(state.find(approval0), &state.approvals[0]);
  EXPECT_EQ(state.find(compensation0), nullptr);
  EXPECT_EQ(state.find_definition(definition0), &state.definitions[0]);
  EXPECT_EQ(state.find_definition(definition1), nullptr);
  EXPECT_EQ(state.slot("runways", "warehouse", "2024-06-01"), slot0);
  EXPECT_EQ(state.slot("runways", "warehouse", "x"), std::nullopt);
  EXPECT_EQ(generation(state.slots[0], 0), nullptr);
  EXPECT_EQ(generation(state.slots[0], 1), nullptr);
}

}  // namespace
}  // namespace daybook
