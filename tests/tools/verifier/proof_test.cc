#include "tools/verifier/proof.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace daybook
