#include "tests/simulation/options.h"

#include <fmt/format.h>

#include "replay/words.h"
#include "tests/simulation/chance.h"

namespace daybook::sim {

namespace {

// At each opportunity, per million, where a seed has the fault at all. Opportunities of a kill are
// many (each step of each protocol), those of a promoted standby are few.
constexpr std::array<std::uint32_t, fault_count> most = {
    20'000,   // kill
    20'000,   // power
    500'000,  // torn
    15'000,   // io_error
    8'000,    // disk_full
    20'000,   // pause
    40'000,   // takeover
    30'000,   // clock
    200'000,  // lost_answer
    40'000,   // server_crash
    400'000,  // lost_tail
    60'000,   // server_error
    150'000,  // source
    500'000,  // damage
    60'000,   // interference
};

}  // namespace

Options options_of(std::uint64_t seed, Tier tier) {
  Chance chance = Chance(seed).stream("options");
  Options o;
  o.seed = seed;
  o.tier = tier;
  o.order = static_cast<Order>(chance.below(3));
  o.target = chance.one_in(2) ? Target::directory : Target::server;
  if (chance.one_in(3))
    o.mode = LoadMode::append;
  else if (o.target == Target::directory && Chance(seed).stream("merge").one_in(2))
    o.mode = LoadMode::merge;
  // Each later one has a stream of its own: the seeds of before keep what they had.
  Chance interference = Chance(seed).stream("interference");
  for (std::size_t i = 0; i < fault_count; ++i)
    if (Chance& its = i < static_cast<std::size_t>(Fault::interference) ? chance : interference;
        its.one_in(2))
      o.per_million[i] = static_cast<std::uint32_t>(its.between(most[i] / 20, most[i]));
  o.ordered_names = Chance(seed).stream("names").one_in(2);
  // What is torn is torn by a loss of power.
  if (o.on(Fault::torn) && !o.on(Fault::power)) o.off(Fault::torn);
  o.partitions =
      static_cast<std::uint32_t>(chance.one_in(20) ? chance.between(12, 40) : chance.between(1, 6));
  o.rounds = static_cast<std::uint32_t>(chance.between(2, 6));
  o.rows = static_cast<std::uint32_t>(chance.between(1, 8));
  o.attempts = static_cast<std::uint32_t>(chance.between(1, 6));
  o.concurrency = static_cast<std::uint32_t>(chance.between(1, 4));
  return o;
}

std::string describe(const Options& o) {
  std::string faults;
  for (std::size_t i = 0; i < fault_count; ++i)
    if (o.per_million[i] > 0) faults += fmt::format(" {}={}", fault_names[i], o.per_million[i]);
  constexpr std::array orders = {"fifo", "random", "adversary"};
  return fmt::format(
      "seed {} tier {} order {} target {} mode {} names {} partitions {} rounds {} rows {} "
      "attempts {} concurrency {} faults{}",
      o.seed, o.tier == Tier::memory ? "memory" : "rocksdb",
      orders[static_cast<std::size_t>(o.order)],
      o.target == Target::server ? "server" : "directory", word(o.mode),
      o.ordered_names ? "ordered" : "unordered", o.partitions, o.rounds, o.rows, o.attempts,
      o.concurrency, faults.empty() ? " none" : faults);
}

}  // namespace daybook::sim
