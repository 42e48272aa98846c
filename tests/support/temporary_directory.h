// A directory of its own for one test, gone when the test is. Set DAYBOOK_KEEP=1 to keep it.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace daybook {

class TemporaryDirectory {
 public:
  // The name stays short: a Unix socket's path has 107 bytes.
  explicit TemporaryDirectory(std::string name = "daybook") {
    std::string pattern = (std::filesystem::temp_directory_path() / (name + "-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary directory: " + pattern);
    }
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    if (std::getenv("DAYBOOK_KEEP") != nullptr) return;
    std::error_code ignored;  // a destructor has nobody to tell
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& below) const {
    return path_ / below;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace daybook
