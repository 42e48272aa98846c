// Small files as a whole, and new files that are there completely or not at all.
#pragma once

#include <string>

#include "tools/daybook/problem.h"

namespace daybook {

// "-" is standard input. Refused above `bytes_max`.
std::expected<std::string, Problem> whole_file(const std::string& path, std::size_t bytes_max);

// Mode 0600; `conflict` where it exists. "-" is not special here.
std::expected<void, Problem> new_file(const std::string& path, std::string_view text);

}  // namespace daybook
