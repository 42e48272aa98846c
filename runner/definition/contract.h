// A data contract as the engine uses it: read from one ODCS v3.1.0 file, resolved and typed.
//
// Source of the format: Open Data Contract Standard v3.1.0. The engine reads one schema object per
// file (the first, or the one a pipeline names).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/digest.h"
#include "runner/definition/diagnostic.h"

namespace daybook {

// Column types, chosen so that every value has one exact text form. `number` without a physicalType
// that says numeric(p,s) is float64.
struct ColumnType {
  enum class Kind : std::uint8_t {
    string,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    decimal,  // exact; precision and scale below
    float64,
    boolean,
    date,          // days; ISO 8601 yyyy-MM-dd unless a format says otherwise
    timestamp,     // microseconds, without zone
    timestamp_tz,  // microseconds UTC
    time,          // microseconds of the day
  };
  Kind kind = Kind::string;
  std::uint8_t precision = 0;  // decimal only: 1 to 38
  std::uint8_t scale = 0;
  bool operator==(const ColumnType&) const = default;
};

// DuckDB's and PostgreSQL's spelling of the type, e.g. "DECIMAL(12,2)".
std::string sql_name(const ColumnType& type);

// What becomes of a record that breaks a rule; of several, the gravest decides.
//   quarantine        set aside with its bytes; a person may release it as it is, or amended
//   drop_with_record  gone; counted as filtered, under the rule
//   fail_row          set aside like quarantine, and only an amended record comes back: a release
//                     as it is does not waive the rule
//   fail_run          the attempt fails, class `contract`
//   warn              stays; counted as "<rule> (warning)". A value that is not of its type can not
//                     stay and is set aside.
enum class OnViolation : std::uint8_t { quarantine, drop_with_record, fail_row, fail_run, warn };

// One row-level rule on one column. `id` is what quarantine groups by, "amount.minimum" unless the
// contract names one.
struct RowRule {
  enum class Kind : std::uint8_t {
    type,      // text does not parse as the column's type; always there, implied
    required,  // null or missing
    min_length,
    max_length,
    pattern,
    format,  // string
    minimum,
    maximum,
    exclusive_minimum,
    exclusive_maximum,
    multiple_of,
    allowed,          // library metric invalidValues with validValues
    not_null_metric,  // library metric nullValues or missingValues
    unique,           // unique, primaryKey or duplicateValues: later duplicates are held
    expression,       // quality type custom, engine daybook: an expression that must be true
  };
  std::string id;
  Kind kind = Kind::required;
  std::string column;               // empty for a rule over the whole row
  std::string text;                 // pattern (RE2), format name, expression (normalised SQL)
  std::string bound;                // minimum … multiple_of: exact text as written
  std::uint64_t count = 0;          // min_length, max_length
  std::vector<std::string> values;  // allowed; unique over several columns: their names
  OnViolation on_violation = OnViolation::quarantine;
  bool operator==(const RowRule&) const = default;
};

// A check on the whole batch, before anything is loaded: rowCount, duplicateValues, a budget on a
// row rule, or SQL. Fails the gate (exit 7) when severity is error, warns otherwise.
struct Gate {
  enum class Kind : std::uint8_t {
    row_count,
    null_values,
    missing_values,
    invalid_values,
    duplicate_values,
    sql,
    error_budget
  };
  enum class Operator : std::uint8_t {
    must_be,
    must_not_be,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
    between,
    not_between
  };
  std::string id;
  Kind kind = Kind::row_count;
  std::vector<std::string> columns;
  std::vector<std::string>
      values;         // invalid_values: the valid ones; missing_values: what counts as missing
  std::string query;  // sql: one SELECT giving one number; {object} already replaced by `output`
  Operator op = Operator::must_be;
  std::string low, high;  // exact decimal text; high for between only
  bool percent = false;   // of the rows of the batch
  Severity severity = Severity::error;
  bool operator==(const Gate&) const = default;
};

struct Column {
  std::string name;
  ColumnType type;
  bool required = false;
  bool unique = false;
  std::int32_t primary_key_position = -1;  // from 1; -1: not part of the key
  std::string classification;              // "" or as the contract says: drives masking
  std::string date_format;                 // named subset of DateTimeFormatter; empty: ISO 8601
  std::string description;
  bool operator==(const Column&) const = default;
};

struct Contract {
  std::string id;  // urn or uuid of the contract
  std::string name;
  std::string version;
  std::string object;  // name of the schema object
  std::string physical_name;
  std::vector<Column> columns;
  std::vector<RowRule> row_rules;  // in column order, then row-wide
  std::vector<Gate> gates;
  std::vector<std::string> primary_key;       // column names by position
  std::map<std::string, std::string> custom;  // our reserved customProperties
  Digest digest{};                            // SHA-256 of the file's bytes: what runs is this
  std::string source;                         // the file's bytes
  std::string file;                           // as named by the user
  bool operator==(const Contract&) const = default;

  const Column* find(std::string_view column) const;
};

// Reads one contract. Every fault of the file is reported, not the first alone; nullopt when any is
// an error.
std::optional<Contract> read_contract(const std::string& file, std::string_view bytes,
                                      Diagnostics& diagnostics);

}  // namespace daybook
