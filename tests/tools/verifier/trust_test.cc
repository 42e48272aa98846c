// Policies, witnesses, approvals: whose word counts.
#include <gmock/gmock.h>

#include "tests/support/temporary_directory.h"
#include "tests/tools/verifier/exported_books.h"
#include "tools/verifier/policy.h"
#include "tools/verifier/verify_export.h"

namespace daybook {
namespace {

using bench::SampleBook;
using ::testing::HasSubstr;
using testing::must;

NoteSigner witness(std::uint8_t number) {
  NoteSigner signer{fmt::format("witness.example/{}", number), NoteKeyKind::cosignature, {}};
  signer.seed.fill(number);
  return signer;
}

std::string vkey(std::uint8_t number) { return witness(number).verifier().vkey(); }

class Policy : public ::testing::Test {
 protected:
  // What a checkpoint with cosignatures of these witnesses is under the policy.
  Verdict judged(const std::string& text, const std::vector<std::uint8_t>& by) const {
    const auto policy = parse_policy(text);
    if (!policy) throw std::runtime_error(policy.error().detail);
    const NoteSigner signer = testing::vector_key();
    Note note{format_checkpoint({signer.name, {0, empty_root()}}), {}};
    note.signatures.push_back(must(sign_note(signer, note.text)));
    for (const std::uint8_t number : by)
      note.signatures.push_back(must(sign_note(witness(number), note.text, 1'767'225'600)));
    Judgement judgement;
    open_signed(format_note(note), *policy, "checkpoint", judgement);
    return judgement.verdict();
  }
  const std::string log = "log " + testing::vector_key().verifier().vkey() + "\n";
  const std::string three =
      log + fmt::format("witness a {} https://a.example/\nwitness b {}\nwitness c {}\n", vkey(1),
                        vkey(2), vkey(3));
};

TEST_F(Policy, TakesItsQuorum) {
  EXPECT_EQ(judged(log + "quorum none\n", {}), Verdict::good);
  EXPECT_EQ(judged(three + "quorum a\n", {1}), Verdict::good);
  EXPECT_EQ(judged(three + "quorum a\n", {2, 3}), Verdict::unmet);
  EXPECT_EQ(judged(three + "group g 2 a b c\nquorum g\n", {1}), Verdict::unmet);
  EXPECT_EQ(judged(three + "group g 2 a b c\nquorum g\n", {1, 1}), Verdict::unmet);
  EXPECT_EQ(judged(three + "group g 2 a b c\nquorum g\n", {1, 3}), Verdict::good);
  EXPECT_EQ(judged(three + "group g any a b\ngroup h all g c # both\nquorum h\n", {2, 3}),
            Verdict::good);
  EXPECT_EQ(judged(three + "group g any a b\ngroup h all g c\nquorum h\n", {1, 2}), Verdict::unmet);
}

TEST_F(Policy, IsRefusedWithTheLineThatIsWrong) {
  const auto wrong = [](const std::string& text) {
    const auto policy = parse_policy(text);
    return policy ? std::string("accepted") : policy.error().detail;
  };
  EXPECT_EQ(wrong(""), "no log line");
  EXPECT_EQ(wrong(log), "no quorum line");
  EXPECT_THAT(wrong(log + "quorum a\n"), HasSubstr("line 2: 'a' is not defined"));
  EXPECT_THAT(wrong(three + "group g 4 a b c\n"), HasSubstr("line 5: '4' of 3"));
  EXPECT_THAT(wrong(three + "group g 0 a b c\n"), HasSubstr("line 5"));
  EXPECT_THAT(wrong(three + "group g any a\ngroup h any a b\n"),
              HasSubstr("line 6: 'a' is in two"));
  EXPECT_THAT(wrong(three + "witness d " + vkey(1) + "\n"), HasSubstr("line 5: this key is named"));
  EXPECT_THAT(wrong("log " + vkey(1) + "\n"), HasSubstr("line 1: this key is no log's"));
  EXPECT_THAT(wrong(log + "witness a " + testing::vector_key().verifier().vkey() + "\n"),
              HasSubstr("no witness's"));
  EXPECT_THAT(wrong(log + "quorum none\nquorum none\n"), HasSubstr("line 3"));
  EXPECT_THAT(wrong(log + "trust everybody\n"), HasSubstr("line 2: 'trust'"));
}

// --- what people signed

TEST(Approval, ThatWasNotSignedIsFound) {
  const TemporaryDirectory directory;
  const auto judge = [&](const SampleBook& book, const std::string& name) {
    MemoryLedger ledger;
    book.append_to(ledger);
    testing::sign_head(ledger, SampleBook::key());
    must(export_tiles(ledger, (directory / name).string(), posix_file_system()));
    return verify_export((directory / name).string(), {SampleBook::key().verifier(), "", {}, 0});
  };
  SampleBook book;
  book.run(3);
  book.compensate(SlotId{0});
  const Judgement right = judge(book, "right");
  ASSERT_EQ(right.verdict(), Verdict::good) << right.text();
  EXPECT_EQ(right.signatures, 1U);

  SampleBook forged;
  forged.run(3);
  forged.compensate(SlotId{0});
  EntryIndex at = 0;
  for (EntryIndex i = 0; i < forged.entries.size(); ++i)
    if (auto* given = std::get_if<ApprovalGiven>(&forged.entries[i].event)) {
      given->signature = bench::SshSigner(10).sign(SampleBook::digest("plan"));
      at = i;
    }
  const Judgement judged = judge(forged, "forged");
  ASSERT_EQ(judged.verdict(), Verdict::tampered);
  EXPECT_EQ(judged.first()->index, at);
  EXPECT_THAT(judged.first()->detail, HasSubstr("approval by ben"));
}

}  // namespace
}  // namespace daybook
