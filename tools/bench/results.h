// Where the measurements leave their figures: each program prints what it found for people and
// appends one JSON line a figure to the file named by DAYBOOK_BENCH_RESULTS, for
// tools/bench/table.py.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace daybook::bench {

// `id` is what table.py knows the figure by; the rest is shown beside it. Names need no escaping.
inline void record(std::string_view id, double value,
                   const std::vector<std::pair<std::string_view, double>>& details = {}) {
  const char* const path = std::getenv("DAYBOOK_BENCH_RESULTS");
  if (path == nullptr) return;
  std::FILE* const out = std::fopen(path, "a");
  if (out == nullptr) return;
  fmt::print(out, R"({{"id": "{}", "value": {:.6g})", id, value);
  for (const auto& [name, number] : details) fmt::print(out, R"(, "{}": {:.6g})", name, number);
  fmt::print(out, "}}\n");
  std::fclose(out);
}

}  // namespace daybook::bench
