// Quarantine files: one JSON object a line, in order of (input, row):
//   {"input":0,"row":17,"offset":1234,"bytes":"…","violations":[{"rule":…,"column":…,"message":…}]}
// Bytes that are not UTF-8 text stand as "bytes64", in base64.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "runner/dataplane/stage.h"

namespace daybook {

std::string quarantine_line(const QuarantinedRecord& record);  // with its LF

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
