// The published vectors: a log of `event <i>`, its key, and a witness whose cosignature is known.
#include "runner/transparency/witness_talk.h"

#include <gmock/gmock.h>

#include "ledger/memory_ledger.h"
#include "ledger/merkle.h"
#include "tests/tools/verifier/exported_books.h"

namespace daybook {
namespace {

using ::testing::HasSubstr;
using testing::must;
using ::testing::StartsWith;

constexpr std::string_view size_type = "text/x.tlog.size";
constexpr std::string_view witness_vkey =
    "witness.example/w2+e98dbcf5+BABFkvNHqYw4x6+j1IuU+y8gnpX7dIL2Ls4uw87USZkh";
// Of 257 entries at 1767225600.
constexpr std::string_view cosigned =
    "— witness.example/w2 "
    "6Y289QAAAABpVbkAL9Ty4Y4Z/gFVi4T9+MXeYb8Xw3lRavVvLaGgl2liVs8iSZmRP3nsDBCu6h"
    "iHyPuuaQ1w4kCL01TnzO5FJN1XDQ==\n";
constexpr std::string_view published =
    "ledger.example/test\n257\n6sxCy9aaRpNMQLARCcKz6jKIDaigU8zk4Mli0J9pttA=\n\n"
    "— ledger.example/test QhAx85BYs8N25imtkF65BYONJ62hF/xG94MTXQqTDjCqiAowEwmfgzsQ/UksnMJ/JKiGc/"
    "dcO6kbTqgOW7/lliAY/A4=\n";

class Talk : public ::testing::Test {
 protected:
  Talk() {
    testing::grow_events(ledger_, 10);
    testing::grow_events(ledger_, 257);
    note_ = *ledger_.get(checkpoint_key(257));
  }
  WitnessTalk talk(std::uint64_t guess = 0) {
    return {
        *parse_vkey(witness_vkey),
        note_,
        guess,
        {.consistency = [this](std::uint64_t from,
                               std::uint64_t to) { return ledger_.consistency_proof(from, to); },
         .signed_at =
             [this](std::uint64_t size) { return ledger_.get(checkpoint_key(size)).has_value(); }}};
  }
  WitnessSays after(unsigned status, std::string_view type, std::string_view body) {
    WitnessTalk t = talk();
    t.answer(status, type, body);
    EXPECT_FALSE(t.request());
    return t.says();
  }

