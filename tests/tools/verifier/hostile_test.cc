// Whatever is handed to the verifier, it answers.
#include <gtest/gtest.h>

#include <random>

#include "ledger/tiles.h"
#include "tests/ledger/codec/random_entry.h"
#include "tests/tools/verifier/exported_books.h"
#include "tools/verifier/book_check.h"
#include "tools/verifier/export_directory.h"
#include "tools/verifier/proof.h"

namespace daybook {
namespace {

using bench::SampleBook;
using testing::grow_events;
using testing::must;
using testing::vector_key;

TEST(Hostile, BytesAreAlwaysAnswered) {
  MemoryLedger ledger;
  grow_events(ledger, 257);
  const TrustPolicy policy{vector_key().verifier(), "", {}, 0};
  const std::string proof = must(export_proof(ledger, 100));
  const std::string note = must(ledger.get(checkpoint_key(257)));
  std::mt19937_64 random(7);
  for (int round = 0; round < 30'000; ++round) {
    std::string text = round % 2 == 0 ? proof : note;
    if (round % 3 == 0) text.resize(random() % text.size());
    for (std::uint64_t n = random() % 4; n > 0 && !text.empty(); --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.insert(at, 1 + random() % 3, static_cast<char>(random())); break;
        case 2: text.erase(at, random() % 50); break;
        default: text += text.substr(at); break;
      }
    }
    if (round % 100 == 0)
      for (char& c : text) c = static_cast<char>(random());
    if (text == proof || text == note) continue;
    ASSERT_NE(verify_proof(text, bytes_of("event 101"), policy).verdict(), Verdict::good);
    Judgement judgement;
    if (open_signed(text, policy, "checkpoint", judgement))
      ASSERT_EQ(judgement.head, ledger.head()) << "at most lines of others were changed";
    else
      ASSERT_NE(judgement.verdict(), Verdict::good);
  }
}

// An operator may sign anything. Whatever its entries say, they are answered.
TEST(Hostile, EntriesAreAlwaysAnswered) {
  SampleBook book;
  MemoryLedger ledger;
  book.run(3);
  book.checkpoint(ledger);
  book.compensate(SlotId{1});
  book.run(2);
  BookCheck so_far([](std::uint64_t) -> Result<Digest> { return Digest{}; },
                   [](std::uint64_t, std::uint64_t, const auto&) -> Result<void> { return {}; });
  EntryIndex size = 0;
  for (const Entry& entry : book.entries)
    if (!std::holds_alternative<CheckpointSigned>(entry.event)) so_far.add(size++, encode(entry));
  Judgement right;
  right.origin = SampleBook::key().name;
  so_far.finish(right, SampleBook::key().verifier().vkey());
  ASSERT_EQ(right.verdict(), Verdict::good) << right.text();

  std::uint64_t refused = 0;
  for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
    testing::Rng random(seed);
    Entry entry = testing::random_entry(random);
    // As close to an acceptable one as chance gives.
    if (seed % 2 == 0) entry.envelope = book.entries.back().envelope;
    auto bytes = encode(entry);
    if (seed % 5 == 0) bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
    BookCheck check = so_far;
    check.add(size, bytes);
    check.add(size + 1, encode(book.entries.back()));
    Judgement judged;
    judged.origin = right.origin;
    check.finish(judged, SampleBook::key().verifier().vkey());
    if (judged.verdict() != Verdict::good) ++refused;
  }
  EXPECT_GT(refused, 4'000U);
}

TEST(Names, HaveOneSpelling) {
  for (const std::uint64_t index : {0UL, 7UL, 999UL, 1'000UL, 1'234'067UL, (1UL << 55) + 3})
    for (const unsigned width : {1U, 88U, 255U, 256U}) {
      const TileName bundle{{}, index, width}, tile{5, index, width};
      EXPECT_EQ(parse_tile_name(bundle_path(index, width)), bundle);
      EXPECT_EQ(parse_tile_name(tile_path(5, index, width)), tile);
    }
  for (const char* bad : {"",
                          "tile",
                          "tile/",
                          "tile/0",
                          "tile/0/",
                          "tile/0/00",
                          "tile/0/0000",
                          "tile/0/x000/001",
                          "tile/0/001/002",
                          "tile/0/x001/x002",
                          "tile/+0/000",
                          "tile/0/000.p",
                          "tile/0/000.p/",
                          "tile/0/000.p/01",
                          "tile/0/000.p/1/2",
                          "/tile/0/000",
                          "tile//0/000",
                          "tile/0/000/",
                          "tile/0/x99999999999999999999/000",
                          "tile/64/000",
                          "tile/entries",
                          "tile/Entries/000"})
    EXPECT_FALSE(parse_tile_name(bad)) << bad;
}

}  // namespace
}  // namespace daybook
