// The bridge between DuckDB and what is ours: the record readers as a table function, and the tap
// that counts, checks, hashes and sets aside the rows that come out of the steps.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/lookup.h"
#include "runner/dataplane/record_reader.h"
#include "runner/dataplane/row_codec.h"
#include "runner/dataplane/row_set.h"
#include "runner/dataplane/set_asides.h"
#include "runner/dataplane/steps_sql.h"

namespace daybook {

// Rows that a sql step made count from here: they are of no one record.
inline constexpr SourceRow derived_rows = SourceRow{1} << 62;

// One execution of the steps over one part, or over all of them.
struct StageRun {
  std::int64_t id = 0;
  std::size_t part = 0;
  bool all_parts = false;
  std::vector<std::pair<SourceRow, Replacement>> listed;  // instead of parts
  bool from_list = false;
  PartRead read;
  std::unique_ptr<QuarantineWriter> quarantine;
  // From the taps:
  std::uint64_t rows_tapped = 0;  // by the first tap: each row that the reader gave, once
  std::uint64_t filtered = 0, merged = 0;
  std::uint64_t rows_out = 0, rows_to_output = 0;  // before and after the output contract's rules
  SetAsides set_aside;
  RuleTally tally;
  bool keep_sources = false;       // of the output rows, in order
  std::vector<SourceRow> sources;  // of a merge: -1 - n of new row n, 0 of one that is kept
  std::vector<Digest> leaves;      // of the output rows
  std::function<void(std::vector<Digest>&)> on_leaves;  // takes them as they come
  std::unique_ptr<LeafBatch> batch;
  bool numbered_by_place = false;       // of a merge: the rows are of no one record
  std::optional<StageFailure> failure;  // of ours, inside a DuckDB call
};

class Engine {
 public:
  Engine(ReadContext& context, std::vector<LookupTable>& lookups)
      : context_(context), lookups_(lookups) {}
  Staged<void> register_functions(duckdb_connection connection);
  // The table function alone, under another name: for a second source beside the first.
  Staged<void> register_scan(duckdb_connection connection, const char* name);

  // Fixed before the first run that counts. The lookup tables learn the types of their keys.
  Staged<void> set_output(const StepsQuery& query, const Contract* output);
  void add_losers(RowSet rows) { losers_.push_back(std::move(rows)); }

  StageRun& begin(std::size_t part, bool all_parts);
  void end(const StageRun& run);
  StageRun* run(std::int64_t id);

  ReadContext& context() { return context_; }
  std::vector<LookupTable>& lookups() { return lookups_; }
  const std::vector<RowSet>& losers() const { return losers_; }
  bool is_waived(SourceRow row) const;
  const std::vector<LookupKeys>& lookup_keys() const { return lookup_keys_; }

  void tap(duckdb_data_chunk input, duckdb_vector output);
  // True for rows that the output contract's row rules let stay.
  void fits(duckdb_data_chunk input, duckdb_vector output) const;
  // Checks rows DuckDB read itself (Parquet): false where the row was set aside.
  void check(duckdb_data_chunk input, duckdb_vector output);

 private:
  ReadContext& context_;
  std::vector<LookupTable>& lookups_;
  std::vector<RowSet> losers_;
  std::vector<RowStatus> statuses_;
  std::vector<TapStage> taps_;
  std::vector<LookupKeys> lookup_keys_;
  void leave(StageRun& run, SourceRow row, Verdict verdict, std::string bytes);
  std::unique_ptr<RuleSet> output_rules_;
  std::unique_ptr<RowCodec> codec_;
  std::size_t output_columns_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<StageRun>> runs_;
};

}  // namespace daybook
