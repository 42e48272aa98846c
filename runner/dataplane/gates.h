// Checks on the whole batch. A gate never stops staging: it says what was measured and what was
// asked for, and the runner decides.
#pragma once

#include <filesystem>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/stage.h"

namespace daybook {

struct GateSubject {
  const RowCounts* counts = nullptr;
  const std::vector<RuleCount>* rules = nullptr;
  std::uint64_t rows = 0;                  // of the table the gates look at
  duckdb_connection connection = nullptr;  // has the view `output`
};

Staged<void> ask_gates(const Contract& contract, const GateSubject& subject, bool is_output,
                       std::vector<GateFinding>& findings);

void ask_budget(const std::string& percent, const RowCounts& counts,
                std::vector<GateFinding>& findings);

}  // namespace daybook
