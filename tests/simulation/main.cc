// daybook_sim: simulates faults from seeds. The seed comes first, and with a failure the line that
// makes it happen again.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/campaign.h"

namespace {

constexpr const char* usage =
    "daybook_sim [--seed N] [--seeds N] [--tier memory|rocksdb|both] [--verbose]\n"
    "            [--without FAULT]… [--partitions N] [--rounds N] [--report FILE] [--dump DIR]\n";

std::optional<std::uint64_t> number(const char* text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text, text + std::strlen(text), value);
  if (parsed.ec != std::errc{} || *parsed.ptr != '\0') return std::nullopt;
  return value;
}

}  // namespace

int main(int count, char** words) {
  daybook::sim::Settings settings;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : nullptr;
    const auto wrong = [&] {
      std::fprintf(stderr, "daybook_sim: what is '%s'?\n%s", word.c_str(), usage);
      return 2;
    };
    if (word == "--verbose") {
      settings.verbose = true;
      continue;
    }
    if (value == nullptr) return wrong();
    ++i;
    if (word == "--tier") {
      settings.tiers = value;
    } else if (word == "--report") {
      settings.report = value;
    } else if (word == "--dump") {
      settings.dump = value;
    } else if (word == "--without") {
      settings.without.emplace_back(value);
    } else {
      const auto n = number(value);
      if (!n) return wrong();
      if (word == "--seed")
        settings.first = *n;
      else if (word == "--seeds")
        settings.seeds = *n;
      else if (word == "--partitions")
        settings.partitions = static_cast<std::uint32_t>(*n);
      else if (word == "--rounds")
        settings.rounds = static_cast<std::uint32_t>(*n);
      else
        return wrong();
    }
  }
  return daybook::sim::run_campaign(settings);
}
