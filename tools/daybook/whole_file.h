// Small files as a whole, and new files that are there completely or not at all.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "tools/daybook/problem.h"

namespace daybook {

// "-" is standard input. Refused above `bytes_max`.
std::expected<std::string, Problem> whole_file(const std::string& path, std::size_t bytes_max);

// A file that was not there, mode 0600, written piece by piece; gone again unless finished.
class NewFile {
 public:
  static std::expected<NewFile, Problem> open(const std::string& path);
  ~NewFile();
  NewFile(NewFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}
  NewFile& operator=(NewFile&&) = delete;
  void write(std::string_view text);      // what goes wrong is told by finish
  std::expected<void, Problem> finish();  // it is on stable storage

 private:
  NewFile() = default;
  std::string path_;
  int fd_ = -1, error_ = 0;
};

// Mode 0600; `conflict` where it exists. "-" is not special here.
std::expected<void, Problem> new_file(const std::string& path, std::string_view text);

}  // namespace daybook
