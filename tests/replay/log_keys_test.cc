#include "replay/log_keys.h"

#include <gtest/gtest.h>

#include "replay/signatures.h"
#include "statemachine/apply.h"

namespace daybook {
namespace {

NoteSigner key(std::uint8_t number, const std::string& origin = "daybook.local/test") {
  NoteSigner signer{origin, NoteKeyKind::note, {}};
  signer.seed.fill(number);
  return signer;
}
NoteVerifier verifier(std::uint8_t number) { return key(number).verifier(); }

Digest root_of(std::uint8_t number) {
  Digest root;
  root.fill(number);
  return root;
}

// A book whose key 1 was replaced by 2 at entry 1, by 3 at entry 2.
struct Rotated {
  State state;
  std::string chain;

  Rotated() {
    add(BookCreated{.origin = key(1).name, .log_vkey = verifier(1).vkey()});
    rotate(1, 2);
    rotate(2, 3);
  }
  void add(Event event) { apply(state, Entry{.envelope = {}, .event = std::move(event)}); }
  LogKeyRotated next(std::uint8_t from, std::uint8_t to) const {
    const Endorsement endorsement{.origin = key(1).name,
                                  .old_vkey = verifier(from).vkey(),
                                  .new_vkey = verifier(to).vkey(),
                                  .before = {state.size, root_of(to)}};
    return {.log_vkey = verifier(to).vkey(),
            .root = root_of(to),
            .signature = *sign_endorsement(endorsement, key(from)),
            .reason = "test"};
  }
  void rotate(std::uint8_t from, std::uint8_t to) {
    const LogKeyRotated event = next(from, to);
    EXPECT_TRUE(check_endorsement(state, event));
    chain += endorsement_note(state, event);
    add(event);
  }
};

std::vector<NoteVerifier> keys(std::initializer_list<std::uint8_t> numbers) {
  std::vector<NoteVerifier> out;
  for (const std::uint8_t number : numbers) out.push_back(verifier(number));
  return out;
}

TEST(KeyChain, LeadsFromEachKeyToThoseAfterIt) {
  const Rotated book;
  EXPECT_EQ(*follow_keys(keys({1}), book.chain), keys({2, 3}));
  EXPECT_EQ(*follow_keys(keys({2}), book.chain), keys({3}));
  EXPECT_TRUE(follow_keys(keys({3}), book.chain)->empty());
  EXPECT_TRUE(follow_keys(keys({9}), book.chain)->empty());
  EXPECT_TRUE(follow_keys(keys({1}), "")->empty());
}

TEST(KeyChain, LeadsBackToThoseBeforeIt) {
  const Rotated book;
  EXPECT_EQ(*earlier_keys(keys({3}), book.chain), keys({2, 1}));
  EXPECT_TRUE(earlier_keys(keys({1}), book.chain)->empty());
}

TEST(KeyChain, LeadsNowhereWithOneChangedByte) {
  const Rotated book;
  for (std::size_t i = 0; i < book.chain.size(); ++i)
    for (const char flip : {'\x01', '\x20'}) {
      std::string changed = book.chain;
      changed[i] ^= flip;
      const auto found = follow_keys(keys({1}), changed);
      EXPECT_TRUE(!found || *found != keys({2, 3})) << i;
    }
  EXPECT_FALSE(follow_keys(keys({1}), book.chain.substr(1)));
  EXPECT_FALSE(follow_keys(keys({1}), book.chain + "x"));
}

TEST(KeyChain, IsOnlyAsGoodAsItsSignatures) {
  // Somebody with the new key alone names the old one as having vouched for it.
  const Endorsement claimed{.origin = key(1).name,
                            .old_vkey = verifier(1).vkey(),
                            .new_vkey = verifier(9).vkey(),
                            .before = {1, root_of(1)}};
  const std::string text = endorsement_text(claimed);
  NoteSignature forged = *sign_note(key(9), text);
  forged.key_id = verifier(1).id();
  const std::string chain = format_note({text, {forged}});
  EXPECT_FALSE(follow_keys(keys({1}), chain));
  EXPECT_TRUE(follow_keys(keys({2}), chain)->empty());
}

TEST(LogKeyRotated, IsRefusedUnlessTheKeyBeforeItSignedForExactlyThis) {
  const Rotated book;
  const LogKeyRotated right = book.next(3, 4);
  const auto verdict = [&](const LogKeyRotated& event) {
    return check_signatures(book.state, Entry{.envelope = {}, .event = event}).kind;
  };
  using Kind = SignatureVerdict::Kind;
  EXPECT_EQ(verdict(right), Kind::none);
  EXPECT_EQ(verdict(book.next(2, 4)), Kind::wrong);  // by a key that does not sign any more
  LogKeyRotated other = right;
  other.log_vkey = verifier(5).vkey();
  EXPECT_EQ(verdict(other), Kind::wrong);
  other = right;
  other.root = root_of(77);
  EXPECT_EQ(verdict(other), Kind::wrong);
  other = right;
  other.signature = "AAAA";
  EXPECT_EQ(verdict(other), Kind::wrong);
  other = right;
  other.log_vkey = key(4, "daybook.local/other").verifier().vkey();
  EXPECT_EQ(verdict(other), Kind::wrong);
  State later = book.state;
  ++later.size;
  EXPECT_EQ(check_signatures(later, Entry{.envelope = {}, .event = right}).kind, Kind::wrong);
}

TEST(Endorsement, IsNoCheckpoint) {
  const Endorsement one{.origin = "1",
                        .old_vkey = key(1, "1").verifier().vkey(),
                        .new_vkey = key(2, "1").verifier().vkey(),
                        .before = {1, root_of(1)}};
  EXPECT_FALSE(parse_checkpoint(endorsement_text(one)));
}

}  // namespace
}  // namespace daybook
