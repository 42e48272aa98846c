// What people call a quarantine batch, and that nothing else is one.
#include "statemachine/batch_name.h"

#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;

AttemptStaged with_one_held(Attempt attempt, BatchId batch) {
  AttemptStaged staged = staged_as(content_a, attempt);
  staged.counts = {.read = 2, .accepted = 1, .quarantined = 1, .filtered = 0, .merged = 0};
  staged.output_rows = 1;
  staged.batch = batch;
  staged.quarantine = {.digest = digest(0x71), .bytes = 30};
  return staged;
}

// The second attempt set its record aside anew.
State with_two_batches() {
  return folded(running + with_one_held(1, batch0) +
                AttemptLost{.run = run0, .slot = slot0, .attempt = 1, .reason = "gone"} +
                attempted(2) + with_one_held(2, BatchId{1}));
}

TEST(BatchName, IsThatOfItsSlotAndOfItsPlaceThere) {
  const State state = with_two_batches();
  EXPECT_EQ(batch_name(state, batch0), "0");
  EXPECT_EQ(batch_name(state, BatchId{1}), "0.1");
  EXPECT_EQ(batch_name(state, BatchId{7}), "?");
  EXPECT_EQ(batch_named(state, "0"), batch0);
  EXPECT_EQ(batch_named(state, "0.1"), BatchId{1});
}

TEST(BatchName, IsTheOnlyOne) {
  const State state = with_two_batches();
  for (const char* name : {"", ".", "x", "0.", "0.x", "0.0", "00", "0.2", "1", "0 ", "0.1.2", "-1",
                           "99999999999", "0.99999999999"})
    EXPECT_EQ(batch_named(state, name), std::nullopt) << name;
}

}  // namespace
}  // namespace daybook
