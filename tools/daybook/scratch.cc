#include "tools/daybook/scratch.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tools/daybook/terminal.h"

namespace daybook {

namespace fs = std::filesystem;

std::expected<ScratchFolder, Problem> ScratchFolder::make() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "daybook-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    return std::unexpected(Problem{
        .exit = Exit::bad,
        .code = "DB-1001",
        .message =
            fmt::format("{}: {}", printable(name), error ? error.message() : std::strerror(errno)),
        .hint = "TMPDIR names another folder for temporary files"});
  ScratchFolder folder;
  folder.path_ = name;
  return folder;
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

std::expected<fs::path, Problem> ScratchFolder::folder(const std::string& name) const {
  std::error_code error;
  const fs::path path = path_ / name;
  fs::create_directory(path, error);
  if (!error) return path;
  return std::unexpected(
      Problem{.exit = Exit::bad,
              .code = "DB-1001",
              .message = fmt::format("{}: {}", printable(path.string()), error.message()),
              .hint = ""});
}

}  // namespace daybook
