// Differences of rows as people and programs read them; shared by diff and replay.
#pragma once

#include <string>
#include <vector>

#include "runner/dataplane/row_diff.h"
#include "runner/definition/pipeline.h"
#include "tools/daybook/output.h"

namespace daybook {

Json rows_json(const RowDiff& rows);
// Lines, each behind `indent`; the first says how many came, went and changed.
std::string rows_text(const Output& output, const std::string& indent, const RowDiff& rows);

// By what rows of this pipeline's output are told apart: the sink's key, the output contract's, or
// what the last dedupe or aggregate goes by; empty where nothing says so.
std::vector<std::string> row_key(const Pipeline& pipeline);

}  // namespace daybook
