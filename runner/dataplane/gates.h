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

void ask_budget(const std::string& percent, const RowCounts& counts,
                std::vector<GateFinding>& findings);

}  // namespace daybook
