// A lookup file in memory: keys and taken columns as text, exact. Keys are compared as text.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/definition/pipeline.h"
#include "statemachine/events.h"

namespace daybook {

class LookupTable {
 public:
  // Two rows with one key are a fault of the file.
  static Staged<LookupTable> load(const step::Lookup& lookup, const std::string& path,
                                  const std::string& project, duckdb_connection connection);
  // -1: not there.
  std::int64_t find(std::span<const std::string_view> key);
  // Null values have no text.
  const std::optional<std::string>& value(std::size_t taken, std::int64_t row) const {
    return rows_[static_cast<std::size_t>(row)][taken];
  }
  const InputFile& file() const { return file_; }

 private:
  Staged<void> add(std::vector<std::optional<std::string>> key,
                   std::vector<std::optional<std::string>> values);
  std::unordered_map<std::string, std::int64_t> index_;
  std::vector<std::vector<std::optional<std::string>>> rows_;
  InputFile file_;
};

std::string read_whole_file(const std::string& path, bool& ok);

}  // namespace daybook
