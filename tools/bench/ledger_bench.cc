// What the ledger costs above what it stands on, measured side by side in one run:
// append against RocksDB alone with the same rows and sync, verification against SHA-256 alone,
// opening a large book against opening a small one.
//   ledger_bench [DIR] [LARGE]     DIR: an empty place on the disk to measure; LARGE: entries of
//   the
//                                  large book, 1000000 where absent
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>

#include "ledger/assertion.h"
#include "ledger/rocksdb_ledger.h"
#include "ledger/sha256_lanes.h"
#include "ledger/tiles.h"
#include "ledger/verify_tree.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t entry_bytes = 200;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::vector<Bytes> some_entries(std::size_t count) {
  static const std::string pool = [] {
    std::mt19937_64 random(1);
    std::string bytes(65536 * entry_bytes, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
  }();
  std::vector<Bytes> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i] = bytes_of(std::string_view(pool).substr(i % 65536 * entry_bytes, entry_bytes));
  }
  return entries;
}

// The rows of the ledger and nothing else: no hash, no tile, no anchor.
double raw_append(const std::string& dir, std::size_t groups, std::size_t group) {
  fs::remove_all(dir);
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 64 << 20;
  options.max_write_buffer_number = 4;
  options.allow_concurrent_memtable_write = false;
  options.level_compaction_dynamic_level_bytes = true;
  options.track_and_verify_wals_in_manifest = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, dir, &raw);
  DAYBOOK_ASSERT(status.ok(), "{}", status.ToString());
  const std::unique_ptr<rocksdb::DB> db(raw);
  const std::vector<Bytes> entries = some_entries(group);
  rocksdb::WriteOptions write;
  write.sync = true;
  std::string row;
  std::uint64_t next = 0;
  return seconds([&] {
    for (std::size_t g = 0; g < groups; ++g) {
      rocksdb::WriteBatch batch;
      for (std::size_t i = 0; i < group; i += tile_width) {
        encode_row(std::span(entries).subspan(i, std::min<std::size_t>(tile_width, group - i)),
                   row);
        std::string key = "e";
        for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>((next + i) >> shift);
        batch.Put(key, row);
      }
      next += group;
      status = db->Write(write, &batch);
      DAYBOOK_ASSERT(status.ok(), "{}", status.ToString());
    }
  });
}

std::unique_ptr<RocksdbLedger> fresh(const std::string& dir) {
  fs::remove_all(dir);
  const auto created = create_ledger(dir, LedgerId{1});
  DAYBOOK_ASSERT(created.has_value(), "{}", created.error().detail);
  auto ledger = RocksdbLedger::open(dir);
  DAYBOOK_ASSERT(ledger.has_value(), "{}", ledger.error().detail);
  return std::move(*ledger);
}

double ledger_append(Ledger& ledger, std::size_t groups, std::size_t group) {
  const std::vector<Bytes> entries = some_entries(group);
  return seconds([&] {
    for (std::size_t g = 0; g < groups; ++g) {
      const auto head = ledger.append(entries);
      DAYBOOK_ASSERT(head.has_value(), "{}", head.error().detail);
    }
  });
}

void compare_append(const std::string& dir, std::size_t groups, std::size_t group) {
  std::vector<double> raw;
  std::vector<double> ours;
  for (int round = 0; round < 5; ++round) {
    raw.push_back(raw_append(dir + "/raw", groups, group));
    ours.push_back(ledger_append(*fresh(dir + "/ours"), groups, group));
  }
  const double n = static_cast<double>(groups * group);
  fmt::print("append, groups of {:<5} ledger {:>10.0f}/s  raw {:>10.0f}/s  ratio {:.2f}\n", group,
             n / median(ours), n / median(raw), median(raw) / median(ours));
}

void compare_verify(const std::string& dir, std::size_t count) {
  const auto ledger = fresh(dir + "/verify");
  (void)ledger_append(*ledger, count / 4096, 4096);
  const std::uint64_t size = ledger->head().size;
  std::vector<double> verify;
  std::vector<double> single;
  std::vector<double> lanes;
  const std::vector<Bytes> entries = some_entries(size);
  std::vector<Digest> out(size);
  for (int round = 0; round < 5; ++round) {
    verify.push_back(seconds([&] {
      const auto report = verify_tree(*ledger);
      DAYBOOK_ASSERT(report.has_value(), "{}", report.error().detail);
    }));
    single.push_back(seconds([&] { sha256_many(0, entries, out, Sha256Lanes::portable); }));
    lanes.push_back(seconds([&] { sha256_many(0, entries, out); }));
  }
  const double n = static_cast<double>(size);
  fmt::print(
      "verify {} entries  {:>10.0f}/s  SHA-256 alone: OpenSSL {:.0f}/s (ratio {:.2f}), in lanes "
      "{:.0f}/s (ratio {:.2f})\n",
      size, n / median(verify), n / median(single), median(single) / median(verify),
      n / median(lanes), median(lanes) / median(verify));
}

double open_time(const std::string& dir, std::size_t count) {
  (void)ledger_append(*fresh(dir + "/open"), count / 1000, 1000);
  std::vector<double> times;
  for (int round = 0; round < 7; ++round) {
    std::unique_ptr<RocksdbLedger> ledger;
    times.push_back(seconds([&] {
      auto opened = RocksdbLedger::open(dir + "/open");
      DAYBOOK_ASSERT(opened.has_value(), "{}", opened.error().detail);
      ledger = std::move(*opened);
    }));
  }
  return median(times);
}

void run(const std::string& dir, std::size_t large) {
  fs::create_directories(dir);
  compare_append(dir, 2000, 1);
  compare_append(dir, 1500, 256);
  compare_append(dir, 150, 4096);
  compare_verify(dir, 1'000'000);
  const double small_s = open_time(dir, 10'000);
  const double large_s = open_time(dir, large);
  fmt::print("open  10000 entries {:.1f} ms  {} entries {:.1f} ms  ratio {:.2f}\n", small_s * 1e3,
             large, large_s * 1e3, large_s / small_s);
  for (const char* name : {"/raw", "/ours", "/verify", "/open"}) fs::remove_all(dir + name);
}

}  // namespace
}  // namespace daybook

int main(int count, char** arguments) {
  const std::string dir = count > 1 ? arguments[1] : "ledger_bench_book";
  const std::size_t large = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1'000'000;
  daybook::run(dir, large);
}
