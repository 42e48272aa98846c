// The bridge between DuckDB and what is ours: the record readers as a table function, and the tap
// that counts, checks, hashes and sets aside the rows that come out of the steps.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/lookup.h"
#include "runner/dataplane/record_reader.h"
#include "runner/dataplane/row_codec.h"
#include "runner/dataplane/steps_sql.h"

namespace daybook {

struct SetAside {
  SourceRow row = 0;
  std::vector<Violation> violations;
};

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
  std::vector<std::uint64_t> by_status;
  std::uint64_t rows_out = 0;
  std::uint64_t output_quarantined = 0;
  std::vector<SetAside> set_aside;
  RuleTally tally;
  std::vector<Digest> leaves;  // of the output rows
  LeafBatch batch{row_context};
  std::optional<StageFailure> failure;  // of ours, inside a DuckDB call
};

class Engine {
 public:
  Engine(ReadContext& context, std::vector<LookupTable>& lookups)
      : context_(context), lookups_(lookups) {}
  Staged<void> register_functions(duckdb_connection connection);

  // Fixed before the first run that counts.
  void set_output(const StepsQuery& query, const Contract* output);
  void add_losers(std::vector<SourceRow> rows) { losers_.push_back(std::move(rows)); }

  StageRun& begin(std::size_t part, bool all_parts);
  void end(const StageRun& run);
  StageRun* run(std::int64_t id);

  ReadContext& context() { return context_; }
  std::vector<LookupTable>& lookups() { return lookups_; }
  const std::vector<std::vector<SourceRow>>& losers() const { return losers_; }
  bool is_waived(SourceRow row) const;

  void tap(duckdb_data_chunk input, duckdb_vector output);
  // Checks rows DuckDB read itself (Parquet): false where the row was set aside.
  void check(duckdb_data_chunk input, duckdb_vector output);

 private:
  ReadContext& context_;
  std::vector<LookupTable>& lookups_;
  std::vector<std::vector<SourceRow>> losers_;
  std::vector<RowStatus> statuses_;
  std::vector<TapStage> taps_;
  std::unique_ptr<RuleSet> output_rules_;
  std::unique_ptr<RowCodec> codec_;
  std::size_t output_columns_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<StageRun>> runs_;
};

}  // namespace daybook
