#include "replay/verify.h"

#include <gmock/gmock.h>

#include "replay/checkpoint.h"
#include "replay/state_bytes.h"
#include "tests/replay/damaged_ledger.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using ::testing::AllOf;
using ::testing::Contains;
using testing::DamagedLedger;
using ::testing::Field;
using ::testing::HasSubstr;

auto finding(std::string rule) { return Contains(Field(&Finding::rule, rule)); }
auto finding_at(EntryIndex index, std::string rule) {
  return Contains(AllOf(Field(&Finding::index, index), Field(&Finding::rule, rule)));
}

class Verify : public ::testing::Test {
 protected:
  Verify() {
    book.run(40);
    book.checkpoint(ledger);
    first = book.state.checkpoint->size;
    book.run(40);
    book.compensate(SlotId{3});
    book.checkpoint(ledger);
    second = book.state.checkpoint->size;
    book.run(20);
    book.append_to(ledger);
  }
  BookReport report() const {
    const auto verified = verify_book(ledger);
    EXPECT_TRUE(verified) << verified.error().detail;
    return verified.value_or(BookReport{});
  }
  void append(const std::vector<std::byte>& entry) {
    const Bytes bytes(entry);
    ASSERT_TRUE(ledger.append({&bytes, 1}));
  }
  Entry stamped(Event event) const {
    Entry entry{book.entries.back().envelope, std::move(event)};
    entry.envelope.epoch = book.state.epoch;
    return entry;
  }

  SampleBook book;
  DamagedLedger ledger;
  EntryIndex first = 0, second = 0;  // sizes of the checkpoints
};

TEST_F(Verify, FindsNothingInAGoodBook) {
  const BookReport good = report();
  EXPECT_TRUE(good.good()) << good.summary();
  EXPECT_EQ(good.size, book.entries.size());
  EXPECT_EQ(good.folded, book.entries.size());
  EXPECT_EQ(good.root, ledger.head().root);
  EXPECT_EQ(good.state_root, state_root(book.state));
  EXPECT_EQ(good.checkpoints, 2U);
  EXPECT_EQ(good.signatures, 2U);
  EXPECT_EQ(good.first_bad, no_entry);
  EXPECT_EQ(good.trustworthy, second);
  EXPECT_THAT(good.summary(), HasSubstr("are there and in order"));
}

TEST_F(Verify, FindsNothingInAnEmptyLedger) { EXPECT_TRUE(verify_book(MemoryLedger())->good()); }

TEST_F(Verify, TellsHowFarItIs) {
  EntryIndex last = 0;
  ASSERT_TRUE(verify_book(ledger, [&](EntryIndex done, EntryIndex size) {
    EXPECT_GE(done, last);
    EXPECT_EQ(size, book.entries.size());
    last = done;
  }));
  EXPECT_EQ(last, book.entries.size());
}

TEST_F(Verify, NamesAFlippedBitInASealedBundleExactly) {
  const EntryIndex sealed = book.entries.size() / 256 * 256;
  ASSERT_GT(sealed, first);
  for (EntryIndex index = 0; index < sealed; index += 11) {
    ledger.replaced.clear();
    ledger.flip(index, index * 37);
    const BookReport bad = report();
    ASSERT_THAT(bad.findings, finding_at(index, "tree"));
    ASSERT_EQ(bad.first_bad, index);
    ASSERT_EQ(bad.trustworthy, index >= second ? second : index >= first ? first : 0);
  }
}

TEST_F(Verify, FindsAFlippedBitInTheLastBundle) {
  for (EntryIndex index = book.entries.size() / 256 * 256; index < book.entries.size();
       index += 3) {
    ledger.replaced.clear();
    ledger.flip(index, index * 41);
    const BookReport bad = report();
    ASSERT_THAT(bad.findings, finding("tree"));
    ASSERT_LE(bad.first_bad, index);
    ASSERT_LE(bad.trustworthy, index);
  }
}

TEST_F(Verify, FindsAChangedTile) {
  ledger.bad_tile = std::pair(0U, std::uint64_t{1});
  EXPECT_THAT(report().findings, finding_at(256, "tree"));
}

TEST_F(Verify, FindsThatEntriesAreGone) {
  ledger.ends_at = second + 2;
  const BookReport bad = report();
  EXPECT_THAT(bad.findings, finding_at(second + 2, "tree"));
  EXPECT_EQ(bad.trustworthy, second);
  EXPECT_THAT(bad.summary(), HasSubstr(fmt::format("The first {} entries agree", second)));
}

TEST_F(Verify, FindsAStateRootThatIsNotReached) {
  book.add(SampleBook::itself(),
           CheckpointSigned{book.state.size, ledger.head().root, SampleBook::digest("other")});
  book.append_to(ledger);
  EXPECT_THAT(report().findings, finding_at(book.state.size - 1, "state root"));
}

TEST_F(Verify, FindsARootThatIsNotReached) {
  book.add(SampleBook::itself(),
           CheckpointSigned{book.state.size, SampleBook::digest("other"), state_root(book.state)});
  book.append_to(ledger);
  EXPECT_THAT(report().findings, finding_at(book.state.size - 1, "checkpoint"));
}

TEST_F(Verify, ReachesACheckpointThatWasRecordedLater) {
  // Entries came between the signature and its record.
  const auto event = make_checkpoint(ledger, book.state, SampleBook::key());
  ASSERT_TRUE(event);
  book.run(2);
  book.add(SampleBook::itself(), *event);
  book.append_to(ledger);
  const BookReport good = report();
  EXPECT_TRUE(good.good()) << good.summary();
  EXPECT_EQ(good.checkpoints, 3U);
}

