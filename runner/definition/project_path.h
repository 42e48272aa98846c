// Paths inside a project: written relative, never leaving it, opened so that no link leads out.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace daybook {

// Why the path may not stand in a definition: "leaves the project (..)"; nothing when it may.
std::optional<std::string> project_path_fault(std::string_view path);

// Reads a file below `project` without following any link out of it (openat2 RESOLVE_BENEATH). The
// error is a sentence for a person.
std::expected<std::string, std::string> read_project_file(const std::string& project,
                                                          const std::string& path,
                                                          std::uint64_t bytes_max);

// True when `path` below `project` is a regular file reached without leaving the project.
bool is_project_file(const std::string& project, const std::string& path);

// The same, told apart: false where nothing is there (or a folder), a sentence for a person where
// something is that can not be read as a file of the project. `folder`: a folder is looked for.
std::expected<bool, std::string> find_project_file(const std::string& project,
                                                   const std::string& path, bool folder = false);

}  // namespace daybook
