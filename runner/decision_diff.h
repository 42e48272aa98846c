// What would have become of each record under another definition: the decisions of two executions
// over the same input, side by side.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runner/dataplane/row_diff.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// A record that one of the two sets aside and the other does not, or for another reason.
struct DecisionChange {
  std::string source;  // file name within the project
  std::uint64_t row = 0;
  std::string bytes;                // the record, as received
  std::vector<std::string> before;  // rules it broke then; empty: it passed the rules
  std::vector<std::string> after;   // now
};

struct DecisionDiff {
  RowCounts before, after;
  struct Rule {
    std::string rule;
    std::uint64_t before = 0, after = 0;
  };
  std::vector<Rule> rules;  // whose counts are not the same, by name
  // Records set aside now and not then, then and not now, and in both for other rules.
  std::uint64_t newly_quarantined = 0, no_longer_quarantined = 0, for_other_rules = 0;
  std::vector<DecisionChange> sample;  // the first of each of the three, in source order
  RowDiff rows;                        // of the output
  bool same() const {
    return rules.empty() && newly_quarantined + no_longer_quarantined + for_other_rules == 0 &&
           before == after && rows.same();
  }
};

struct Execution {
  const StageResult* result = nullptr;
  std::filesystem::path output;  // directory of its files
  FileFormat format = FileFormat::parquet;
};

// `sample`: at most so many of each kind. Memory grows with what is quarantined, which an attempt
// bounds, and not with the rows. Blocking.
Result<DecisionDiff> diff_decisions(const Execution& before, const Execution& after,
                                    const std::vector<std::string>& key, std::uint64_t sample,
                                    const std::filesystem::path& scratch,
                                    std::uint64_t memory_limit_bytes);

}  // namespace daybook
