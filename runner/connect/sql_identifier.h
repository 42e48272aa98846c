// Names that reach PostgreSQL: checked first, then quoted by our own hand. Values never travel this
// way; they are parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace daybook {

// PostgreSQL cuts longer names, and two names could become one.
inline constexpr std::size_t sql_identifier_bytes_max = 63;

// What is wrong with the name: empty, too long, not UTF-8, a control character. Empty when nothing.
std::string sql_identifier_fault(std::string_view name);

// `"na""me"`. Requires: sql_identifier_fault(name) is empty.
std::string quote_identifier(std::string_view name);

struct TableName {
  std::string schema, table;
  std::string quoted() const;    // "sales"."runways"
  std::string readable() const;  // sales.runways
};

// "schema.table" or "table" (then of schema public). nullopt, and `fault` says why.
std::optional<TableName> table_name(std::string_view text, std::string& fault);

}  // namespace daybook
