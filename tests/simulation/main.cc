// daybook_sim: simulates faults from seeds. The seed comes first, and with a failure the line that
// makes it happen again.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "tests/simulation/campaign.h"
#include "tests/simulation/options.h"

namespace {

constexpr const char* usage =
    R"(daybook_sim [--seed N] [--seeds N | --seconds N] [--tier memory|rocksdb|both]

  --seed N            the first seed (1)                --seeds N     how many (1)
  --seconds N         as many as there is time for      --verbose     say what each seed simulates
  --without FAULT     switch one class of faults off    --partitions, --rounds, --rows N
  --dump DIR          entries, history and sinks of every seed, for tests/simulation/oracle.py
  --oracle-every N    judge every n-th seed with it (50; 0: none)
  --canaries          put our own faults in, one at a time: each must be caught
  --canary NAME       one of them                       --canary-seeds N   give up after (300)
  --complete          fail where a named point or occurrence was never met
  --report FILE       the figures as JSON

faults: )";

std::optional<std::uint64_t> number(const char* text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text, text + std::strlen(text), value);
  if (parsed.ec != std::errc{} || *parsed.ptr != '\0') return std::nullopt;
  return value;
}

bool is_fault(const std::string& name) {
  for (const auto& fault : daybook::sim::fault_names)
    if (fault == name) return true;
  return false;
}

int wrong(const std::string& what) {
  std::string faults;
  for (const auto& fault : daybook::sim::fault_names) faults += std::string(fault) + " ";
  std::fprintf(stderr, "daybook_sim: %s\n%s%s\n", what.c_str(), usage, faults.c_str());
  return 2;
}

}  // namespace

int main(int count, char** words) {
  daybook::sim::Settings settings;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--help") return wrong("how it is used:") == 2 ? 0 : 1;
    if (word == "--verbose") {
      settings.verbose = true;
      continue;
    }
    if (word == "--complete") {
      settings.complete = true;
      continue;
    }
    if (word == "--canaries") {
      settings.canaries = true;
      continue;
    }
    if (i + 1 == count) return wrong("'" + word + "' is no word of its own");
    const char* value = words[++i];
    if (word == "--tier") {
      settings.tiers = value;
      if (settings.tiers != "memory" && settings.tiers != "rocksdb" && settings.tiers != "both")
        return wrong("there is no tier '" + settings.tiers + "'");
    } else if (word == "--report") {
      settings.report = value;
    } else if (word == "--dump") {
      settings.dump = value;
    } else if (word == "--canary") {
      settings.canaries = true;
      settings.canary = value;
    } else if (word == "--without") {
      if (!is_fault(value)) return wrong("there is no fault '" + std::string(value) + "'");
      settings.without.emplace_back(value);
    } else {
      const auto n = number(value);
      if (!n) return wrong("'" + word + " " + value + "' is no number");
      const auto small = static_cast<std::uint32_t>(*n);
      if (word == "--seed") {
        settings.first = *n;
      } else if (word == "--seeds") {
        settings.seeds = *n;
      } else if (word == "--seconds") {
        settings.seconds = *n;
      } else if (word == "--oracle-every") {
        settings.oracle_every = *n;
      } else if (word == "--canary-seeds") {
        settings.canary_seeds = *n;
      } else if (word == "--partitions") {
        settings.partitions = small;
      } else if (word == "--rounds") {
        settings.rounds = small;
      } else if (word == "--rows") {
        settings.rows = small;
      } else {
        return wrong("what is '" + word + "'?");
      }
    }
  }
  return daybook::sim::run_campaign(settings);
}
