// Archives with one spelling: files as they are ("stored"), in the order of their names, without
// times, modes, comments or gaps. Every unzip reads them. Reading accepts nothing but that
// spelling, so that no byte of an archive is without meaning: one that is changed, added or left
// out is found.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "ledger/error.h"

namespace daybook {

// By name: printable ASCII without `\`, relative, no empty part, no "." and "..".
using StoredFiles = std::map<std::string, std::string>;

inline constexpr std::size_t stored_files_max = 1'000;
inline constexpr std::size_t stored_bytes_max = 64 << 20;  // of the archive

std::string write_stored_zip(const StoredFiles& files);

// Total. `corrupt` with the offset of the first byte that is not as it would have been written.
Result<StoredFiles> read_stored_zip(std::string_view bytes);

}  // namespace daybook
