#include "tests/simulation/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tests/simulation/simulation.h"

namespace daybook::sim {

namespace {

struct Outcome {
  std::string broken;  // empty: all promises held
  std::uint64_t trace = 0, acknowledged = 0;
};

Outcome simulate(const Options& options, Figures& figures, const std::string& dump = "") {
  Outcome out;
  const std::uint64_t before = figures.acknowledged;
  Simulation simulation(options, figures);
  try {
    simulation.run();
  } catch (const Broken& broken) {
    out.broken = broken.what;
  } catch (const std::exception& error) {
    out.broken = fmt::format("an exception nobody caught: {}", error.what());
  }
  out.trace = simulation.world.trace();
  out.acknowledged = figures.acknowledged - before;
  if (!dump.empty()) simulation.dump(dump);
  return out;
}

Figures empty_figures() {
  Figures f;
  for (const std::string_view point : registered_points) f.points[std::string(point)] = 0;
  for (const std::string_view what : registered_sometimes) f.sometimes[std::string(what)] = 0;
  return f;
}

Options options_for(const Settings& settings, std::uint64_t seed, Tier tier) {
  Options o = options_of(seed, tier);
  for (std::size_t i = 0; i < fault_count; ++i)
    if (std::ranges::find(settings.without, fault_names[i]) != settings.without.end())
      o.per_million[i] = 0;
  if (settings.partitions > 0) o.partitions = settings.partitions;
  if (settings.rounds > 0) o.rounds = settings.rounds;
  return o;
}

}  // namespace

int run_campaign(const Settings& settings) {
  Figures figures = empty_figures();
  std::printf("seed %llu, %llu seeds\n", static_cast<unsigned long long>(settings.first),
              static_cast<unsigned long long>(settings.seeds));
  std::fflush(stdout);
  int failed = 0;
  for (const Tier tier : {Tier::memory, Tier::rocksdb}) {
    if (settings.tiers == "memory" && tier != Tier::memory) continue;
    if (settings.tiers == "rocksdb" && tier != Tier::rocksdb) continue;
    const auto started = std::chrono::steady_clock::now();
    for (std::uint64_t seed = settings.first; seed < settings.first + settings.seeds; ++seed) {
      const Options options = options_for(settings, seed, tier);
      if (settings.verbose) std::printf("%s\n", describe(options).c_str());
      std::fflush(stdout);
      Outcome outcome = simulate(
          options, figures, settings.dump.empty() ? "" : fmt::format("{}/{}", settings.dump, seed));
      ++figures.seeds;
      if (outcome.broken.empty() && seed % 100 == 0) {
        Figures other = empty_figures();
        const Outcome again = simulate(options, other);
        ++figures.twice;
        if (again.trace != outcome.trace || again.broken != outcome.broken)
          outcome.broken = "run twice, it took two ways";
      }
      if (outcome.broken.empty()) continue;
      ++failed;
      std::printf("FAILED seed %llu: %s\n  %s\n  again: tools/dev sim --seed %llu --tier %s\n",
                  static_cast<unsigned long long>(seed), outcome.broken.c_str(),
                  describe(options).c_str(), static_cast<unsigned long long>(seed),
                  tier == Tier::memory ? "memory" : "rocksdb");
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::printf("%s: %llu seeds in %.1f s, %.0f a second\n",
                tier == Tier::memory ? "memory" : "rocksdb",
                static_cast<unsigned long long>(settings.seeds), seconds,
                static_cast<double>(settings.seeds) / seconds);
  }
  for (const auto& [point, hits] : figures.points)
    std::printf("  %-28s %8llu ended %llu\n", point.c_str(), static_cast<unsigned long long>(hits),
                static_cast<unsigned long long>(figures.ended_at[point]));
  for (const auto& [what, hits] : figures.sometimes)
    std::printf("  %-70s %8llu\n", what.c_str(), static_cast<unsigned long long>(hits));
  for (const auto& [what, hits] : figures.happened)
    std::printf("  %-28s %8llu\n", what.c_str(), static_cast<unsigned long long>(hits));
  for (const auto& [what, hits] : figures.ended_as)
    std::printf("  %-28s %8llu\n", what.c_str(), static_cast<unsigned long long>(hits));
  std::printf("acknowledged %llu boots %llu loads %llu steps %llu virtual days %.0f\n",
              static_cast<unsigned long long>(figures.acknowledged),
              static_cast<unsigned long long>(figures.boots),
              static_cast<unsigned long long>(figures.loads),
              static_cast<unsigned long long>(figures.steps),
              static_cast<double>(figures.virtual_us) / 86'400e6);
  return failed == 0 ? 0 : 1;
}

}  // namespace daybook::sim
