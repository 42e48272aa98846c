// Checks on the whole batch. A gate never stops staging: it says what was measured and what was
// asked for, and the runner decides.
#pragma once

#include <filesystem>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/stage.h"

namespace daybook {

struct GateSubject {
  const std::vector<RuleCount>* rules = nullptr;
  std::uint64_t rows = 0;                  // of the table the gates look at
  std::uint64_t checked = 0;               // rows the contract's row rules were asked of
  duckdb_connection connection = nullptr;  // has the view `output`, where a gate is a query
};

// A metric that is a row rule as well (nulls, missing, invalid, duplicates, budgets) is measured by
// the rows that broke the rule, wherever those went: what the rule set aside counts against the
// gate.
Staged<void> ask_gates(const Contract& contract, const GateSubject& subject,
                       std::vector<GateFinding>& findings);

// What the quarantine budget is asked of.
struct BudgetSubject {
  RowCounts counts;
  // Partitions of a column are cut as small as the data are: one record of one that is bad says
  // nothing. They are asked together with the rest of the source.
  bool part_of_source = false;  // one of several partitions of the same files
  bool elsewhere_good = false;  // a record of another partition of the source breaks no rule
  bool unkeyed = false;         // the partition of records whose key can not be read
};

// Where nobody set a budget (`percent` is empty), a partition of which nothing is good is held: a
// file with another separator or of another feed does not silently empty what stands in the target.
// Of a partition by column that is said when nothing of the whole source is good, or from
// `all_bad_held_from` bad records on.
inline constexpr std::uint64_t all_bad_held_from = 100;
void ask_budget(const std::string& percent, const BudgetSubject& subject,
                std::vector<GateFinding>& findings);

}  // namespace daybook
