// Folding is total: whatever an entry says, there is a state after it.
#include "statemachine/apply.h"

#include <gtest/gtest.h>

#include "tests/statemachine/random_values.h"
#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;

constexpr std::uint8_t phases = static_cast<std::uint8_t>(SlotPhase::skipped) + 1;

// A book with one of everything: two slots, a batch, an approval, an open compensation, two runs.
State rich() {
  AttemptStaged with_batch = staged_as();
  with_batch.counts = {.read = 12, .accepted = 10, .quarantined = 2, .filtered = 0, .merged = 0};
  with_batch.batch = batch0;
  return folded(running + with_batch + asks() + approves("ben") + intends() + commits() +
                verifies() + finished() +
                CompensationProposed{
                    .compensation = compensation0,
                    .action = CompensationAction::restore_previous,
                    .steps = {{.slot = slot0, .generation = 1, .restores = 0, .load_id = load_c}},
                    .plan = plan_b,
                    .text = {},
                    .approvals = 0,
                    .reason = "wrong source"} +
                started(run1) + opened(slot1, "2025-06-01"));
}

// What an entry that names what is not there leaves: the state as it was, and a mark.
State marked(State state, std::uint64_t anomalies, const Entry& entry) {
  state.anomalies = anomalies;
  state.now = std::max(state.now, entry.envelope.recorded_at);
  ++state.size;
  return state;
}

void apply_and_check(State& state, const Entry& entry) {
  const State before = state;
  apply(state, entry);
  ASSERT_GE(state.anomalies, before.anomalies);
  if (state.anomalies > before.anomalies) {
    ASSERT_EQ(state, marked(before, state.anomalies, entry))
        << ::testing::PrintToString(entry.event);
  }
  // Everything that reads a state reads this one too.
  static_cast<void>(pending(state));
  static_cast<void>(violations(state));
  static_cast<void>(violations(before, entry));
}

TEST(Apply, FoldsAnyTwoHundredThousandEntries) {
  Random random(20240601);
  std::uint64_t anomalies = 0, quiet = 0;
  for (int life = 0; life < 200; ++life) {
    State state = life % 2 == 0 ? State{} : rich();
    for (int i = 0; i < 1000; ++i) {
      Entry entry;
      fill(random, entry);
      ASSERT_NO_FATAL_FAILURE(apply_and_check(state, entry)) << "life " << life << " entry " << i;
    }
    EXPECT_EQ(state.size, 1000 + (life % 2 == 0 ? 0 : rich().size));
    anomalies += state.anomalies;
    quiet += state.size;
  }
  EXPECT_GT(anomalies, 10'000U);
  EXPECT_GT(quiet, anomalies);
}

// Decisions about a book that makes no sense are answers all the same.
TEST(Apply, LeavesStatesThatDecideCanRead) {
  Random random(7);
  for (int life = 0; life < 100; ++life) {
    State state = rich();
    for (int i = 0; i < 300; ++i) {
      Entry entry;
      fill(random, entry);
      apply(state, entry);
      Command command;
      fill(random, command);
      static_cast<void>(decide(state, {.now = 0, .actor = entry.envelope.actor}, command));
    }
  }
}

template <std::size_t index = 0, typename Visit>
void for_each_kind(const Visit& visit) {
  visit(std::in_place_index<index>);
  if constexpr (index + 1 < std::variant_size_v<Event>) for_each_kind<index + 1>(visit);
}

TEST(Apply, TakesEveryEventInEveryPhase) {
  const State base = rich();
  for (std::uint8_t phase = 0; phase < phases; ++phase) {
    for_each_kind([&]<std::size_t index>(std::in_place_index_t<index>) {
      State state = base;
      state.slots[0].phase = SlotPhase{phase};
      Entry entry{.envelope = {}, .event = Event(std::in_place_index<index>)};
      ASSERT_NO_FATAL_FAILURE(apply_and_check(state, entry));
      Random random(index * phases + phase);
      for (int i = 0; i < 20; ++i) {
        fill(random, std::get<index>(entry.event));
        state = base;
        state.slots[0].phase = SlotPhase{phase};
        ASSERT_NO_FATAL_FAILURE(apply_and_check(state, entry));
      }
    });
  }
}

TEST(Apply, FoldsTheSameEntriesToTheSameState) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    State once = rich(), twice = rich();
    for (State* state : {&once, &twice}) {
      Random random(seed);
      for (int i = 0; i < 500; ++i) {
        Entry entry;
        fill(random, entry);
        apply(*state, entry);
      }
    }
    EXPECT_EQ(once, twice) << "seed " << seed;
  }
}

