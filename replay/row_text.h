// Output rows as text, read back from their canonical bytes (version 1,
// runner/dataplane/row_codec.h says the layout): what an auditor sees of a row without the engine
// that made it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

struct RowColumn {
  std::string name, type;  // "DECIMAL(12,2)"
};

// "<bytes of the name> <name> <type>\n" for each column; nothing where it is not that.
std::optional<std::vector<RowColumn>> parse_row_schema(std::string_view text);

// One text a column, null where there is no value; nothing where the bytes are no such row, or have
// one byte too many. Total.
std::optional<std::vector<std::optional<std::string>>> row_texts(
    const std::vector<RowColumn>& schema, std::string_view row);

}  // namespace daybook
