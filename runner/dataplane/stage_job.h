// One stage() call: opens the inputs, finds what must be known before the rows can stream, runs the
// steps part by part, and puts the parts together in order.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "ledger/merkle.h"
#include "runner/dataplane/engine.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/leaf_spool.h"
#include "runner/dataplane/lineage.h"
#include "runner/dataplane/record_finder.h"
#include "runner/dataplane/stage.h"

namespace daybook {

class StageJob {
 public:
  StageJob(const StageRequest& request, StageProgress& progress)
      : request_(request), pipeline_(*request.pipeline), progress_(progress) {}
  Staged<StageResult> run();

 private:
  struct PartDone {
    std::uint64_t read = 0, rows_out = 0, rows_to_output = 0;
    std::uint64_t quarantined = 0, filtered = 0, merged = 0;
    bool elsewhere_good = false;
    std::vector<Digest> record_leaves, row_leaves;
    std::vector<SourceRow> sources;  // of the output rows, where lineage is wanted
    // Instead of the leaves, where one part is the whole source.
    std::vector<Frontier> record_trees;
    Frontier row_tree;
    RuleTally tally;
    std::filesystem::path file, quarantine;
    std::optional<StagedFile> described;
  };

  Staged<void> open_inputs();
  Staged<void> open_engine();
  Staged<void> match_parquet_columns();
  Staged<void> take_overlay();
  Staged<void> find_duplicates();
  Staged<void> find_losers();
  Staged<void> run_parts();
  Staged<PartDone> run_part(std::size_t part, duckdb_connection connection);
  Staged<bool> try_part(std::size_t part, bool careful, duckdb_connection connection,
                        PartDone& done);
  Staged<void> write_quarantine_of(StageRun& run, PartDone& done);
  class ParquetFinder;
  Staged<QuarantinedRecord> record_of(SetAside aside, RecordFinder& finder, ParquetFinder& parquet);
  Staged<std::string> parquet_record(SourceRow row);  // as it stands in the file
  StageRun& begin_whole();
  Staged<void> ask_source_gates(StageResult& result);
  void commit(std::size_t index, PartDone done);
  static void append_by_pieces(Frontier& tree, std::span<const Digest> leaves);
  void add_leaves(std::size_t index, PartDone& part);
  Staged<StageResult> finish();
  Staged<void> finish_counts(StageResult& result);
  Staged<void> finish_quarantine(StageResult& result);
  Staged<void> finish_output(StageResult& result);
  Staged<StageRun*> open_current_jsonl(const std::vector<std::string>& files);
  Staged<void> merge_current(StageResult& result);
  Staged<RowSet> losers_of(const std::string& query);
  std::string source_relation(const StageRun& run) const;
  StepsOptions options_for(const StageRun& run, bool careful, bool taps) const;
  bool parquet_source() const;

  // Lineage: stage_lineage.cc.
  struct OutputFileRows {
    std::filesystem::path file;
    std::uint64_t rows = 0;
  };
  void restart_spools();
  LeafSpool& record_spool(std::uint32_t input);
  Staged<void> tell(StageResult& result, const std::vector<OutputFileRows>& files);
  Staged<void> find_outputs(const std::string& rows_relation);
  Staged<void> tell_outputs(const StageResult& result, const std::string& rows_relation);
  Staged<void> tell_quarantined(const StageResult& result);
  Staged<RecordTold> tell_record(const StageResult& result, SourceRow row);
  using Members = std::map<SourceRow, std::vector<SourceRow>>;
  Staged<Members> members_of(const std::set<SourceRow>& rows, bool& any);
  Staged<Members> pairs_of(const std::string& query);
  Staged<void> tell_steps();
  Staged<void> tell_steps_of(const StepsQuery& steps,
                             const std::map<SourceRow, std::vector<RowTold*>>& wanted);
  Staged<void> tell_rivals(const std::map<SourceRow, std::vector<RowTold*>>& wanted);
  bool is_waived(SourceRow row) const;
  static std::string list_of(const std::set<SourceRow>& rows);
  std::string parquet_rows(std::string_view condition) const;

  const StageRequest& request_;
  const Pipeline& pipeline_;
  StageProgress& progress_;
  FileSource source_;
  std::vector<std::string> files_;
  std::vector<FixedFile> fixed_;  // Parquet files as they were before they were read
  std::unique_ptr<SourceParts> parts_;
  std::unique_ptr<SourceParts> replacement_parts_;  // of a Parquet source: nothing but its columns
  ReadContext context_;
  std::vector<LookupTable> lookups_;
  std::unique_ptr<Engine> engine_;
  DuckDatabase::Limits limits_;
  // Current rows in JSONL, read by our own reader: DuckDB's makes doubles of decimals.
  ReadContext current_context_;
  std::unique_ptr<SourceParts> current_parts_;
  std::unique_ptr<Engine> current_engine_;
  std::unique_ptr<DuckDatabase> database_;  // after the engine: its functions point there
  StepsQuery query_;
  bool whole_ = false;  // one run over everything

  std::mutex mutex_;
  std::condition_variable committed_changed_;
  std::map<std::size_t, PartDone> waiting_;
  std::size_t committed_ = 0;
  std::vector<Frontier> record_trees_;
  Frontier row_tree_;
  std::vector<PartDone> done_;  // without leaves
  std::uint64_t rows_out_ = 0, rows_to_output_ = 0;
  struct Spools {
    std::vector<std::unique_ptr<LeafSpool>> records;
    std::unique_ptr<LeafSpool> rows, quarantine;
    std::vector<SourceRow> sources;  // of the output rows, in order
    std::vector<SourceRow> merged;   // of a merge: what became of `sources`
    std::map<std::size_t, std::vector<std::uint64_t>> found;  // output rows of each wish
  };
  std::unique_ptr<Spools> spools_;  // where lineage is wanted
  bool elsewhere_good_ = false;     // see PartRead
  std::set<std::string> dropping_;  // rules and steps whose rows are gone without a review
};

}  // namespace daybook
