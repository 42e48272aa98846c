#include "replay/bisect.h"

#include <gmock/gmock.h>

#include "ledger/codec/event_codec.h"
#include "ledger/memory_ledger.h"
#include "replay/fold.h"
#include "tests/replay/damaged_ledger.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using testing::DamagedLedger;

std::vector<std::vector<std::byte>> encoded(const std::vector<Entry>& entries) {
  std::vector<std::vector<std::byte>> out;
  for (const Entry& entry : entries) out.push_back(encode(entry));
  return out;
}

void fill(MemoryLedger& ledger, const std::vector<Entry>& entries) {
  const auto bytes = encoded(entries);
  const std::vector<Bytes> views(bytes.begin(), bytes.end());
  ASSERT_TRUE(ledger.append(views));
}

class Bisect : public ::testing::Test {
 protected:
  Bisect() {
    for (int i = 0; i < 40; ++i) {
      book.run(12);
      if (i % 8 == 0) book.checkpoint(ledger);
    }
    book.append_to(ledger);
  }
  // The same book with another entry at `index`, and all that follows as it was.
  void forked_at(std::size_t index) {
    auto entries = book.entries;
    entries[index].envelope.actor.principal += "x";
    fill(other, entries);
  }
  // The book as it is, with the signed checkpoints it keeps.
  void copy_to(MemoryLedger& target) const {
    fill(target, book.entries);
    const auto keys = ledger.keys("checkpoint/");
    for (const std::string& key : *keys) ASSERT_TRUE(target.put(key, bytes_of(*ledger.get(key))));
  }
  SampleBook book;
  MemoryLedger ledger, other;
};

TEST_F(Bisect, FindsTheFirstEntryThatDiffersWhereverItIs) {
  const std::size_t last = book.entries.size() - 1;
  ASSERT_GT(last, 2'000U);
  for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{255},
                                  std::size_t{256}, std::size_t{257}, last / 2, last}) {
    MemoryLedger fresh;
    auto entries = book.entries;
    entries[index].envelope.actor.principal += "x";
    fill(fresh, entries);
    const auto fork = first_difference(ledger, fresh);
    ASSERT_TRUE(fork) << fork.error().detail;
    EXPECT_EQ(fork->common, index);
    EXPECT_FALSE(fork->prefix() && index != 0);
    EXPECT_EQ(fork->root, *ledger.root_at(index));
  }
}

TEST_F(Bisect, ComparesLogarithmicallyManyRoots) {
  forked_at(book.entries.size() - 1);
  EXPECT_LE(first_difference(ledger, other)->compared, 14U);
}

TEST_F(Bisect, ReadsNoEntriesSaveTheTwo) {
  DamagedLedger counted;
  fill(counted, book.entries);
  forked_at(1'000);
  ASSERT_TRUE(first_difference(counted, other));
  EXPECT_EQ(counted.entries_read, 1U);
}

TEST_F(Bisect, KnowsABeginning) {
  fill(other, {book.entries.begin(), book.entries.begin() + 300});
  const auto fork = first_difference(ledger, other);
  EXPECT_TRUE(fork->prefix());
  EXPECT_FALSE(fork->identical());
  EXPECT_EQ(fork->common, 300U);
}

TEST_F(Bisect, KnowsTheSame) {
  fill(other, book.entries);
  EXPECT_TRUE(first_difference(ledger, other)->identical());
}

TEST_F(Bisect, DoesNotBlameAnEntryForATile) {
  DamagedLedger damaged;
  fill(damaged, book.entries);
  damaged.flip(500, 77);  // the bytes change, the tree stays
  forked_at(500);
  const auto fork = first_difference(damaged, other);
  ASSERT_FALSE(fork);
  EXPECT_EQ(fork.error().code, Error::Code::corrupt);
}

TEST_F(Bisect, AGoodBookDepartsFromNothing) {
  const auto departure = first_departure(ledger);
  ASSERT_TRUE(departure) << departure.error().detail;
  EXPECT_FALSE(*departure);
}

TEST_F(Bisect, NamesTheEntryWhoseBytesChanged) {
  DamagedLedger damaged;
  copy_to(damaged);
  damaged.flip(700, 3);
  const auto departure = first_departure(damaged);
  ASSERT_TRUE(departure && *departure);
  EXPECT_EQ((*departure)->first.index, 700U)
      << (*departure)->first.rule << ": " << (*departure)->first.detail;
  EXPECT_LE((*departure)->good, 700U);
}

// Who holds the key can write a book whose tree is whole and whose states are not what follows.
TEST_F(Bisect, FindsTheFirstStateThatIsNotReached) {
  auto entries = book.entries;
  std::size_t rewritten = 0;
  EntryIndex before = 0, covered = 0;
  int seen = 0;
  for (std::size_t i = 0; i < entries.size() && rewritten == 0; ++i)
    if (auto* checkpoint = std::get_if<CheckpointSigned>(&entries[i].event)) {
      if (++seen < 3) {
        before = checkpoint->size;
        continue;
      }
      checkpoint->state_root[5] ^= 1;
      covered = checkpoint->size;
      rewritten = i;
    }
  ASSERT_GT(rewritten, 0U) << "the sample book has no third checkpoint";
  fill(other, entries);
  const auto departure = first_departure(other);
  ASSERT_TRUE(departure && *departure);
  EXPECT_EQ((*departure)->bad, covered);
  EXPECT_LE((*departure)->from, before);
  EXPECT_EQ((*departure)->to, covered);
  EXPECT_FALSE((*departure)->by_snapshot);

  // A snapshot that the same writer kept on the way shows it more nearly, and what of it differs.
  auto kept = *fold(other, covered - 3, Snapshots::ignore);
  kept.refusals += 1;
  ASSERT_TRUE(save_snapshot(other, kept));
  const auto nearer = first_departure(other);
  ASSERT_TRUE(nearer && *nearer);
  EXPECT_TRUE((*nearer)->by_snapshot);
  EXPECT_EQ((*nearer)->to, covered - 3);
  EXPECT_THAT((*nearer)->fields, ::testing::ElementsAre("refusals"));
}

TEST(StateDifference, NamesWhatDiffers) {
  SampleBook book;
  book.run(3);
  State other = book.state;
  other.slots[1].attempt += 1;
  other.paused = true;
  EXPECT_THAT(state_difference(book.state, other), ::testing::ElementsAre("slots[1]", "paused"));
  EXPECT_THAT(state_difference(book.state, book.state), ::testing::IsEmpty());
}

}  // namespace
}  // namespace daybook
