#include "tools/verifier/proof.h"

#include <gtest/gtest.h>

#include "ledger/merkle.h"
#include "tests/tools/verifier/exported_books.h"

namespace daybook {
namespace {

using testing::grow_events;
using testing::must;
using testing::vector_key;

TEST(Proof, OfEveryEntryHoldsAndOfNoOther) {
  for (const std::uint64_t size : {1, 2, 3, 256, 257, 300}) {
    MemoryLedger ledger;
    grow_events(ledger, size);
    const TrustPolicy policy{vector_key().verifier(), "", {}, 0};
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::string proof = must(export_proof(ledger, i));
      const Judgement judged = verify_proof(proof, bytes_of(fmt::format("event {}", i)), policy);
      ASSERT_EQ(judged.verdict(), Verdict::good) << judged.text();
      ASSERT_EQ(judged.index, i);
      const Judgement other = verify_proof(proof, bytes_of(fmt::format("event {}", i + 1)), policy);
      ASSERT_EQ(other.verdict(), Verdict::tampered);
    }
    EXPECT_EQ(export_proof(ledger, size).error().code, Error::Code::not_found);
  }
}

TEST(Proof, IsReadStrictly) {
  MemoryLedger ledger;
  grow_events(ledger, 257);
  const TrustPolicy policy{vector_key().verifier(), "", {}, 0};
  const std::string good = must(export_proof(ledger, 100));
  const auto verdict = [&](const std::string& text) {
    return verify_proof(text, bytes_of("event 100"), policy).verdict();
  };
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_EQ(verdict(with("index 100\n", "extra aGk=\nindex 100\n")), Verdict::good);
  for (const auto& text :
       {with("@v1", "@v2"), with("index 100", "index 0100"), with("index 100", "index +100"),
        with("index 100", "index 100 "), with("index 100", "index 101"),
        with("index 100", "index 18446744073709551716"), with("index 100\n", ""),
        with("index 100\n", "index 100\n\n"), with("index 100\n", "index 100\r\n"),
        with("index 100\n", "extra ?\nindex 100\n"), good + "x", good + "\n",
        good.substr(0, good.size() - 1), std::string()})
    EXPECT_EQ(verdict(text), Verdict::tampered) << text;
  const Digest hash = empty_root();
  std::string many;
  for (int i = 0; i < 64; ++i) many += base64(std::as_bytes(std::span(hash))) + "\n";
  EXPECT_EQ(verdict(with("index 100\n", "index 100\n" + many)), Verdict::tampered);
  NoteSigner other = vector_key();
  other.seed[0] ^= 1;
  EXPECT_EQ(verify_proof(good, bytes_of("event 100"), {other.verifier(), "", {}, 0}).verdict(),
            Verdict::unmet);
}

// Each is a shape that verifiers elsewhere took for a proof.
TEST(Proof, IsNotFooledByDegenerateOnes) {
  MemoryLedger ledger;
  grow_events(ledger, 257);
  const TrustPolicy policy{vector_key().verifier(), "", {}, 0};
  const auto proof = [&](std::uint64_t index, std::vector<Digest> path, std::string_view note) {
    std::string text = fmt::format("c2sp.org/tlog-proof@v1\nindex {}\n", index);
    for (const Digest& hash : path) text += base64(std::as_bytes(std::span(hash))) + "\n";
    return text + "\n" + std::string(note);
  };
  const auto verdict = [&](std::uint64_t index, std::vector<Digest> path, std::string_view note,
                           std::string_view entry) {
    return verify_proof(proof(index, std::move(path), note), bytes_of(entry), policy).verdict();
  };
  const std::string note = *ledger.get(checkpoint_key(257));
  const auto path = must(ledger.inclusion_proof(100, 257));
  ASSERT_EQ(verdict(100, path, note, "event 100"), Verdict::good);

  auto shorter = path, longer = path, repeated = path;
  shorter.pop_back();
  longer.push_back(path.back());
  repeated.front() = hash_leaf(bytes_of("event 100"));
  for (const auto& wrong :
       {std::vector<Digest>{}, shorter, longer, repeated, std::vector<Digest>(63, path.front())})
    EXPECT_EQ(verdict(100, wrong, note, "event 100"), Verdict::tampered);
  for (const std::uint64_t index : {0UL, 99UL, 257UL, 356UL, (1UL << 63) - 1})
    EXPECT_EQ(verdict(index, path, note, "event 100"), Verdict::tampered) << index;
  // An inner node is no entry, and nothing is in a tree of nothing.
  const Digest root = ledger.head().root;
  const std::string_view raw(reinterpret_cast<const char*>(root.data()), root.size());
  EXPECT_EQ(verdict(0, {}, note, raw), Verdict::tampered);
  MemoryLedger empty;
  grow_events(empty, 0);
  EXPECT_EQ(verdict(0, {}, *empty.get(checkpoint_key(0)), "event 0"), Verdict::tampered);
  EXPECT_EQ(verdict(0, {}, *empty.get(checkpoint_key(0)), ""), Verdict::tampered);
  // A tree of one has a proof without hashes, of that one entry.
  MemoryLedger one;
  grow_events(one, 1);
  EXPECT_EQ(verdict(0, {}, *one.get(checkpoint_key(1)), "event 0"), Verdict::good);
  EXPECT_EQ(verdict(0, {}, *one.get(checkpoint_key(1)), "event 1"), Verdict::tampered);
  EXPECT_EQ(verdict(0, path, *one.get(checkpoint_key(1)), "event 0"), Verdict::tampered);
}

// Others may sign, too: lines of unknown keys say nothing.
TEST(Proof, IgnoresSignaturesOfUnknownKeys) {
  MemoryLedger ledger;
  grow_events(ledger, 3);
  const TrustPolicy policy{vector_key().verifier(), "", {}, 0};
  Note note = must(parse_note(*ledger.get(checkpoint_key(3))));
  NoteSigner other{"other.example/log", NoteKeyKind::note, {}};
  note.signatures.insert(note.signatures.begin(), must(sign_note(other, note.text)));
  note.signatures.push_back({"other.example/kind", 7, std::string(100, 'x')});
  must(ledger.put(checkpoint_key(3), bytes_of(format_note(note))));
  const std::string proof = must(export_proof(ledger, 1));
  EXPECT_EQ(verify_proof(proof, bytes_of("event 1"), policy).verdict(), Verdict::good);
  EXPECT_EQ(verify_proof(proof, bytes_of("event 1"), {other.verifier(), "", {}, 0}).verdict(),
            Verdict::unmet)
      << "its signature is good, and the checkpoint is not of its name";
}

}  // namespace
}  // namespace daybook
