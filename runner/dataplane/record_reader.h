// Reads one part of a source record by record into typed columns. Records that break the contract
// never come out: they go to the part's quarantine with their bytes and every rule they broke.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runner/dataplane/csv_splitter.h"
#include "runner/dataplane/leaves.h"
#include "runner/dataplane/partition_key.h"
#include "runner/dataplane/quarantine_file.h"
#include "runner/dataplane/row_set.h"
#include "runner/dataplane/rules.h"
#include "runner/dataplane/source_parts.h"
#include "runner/dataplane/typed_parse.h"

namespace daybook {

// Identity of a record within a stage: sorts in source order.
using SourceRow = std::int64_t;
inline SourceRow source_row(std::uint32_t input, std::uint64_t row) {
  return static_cast<SourceRow>(std::uint64_t{input} << 40 | row);
}
inline std::uint32_t input_of(SourceRow row) { return static_cast<std::uint32_t>(row >> 40); }
inline std::uint64_t row_of(SourceRow row) {
  return static_cast<std::uint64_t>(row) & ((1ULL << 40) - 1);
}

struct Replacement {
  std::string bytes;
  bool waive_rules = false;
};

// Rows that a pass before has found to repeat a unique key, with what is said of them.
struct Duplicates {
  RowSet rows;
  OnViolation action;
  Violation violation;
};

// What all readers of a stage share; fixed before the first one starts.
struct ReadContext {
  SourceParts* parts = nullptr;
  std::vector<Column> columns;
  std::unique_ptr<RuleSet> rules;
  std::vector<ValueParser> parsers;
  SimdPath path = best_simd_path();
  PartitionKey partition;  // rows of other keys are not read
  std::string column_key;  // empty: all rows
  std::unordered_map<SourceRow, Replacement> overlay;
  std::vector<Duplicates> duplicates;
  bool is_duplicate(SourceRow row) const {
    return std::any_of(duplicates.begin(), duplicates.end(),
                       [&](const Duplicates& rule) { return rule.rows.contains(row); });
  }
  // Collects the partition keys of all records, wherever a rule would put them; may be null.
  std::set<std::string>* keys = nullptr;
  StageProgress* progress = nullptr;
  bool record_leaves = true;  // commit to the records; one pass of a stage does
  Digest salts{};             // the secret of all leaves
  std::uint32_t rows_at_once = vector_rows_max;
};

// What reading a part leaves behind.
struct PartRead {
  std::uint64_t read = 0, quarantined = 0, filtered = 0;
  std::uint64_t replaced_bad = 0;  // quarantined elsewhere: see StageJob::try_part
  bool elsewhere_good = false;     // a record of another partition of the source breaks no rule
  RuleTally tally;
  std::vector<Digest> leaves;  // of the records, in order
  // Takes the leaves of one input's next records as they come, where the part is a whole source.
  std::function<void(std::uint32_t input, std::vector<Digest>& leaves)> on_leaves;
  QuarantineWriter* quarantine = nullptr;
  std::function<void(const QuarantinedRecord&)> on_quarantined;  // beside the file; may be empty
  std::function<void(const QuarantinedRecord&)> on_dropped;      // without a review; may be empty
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // Fills up to context.rows_at_once rows; strings stay valid until the call after the next. 0:
  // end. Every view must have a writable validity.
  Staged<std::uint32_t> read(std::span<const VectorView> columns, SourceRow* rows);

  static std::unique_ptr<RecordReader> open(const ReadContext& context, const SourcePart& part,
                                            PartRead& out);
  // Over these records alone, numbered as given: validation of replacements and release loads.
  static std::unique_ptr<RecordReader> open(const ReadContext& context,
                                            std::vector<std::pair<SourceRow, Replacement>> records,
                                            PartRead& out);

 protected:
  RecordReader(const ReadContext& context, PartRead& out)
      : context_(context), out_(out), leaf_batch_(record_context, context.salts) {}

  struct Record {
    std::uint32_t begin = 0, length = 0;  // in block_, without separator
  };
  struct Block {
    std::vector<char> bytes;
    std::size_t size = 0;
    std::vector<char> strings;  // unescaped text
    std::size_t strings_used = 0;
  };

  // Splits block_ into records_. The block ends with LF.
  virtual void split() = 0;
  // Parses records from `next_` on into rows; sets chunk_ (record index per row) and faults_.
  virtual std::uint32_t fill(std::span<const VectorView> columns) = 0;
  // The text a value was parsed from.
  virtual std::string raw_text(std::uint32_t record, std::uint32_t column) = 0;

  void set_aside(std::uint32_t record, std::vector<Violation> violations);
  bool check_text(std::uint32_t record, std::vector<Violation>& violations) const;
  char* room_for_text(std::size_t size);

  const ReadContext& context_;
  PartRead& out_;
  Block blocks_[2];
  Block* block_ = &blocks_[0];
  std::vector<Record> records_;
  std::uint32_t next_ = 0;  // record
  std::uint32_t input_ = 0;
  std::vector<std::uint32_t> chunk_;
  std::vector<TypeFault> faults_;
  std::vector<std::pair<std::uint32_t, std::vector<Violation>>> notes_;  // more, by row of chunk

 private:
  // Why the bytes are not one record by themselves; empty where they are.
  std::string not_one_record(const std::string& bytes) const;
  Staged<bool> next_block();
  Staged<bool> load_range_piece();
  void oversize(const RecordRange& range);
  void patch();
  void load_text(std::string_view text);
  std::string_view record_text(std::uint32_t record) const {
    return {block_->bytes.data() + records_[record].begin, records_[record].length};
  }
  std::uint64_t number_of(std::uint32_t record) const {
    return row_of_record_.empty() ? block_row_ + record : row_of_record_[record];
  }
  bool replaced(std::uint32_t record) const {
    return !context_.overlay.empty() &&
           context_.overlay.contains(source_row(input_, number_of(record)));
  }
  bool in_partition(std::span<const VectorView> columns, std::uint32_t row) const;
  // Whether a record without a readable key belongs to the partition at hand.
  bool unkeyed_belong() const {
    return !context_.partition.by_column() || context_.column_key.empty() ||
           context_.column_key == PartitionKey::unkeyed;
  }
  QuarantinedRecord record_at(std::uint32_t record) const;
  void leave(QuarantinedRecord record, Verdict verdict);
  void write_pending();
  void flush_leaves();

  const SourcePart* part_ = nullptr;
  std::size_t range_ = 0;
  std::uint64_t position_ = 0, row_ = 0;
  std::uint32_t check_ = 0;
  std::uint64_t block_row_ = 0, block_offset_ = 0;
  std::vector<std::pair<SourceRow, Replacement>> listed_;
  bool listed_mode_ = false, listed_done_ = false;
  std::vector<std::uint8_t> waived_;  // per record of the block, where any is
  std::vector<std::uint64_t> row_of_record_, offset_of_record_;  // only in patched blocks
  // Replacements that are not one record: an empty line stands for them.
  std::unordered_map<std::uint32_t, std::pair<std::string, std::string>> refused_;  // bytes, why
  std::vector<QuarantinedRecord> pending_;  // of this chunk, to be written in source order
  std::vector<RuleHit> hits_;
  LeafBatch leaf_batch_;
  friend class CsvReader;
  friend class JsonlReader;
};

}  // namespace daybook
