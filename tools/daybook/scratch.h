// A private folder for a command's own files, outside the book and the project; it goes away again.
#pragma once

#include <expected>
#include <filesystem>

#include "tools/daybook/problem.h"

namespace daybook {

class ScratchFolder {
 public:
  static std::expected<ScratchFolder, Problem> make();
  ~ScratchFolder();
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // A new, empty folder in it.
  std::expected<std::filesystem::path, Problem> folder(const std::string& name) const;

 private:
  ScratchFolder() = default;
  std::filesystem::path path_;  // empty: moved from
};

}  // namespace daybook
