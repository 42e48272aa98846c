// Where two outputs of the same columns part.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runner/dataplane/stage.h"

namespace daybook {

struct RowDifference {
  std::uint64_t row = 0;    // of the output, from 1
  std::string column;       // empty: one output ends before this row
  std::string left, right;  // values as text; "null", or "no such row"
  bool operator==(const RowDifference&) const = default;
};

// The first row at which they differ, in output order, and its first column; nothing where they are
// equal. Files are all Parquet, all CSV as we write it, or all JSON Lines, by their extension.
// `scratch` is a directory that exists.
std::expected<std::optional<RowDifference>, StageFailure> first_row_that_differs(
    const std::vector<std::filesystem::path>& left, const std::vector<std::filesystem::path>& right,
    const std::vector<Column>& columns, const std::filesystem::path& scratch);

}  // namespace daybook
