// What the ledger costs above what it stands on, measured side by side in one run: append against
// RocksDB alone with the same options, rows and sync; verification against SHA-256 alone; opening a
// large book against opening a small one, closed or killed.
//
//   daybook_bench_ledger [DIRECTORY [LARGE [ROUNDS]]]
//
// DIRECTORY: an absent or empty place on the disk to measure. LARGE: entries of the large book.
// Ratios are medians of the ratios of ROUNDS rounds; in a round the variants take turns.
// Verification is measured in processor time, what waits for the disk in that of the clock.
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <thread>

#include "ledger/append_pipeline.h"
#include "ledger/assertion.h"
#include "ledger/merkle.h"
#include "ledger/rocksdb_group.h"
#include "ledger/rocksdb_ledger.h"
#include "ledger/rocksdb_log.h"
#include "ledger/sha256_lanes.h"
#include "ledger/tiles.h"
#include "ledger/verify_tree.h"
#include "tools/bench/results.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t entry_bytes = 200;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of this thread: what waits for a processor that others use is not counted.
double processor_seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// of[i] / by[i], the median.
double ratio(const std::vector<double>& of, const std::vector<double>& by) {
  std::vector<double> all;
  for (std::size_t i = 0; i < of.size(); ++i) all.push_back(of[i] / by[i]);
  return median(all);
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

std::unique_ptr<RocksdbLedger> opened(const std::string& dir) {
  auto ledger = RocksdbLedger::open(dir);
  DAYBOOK_ASSERT(ledger.has_value(), "{}", ledger.error().detail);
  return std::move(*ledger);
}

std::unique_ptr<RocksdbLedger> fresh(const std::string& dir) {
  fs::remove_all(dir);
  const auto created = create_ledger(dir, LedgerId{1});
  DAYBOOK_ASSERT(created.has_value(), "{}", created.error().detail);
  return opened(dir);
}

// The rows of the ledger, written with its options and nothing else: no hash, no tile, no anchor.
double raw_append(const std::string& dir, std::size_t groups, std::span<const Bytes> entries) {
  fs::remove_all(dir);
  rocksdb::Options options = rocksdb_log::database_options({}, nullptr);
  options.create_if_missing = true;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, dir, &raw);
  DAYBOOK_ASSERT(status.ok(), "{}", status.ToString());
  const std::unique_ptr<rocksdb::DB> db(raw);
  rocksdb::WriteOptions write;
  write.sync = true;
  rocksdb_log::RocksdbGroup group;  // for a batch with the same protection
  std::string row;
  std::uint64_t next = 0;
  return seconds([&] {
    for (std::size_t g = 0; g < groups; ++g) {
      group.batch.Clear();
      for (std::size_t i = 0; i < entries.size(); i += tile_width) {
        encode_row(entries.subspan(i, std::min<std::size_t>(tile_width, entries.size() - i)), row);
        group.batch.Put(rocksdb_log::slice(rocksdb_log::row_key(next + i)), row);
      }
      next += entries.size();
      status = db->Write(write, &group.batch);
      DAYBOOK_ASSERT(status.ok(), "{}", status.ToString());
    }
  });
}

double plain_append(Ledger& ledger, std::size_t groups, std::span<const Bytes> entries) {
  return seconds([&] {
    for (std::size_t g = 0; g < groups; ++g) {
      const auto head = ledger.append(entries);
      DAYBOOK_ASSERT(head.has_value(), "{}", head.error().detail);
    }
  });
}

double pipelined_append(StagedLedger& ledger, std::size_t groups, std::span<const Bytes> entries) {
  return seconds([&] {
    AppendPipeline pipeline(ledger);
    const std::jthread storer([&] { pipeline.store_groups(); });
    const std::jthread acknowledger([&] { pipeline.acknowledge_groups(); });
    for (std::size_t g = 0; g < groups; ++g) {
      const auto submitted = pipeline.submit(entries, {});
      DAYBOOK_ASSERT(submitted.has_value(), "{}", submitted.error().detail);
    }
    const auto head = pipeline.drain();
    pipeline.close();
    DAYBOOK_ASSERT(head.has_value(), "{}", head.error().detail);
  });
}