TEST_F(Verify, CountsASignatureWhoseRecordWasLostToACrash) {
  ASSERT_TRUE(make_checkpoint(ledger, book.state, SampleBook::key()));
  const BookReport good = report();
  EXPECT_TRUE(good.good()) << good.summary();
  EXPECT_EQ(good.checkpoints, 2U);
  EXPECT_EQ(good.signatures, 3U);
}

TEST_F(Verify, FindsASignatureOfAnotherKey) {
  NoteSigner forger = SampleBook::key();
  forger.seed.fill(9);
  const auto note = sign_checkpoint({forger.name, {second, *ledger.root_at(second)}}, forger);
  ASSERT_TRUE(ledger.put(checkpoint_key(second), bytes_of(*note)));
  const BookReport bad = report();
  EXPECT_THAT(bad.findings, finding("signature"));
  EXPECT_EQ(bad.trustworthy, first);
}

TEST_F(Verify, FindsASignedFork) {
  const auto note = sign_checkpoint(
      {SampleBook::key().name, {first + 1, SampleBook::digest("fork")}}, SampleBook::key());
  ASSERT_TRUE(ledger.put(checkpoint_key(first + 1), bytes_of(*note)));
  EXPECT_THAT(report().findings, finding("checkpoint"));
}

TEST_F(Verify, FindsThatASignedPartIsMissing) {
  // An old copy of the book beside a checkpoint of the newer one.
  const auto note = sign_checkpoint(
      {SampleBook::key().name, {book.state.size + 5, SampleBook::digest("x")}}, SampleBook::key());
  ASSERT_TRUE(ledger.put(checkpoint_key(book.state.size + 5), bytes_of(*note)));
  EXPECT_THAT(report().findings, finding("checkpoint"));
}

TEST_F(Verify, FindsAMissingNote) {
  book.add(SampleBook::itself(),
           CheckpointSigned{book.state.size, ledger.head().root, state_root(book.state)});
  book.append_to(ledger);
  EXPECT_THAT(report().findings, finding_at(book.state.size - 1, "checkpoint"));
}

TEST_F(Verify, ChecksTheSignaturesThatEntriesCarry) {
  EXPECT_EQ(report().approvals, 1U);
  EXPECT_EQ(report().unchecked, 0U);
  const auto plan = SampleBook::digest("plan 1");
  const Generation current = book.state.find(SlotId{4})->current;
  book.add(SampleBook::ana(),
           CompensationProposed{.compensation = CompensationId{1},
                                .action = CompensationAction::restore_previous,
                                .steps = {{SlotId{4}, current, current - 1, plan}},
                                .plan = plan,
                                .text = {plan, 6},
                                .approvals = 1,
                                .reason = ""});
  book.add(SampleBook::ana(), ApprovalRequested{.approval = ApprovalId{1},
                                                .subject = ApprovalSubject::compensation,
                                                .slot = no_slot,
                                                .compensation = CompensationId{1},
                                                .digest = plan,
                                                .needed = 1});
  // Ben's own signature, of another plan.
  book.add(SampleBook::ben(),
           ApprovalGiven{ApprovalId{1}, "ben", SampleBook::bens_key().public_key().fingerprint,
                         SampleBook::bens_key().sign(SampleBook::digest("plan 2"))});
  book.append_to(ledger);
  EXPECT_THAT(report().findings, finding_at(book.state.size - 1, "signature"));
}

TEST_F(Verify, FindsAnEntryThatIsNone) {
  append(std::vector<std::byte>(16, std::byte{0x2a}));
  append(encode(stamped(RunCancelled{RunId{0}, "x"})));
  const BookReport bad = report();
  EXPECT_THAT(bad.findings, finding_at(book.entries.size(), "entry"));
  EXPECT_EQ(bad.folded, book.entries.size());
  EXPECT_EQ(bad.size, book.entries.size() + 2);
  EXPECT_EQ(bad.root, ledger.head().root) << "the tree is checked to its end all the same";
}

TEST_F(Verify, FindsAnotherSpelling) {
  auto entry = encode(stamped(CommandRefused{"start_run", "not_allowed", "no"}));
  entry.resize(entry.size() + 8);
  append(entry);
  EXPECT_THAT(report().findings, finding_at(book.entries.size(), "canonical"));
}

TEST_F(Verify, FindsAStepThatTheRulesForbid) {
  append(encode(stamped(AttemptStarted{RunId{0}, SlotId{0}, 99})));
  const BookReport bad = report();
  EXPECT_THAT(bad.findings, finding_at(book.entries.size(), "I13"));
  EXPECT_EQ(bad.trustworthy, second);
}

TEST_F(Verify, KeepsTheFirstFindingsOfEachRuleAndCountsAll) {
  for (int i = 0; i < 150; ++i) append(encode(stamped(AttemptStarted{RunId{0}, SlotId{0}, 99})));
  const BookReport bad = report();
  EXPECT_EQ(std::ranges::count(bad.findings, "I13", &Finding::rule), 10);
  EXPECT_GE(bad.findings_total, 150U);
}

TEST_F(Verify, SaysOfADiskThatFailsOnlyThat) {
  ledger.disk_fails = true;
  const auto verified = verify_book(ledger);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Error::Code::io);
}

}  // namespace
}  // namespace daybook
