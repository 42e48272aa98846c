// Many seeds: runs them, some twice and some before the oracle, shrinks what fails, and counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daybook::sim {

struct Settings {
  std::uint64_t first = 1, seeds = 1;
  std::uint64_t seconds = 0;         // 0: so many seeds; else as many as there is time for
  std::string tiers = "both";        // memory, rocksdb, both
  std::string report, dump;          // a JSON file; a folder for dumps of every seed
  std::vector<std::string> without;  // fault classes
  std::uint32_t partitions = 0, rounds = 0, rows = 0;  // 0: as the seed says
  bool verbose = false, shrinks = true;
  std::uint64_t oracle_every = 50;  // 0: never
  bool canaries = false;
  std::string canary;                // one of them; empty: all
  std::uint64_t canary_seeds = 300;  // at most, for each
  bool complete = false;             // a point that was never reached fails the campaign
};

// The exit status of the program: 0 when every promise held and every canary was caught.
int run_campaign(const Settings& settings);

}  // namespace daybook::sim