  MemoryLedger ledger_;
  std::string note_;
};

TEST_F(Talk, BeginsWithWhatWasPublishedByteForByte) {
  EXPECT_EQ(note_, published);
  EXPECT_EQ(talk().request(), "old 0\n\n" + std::string(published));
}

TEST_F(Talk, KeepsTheCosignatureThatTheVectorsHave) {
  WitnessTalk t = talk();
  t.answer(200, "text/plain", cosigned);
  EXPECT_EQ(t.says(), WitnessSays::cosigned);
  EXPECT_EQ(t.seen(), 257U);
  EXPECT_EQ(must(with_cosignatures(note_, t.cosignatures())),
            std::string(published) + std::string(cosigned));
}

TEST_F(Talk, ProvesThatItGoesOnFromWhatTheWitnessSaw) {
  WitnessTalk t = talk();
  t.answer(409, size_type, "10\n");
  ASSERT_TRUE(t.request());
  EXPECT_THAT(*t.request(), StartsWith("old 10\n"));
  std::vector<Digest> proof;
  std::string_view rest = *t.request();
  rest.remove_prefix(7);
  while (!rest.starts_with('\n')) {
    const auto hash = base64_decode(rest.substr(0, rest.find('\n')));
    ASSERT_TRUE(hash);
    std::ranges::copy(*hash, proof.emplace_back().begin());
    rest.remove_prefix(rest.find('\n') + 1);
  }
  EXPECT_EQ(rest.substr(1), note_);
  EXPECT_TRUE(verify_consistency(10, *ledger_.root_at(10), 257, *ledger_.root_at(257), proof));
  t.answer(200, "", cosigned);
  EXPECT_EQ(t.says(), WitnessSays::cosigned);
}

TEST_F(Talk, OfTheSameSizeNeedsNoProof) {
  EXPECT_THAT(*talk(257).request(), StartsWith("old 257\n\nledger.example/test\n"));
}

TEST_F(Talk, EndsWhereTheWitnessSawMoreThanThisBookHas) {
  EXPECT_EQ(after(409, size_type, "300\n"), WitnessSays::ahead);
}

TEST_F(Talk, EndsWhereTheWitnessSawASizeThatWasNeverSigned) {
  EXPECT_EQ(after(409, size_type, "200\n"), WitnessSays::ahead);
}

TEST_F(Talk, EndsWhereTheWitnessSawOtherEntries) {
  EXPECT_EQ(after(422, "", ""), WitnessSays::contradicts);
}

TEST_F(Talk, OfAnOlderCheckpointIsNoTrouble) {
  note_ = *ledger_.get(checkpoint_key(10));
  EXPECT_EQ(after(409, size_type, "257\n"), WitnessSays::newer);
}

TEST_F(Talk, TellsAWitnessThatDoesNotKnowTheLogFromOneThatIsAway) {
  EXPECT_EQ(after(404, "", ""), WitnessSays::unknown_log);
  EXPECT_EQ(after(403, "", ""), WitnessSays::unknown_log);
  EXPECT_EQ(after(500, "", ""), WitnessSays::no_answer);
  WitnessTalk t = talk();
  t.unreachable("nobody there");
  EXPECT_EQ(t.says(), WitnessSays::no_answer);
  EXPECT_EQ(t.detail(), "nobody there");
}

TEST_F(Talk, TakesNothingForACosignatureThatIsNone) {
  std::string forged(cosigned);
  forged[forged.size() - 10] ^= 1;
  std::string stranger(cosigned);
  stranger.replace(stranger.find("w2"), 2, "w3");
  for (const std::string& body :
       {std::string(), std::string("\n"), std::string("x\n"), forged, stranger,
        std::string(cosigned) + "more", "\n" + std::string(cosigned), std::string(70'000, 'a')}) {
    WitnessTalk t = talk();
    t.answer(200, "text/plain", body);
    EXPECT_EQ(t.says(), WitnessSays::no_answer) << body.substr(0, 80);
    EXPECT_TRUE(t.cosignatures().empty());
  }
}

TEST_F(Talk, TakesNothingForASizeThatIsNone) {
  EXPECT_EQ(after(409, "text/plain", "10\n"), WitnessSays::no_answer);
  for (const std::string_view body : {"", "-1\n", "ten\n", "99999999999999999999\n", "0\n"})
    EXPECT_EQ(after(409, size_type, body), WitnessSays::no_answer) << body;
}

TEST_F(Talk, IsNotLedAroundForEver) {
  testing::grow_events(ledger_, 258);
  WitnessTalk t = talk();
  for (int i = 0; i < 10 && t.request(); ++i)
    t.answer(409, size_type, i % 2 == 0 ? "10\n" : "257\n");
  EXPECT_FALSE(t.request());
  EXPECT_EQ(t.says(), WitnessSays::no_answer);
}

TEST_F(Talk, APreviousCosignatureOfTheSameWitnessIsReplaced) {
  const NoteSigner witness{
      "witness.example/w2", NoteKeyKind::cosignature,
      *digest_from_hex("06f8faea3b5f697691b6d063a07ba4ffaf1ece9a1d473c588565231cdc8e59cc")};
  const Note note = must(parse_note(note_));
  const NoteSignature later = must(sign_note(witness, note.text, 1'767'225'700));
  const std::string twice =
      must(with_cosignatures(std::string(published) + std::string(cosigned), {later}));
  EXPECT_EQ(must(parse_note(twice)).signatures.size(), 2U);
  EXPECT_THAT(twice, ::testing::Not(HasSubstr(cosigned)));
}

}  // namespace
}  // namespace daybook