// Keeps the processors from sleeping while it lives, at a priority below everything. On a virtual
// machine a sync that waits alone may only be noticed at the next tick of the clock (4 ms): without
// this a side with more threads looks faster than the disk, and one with fewer slower.
class Awake {
 public:
  Awake() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        const sched_param lowest{};
        if (::sched_setscheduler(0, SCHED_IDLE, &lowest) != 0) return;
        while (!stop.stop_requested()) {
        }
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

void compare_append(const std::string& dir, std::size_t groups, std::size_t group, int rounds) {
  const Awake awake;
  const std::vector<Bytes> entries = some_entries(group);
  std::vector<double> raw;
  std::vector<double> plain;
  std::vector<double> staged;
  for (int round = 0; round < rounds; ++round) {
    raw.push_back(raw_append(dir + "/raw", groups, entries));
    plain.push_back(plain_append(*fresh(dir + "/ours"), groups, entries));
    staged.push_back(pipelined_append(*fresh(dir + "/ours"), groups, entries));
  }
  const double n = static_cast<double>(groups * group);
  fmt::print(
      "append, groups of {:<5} raw {:>9.0f}/s  append {:>9.0f}/s (ratio {:.2f})  pipeline "
      "{:>9.0f}/s (ratio {:.2f})\n",
      group, n / median(raw), n / median(plain), ratio(raw, plain), n / median(staged),
      ratio(raw, staged));
  bench::record(fmt::format("append_{}", group), ratio(raw, plain),
                {{"per_second", n / median(plain)}, {"raw_per_second", n / median(raw)}});
  bench::record(fmt::format("append_{}_pipeline", group), ratio(raw, staged),
                {{"per_second", n / median(staged)}, {"raw_per_second", n / median(raw)}});
}

void compare_verify(const std::string& dir, std::size_t count, int rounds) {
  const auto ledger = fresh(dir + "/verify");
  (void)plain_append(*ledger, count / 4096, some_entries(4096));
  const std::uint64_t size = ledger->head().size;
  const std::vector<Bytes> entries = some_entries(size);
  std::vector<Digest> out(size);
  std::vector<double> verify;
  std::vector<double> single;
  std::vector<double> lanes;
  std::vector<double> tree;
  for (int round = 0; round < rounds; ++round) {
    verify.push_back(processor_seconds([&] {
      const auto report = verify_tree(*ledger);
      DAYBOOK_ASSERT(report.has_value(), "{}", report.error().detail);
    }));
    single.push_back(
        processor_seconds([&] { sha256_many(0, entries, out, Sha256Lanes::portable); }));
    lanes.push_back(processor_seconds([&] { sha256_many(0, entries, out); }));
    tree.push_back(processor_seconds([&] {
      sha256_many(0, entries, out);
      (void)merkle_root(out);
    }));
  }
  const double n = static_cast<double>(size);
  fmt::print(
      "verify {} entries {:>9.0f}/s  SHA-256 of the entries alone: OpenSSL {:.0f}/s (ratio "
      "{:.2f}), "
      "in lanes {:.0f}/s (ratio {:.2f}); in lanes with the nodes of the tree {:.0f}/s (ratio "
      "{:.2f})\n",
      size, n / median(verify), n / median(single), ratio(single, verify), n / median(lanes),
      ratio(lanes, verify), n / median(tree), ratio(tree, verify));
  bench::record("verify_openssl", ratio(single, verify), {{"per_second", n / median(verify)}});
  bench::record("verify_lanes", ratio(lanes, verify), {{"per_second", n / median(verify)}});
  bench::record("verify_lanes_tree", ratio(tree, verify), {{"per_second", n / median(verify)}});
}

double open_seconds(const std::string& dir) {
  std::unique_ptr<RocksdbLedger> ledger;
  return seconds([&] { ledger = opened(dir); });
}

// A keeper that appends `count` entries and is gone without closing.
void append_and_die(const std::string& dir, std::size_t count) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ledger = opened(dir);
    (void)plain_append(*ledger, count / 1000, some_entries(1000));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  DAYBOOK_ASSERT(status == 0);
}

struct Opening {
  double closed;
  double killed;
};

Opening open_times(const std::string& dir, std::size_t count, int rounds) {
  constexpr std::size_t small = 1000;
  (void)pipelined_append(*fresh(dir + "/open"), count / small, some_entries(small));
  std::vector<double> closed;
  std::vector<double> killed;
  // What waits in the write-ahead log: at most the book, at most the write buffer.
  const std::size_t buffered =
      RocksdbLedgerOptions().write_buffer_bytes * 9 / 10 / (entry_bytes + 40) / small * small;
  for (int round = 0; round < rounds; ++round) {
    closed.push_back(open_seconds(dir + "/open"));
    append_and_die(dir + "/open", std::min(count, buffered));
    killed.push_back(open_seconds(dir + "/open"));
  }
  return {median(closed), median(killed)};
}

void compare_open(const std::string& dir, std::size_t large, int rounds) {
  const Awake awake;
  std::optional<Opening> small;
  for (const std::size_t count : {std::size_t{10'000}, std::size_t{1'000'000}, large}) {
    if (count > large) continue;
    const Opening times = open_times(dir, count, rounds);
    if (!small) small = times;
    fmt::print(
        "open {:>9} entries: closed {:>6.1f} ms (ratio {:.2f})  killed {:>6.1f} ms (ratio "
        "{:.2f})\n",
        count, times.closed * 1e3, times.closed / small->closed, times.killed * 1e3,
        times.killed / small->killed);
    if (count == large) {
      const double entries = static_cast<double>(count);
      bench::record("open_closed", times.closed / small->closed,
                    {{"milliseconds", times.closed * 1e3}, {"entries", entries}});
      bench::record("open_killed", times.killed / small->killed,
                    {{"milliseconds", times.killed * 1e3}, {"entries", entries}});
      break;
    }
  }
}

void run(const std::string& dir, std::size_t large, int rounds) {
  fs::create_directories(dir);
  const bool quick = large < 1'000'000;
  compare_append(dir, quick ? 100 : 400, 1, rounds);
  compare_append(dir, quick ? 200 : 1000, 256, rounds);
  compare_append(dir, quick ? 30 : 100, 4096, rounds);
  compare_verify(dir, quick ? 200'000 : 1'000'000, rounds);
  compare_open(dir, large, rounds);
  for (const char* name : {"/raw", "/ours", "/verify", "/open"}) fs::remove_all(dir + name);
}

}  // namespace
}  // namespace daybook

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string dir = count > 1 ? arguments[1] : "build/bench/ledger";
  const std::size_t large = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 10'000'000;
  const int rounds = count > 3 ? static_cast<int>(std::strtol(arguments[3], nullptr, 10)) : 7;
  daybook::run(dir, large, rounds);
}
