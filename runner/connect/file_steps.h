// What a directory sink does with files in several steps of files.h.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "runner/connect/files.h"

namespace daybook {

// Durable when it returns: temporary file, fsync, rename, fsync of the directory.
SinkResult<void> replace_file(const Directory& directory, const std::string& name,
                              std::string_view content);
// The same, but false, and nothing changed, when the name is taken. `before` runs when the content
// is durable under its temporary name.
SinkResult<bool> create_file(const Directory& directory, const std::string& name,
                             std::string_view content, void (*before)() = nullptr);

// Every directory on the way to `below` and it itself: an earlier process may have made any of them
// and been killed before it was durable.
SinkResult<void> sync_path(const Directory& parent, const std::filesystem::path& below);

// Removes a directory of ours with the files in it; what is already gone is no error.
SinkResult<void> remove_directory(const Directory& parent, const std::string& name);

}  // namespace daybook
