// A lookup file in memory: keys and taken columns as text, exact. Keys are compared by value: the
// file's text is read as the type that our column has, so that 7 and 07, 1.5 and 1.50
// are one key.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/definition/pipeline.h"
#include "statemachine/events.h"

namespace daybook {

class LookupTable {
 public:
  // A table that does not fit within `memory_bytes` (0: a quarter of the machine's) fails clearly.
  static Staged<LookupTable> load(const step::Lookup& lookup, const std::string& path,
                                  const std::string& project, duckdb_connection connection,
                                  std::uint64_t memory_bytes);
  // Before find(): our columns' types. Two rows with one key are a fault of the file.
  Staged<void> index(std::span<const Column> types);
  // The key as value_text() gives it. -1: not there.
  std::int64_t find(std::span<const std::string_view> key) const;
  // Null values have no text.
  const std::optional<std::string>& value(std::size_t taken, std::int64_t row) const {
    return rows_[static_cast<std::size_t>(row)][taken];
  }
  const InputFile& file() const { return file_; }
  // Number of the row's record in the file, from 1, header not counted.
  std::uint64_t record(std::int64_t row) const { return records_[static_cast<std::size_t>(row)]; }

 private:
  Staged<void> add(std::vector<std::optional<std::string>> key,
                   std::vector<std::optional<std::string>> values);
  Staged<void> too_large() const;
  std::unordered_map<std::string, std::int64_t> index_;
  std::vector<std::vector<std::string>> keys_;  // as the file has them; of the rows in rows_
  std::uint64_t memory_ = 0, memory_max_ = 0;
  std::vector<std::vector<std::optional<std::string>>> rows_;
  std::vector<std::uint64_t> records_;
  InputFile file_;
};

std::string read_whole_file(const std::string& path, bool& ok);

}  // namespace daybook
