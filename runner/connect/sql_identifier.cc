#include "runner/connect/sql_identifier.h"

#include <fmt/format.h>

#include "ledger/utf8.h"

namespace daybook {

std::string sql_identifier_fault(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > sql_identifier_bytes_max) {
    return fmt::format("has {} bytes, PostgreSQL takes {}", name.size(), sql_identifier_bytes_max);
  }
  if (!valid_utf8(name)) return "is not valid UTF-8";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "holds a control character";
  }
  return "";
}

std::string quote_identifier(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text += '"';
}

std::string TableName::quoted() const {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

std::string TableName::readable() const { return schema + "." + table; }

std::optional<TableName> table_name(std::string_view text, std::string& fault) {
  const std::size_t dot = text.find('.');
  TableName name;
  name.schema = dot == std::string_view::npos ? "public" : std::string(text.substr(0, dot));
  name.table = std::string(dot == std::string_view::npos ? text : text.substr(dot + 1));
  if (name.table.find('.') != std::string::npos) {
    fault = "has more than one dot";
    return std::nullopt;
  }
  for (const std::string& part : {name.schema, name.table}) {
    fault = sql_identifier_fault(part);
    if (!fault.empty()) return std::nullopt;
  }
  return name;
}

}  // namespace daybook
