#include "runner/connect/sql_identifier.h"

#include <fmt/format.h>

#include <cstdint>

namespace daybook {
namespace {

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    std::uint32_t point = 0, least = 0;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if ((lead & 0xE0U) == 0xC0U) {
      more = 1, point = lead & 0x1FU, least = 0x80;
    } else if ((lead & 0xF0U) == 0xE0U) {
      more = 2, point = lead & 0x0FU, least = 0x800;
    } else if ((lead & 0xF8U) == 0xF0U) {
      more = 3, point = lead & 0x07U, least = 0x10000;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80U) return false;
      point = point << 6U | (next & 0x3FU);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace

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
