// Quarantine files: one JSON object a line, in order of (input, row):
//   {"input":0,"row":17,"offset":1234,"bytes":"…","violations":[{"rule":…,"column":…,"message":…}]}
// Bytes that are not UTF-8 text stand as "bytes64", in base64.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "runner/dataplane/stage.h"
#include "runner/dataplane/vectors.h"

namespace daybook {

// The bytes of a record whose format has no lines (Parquet): one JSON object, columns in order,
// numbers and truth values bare, all else text. A value that the contract's type can not hold is
// the text of what stood in the file: `lost`, null where nothing was lost.
std::string record_as_json(std::span<const VectorView> values, std::span<const VectorView> lost,
                           const std::vector<Column>& columns, std::uint32_t row);

std::string quarantine_line(const QuarantinedRecord& record);  // with its LF
// Input and row of such a line.
std::optional<std::pair<std::uint32_t, std::uint64_t>> quarantine_place(std::string_view line);

// Appends lines to a file through a buffer.
class QuarantineWriter {
 public:
  explicit QuarantineWriter(std::filesystem::path path) : path_(std::move(path)) {}
  void add(const QuarantinedRecord& record) { add_line(quarantine_line(record)); }
  void add_line(std::string_view line);
  Result<void> close();  // what was added is in the file; no file where nothing was
  std::uint64_t records() const { return records_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void flush();
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::string buffer_;
  std::uint64_t records_ = 0, bytes_ = 0;
  bool failed_ = false;
};

}  // namespace daybook
