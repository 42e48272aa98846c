// How the cost of a book grows with its entries: opening it, starting a keeper on it, folding and
// verifying all of it, proving one entry, appending to it. Time and peak memory, each in a process
// of its own.
//
//   daybook_bench_book DIRECTORY LARGEST       10^4, 10^5 … LARGEST entries
//
// The raw figures go to DIRECTORY/book.jsonl. Entries are those of real runs: half of the
// partitions are loaded twice, some attempts fail, some set records aside.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "ledger/assertion.h"
#include "ledger/rocksdb_ledger.h"
#include "replay/fold.h"
#include "replay/verify.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
constexpr std::uint32_t partitions = 100;  // of a run

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::unique_ptr<RocksdbLedger> opened(const std::string& dir) {
  auto ledger = RocksdbLedger::open(dir);
  DAYBOOK_ASSERT(ledger.has_value(), "{}", ledger.error().detail);
  return std::move(*ledger);
}

void grow(const std::string& dir, std::uint64_t entries) {
  const auto created = create_ledger(dir, LedgerId{1});
  DAYBOOK_ASSERT(created.has_value(), "{}", created.error().detail);
  const auto ledger = opened(dir);
  bench::SampleBook book;
  std::vector<std::vector<std::byte>> bytes;
  for (std::uint32_t run = 0; ledger->head().size < entries; ++run) {
    // Each run goes over the partitions of the one before it again, and over as many new ones.
    book.run(partitions, run * partitions / 2);
    bytes.clear();
    for (const Entry& entry : book.entries) bytes.push_back(encode(entry));
    book.entries.clear();
    const std::uint64_t room = entries - ledger->head().size;
    if (bytes.size() > room) bytes.resize(room);
    const auto head = ledger->append(std::vector<Bytes>(bytes.begin(), bytes.end()));
    DAYBOOK_ASSERT(head.has_value(), "{}", head.error().detail);
  }
  // What a keeper leaves behind at its end.
  const auto state = fold(*ledger, ledger->head().size, Snapshots::ignore);
  DAYBOOK_ASSERT(state.has_value(), "{}", state.error().detail);
  const auto saved = save_snapshot(*ledger, *state);
  DAYBOOK_ASSERT(saved.has_value(), "{}", saved.error().detail);
}

struct Measured {
  double seconds = 0;
  std::uint64_t times = 1;  // that it was done
};

Measured measure(const std::string& dir, const std::string& what) {
  const double begin = now();
  const auto ledger = opened(dir);
  const std::uint64_t size = ledger->head().size;
  if (what == "open") return {now() - begin};
  if (what == "start") {
    const auto state = fold(*ledger, size, Snapshots::use);
    DAYBOOK_ASSERT(state.has_value() && state->size == size);
    return {now() - begin};
  }
  if (what == "fold") {
    const double from = now();
    const auto state = fold(*ledger, size, Snapshots::ignore);
    DAYBOOK_ASSERT(state.has_value() && state->size == size);
    return {now() - from};
  }
  if (what == "verify") {
    const double from = now();
    const auto report = verify_book(*ledger);
    DAYBOOK_ASSERT(report.has_value() && report->folded == size);
    return {now() - from};
  }
  if (what == "proof") {
    std::mt19937_64 random(1);
    constexpr std::uint64_t proofs = 200;
    const double from = now();
    for (std::uint64_t i = 0; i < proofs; ++i)
      DAYBOOK_ASSERT(ledger->inclusion_proof(random() % size, size).has_value());
    return {now() - from, proofs};
  }
  DAYBOOK_ASSERT(what == "append", "no measurement '{}'", what);
  // Bytes that are no entries: the ledger does not care, and this book is not folded again.
  constexpr std::uint64_t groups = 200;
  const std::vector<std::byte> entry(200, std::byte{7});
  const std::vector<Bytes> group(256, Bytes(entry));
  const double from = now();
  for (std::uint64_t i = 0; i < groups; ++i) DAYBOOK_ASSERT(ledger->append(group).has_value());
  return {now() - from, groups * group.size()};
}

// This program again with other words, in a process of its own: what it says, and the memory it
// took.
std::string said_by(const std::vector<std::string>& words, double& peak_mib) {
  int ends[2];
  DAYBOOK_ASSERT(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    std::vector<char*> arguments;
    std::vector<std::string> copy = words;
    for (std::string& word : copy) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  DAYBOOK_ASSERT(status == 0, "{} failed", words[1]);
  peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return text;
}

double number(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void compare(const std::string& directory, std::uint64_t largest) {
  fs::create_directories(directory);
  const std::string dir = directory + "/book";
  std::FILE* raw = std::fopen((directory + "/book.jsonl").c_str(), "we");
  DAYBOOK_ASSERT(raw != nullptr, "{} can not be written", directory);
  fmt::print("{:>10}  {:<8} {:>12} {:>10}\n", "entries", "what", "ms", "peak MiB");
  for (std::uint64_t entries = 10'000; entries <= largest; entries *= 10) {
    fs::remove_all(dir);
    double peak = 0;
    (void)said_by({"grow", "grow", dir, fmt::format("{}", entries)}, peak);
    for (const std::string what : {"open", "start", "fold", "verify", "proof", "append"}) {
      std::vector<double> all;
      const int rounds = what == "open" || what == "start" ? 5 : what == "append" ? 1 : 3;
      double most = 0;
      for (int round = 0; round < rounds; ++round) {
        all.push_back(number(said_by({"measure", "measure", dir, what}, peak)));
        most = std::max(most, peak);
      }
      std::ranges::sort(all);
      const double middle = all[all.size() / 2];
      fmt::print("{:>10}  {:<8} {:>12.3f} {:>10.0f}\n", entries, what, middle * 1e3, most);
      fmt::print(raw, "{{\"what\":\"{}\",\"entries\":{},\"seconds\":{:.9f},\"peak_mib\":{:.1f}}}\n",
                 what, entries, middle, most);
      std::fflush(stdout);
    }
  }
  std::fclose(raw);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace daybook

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  const std::string third = argc > 3 ? argv[3] : "";
  std::uint64_t count = 10'000'000;
  const std::string digits = first == "grow" ? third : argc > 2 ? argv[2] : "";
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (first == "grow" && argc == 4) {
    daybook::grow(argv[2], count);
  } else if (first == "measure" && argc == 4) {
    const auto found = daybook::measure(argv[2], third);
    fmt::print("{:.12f}", found.seconds / static_cast<double>(found.times));
  } else {
    daybook::compare(first.empty() ? "build/bench" : first, count);
  }
  return 0;
}
