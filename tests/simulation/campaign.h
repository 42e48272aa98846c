// Many seeds: runs them, some twice, shrinks what fails, and counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daybook::sim {

struct Settings {
  std::uint64_t first = 1, seeds = 1;
  std::string tiers = "both";  // memory, rocksdb, both
  std::string report, dump;
  std::vector<std::string> without;          // fault classes
  std::uint32_t partitions = 0, rounds = 0;  // 0: as the seed says
  bool verbose = false;
};

// The exit status of the program.
int run_campaign(const Settings& settings);

}  // namespace daybook::sim