TEST(Apply, CountsEntriesAndKeepsTheLatestTime) {
  State state = folded(book);
  apply(state, entry_after(state, later(5 * second, created)));
  const Timestamp latest = state.now;
  Entry early = entry_after(state, created);
  early.envelope.recorded_at = 1;
  apply(state, early);
  EXPECT_EQ(state.size, 4U);
  EXPECT_EQ(state.now, latest);
}

TEST(Apply, MarksWhatNamesNothing) {
  const History strange = {
      PrincipalRevoked{.principal = "nobody", .reason = {}},
      started(run0, DefinitionId{9}),
      started(RunId{3}),
      opened(SlotId{7}),
      PartitionsExpected{.pipeline = "runways", .sink = "warehouse", .keys = {"2024-06-01", "x"}},
      attempted(1, run1),
      attempted(1, run0, slot1),
      intends(load_b, 3),
      intends(load_a, 2),
      commits(load_c),
      aborts(load_c),
      verifies(load_c),
      loses(load_c),
      RecordAmended{.batch = batch0, .record = 2, .replacement = {}, .digest = {}, .reason = {}},
      RecordsReleased{.batch = batch1, .records = {}, .reason = {}},
      RecordsDiscarded{.batch = batch0, .records = {0, 2}, .reason = {}},
      asks(ApprovalId{5}),
      asks(approval1, plan_a, 1, SlotId{9}),
      approves("ben", ApprovalId{5}),
      ApprovalRejected{.approval = ApprovalId{5}, .approver = "ben", .reason = {}},
      CompensationStarted{.compensation = compensation1},
      CompensationIntended{.compensation = compensation0, .step = 1},
      CompensationIntended{.compensation = compensation1, .step = 0},
      CompensationFinished{.compensation = compensation1},
      CompensationWithdrawn{.compensation = compensation1, .reason = {}},
      Paused{.scope = {.kind = ScopeKind{9}, .pipeline = {}, .run = no_run, .slot = no_slot},
             .reason = {}},
      Paused{.scope = {.kind = ScopeKind::run, .pipeline = {}, .run = run1, .slot = no_slot},
             .reason = {}},
      Resumed{.scope = {.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot1},
              .reason = {}},
  };
  AttemptStaged with_batch = staged_as();
  with_batch.counts = {.read = 12, .accepted = 10, .quarantined = 2, .filtered = 0, .merged = 0};
  with_batch.batch = batch0;
  const State base = folded(running + with_batch + intends());
  for (const Fact& fact : strange) {
    State state = base;
    const Entry entry = entry_after(state, fact);
    apply(state, entry);
    EXPECT_EQ(state.anomalies, 1U) << ::testing::PrintToString(fact.event);
    EXPECT_EQ(state, marked(base, 1, entry)) << ::testing::PrintToString(fact.event);
    EXPECT_THAT(violations(state),
                ::testing::Contains(::testing::Field(&InvariantViolation::rule, "I11")));
  }
}

TEST(Apply, WaitsToTheEndOfTimeRatherThanWrapAround) {
  const History waiting = running + failed_with(ErrorClass::transient) +
                          retry_in(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(folded(waiting).slots[0].not_before, std::numeric_limits<Timestamp>::max());
}

}  // namespace
}  // namespace daybook
