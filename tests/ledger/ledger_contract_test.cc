// What every ledger promises, asked of each implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ledger/memory_ledger.h"
#include "ledger/rocksdb_ledger.h"
#include "ledger/tiles.h"
#include "ledger/verify_tree.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

class InMemory {
 public:
  Ledger& ledger() { return ledger_; }
  void reopen() { ledger_.restart(); }

 private:
  MemoryLedger ledger_;
};

class OnDisk {
 public:
  OnDisk() {
    EXPECT_TRUE(create_ledger(dir_ + "/b", LedgerId{7}));
    reopen();
  }
  Ledger& ledger() { return *ledger_; }
  void reopen() {
    ledger_.reset();
    auto opened = RocksdbLedger::open(dir_ + "/b");
    ASSERT_TRUE(opened) << opened.error().detail;
    ledger_ = std::move(*opened);
  }

 private:
  TemporaryDirectory root_;
  std::string dir_ = root_.path();
  std::unique_ptr<RocksdbLedger> ledger_;
};

template <typename T>
class LedgerContract : public ::testing::Test {
 protected:
  T place_;
  std::vector<std::string> model_;
  std::mt19937_64 random_{3};

  Ledger& ledger() { return place_.ledger(); }

  void append(std::size_t count) {
    std::vector<std::string> group;
    for (std::size_t i = 0; i < count; ++i) {
      group.push_back(fmt::format("event {}", model_.size() + i) +
                      std::string(random_() % 40, '.'));
    }
    std::vector<Bytes> views;
    for (const auto& e : group) views.push_back(bytes_of(e));
    const auto head = ledger().append(views);
    ASSERT_TRUE(head) << head.error().detail;
    model_.insert(model_.end(), group.begin(), group.end());
    ASSERT_EQ(head->size, model_.size());
    ASSERT_EQ(*head, ledger().head());
  }

  Digest model_root(std::size_t size) const {
    std::vector<Digest> leaves;
    for (std::size_t i = 0; i < size; ++i) leaves.push_back(hash_leaf(bytes_of(model_[i])));
    return merkle_root(leaves);
  }

  void expect_model() {
    ASSERT_EQ(ledger().head(), (TreeHead{model_.size(), model_root(model_.size())}));
    std::uint64_t next = 0;
    const auto read = ledger().read(0, model_.size(), [&](std::uint64_t index, Bytes entry) {
      EXPECT_EQ(index, next++);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry.data()) % 8, 0U);
      EXPECT_TRUE(std::ranges::equal(entry, bytes_of(model_[index]))) << index;
      return true;
    });
    EXPECT_TRUE(read) << read.error().detail;
    EXPECT_EQ(next, model_.size());
  }
};

using Implementations = ::testing::Types<InMemory, OnDisk>;
TYPED_TEST_SUITE(LedgerContract, Implementations);

TYPED_TEST(LedgerContract, IsEmptyAtFirst) {
  EXPECT_EQ(this->ledger().head(), (TreeHead{0, empty_root()}));
  EXPECT_EQ(*this->ledger().root_at(0), empty_root());
  this->place_.reopen();
  this->expect_model();
}

TYPED_TEST(LedgerContract, KeepsEveryGroupInOrderAcrossReopening) {
  for (const std::size_t count : {1, 1, 3, 250, 1, 1, 256, 600, 7}) {
    this->append(count);
    this->place_.reopen();
  }
  this->expect_model();
}

TYPED_TEST(LedgerContract, JoinsManySmallGroupsWithoutAGap) {
  for (int i = 0; i < 300; ++i) {
    this->append(1 + static_cast<std::size_t>(i) % 3);
    if (i % 90 == 0) this->place_.reopen();
  }
  this->expect_model();
  const auto report = verify_tree(this->ledger());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(report->tiles, 2U);
  this->place_.reopen();
  this->expect_model();
}

