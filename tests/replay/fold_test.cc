#include "replay/fold.h"

#include <gmock/gmock.h>

#include "ledger/memory_ledger.h"
#include "replay/state_bytes.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using ::testing::HasSubstr;

class Fold : public ::testing::Test {
 protected:
  Fold() {
    book.run(5);
    book.run(5);
    book.append_to(ledger);
  }

  // The state after `size` entries, made without the code under test.
  State expected(EntryIndex size) const {
    State state;
    for (EntryIndex i = 0; i < size; ++i) apply(state, book.entries[i]);
    return state;
  }
  EntryIndex end() const { return book.entries.size(); }

  void append_bytes(std::string_view text) {
    const Bytes bytes = bytes_of(text);
    ASSERT_TRUE(ledger.append({&bytes, 1}));
  }

  SampleBook book;
  MemoryLedger ledger;
};

TEST_F(Fold, ReachesTheStateAtEverySize) {
  for (EntryIndex size = 0; size <= end(); ++size) EXPECT_EQ(fold(ledger, size), expected(size));
  EXPECT_EQ(fold(ledger, end()), book.state);
}

TEST_F(Fold, FromASnapshotEqualsTheFullFold) {
  for (EntryIndex at = 0; at <= end(); ++at) {
    MemoryLedger with_one;
    book.append_to(with_one);
    ASSERT_TRUE(save_snapshot(with_one, expected(at)));
    for (EntryIndex size = at == 0 ? 0 : at - 1; size <= end(); size += 7)
      ASSERT_EQ(fold(with_one, size), fold(with_one, size, Snapshots::ignore)) << at << " " << size;
  }
}

TEST_F(Fold, BeginsAtTheNearestSnapshot) {
  // A snapshot that lies, under a correct digest, shows which one was used.
  State lie = expected(20);
  lie.version = "from the snapshot at 20";
  ASSERT_TRUE(save_snapshot(ledger, lie));
  ASSERT_TRUE(save_snapshot(ledger, expected(10)));
  ASSERT_TRUE(save_snapshot(ledger, expected(40)));
  EXPECT_EQ(fold(ledger, 30)->version, lie.version);
  EXPECT_EQ(fold(ledger, 19), expected(19));
  EXPECT_EQ(fold(ledger, 45), expected(45));
  EXPECT_EQ(fold(ledger, 30, Snapshots::ignore), expected(30));
}

TEST_F(Fold, PassesOverADamagedSnapshot) {
  ASSERT_TRUE(save_snapshot(ledger, expected(20)));
  const std::string key = "snapshot/00000000000000000020";
  const std::string good = *ledger.get(key);
  for (std::size_t i = 0; i < good.size(); i += 5) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ASSERT_TRUE(ledger.put(key, bytes_of(bad)));
    ASSERT_EQ(fold(ledger, 25), expected(25)) << i;
  }
  for (const std::string& bad : {std::string(), good.substr(0, 40), good + "x"}) {
    ASSERT_TRUE(ledger.put(key, bytes_of(bad)));
    EXPECT_EQ(fold(ledger, 25), expected(25));
  }
}

TEST_F(Fold, PassesOverASnapshotOfAnotherHistory) {
  SampleBook other;
  other.add(SampleBook::ana(), CommandRefused{"start_run", "not_allowed", "ana may not"});
  other.run(5);
  MemoryLedger elsewhere;
  other.append_to(elsewhere);
  State there;
  for (EntryIndex i = 0; i < 20; ++i) apply(there, other.entries[i]);
  ASSERT_TRUE(save_snapshot(elsewhere, there));
  const std::string key = "snapshot/00000000000000000020";
  ASSERT_TRUE(ledger.put(key, bytes_of(*elsewhere.get(key))));
  EXPECT_EQ(fold(ledger, 25), expected(25));
}

TEST_F(Fold, KeepsTheLastSnapshotsOnly) {
  for (EntryIndex at = 1; at <= 9; ++at) ASSERT_TRUE(save_snapshot(ledger, expected(at)));
  std::size_t kept = 0;
  const auto keys = ledger.keys("snapshot/");
  for (const std::string& key : *keys)
    if (!ledger.get(key)->empty()) ++kept;
  EXPECT_EQ(kept, 4U);
  EXPECT_EQ(fold(ledger, 9), expected(9));
  EXPECT_EQ(fold(ledger, 3), expected(3));
}

TEST_F(Fold, RefusesASizeTheBookDoesNotHave) {
  const auto state = fold(ledger, end() + 1);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Error::Code::invalid);
}

TEST_F(Fold, DoesNotGoBack) {
  State state = expected(10);
  EXPECT_FALSE(fold_on(state, ledger, 9));
  EXPECT_EQ(state, expected(10));
  EXPECT_TRUE(fold_on(state, ledger, 10));
}

TEST_F(Fold, NamesTheEntryItCanNotRead) {
  append_bytes("not an entry, though 8-aligned!!");
  const auto state = fold(ledger, end() + 1);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Error::Code::corrupt);
  EXPECT_THAT(state.error().detail, HasSubstr(fmt::format("entry {}: ", end())));
  EXPECT_EQ(fold(ledger, end()), book.state);

  State partly = expected(3);
  EXPECT_FALSE(fold_on(partly, ledger, end() + 1));
  EXPECT_EQ(partly, book.state) << "it stands before the entry that could not be folded";
}

// Says that it holds more than it delivers.
class ShortLedger : public MemoryLedger {
 public:
  EntryIndex delivers = 0;
  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override {
    return MemoryLedger::read(from, std::min(to, delivers), visit);
  }
};

TEST_F(Fold, FailsRatherThanEndEarly) {
  ShortLedger cut;
  book.append_to(cut);
  cut.delivers = 12;
  const auto state = fold(cut, 13, Snapshots::ignore);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Error::Code::corrupt);
  EXPECT_THAT(state.error().detail, HasSubstr("12 of 13"));
}

TEST_F(Fold, FindsTheSizeAsOfATime) {
  const auto recorded = [&](EntryIndex i) { return book.entries[i].envelope.recorded_at; };
  EXPECT_EQ(size_as_of(ledger, recorded(0) - 1), 0U);
  EXPECT_EQ(size_as_of(ledger, recorded(0)), 1U);
  for (EntryIndex i = 0; i + 1 < end(); ++i) {
    EXPECT_EQ(size_as_of(ledger, recorded(i)), i + 1);
    EXPECT_EQ(size_as_of(ledger, recorded(i + 1) - 1), i + 1);
  }
  EXPECT_EQ(size_as_of(ledger, recorded(end() - 1) + 1'000'000), end());
}

TEST_F(Fold, CountsAllEntriesOfOneMoment) {
  MemoryLedger burst;
  for (int i = 0; i < 5; ++i) {
    auto entries = book.entries;
    entries[0].envelope.recorded_at = i < 2 ? 100 : 200;
    const auto bytes = encode(entries[0]);
    const Bytes group(bytes);
    ASSERT_TRUE(burst.append({&group, 1}));
  }
  EXPECT_EQ(size_as_of(burst, 99), 0U);
  EXPECT_EQ(size_as_of(burst, 100), 2U);
  EXPECT_EQ(size_as_of(burst, 200), 5U);
}

}  // namespace
}  // namespace daybook
