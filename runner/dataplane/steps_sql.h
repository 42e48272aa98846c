// A pipeline's steps as one query. Rows that leave on the way are not filtered where they leave:
// each row carries a status, 0 while it is in, and the one function at the end ("tap") counts every
// row exactly once, whatever the optimiser does in between.
//
// Columns of every relation on the way: the data columns, then __src (identity of the source
// record), __s (status) and one boolean for each extra (warnings and expression rules).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/definition/pipeline.h"

namespace daybook {

enum class RowOutcome : std::uint8_t { kept, filtered, dropped, quarantined, merged, fails_run };

struct RowStatus {
  RowOutcome outcome = RowOutcome::kept;
  std::string rule, column, message;
  bool expression_rules = false;  // the extras say which, and what is to become of the row
  bool of_output = false;         // of the output contract
};

struct RowExtra {
  std::string rule, column, message;
  OnViolation action = OnViolation::warn;
};

// Columns of one lookup's keys, as the rows have them: values are compared by type.
using LookupKeys = std::vector<Column>;

// Rows to be left out because a row with the same key is kept: found by a pass of its own.
struct KeyPass {
  std::string query;  // gives __src of the losers, ascending
  std::int32_t status = 0;
};

// Where rows are counted: once before each aggregate or sql step, and at the end.
struct TapStage {
  std::vector<RowExtra> extras;
  bool last = false;
};

struct StepsOptions {
  std::string source;           // relation with the source columns and __src
  std::vector<Column> columns;  // of the source
  std::int64_t run = 0;         // given to the tap
  bool careful = false;         // find the rows on which an expression fails
  bool has_waived = false;
  bool taps = true;
  bool levels = false;
};

// The relation after a step, of all rows whatever became of them: columns, __src, __s.
struct StepLevel {
  std::string step;  // "" before the first
  std::string relation;
  std::vector<std::string> columns;
  std::string found;  // of a lookup: __src and __f, the row of the lookup's table
};

struct StepsQuery {
  std::vector<std::string> tables;  // to be filled first, in order: what sql steps read
  std::string sql;                  // the output, in order
  std::vector<Column> columns;
  std::vector<RowStatus> statuses;
  std::vector<TapStage> taps;
  std::vector<KeyPass> passes;
  std::vector<LookupKeys> lookups;  // in order of the steps
  std::vector<StepLevel> levels;    // where asked for: the source, each step, the output
  bool streams = true;              // no step needs all rows at once
};

// Builds the query; asks DuckDB for the types in between.
Staged<StepsQuery> build_steps(const Pipeline& pipeline, const StepsOptions& options,
                               duckdb_connection connection);

// Whether the query as a whole, not a part of it in parentheses, says ORDER BY.
bool is_ordered(std::string_view query);

// So many that what the steps make of their texts stays of a size: fewer where texts may grow.
std::uint32_t rows_at_once(const Pipeline& pipeline);

// Whether build_steps will say `streams`.
bool steps_stream(const Pipeline& pipeline);

}  // namespace daybook
