// What the seeds of a campaign met and counted. One object for all of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tests/simulation/options.h"

namespace daybook::sim {

struct Figures {
  std::uint64_t seeds = 0, twice = 0, void_seeds = 0, oracle = 0;
  std::uint64_t entries = 0, acknowledged = 0, boots = 0, loads = 0, steps = 0, rows_compared = 0;
  std::int64_t virtual_us = 0;
  std::map<std::string, std::uint64_t, std::less<>> points;    // came by
  std::map<std::string, std::uint64_t, std::less<>> ended_at;  // of these: the process ended there
  std::map<std::string, std::uint64_t, std::less<>> sometimes;
  // By fault: how often it happened, and what was acknowledged in the seeds that had it.
  std::map<std::string, std::uint64_t, std::less<>> happened, acknowledged_under, seeds_with;
  std::map<std::string, std::uint64_t> ended_as;  // phases of partitions at the end
  std::uint64_t lost = 0, doubled = 0, silent = 0;
};

// Every one of these is to be reached in a campaign; one that is not fails it.
extern const std::initializer_list<std::string_view> registered_points;
extern const std::initializer_list<std::string_view> registered_sometimes;

}  // namespace daybook::sim
