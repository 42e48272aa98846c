#include "replay/ledger_prefix.h"

#include <gmock/gmock.h>

#include "replay/bisect.h"
#include "replay/export.h"
#include "replay/state_bytes.h"
#include "replay/verify.h"
#include "tests/replay/damaged_ledger.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using testing::DamagedLedger;

class Prefix : public ::testing::Test {
 protected:
  Prefix() {
    book.run(40);
    book.checkpoint(ledger);
    first = book.state.checkpoint->size;
    book.run(40);
    book.checkpoint(ledger);
    book.run(5);
    book.append_to(ledger);
  }
  std::unique_ptr<LedgerPrefix> of(EntryIndex size) const {
    auto prefix = LedgerPrefix::open(ledger, size);
    EXPECT_TRUE(prefix) << prefix.error().detail;
    return std::move(*prefix);
  }
  SampleBook book;
  DamagedLedger ledger;
  EntryIndex first = 0;  // size of the first checkpoint
};

TEST_F(Prefix, IsTheLedgerOfThatSizeAtEverySize) {
  MemoryLedger then;
  for (EntryIndex size = 0; size <= book.entries.size(); ++size) {
    const auto prefix = of(size);
    ASSERT_EQ(prefix->head(), then.head()) << size;
    ASSERT_TRUE(first_difference(*prefix, then)->identical()) << size;
    if (size == book.entries.size()) break;
    const auto bytes = encode(book.entries[size]);
    const Bytes entry(bytes);
    ASSERT_TRUE(then.append({&entry, 1}));
  }
}

TEST_F(Prefix, OfAGoodBookIsAGoodBookAtEverySize) {
  for (EntryIndex size = 0; size <= book.entries.size(); ++size) {
    const auto report = verify_book(*of(size));
    ASSERT_TRUE(report) << report.error().detail;
    ASSERT_TRUE(report->good()) << size << ": " << report->summary();
    ASSERT_EQ(report->size, size);
    ASSERT_EQ(report->folded, size);
  }
}

TEST_F(Prefix, IsNotTouchedByDamageBehindIt) {
  const EntryIndex size = first + 100;
  ledger.flip(size, 100);
  EXPECT_FALSE(verify_book(ledger)->good());
  EXPECT_TRUE(verify_book(*of(size))->good());
  EXPECT_FALSE(verify_book(*of(size + 1))->good());
}

TEST_F(Prefix, KnowsNoLargerCheckpoint) {
  EXPECT_EQ(ledger.keys("checkpoint/")->size(), 2U);
  EXPECT_TRUE(of(first - 1)->keys("checkpoint/")->empty());
  EXPECT_EQ(of(first)->keys("checkpoint/")->size(), 1U);
  EXPECT_TRUE(of(first)->get(checkpoint_key(first)));
  EXPECT_EQ(of(first - 1)->get(checkpoint_key(first)).error().code, Error::Code::not_found);
}

TEST_F(Prefix, IsProvedUnderTheLastCheckpointWithinIt) {
  const auto proof = export_proof(*of(first + 7), 3);
  ASSERT_TRUE(proof) << proof.error().detail;
  const auto note = parse_note(proof->substr(proof->find("\n\n") + 2));
  EXPECT_EQ(parse_checkpoint(note->text)->head.size, first);
  EXPECT_EQ(export_proof(*of(first - 1), 3).error().code, Error::Code::not_found);
  EXPECT_EQ(export_proof(*of(first + 7), first).error().code, Error::Code::not_found);
}

TEST_F(Prefix, EndsWhereItEnds) {
  const auto prefix = of(300);
  const auto nothing = [](EntryIndex, Bytes) { return true; };
  EXPECT_TRUE(prefix->read(0, 300, nothing));
  EXPECT_EQ(prefix->read(0, 301, nothing).error().code, Error::Code::invalid);
  EXPECT_EQ(prefix->root_at(301).error().code, Error::Code::invalid);
  EXPECT_EQ(prefix->inclusion_proof(3, 301).error().code, Error::Code::invalid);
  EXPECT_EQ(prefix->consistency_proof(3, 301).error().code, Error::Code::invalid);
  EXPECT_TRUE(prefix->tile(0, 0));
  EXPECT_EQ(prefix->tile(0, 1).error().code, Error::Code::invalid);
  EXPECT_EQ(LedgerPrefix::open(ledger, ledger.head().size + 1).error().code, Error::Code::invalid);
}

TEST_F(Prefix, TakesNothing) {
  EXPECT_FALSE(of(300)->append({}));
  EXPECT_FALSE(of(300)->put("checkpoint/x", {}));
}

}  // namespace
}  // namespace daybook
