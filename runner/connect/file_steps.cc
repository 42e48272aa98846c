#include "runner/connect/file_steps.h"

#include <cerrno>
#include <optional>

#include "runner/connect/failure.h"

namespace daybook {
namespace {

// The content under a temporary name: one writer at a time by the slot's lock, so a leftover is
// dead.
SinkResult<std::string> write_temporary(const Directory& directory, const std::string& name,
                                        std::string_view content) {
  std::string made = "." + name + ".new";
  if (auto cleared = remove_file(directory, made); !cleared) {
    return std::unexpected(cleared.error());
  }
  if (auto written = write_file(directory, made, content); !written) {
    return std::unexpected(written.error());
  }
  return made;
}

}  // namespace

SinkResult<void> replace_file(const Directory& directory, const std::string& name,
                              std::string_view content) {
  auto made = write_temporary(directory, name, content);
  if (!made) return std::unexpected(made.error());
  if (auto moved = move_over(directory, *made, name); !moved) return moved;
  return sync_directory(directory);
}

SinkResult<bool> create_file(const Directory& directory, const std::string& name,
                             std::string_view content, void (*before)()) {
  auto made = write_temporary(directory, name, content);
  if (!made) return std::unexpected(made.error());
  if (before != nullptr) before();
  auto moved = move_new(directory, *made, directory, name);
  if (!moved) return moved;
  if (!*moved) {
    if (auto gone = remove_file(directory, *made); !gone) return std::unexpected(gone.error());
    return false;
  }
  // From here the name is there: only the caller may say what an error of the next line means.
  if (auto synced = sync_directory(directory); !synced) return ambiguous(synced.error());
  return true;
}

SinkResult<void> sync_path(const Directory& parent, const std::filesystem::path& below) {
  if (auto synced = sync_directory(parent); !synced) return synced;
  std::optional<Directory> at;
  for (const auto& part : below) {
    if (part.empty() || part == ".") continue;
    auto next = find_directory(at ? *at : parent, part.string());
    if (!next) return std::unexpected(next.error());
    if (!*next) return errno_failure(ENOENT, "open", (at ? *at : parent).at(part.string()));
    at = std::move(**next);
    if (auto synced = sync_directory(*at); !synced) return synced;
  }
  return {};
}

SinkResult<void> remove_directory(const Directory& parent, const std::string& name) {
  auto directory = find_directory(parent, name);
  if (!directory) return std::unexpected(directory.error());
  if (!*directory) return {};
  auto names = names_in(**directory);
  if (!names) return std::unexpected(names.error());
  for (const std::string& file : *names) {
    if (auto removed = remove_file(**directory, file); !removed) return removed;
  }
  return remove_empty_directory(parent, name);
}

}  // namespace daybook
