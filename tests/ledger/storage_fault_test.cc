// Storage that fails, and power that goes, at every operation: what was acknowledged is there
// afterwards, and a ledger that met an error takes nothing more.
#include <gtest/gtest.h>

#include "ledger/payload_store.h"
#include "ledger/rocksdb_ledger.h"
#include "ledger/verify_tree.h"
#include "tests/support/sim_disk.h"

namespace daybook {
namespace {

struct Model {
  std::vector<std::string> sent;  // in order; the ledger holds a prefix of them
  std::uint64_t acknowledged = 0;
};

RocksdbLedgerOptions on(SimDisk& disk) {
  return {
      .files = &disk.files(), .rocksdb_files = disk.rocksdb_files(), .write_buffer_bytes = 1 << 20};
}

// Groups of many sizes, until one fails.
void work(SimDisk& disk, Model& model) {
  const auto ledger = RocksdbLedger::open("/b", on(disk));
  if (!ledger) return;
  model.acknowledged = (*ledger)->head().size;  // opening anchored what it kept
  model.sent.resize(model.acknowledged);
  for (const std::size_t count : {1, 2, 250, 1, 40, 600, 3}) {
    const std::size_t before = model.sent.size();
    for (std::size_t i = 0; i < count; ++i)
      model.sent.push_back(fmt::format("entry {}", before + i));
    std::vector<Bytes> group;
    for (std::size_t i = before; i < model.sent.size(); ++i)
      group.push_back(bytes_of(model.sent[i]));
    const auto head = (*ledger)->append(group);
    if (!head) {
      EXPECT_EQ(head.error().code, Error::Code::io);
      EXPECT_EQ((*ledger)->head().size, model.acknowledged);
      EXPECT_FALSE((*ledger)->append(group));
      EXPECT_FALSE((*ledger)->put("name", bytes_of("value")));
      return;
    }
    model.acknowledged = head->size;
  }
}

void expect_kept(SimDisk& disk, const Model& model) {
  const auto ledger = RocksdbLedger::open("/b", on(disk));
  ASSERT_TRUE(ledger) << ledger.error().detail;
  const std::uint64_t size = (*ledger)->head().size;
  ASSERT_GE(size, model.acknowledged);
  ASSERT_LE(size, model.sent.size());
  EXPECT_TRUE((*ledger)->read(0, size, [&](std::uint64_t index, Bytes entry) {
    return std::ranges::equal(entry, bytes_of(model.sent[index]));
  }));
  const auto report = verify_tree(**ledger);
  EXPECT_TRUE(report) << report.error().detail;
  const std::vector<Bytes> more = {bytes_of("more")};
  EXPECT_TRUE((*ledger)->append(more));
}

// How many operations a whole run takes, to fail at each of them.
std::uint64_t operations_of_a_run() {
  SimDisk disk;
  EXPECT_TRUE(create_ledger("/b", LedgerId{1}, on(disk)));
  const std::uint64_t before = disk.operations();
  Model model;
  work(disk, model);
  EXPECT_EQ(model.acknowledged, 897U);
  return disk.operations() - before;
}

class StorageFault : public ::testing::TestWithParam<SimDisk::Fault> {};

TEST_P(StorageFault, LosesNothingAcknowledgedAtAnyOperation) {
  const std::uint64_t operations = operations_of_a_run();
  ASSERT_GT(operations, 40U);
  std::mt19937_64 random(11);
  for (std::uint64_t at = 0; at < operations; ++at) {
    SCOPED_TRACE(fmt::format("operation {}", at));
    SimDisk disk;
    ASSERT_TRUE(create_ledger("/b", LedgerId{1}, on(disk)));
    disk.fail_at(at, GetParam());
    Model model;
    work(disk, model);
    disk.power_cycle(random);
    expect_kept(disk, model);
    if (HasFatalFailure()) return;
  }
}

// Again and again on the same book, at random moments.
TEST(PowerLoss, LosesNothingAcknowledgedInALongLife) {
  std::mt19937_64 random(12);
  SimDisk disk;
  ASSERT_TRUE(create_ledger("/b", LedgerId{1}, on(disk)));
  Model model;
  for (int life = 0; life < 150; ++life) {
    SCOPED_TRACE(fmt::format("life {}", life));
    disk.fail_at(random() % 80, SimDisk::Fault::power);
    work(disk, model);
    disk.power_cycle(random);
    const auto ledger = RocksdbLedger::open("/b", on(disk));
    ASSERT_TRUE(ledger) << ledger.error().detail;
    ASSERT_GE((*ledger)->head().size, model.acknowledged);
    ASSERT_LE((*ledger)->head().size, model.sent.size());
  }
  EXPECT_GT(model.acknowledged, 5000U);
  expect_kept(disk, model);
}

INSTANTIATE_TEST_SUITE_P(Faults, StorageFault,
                         ::testing::Values(SimDisk::Fault::once, SimDisk::Fault::sticky,
                                           SimDisk::Fault::power),
                         [](const auto& tested) {
                           return tested.param == SimDisk::Fault::once     ? "Once"
                                  : tested.param == SimDisk::Fault::sticky ? "Sticky"
                                                                           : "Power";
                         });

// Whoever found a key removed took the removal for durable: with the power gone it was back.
TEST(StorageFault, ErasesAPayloadForGoodAtWhicheverOperationItFailedBefore) {
  std::mt19937_64 random{1};
  const RandomBytes entropy = [&](std::span<std::byte> out) {
    for (std::byte& b : out) b = static_cast<std::byte>(random());
  };
  std::uint64_t failed = 0;
  for (std::uint64_t operation = 0; operation < 10; ++operation)
    for (int tries = 0; tries < 20; ++tries) {  // what a loss of power keeps is drawn
      SimDisk disk;
      auto store = PayloadStore::open(disk.files(), "/book", entropy);
      ASSERT_TRUE(store) << store.error().detail;
      const auto ref = store->put(bytes_of("Ada Lovelace, 12 St James's Square"));
      ASSERT_TRUE(ref) << ref.error().detail;
      disk.fail_at(operation, SimDisk::Fault::once);
      failed += store->erase(*ref) ? 0U : 1U;
      disk.fail_at(0, SimDisk::Fault::none);
      ASSERT_TRUE(store->erase(*ref)) << operation;
      disk.power_cycle(random);
      EXPECT_FALSE(store->contains(*ref)) << operation;
      EXPECT_FALSE(store->salt_of(*ref)) << operation;
    }
  EXPECT_GT(failed, 40U);
}

}  // namespace
}  // namespace daybook
