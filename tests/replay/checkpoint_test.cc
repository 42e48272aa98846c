#include "replay/checkpoint.h"

#include <gmock/gmock.h>

#include "replay/state_bytes.h"
#include "tests/replay/damaged_ledger.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using testing::DamagedLedger;

class Checkpointing : public ::testing::Test {
 protected:
  Checkpointing() {
    book.run(50);
    book.checkpoint(ledger);
    book.run(60);
    book.append_to(ledger);
  }
  Result<CheckpointSigned> make() { return make_checkpoint(ledger, book.state, SampleBook::key()); }

  SampleBook book;
  DamagedLedger ledger;
};

TEST_F(Checkpointing, SignsTheHeadAndKeepsTheNote) {
  const auto event = make();
  ASSERT_TRUE(event) << event.error().detail;
  EXPECT_EQ(event->size, book.state.size);
  EXPECT_EQ(event->root, ledger.head().root);
  EXPECT_EQ(event->state_root, state_root(book.state));
  const auto note = ledger.get(checkpoint_key(event->size));
  ASSERT_TRUE(note);
  const auto opened = open_checkpoint(*note, SampleBook::key().verifier());
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(opened->head, ledger.head());
  EXPECT_EQ(ledger.keys("checkpoint/")->size(), 2U) << "every checkpoint is kept";
}

TEST_F(Checkpointing, SignsTheFirstEntriesToo) {
  SampleBook young;
  MemoryLedger empty;
  young.append_to(empty);
  EXPECT_TRUE(make_checkpoint(empty, young.state, SampleBook::key()));
}

TEST_F(Checkpointing, ReadsAgainWhatTheLastOneDidNotCoverAndNoMore) {
  ledger.entries_read = 0;
  ASSERT_TRUE(make());
  const EntryIndex sealed = book.state.checkpoint->size / 256 * 256;
  EXPECT_EQ(ledger.entries_read, book.state.size - sealed);
}

TEST_F(Checkpointing, SignsNothingThatChangedInStorage) {
  const std::size_t kept = ledger.keys("checkpoint/")->size();
  for (EntryIndex index = book.state.checkpoint->size; index < book.state.size; index += 13) {
    ledger.replaced.clear();
    ledger.flip(index, index * 31);
    const auto event = make();
    ASSERT_FALSE(event) << index;
    EXPECT_EQ(event.error().code, Error::Code::corrupt);
  }
  EXPECT_EQ(ledger.keys("checkpoint/")->size(), kept);
  ledger.replaced.clear();
  EXPECT_TRUE(make());
}

TEST_F(Checkpointing, SignsNothingOnAnotherPast) {
  ledger.bad_tile = std::pair(0U, std::uint64_t{0});
  const auto event = make();
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Error::Code::corrupt);
}

TEST_F(Checkpointing, SignsNothingOverABadTile) {
  const EntryIndex newest = book.state.size / 256 - 1;
  ASSERT_GE(newest * 256, book.state.checkpoint->size / 256 * 256);
  ledger.bad_tile = std::pair(0U, newest);
  const auto event = make();
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Error::Code::corrupt);
}

TEST_F(Checkpointing, SignsNothingShort) {
  ledger.ends_at = book.state.size - 1;
  const auto event = make();
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Error::Code::corrupt);
}

TEST_F(Checkpointing, DoesNotForkAnOldCopy) {
  ASSERT_TRUE(ledger.put(checkpoint_key(book.state.size + 1), bytes_of("a note from the future")));
  const auto event = make();
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Error::Code::conflict);
}

TEST_F(Checkpointing, WantsTheKeyTheBookNames) {
  NoteSigner other = SampleBook::key();
  other.seed.fill(8);
  EXPECT_FALSE(make_checkpoint(ledger, book.state, other));
  other = SampleBook::key();
  other.name = "daybook.local/another";
  EXPECT_FALSE(make_checkpoint(ledger, book.state, other));
}

TEST_F(Checkpointing, WantsTheStateOfTheWholeBook) {
  State behind;
  for (EntryIndex i = 0; i + 1 < book.entries.size(); ++i) apply(behind, book.entries[i]);
  EXPECT_FALSE(make_checkpoint(ledger, behind, SampleBook::key()));
}

}  // namespace
}  // namespace daybook
