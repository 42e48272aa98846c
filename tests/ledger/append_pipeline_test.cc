// The pipeline acknowledges in order, what it acknowledged is in the book, and it stops at an
// error.
#include "ledger/append_pipeline.h"

#include <gtest/gtest.h>

#include <thread>

#include "ledger/rocksdb_ledger.h"
#include "ledger/verify_tree.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

std::vector<std::string> texts(std::uint64_t from, std::size_t count) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(fmt::format("event {}", from + i));
  return all;
}

std::vector<Bytes> views(const std::vector<std::string>& all) {
  std::vector<Bytes> bytes;
  for (const std::string& each : all) bytes.push_back(bytes_of(each));
  return bytes;
}

class AppendPipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_ledger(dir_, LedgerId{3}));
    reopen();
  }
  void reopen() {
    ledger_.reset();
    auto opened = RocksdbLedger::open(dir_);
    ASSERT_TRUE(opened) << opened.error().detail;
    ledger_ = std::move(*opened);
  }

  TemporaryDirectory root_;
  std::string dir_ = root_ / "b";
  std::unique_ptr<RocksdbLedger> ledger_;
};

TEST_F(AppendPipelineTest, GivesTheTreeThatAppendGives) {
  const std::string twin_dir = root_ / "twin";
  ASSERT_TRUE(create_ledger(twin_dir, LedgerId{3}));
  const auto twin = *RocksdbLedger::open(twin_dir);
  std::vector<TreeHead> expected;
  std::vector<TreeHead> acknowledged;
  {
    AppendPipeline pipeline(*ledger_);
    const std::jthread storer([&] { pipeline.store_groups(); });
    const std::jthread acknowledger([&] { pipeline.acknowledge_groups(); });
    std::uint64_t next = 0;
    for (const std::size_t count : {1, 3, 256, 700, 1, 1, 90, 1, 1, 1, 1, 1, 1, 1, 1, 512, 40}) {
      const auto group = texts(next, count);
      next += count;
      expected.push_back(*twin->append(views(group)));
      ASSERT_TRUE(pipeline.submit(views(group), [&](const Result<TreeHead>& head) {
        ASSERT_TRUE(head);
        // What may be acknowledged is under the anchor on disk, not only in memory.
        EXPECT_GE(Anchor::read(posix_file_system(), dir_ + "/anchor")->head.size, head->size);
        EXPECT_GE(ledger_->head().size, head->size);
        acknowledged.push_back(*head);
      }));
    }
    EXPECT_EQ(pipeline.drain(), twin->head());
    pipeline.close();
  }
  EXPECT_EQ(acknowledged, expected);
  reopen();
  EXPECT_EQ(ledger_->head(), twin->head());
  EXPECT_TRUE(verify_tree(*ledger_));
}

TEST_F(AppendPipelineTest, RefusesAnEntryWithoutSubmittingAndGoesOn) {
  AppendPipeline pipeline(*ledger_);
  const std::jthread storer([&] { pipeline.store_groups(); });
  const std::jthread acknowledger([&] { pipeline.acknowledge_groups(); });
  const std::vector<Bytes> bad = {bytes_of("fine"), Bytes()};
  EXPECT_EQ(pipeline.submit(bad, [](const auto&) { FAIL(); }).error().code, Error::Code::invalid);
  const auto group = texts(0, 2);
  ASSERT_TRUE(pipeline.submit(views(group), {}));
  EXPECT_EQ(pipeline.drain()->size, 2U);
  pipeline.close();
}

TEST_F(AppendPipelineTest, StopsAtAStepOutOfOrder) {
  const auto first = ledger_->new_group();
  const auto second = ledger_->new_group();
  ASSERT_TRUE(ledger_->prepare(views(texts(0, 2)), *first));
  ASSERT_TRUE(ledger_->prepare(views(texts(2, 2)), *second));
  EXPECT_FALSE(ledger_->store(*second));
  EXPECT_FALSE(ledger_->store(*first));
  EXPECT_FALSE(ledger_->append(views(texts(0, 1))));
  EXPECT_EQ(ledger_->head().size, 0U);
  reopen();
  EXPECT_EQ(ledger_->head().size, 0U);
}

}  // namespace
}  // namespace daybook
