#include "replay/state_bytes.h"

#include <gtest/gtest.h>

#include "tests/ledger/codec/random_entry.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using testing::random_entry;

State sample() {
  SampleBook book;
  book.run(6);
  book.run(6);
  book.compensate(SlotId{2});
  return book.state;
}

// Not a state any book leads to, but one with every field of every kind in it.
State wild(std::uint64_t seed) {
  testing::Rng rng(seed);
  State state = sample();
  for (int i = 0; i < 3; ++i) {
    const auto fill = [&](auto& list) { testing::randomize(list.emplace_back(), rng); };
    testing::randomize(state.principals[std::to_string(i)], rng);
    fill(state.definitions);
    fill(state.approvals);
    Digest digest;
    testing::randomize(digest, rng);
    state.definition_by_digest[digest] = DefinitionId{static_cast<std::uint32_t>(i)};
    state.open_runs.insert(RunId{static_cast<std::uint32_t>(rng())});
    state.paused_pipelines.insert(std::to_string(rng()));
    state.batches.push_back({});
    auto& touched = state.batches.back().touched[static_cast<std::uint32_t>(i)];
    touched.replacement.emplace();
    testing::randomize(*touched.replacement, rng);
    state.slots.push_back({});
    state.slots.back().staged.emplace();
    testing::randomize(*state.slots.back().staged, rng);
    state.slots.back().error = ErrorClass::poison;
  }
  state.checkpoint =
      CheckpointState{.size = 5, .root = SampleBook::digest("root"), .state_root = {}};
  return state;
}

TEST(StateBytes, BringTheSameStateBack) {
  for (const State& state : {State{}, sample(), wild(1), wild(2), wild(3)}) {
    const auto back = state_from_bytes(state_bytes(state));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, state);
    EXPECT_EQ(state_bytes(*back), state_bytes(state));
  }
}

TEST(StateBytes, AreWhatTheStateRootIsOver) {
  for (const State& state : {State{}, sample(), wild(4)})
    EXPECT_EQ(state_root(state), sha256(state_bytes(state)));
}

TEST(StateBytes, DifferForEveryStateOfAHistory) {
  SampleBook book;
  book.run(4);
  State state;
  std::set<Digest> roots{state_root(state)};
  for (const Entry& entry : book.entries) {
    apply(state, entry);
    EXPECT_TRUE(roots.insert(state_root(state)).second) << describe(entry);
  }
}

TEST(StateBytes, EndAfterTheLastFieldThatIsNotAtItsDefault) {
  // So that a field added later changes no root in which it is not used.
  EXPECT_EQ(hex(state_bytes({})), "00");
  State state;
  state.size = 3;
  EXPECT_EQ(hex(state_bytes(state)), "010300000000000000");
  state.origin = "o";
  EXPECT_EQ(hex(state_bytes(state)), "020300000000000000010000006f");
  state.runs.resize(1);
  state.runs[0].kind = RunKind::rerun;
  const std::string bytes = hex(state_bytes(state));
  EXPECT_TRUE(
      bytes.ends_with("01000000"
                      "02"
                      "00000000000000000000000000000000"
                      "01"))
      << bytes;
}

TEST(StateBytes, RefuseEachTruncationAndAnyAddition) {
  auto bytes = state_bytes(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_FALSE(state_from_bytes(Bytes(bytes).first(length))) << length;
  bytes.push_back({});
  EXPECT_FALSE(state_from_bytes(bytes));
}

TEST(StateBytes, HaveOneSpelling) {
  // Whatever damage is still read as a state is that state's own spelling.
  testing::Rng rng(5);
  const auto bytes = state_bytes(wild(5));
  std::size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto damaged = bytes;
    damaged[rng() % damaged.size()] = static_cast<std::byte>(rng());
    const auto state = state_from_bytes(damaged);
    if (!state) {
      EXPECT_EQ(state.error().code, Error::Code::corrupt);
      continue;
    }
    ++read;
    ASSERT_EQ(state_bytes(*state), damaged);
  }
  EXPECT_GT(read, 1'000U);
}

TEST(StateBytes, RefuseAForgedCountAtOnce) {
  State state;
  state.origin = "o";
  auto bytes = state_bytes(state);
  for (std::size_t i = 9; i < 13; ++i) bytes[i] = std::byte{0xff};  // four billion characters
  EXPECT_FALSE(state_from_bytes(bytes));
}

}  // namespace
}  // namespace daybook
