// Staging one partition: read, validate, transform, write the output to files nobody sees yet, and
// commit to what was read and made. Pure with respect to its request: the same request gives the
// same rows in the same order and the same digests, with any number of threads and any CPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "ledger/error.h"
#include "runner/definition/pipeline.h"
#include "statemachine/events.h"

namespace daybook {

// A record a person released or amended: it replaces the record at (source digest, row).
struct OverlayRecord {
  Digest source{};        // SHA-256 of the source file it came from
  std::uint64_t row = 0;  // record number, from 1, header not counted
  std::string bytes;      // replacement; equal to the original where released as it is
  // Released as it is: rules are not applied, save types and those that fail the row or the run.
  bool waive_rules = false;
  bool operator==(const OverlayRecord&) const = default;
};

// What the staged output is for: decides its physical form.
enum class StagedFormat : std::uint8_t { parquet, csv, jsonl, postgres_copy };

struct LineageWish;  // lineage.h

struct StageRequest {
  const Pipeline* pipeline = nullptr;
  PartitionInput input;
  // Column partitioning: keep only rows whose partition key is this one. Rows of other keys are not
  // counted as read; records without a readable key are of "unkeyed". A record of the overlay is of
  // the partition whose record it replaces, whatever key it has now.
  std::string column_key;
  std::vector<OverlayRecord> overlay;  // sorted by (source, row)
  bool overlay_only = false;           // append mode release: only the overlay's records are read
  StagedFormat format = StagedFormat::parquet;
  std::filesystem::path directory;  // exists, empty, ours alone; output and side files go here
  // Directory sinks in merge mode: files of the current generation; their rows survive unless a new
  // row has the same key.
  std::vector<std::filesystem::path> current_files;
  unsigned threads = 1;
  std::uint64_t memory_limit_bytes = 0;  // 0: engine default
  Digest salts{};                        // the secret that all leaves are salted with
  // The file a PostgreSQL query was captured into before: it is read, and no query is made.
  std::string captured;
  LineageWish* lineage = nullptr;  // what is to be told of single rows; outlives the call
};

struct StagedFile {
  std::string name;  // within StageRequest::directory
  std::uint64_t bytes = 0, rows = 0;
  Digest digest{};  // SHA-256 of the file's bytes
};

struct Violation {
  std::string rule;    // RowRule::id, or "structure", "encoding", "step 2 lookup", an assert's name
  std::string column;  // may be empty
  std::string message;  // "12,50 is not a decimal(12,2)"; at most 200 bytes, escaped
  bool operator==(const Violation&) const = default;
};

// A record set aside: what it was, where it stood, and every rule it broke.
struct QuarantinedRecord {
  std::uint32_t input = 0;        // index into StageResult::inputs
  std::uint64_t row = 0;          // record number, from 1, header not counted
  std::uint64_t byte_offset = 0;  // of its first byte in the source file
  // As received, without the record separator. Of Parquet, and of rows that a sql step made, one
  // JSON object (record_as_json); rows of a sql step count from 1 in the step's order.
  std::string bytes;
  std::vector<Violation> violations;
  bool operator==(const QuarantinedRecord&) const = default;
};

struct StageResult {
  std::vector<InputFile> inputs;  // name relative to the project; sources first, then lookup files
  Digest inputs_digest{};         // inputs_digest_of() over what was read
  RowCounts counts;
  std::vector<RuleCount> rules;   // quarantined per rule, then filtered and merged per step
  std::vector<StagedFile> files;  // in order; concatenated they are the output
  std::uint64_t output_rows = 0;  // counts.accepted, or more where a merge kept current rows
  Digest output_root{};
  Digest content{};
  std::vector<Column> columns;  // of the output
  // Quarantined records, written by write_quarantine(); empty path where there are none.
  std::filesystem::path quarantine_file;
  std::uint64_t quarantine_bytes = 0;
  Digest quarantine_root{};
  std::vector<GateFinding> gates;
  std::uint64_t input_bytes = 0;
};

struct StageFailure {
  ErrorClass error = ErrorClass::internal;
  std::string code;         // "source.changed", "source.missing", "expression", "io", "gate"…
  std::string fingerprint;  // without row numbers or values: the same cause gives the same text
  std::string detail;       // for a person; position and hint
  std::string classified_by;
};

// Progress of one stage, readable from another thread while it runs; cancel asks it to stop soon.
struct StageProgress {
  std::atomic<std::uint64_t> bytes_read{0}, bytes_total{0}, rows_read{0};
  std::atomic<bool> cancel{false};
};

// Blocking; runs on the caller's thread (plus request.threads - 1 of its own). Leaves nothing but
// files under request.directory. Fails with code "cancelled" after progress.cancel.
std::expected<StageResult, StageFailure> stage(const StageRequest& request,
                                               StageProgress& progress);

// The identity of a partition's inputs before it is read: source and lookup bytes, column key and
// overlay. Reads the files once, as fast as hashing goes; a PostgreSQL query is run and its rows
// hashed, nothing is stored. Equal to StageResult::inputs_digest while the data are the same.
std::expected<Digest, StageFailure> inputs_digest_of(const Pipeline& pipeline,
                                                     const PartitionInput& input,
                                                     const std::string& column_key,
                                                     const std::vector<OverlayRecord>& overlay,
                                                     StageProgress& progress);

// Keys of a column-partitioned source, in order. Reads the source once.
std::expected<std::vector<std::string>, StageFailure> discover_partitions(
    const Pipeline& pipeline, const PartitionInput& whole, StageProgress& progress);

// Quarantine files: one record after the other; positions in it are what the book's events count.
Result<std::vector<QuarantinedRecord>> read_quarantine(const std::filesystem::path& file);
Result<std::vector<QuarantinedRecord>> parse_quarantine(std::string_view bytes);

// Validates one replacement record against the source contract: the violations it still has.
std::vector<Violation> validate_record(const Pipeline& pipeline, const std::string& file_header,
                                       const std::string& record);

// What DuckDB says of the pipeline's steps and expressions over typed empty tables: catches what
// the definition's own checker can not (argument types). Appends to diagnostics.
void check_types(const Pipeline& pipeline, Diagnostics& diagnostics);

// Versions and digest of the engine that makes the output: DuckDB, component library, row codec.
struct EngineVersion {
  std::string text;  // "daybook 0.1.0, duckdb v1.4.4, components 2, rows 2"
  Digest digest{};
};
EngineVersion engine_version();

}  // namespace daybook
