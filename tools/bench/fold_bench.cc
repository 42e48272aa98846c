// How fast one core encodes, decodes and folds entries, on the mix of a book's real work.
//   fold_bench [RUNS]     RUNS: runs of 200 partitions each, 100 where absent
// Prints the median of seven rounds, in processor time: of one core, whatever else it had to do.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <functional>
#include <string_view>

#include "ledger/memory_ledger.h"
#include "replay/fold.h"
#include "replay/state_bytes.h"
#include "replay/verify.h"
#include "tools/bench/results.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

constexpr int rounds = 7;
constexpr std::uint32_t partitions = 200;

double processor_seconds() {
  timespec at{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

double median_seconds(const std::function<void()>& work) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) {
    const double start = processor_seconds();
    work();
    all.push_back(processor_seconds() - start);
  }
  std::ranges::sort(all);
  return all[rounds / 2];
}

void report(std::string_view what, std::size_t entries, double seconds) {
  fmt::print("{:<44} {:>8.0f} ns an entry {:>8.2f} M entries/s\n", what,
             seconds / static_cast<double>(entries) * 1e9,
             static_cast<double>(entries) / seconds / 1e6);
  bench::record(what, static_cast<double>(entries) / seconds);
}

int run(std::uint32_t runs) {
  bench::SampleBook book;
  for (std::uint32_t i = 0; i < runs; ++i) book.run(partitions);
  const std::size_t count = book.entries.size();

  // As a ledger hands them out: one after the other, each 8-aligned.
  std::vector<std::byte> arena;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::size_t bytes = 0;
  for (const Entry& entry : book.entries) {
    const auto encoded = encode(entry);
    places.emplace_back(arena.size(), encoded.size());
    arena.insert(arena.end(), encoded.begin(), encoded.end());
    bytes += encoded.size();
  }
  const auto entry_at = [&](std::size_t i) {
    return Bytes(arena).subspan(places[i].first, places[i].second);
  };
  fmt::print("{} entries, {} slots, {:.0f} bytes an entry\n", count, book.state.slots.size(),
             static_cast<double>(bytes) / static_cast<double>(count));

  std::size_t sum = 0;  // keeps the work from being optimised away
  std::vector<std::byte> out;
  report("encode, canonical", count, median_seconds([&] {
           for (const Entry& entry : book.entries) {
             encode(entry, out);
             sum += out.size();
           }
         }));
  Entry entry;
  entry.event =
      LoadVerified{.run = {}, .slot = {}, .load_id = bench::SampleBook::digest("load"), .rows = 0};
  report("encode, one small entry", count, median_seconds([&] {
           for (std::size_t i = 0; i < count; ++i) {
             entry.envelope.recorded_at = static_cast<Timestamp>(i);
             encode(entry, out);
             sum += out.size();
           }
         }));
  report("decode", count, median_seconds([&] {
           for (std::size_t i = 0; i < count; ++i) {
             if (!decode(entry_at(i), entry)) return;
             sum += entry.event.index();
           }
         }));
  report("apply", count, median_seconds([&] {
           State state;
           for (const Entry& each : book.entries) apply(state, each);
           sum += state.size;
         }));
  report("decode + apply", count, median_seconds([&] {
           State state;
           for (std::size_t i = 0; i < count; ++i) {
             if (!decode(entry_at(i), entry)) return;
             apply(state, entry);
           }
           sum += state.size;
         }));
  report("canonical check", count, median_seconds([&] {
           for (std::size_t i = 0; i < count; ++i) sum += is_canonical(entry_at(i));
         }));
  report("state root (by entries of the book)", count,
         median_seconds([&] { sum += state_root(book.state)[0]; }));

  MemoryLedger ledger;
  book.append_to(ledger);
  report("fold of a ledger in memory", count, median_seconds([&] {
           const auto state = fold(ledger, ledger.head().size, Snapshots::ignore);
           sum += state ? state->size : 0;
         }));
  report("verify_book of a ledger in memory", count, median_seconds([&] {
           const auto verified = verify_book(ledger);
           sum += verified && verified->good() ? 1 : 0;
         }));
  return sum == 0 ? 1 : 0;
}

}  // namespace
}  // namespace daybook

int main(int argc, char** argv) {
  std::uint32_t runs = 100;
  if (argc > 1) {
    const std::string_view text = argv[1];
    std::from_chars(text.data(), text.data() + text.size(), runs);
  }
  return daybook::run(runs);
}
