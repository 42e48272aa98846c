// A pipeline as the engine runs it: read from one *.pipeline.yaml file, checked against its
// contracts, with every expression parsed and rewritten in its normal form.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runner/definition/contract.h"
#include "runner/definition/diagnostic.h"
#include "statemachine/events.h"

namespace daybook {

enum class FileFormat : std::uint8_t { csv, jsonl, parquet };

struct CsvDialect {
  char delimiter = ',';
  char quote = '"';
  bool header = true;
  std::string null_text;  // a field that equals it, unquoted, is null; "" by default
  bool operator==(const CsvDialect&) const = default;
};

// `path` is relative to the project (the folder of the pipeline file), may hold placeholders like
// {snapshot} or * and never leaves the project.
struct FileSource {
  FileFormat format = FileFormat::csv;
  std::string path;
  CsvDialect csv;
  bool operator==(const FileSource&) const = default;
};

// A query against PostgreSQL, captured once per attempt into a file that is then the input.
// {from} and {to} in `query` stand for the partition's range.
struct PostgresSource {
  std::string
      connection;     // secret://env/NAME, secret://file/path, or a libpq string without password
  std::string query;  // exactly one SELECT
  bool operator==(const PostgresSource&) const = default;
};

using Source = std::variant<FileSource, PostgresSource>;

struct Partitioning {
  enum class By : std::uint8_t {
    none,    // one partition named "all"
    path,    // the value of the placeholder `name` in the source path
    column,  // values of column `name`: by day, month or hash
    range,   // PostgresSource: ranges of `name` from `start` by `every`
  };
  enum class Unit : std::uint8_t { value, day, month, hash };
  enum class Type : std::uint8_t { string, date, integer };
  By by = By::none;
  std::string name;
  Type type = Type::string;
  Unit unit = Unit::value;
  std::uint32_t buckets = 0;  // hash
  std::string start, end,
      every;  // range: "2024-01-01", "", "1 month" or integers; start and expected end
  std::vector<std::string> expected;  // keys declared beside those found; a missing one is a gap
  bool operator==(const Partitioning&) const = default;
};

// A parsed, allow-listed SQL expression. `sql` is re-rendered from the syntax tree: what reaches
// DuckDB never contains the user's own text.
struct Expression {
  std::string sql;
  std::vector<std::string> columns;  // that it reads, sorted, unique
  Span span;                         // in the pipeline file
  bool operator==(const Expression& other) const {
    return sql == other.sql && columns == other.columns;
  }
};

namespace step {
struct Derive {
  std::vector<std::pair<std::string, Expression>> columns;
  bool operator==(const Derive&) const = default;
};
struct Filter {
  Expression keep;
  bool operator==(const Filter&) const = default;
};
struct Select {
  std::vector<std::string> columns;
  bool operator==(const Select&) const = default;
};
struct Rename {
  std::vector<std::pair<std::string, std::string>> from_to;
  bool operator==(const Rename&) const = default;
};
struct Dedupe {
  enum class Keep : std::uint8_t { first, last };
  std::vector<std::string> key;
  Keep keep = Keep::first;
  std::optional<Expression> order_by;  // instead of source order
  bool operator==(const Dedupe&) const = default;
};
struct Lookup {
  enum class Missing : std::uint8_t { quarantine, null, fail };
  FileSource from;  // may use the same placeholders as the source
  std::vector<std::pair<std::string, std::string>> on;    // our column, theirs
  std::vector<std::pair<std::string, std::string>> take;  // theirs, our new name
  Missing missing = Missing::quarantine;
  bool operator==(const Lookup&) const = default;
};
struct Aggregate {
  std::vector<std::string> by;
  std::vector<std::pair<std::string, Expression>> columns;
  bool operator==(const Aggregate&) const = default;
};
struct Mask {
  enum class Method : std::uint8_t { redact, hash, partial, null };
  std::vector<std::string> columns;
  Method method = Method::redact;
  bool operator==(const Mask&) const = default;
};
struct Flag {
  std::string column;
  Expression when;
  bool operator==(const Flag&) const = default;
};
struct Assert {
  enum class Else : std::uint8_t { quarantine, fail, warn };
  std::string name;  // rule id
  Expression that;
  Else otherwise = Else::quarantine;
  bool operator==(const Assert&) const = default;
};
// One SELECT over the table `input`; checked as a whole, external access off.
struct Sql {
  std::string query;
  Span span;
  bool operator==(const Sql& o) const { return query == o.query; }
};
}  // namespace step

using Step =
    std::variant<step::Derive, step::Filter, step::Select, step::Rename, step::Dedupe, step::Lookup,
                 step::Aggregate, step::Mask, step::Flag, step::Assert, step::Sql>;

// "derive", "filter", …: the name in the file.
std::string_view step_name(const Step& step);

struct DirectorySink {
  FileFormat format = FileFormat::parquet;
  std::string path;  // relative to the project
  bool operator==(const DirectorySink&) const = default;
};
struct PostgresSink {
  std::string connection;
  std::string table;  // "schema.table"
  bool operator==(const PostgresSink&) const = default;
};

enum class CompensateBy : std::uint8_t { restore_previous, remove, flag };

struct Sink {
  std::variant<DirectorySink, PostgresSink> to;
  LoadMode mode = LoadMode::replace;
  std::vector<std::string> key;  // merge
  CompensateBy compensate = CompensateBy::restore_previous;
  // The target's stable name in the book: "parquet:lake/runways", "postgres:sales.runways".
  std::string name() const;
  bool operator==(const Sink&) const = default;
};

struct RetryPolicy {
  std::uint32_t attempts = 5;
  std::chrono::milliseconds initial{1000};
  std::uint32_t factor = 2;
  std::chrono::milliseconds max{60'000};
  std::chrono::milliseconds timeout{600'000};  // of one attempt
  bool operator==(const RetryPolicy&) const = default;
};

enum class LateData : std::uint8_t { reopen, absorb, hold, reject };
enum class InputRetention : std::uint8_t { copy, reference };

// How long detached payloads are kept before `erase --expired` proposes to erase them, by class;
// 0: until somebody asks.
struct Retention {
  std::chrono::milliseconds quarantine{0};  // originals and amendments of quarantined records
  std::chrono::milliseconds inputs{0};      // retained copies of inputs
  bool operator==(const Retention&) const = default;
};
std::string duration_text(std::chrono::milliseconds duration);  // "30d", in the largest whole unit

struct Schedule {
  std::string cron, timezone;
  std::vector<std::string> avoid;
  std::string catch_up;
  bool operator==(const Schedule&) const = default;
};

struct Pipeline {
  std::string name;
  std::uint64_t version = 1;
  std::string owner;
  std::string description;
  Source source;
  std::optional<Contract>
      contract;  // of the source; without one every column is an optional string
  Partitioning partition;
  std::vector<Step> steps;
  std::optional<Contract> output;
  Sink sink;
  RetryPolicy retry;
  std::uint32_t concurrency = 0;  // partitions at a time; 0: adapts
  std::uint32_t approvals_load = 0;
  std::uint32_t approvals_compensate = 0;
  LateData late_data = LateData::reopen;
  InputRetention retain = InputRetention::copy;
  Retention retention;
  // Partition gate: above this share of quarantined records (percent, exact text) the slot is held.
  std::string quarantine_budget_percent;  // empty: no budget
  bool allow_empty = false;               // a source without records is an outcome, not a fault
  std::optional<Schedule> schedule;
  std::uint64_t memory_limit_bytes = 0;  // 0: the machine decides
  // Columns after each step: schema[0] is the source's, schema[i+1] that after steps[i].
  std::vector<std::vector<Column>> schema;
  Digest digest{};  // over this file's bytes, the contracts' digests and the component version
  std::string source_text;
  std::string file;     // as named by the user
  std::string project;  // absolute folder of the file
};

// Reads and checks one pipeline with its contracts. Reports every fault of every file at once.
std::optional<Pipeline> read_pipeline(const std::string& file, Diagnostics& diagnostics);

// The same from the book's own record (definition and contract bytes by the path they were read
// from): what replay uses.
struct DefinitionFiles {
  std::string pipeline_file, pipeline_text;
  std::map<std::string, std::string> contracts;  // path as written in the pipeline file -> bytes
};
std::optional<Pipeline> read_pipeline(const DefinitionFiles& files, const std::string& project,
                                      Diagnostics& diagnostics);

// What a run is to work on: one per partition key, in key order.
struct PartitionInput {
  std::string key;                 // [A-Za-z0-9._=+-]{1,128}
  std::vector<std::string> files;  // absolute, sorted; empty for PostgresSource
  std::map<std::string, std::string> placeholders;
  std::string from, to;                   // range partitions
  std::vector<std::string> lookup_files;  // absolute, in order of the lookup steps
  bool operator==(const PartitionInput&) const = default;
};

// Finds the partitions a path-partitioned (or unpartitioned, or range) source offers now. Column
// partitioning needs the data: the data plane discovers those keys.
std::optional<std::vector<PartitionInput>> find_partitions(const Pipeline& pipeline,
                                                           Diagnostics& diagnostics);

// The JSON Schema (2020-12) of the pipeline file, generated from the same table as the reader.
std::string pipeline_json_schema();

}  // namespace daybook
