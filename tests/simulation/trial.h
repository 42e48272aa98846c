// One seed, judged: by the simulation itself and, where it is asked, by the oracle.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/campaign.h"
#include "tests/simulation/figures.h"
#include "tests/simulation/options.h"

namespace daybook::sim {

struct Outcome {
  std::string broken;  // empty: all promises held
  std::uint64_t trace = 0, acknowledged = 0;
};

Figures empty_figures();
Options options_for(const Settings& settings, std::uint64_t seed, Tier tier);
Outcome simulate(const Options& options, Figures& figures, const std::string& dump = "");

// What tests/simulation/oracle.py says of dumps; empty: every rule holds.
std::string ask_oracle(const std::vector<std::string>& directories);

// A folder for dumps that goes with the process.
std::string scratch_folder();

// The smallest variation of the options that still fails: faults off one by one, then fewer
// partitions, rounds and rows.
Options shrunk(Options options);
std::string rerun_line(const Options& options, const Options& original);

// Runs each canary until it is caught; false where one was not. Appends to the report's lines.
struct CaughtCanary {
  std::string name, meaning, by, said;
  std::uint64_t seeds = 0;
  bool caught = false;
};
std::vector<CaughtCanary> run_canaries(const Settings& settings);

}  // namespace daybook::sim