TYPED_TEST(LedgerContract, ReadsAnyRangeAndStopsWhenAsked) {
  this->append(300);
  for (int i = 0; i < 20; ++i) this->append(1);
  for (const auto& [from, to] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 0}, {0, 1}, {255, 257}, {299, 305}, {310, 320}, {320, 320}}) {
    std::uint64_t next = from;
    ASSERT_TRUE(
        this->ledger().read(from, to, [&](std::uint64_t index, Bytes) { return index == next++; }));
    EXPECT_EQ(next, to);
  }
  int seen = 0;
  EXPECT_TRUE(this->ledger().read(5, 300, [&](std::uint64_t, Bytes) { return ++seen < 4; }));
  EXPECT_EQ(seen, 4);
  EXPECT_EQ(this->ledger().read(0, 321, [](auto, auto) { return true; }).error().code,
            Error::Code::invalid);
}

TYPED_TEST(LedgerContract, ProvesInclusionAndConsistencyAtEverySize) {
  this->append(700);
  this->append(9);
  const std::uint64_t size = this->model_.size();
  for (std::uint64_t s = 1; s <= size; s += 1 + s / 9) {
    const Digest root = this->model_root(s);
    ASSERT_EQ(*this->ledger().root_at(s), root) << s;
    const std::uint64_t index = s * 7 / 11;
    const auto inclusion = this->ledger().inclusion_proof(index, s);
    ASSERT_TRUE(inclusion);
    EXPECT_TRUE(
        verify_inclusion(hash_leaf(bytes_of(this->model_[index])), index, s, *inclusion, root));
    const auto consistency = this->ledger().consistency_proof(s, size);
    ASSERT_TRUE(consistency);
    EXPECT_TRUE(verify_consistency(s, root, size, this->ledger().head().root, *consistency));
  }
  EXPECT_FALSE(this->ledger().root_at(size + 1));
  EXPECT_FALSE(this->ledger().inclusion_proof(5, 5));
}

TYPED_TEST(LedgerContract, RefusesAnEmptyAndAnOversizeEntryAndGoesOn) {
  const std::string big(65536, 'x');
  for (const std::string_view bad : {std::string_view(), std::string_view(big)}) {
    const std::vector<Bytes> group = {bytes_of("fine"), bytes_of(bad)};
    EXPECT_EQ(this->ledger().append(group).error().code, Error::Code::invalid);
  }
  EXPECT_EQ(this->ledger().head().size, 0U);
  this->append(2);
  this->expect_model();
}

TYPED_TEST(LedgerContract, KeepsNamedValuesBesideTheLog) {
  ASSERT_TRUE(this->ledger().put("checkpoint/1", bytes_of("one")));
  ASSERT_TRUE(this->ledger().put("checkpoint/2", bytes_of("two")));
  ASSERT_TRUE(this->ledger().put("checkpoint/1", bytes_of("uno")));
  ASSERT_TRUE(this->ledger().put("snapshot", bytes_of("")));
  this->append(3);
  this->place_.reopen();
  EXPECT_EQ(*this->ledger().get("checkpoint/1"), "uno");
  EXPECT_EQ(*this->ledger().get("snapshot"), "");
  EXPECT_EQ(this->ledger().get("checkpoint").error().code, Error::Code::not_found);
  EXPECT_EQ(*this->ledger().keys("checkpoint/"),
            (std::vector<std::string>{"checkpoint/1", "checkpoint/2"}));
  this->expect_model();
}

TEST(MemoryLedger, StopsAtAFailedAppendUntilRestarted) {
  for (const auto fault : {MemoryLedger::Fault::lost, MemoryLedger::Fault::kept}) {
    MemoryLedger ledger;
    const std::vector<Bytes> group = {bytes_of("a")};
    ASSERT_TRUE(ledger.append(group));
    ledger.fail_next_append(fault);
    EXPECT_FALSE(ledger.append(group));
    EXPECT_FALSE(ledger.append(group));
    EXPECT_EQ(ledger.head().size, 1U);
    ledger.restart();
    EXPECT_EQ(ledger.head().size, fault == MemoryLedger::Fault::kept ? 2U : 1U);
    EXPECT_TRUE(ledger.append(group));
  }
}

}  // namespace
}  // namespace daybook
