#include "replay/row_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace daybook {
namespace {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

struct Form {
  enum class Kind : std::uint8_t {
    signed_integer,
    unsigned_integer,
    decimal,
    floating,
    boolean,
    date,
    timestamp,
    timestamp_tz,
    time,
    text
  } kind = Kind::text;
  unsigned width = 4, scale = 0;
};

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Form> form_of(std::string_view type) {
  using Kind = Form::Kind;
  struct Named {
    std::string_view name;
    Form form;
  };
  static constexpr Named named[] = {
      {"VARCHAR", {Kind::text, 4, 0}},
      {"TINYINT", {Kind::signed_integer, 1, 0}},
      {"SMALLINT", {Kind::signed_integer, 2, 0}},
      {"INTEGER", {Kind::signed_integer, 4, 0}},
      {"BIGINT", {Kind::signed_integer, 8, 0}},
      {"UTINYINT", {Kind::unsigned_integer, 1, 0}},
      {"USMALLINT", {Kind::unsigned_integer, 2, 0}},
      {"UINTEGER", {Kind::unsigned_integer, 4, 0}},
      {"UBIGINT", {Kind::unsigned_integer, 8, 0}},
      {"DOUBLE", {Kind::floating, 8, 0}},
      {"BOOLEAN", {Kind::boolean, 1, 0}},
      {"DATE", {Kind::date, 4, 0}},
      {"TIMESTAMP", {Kind::timestamp, 8, 0}},
      {"TIMESTAMPTZ", {Kind::timestamp_tz, 8, 0}},
      {"TIME", {Kind::time, 8, 0}},
  };
  for (const Named& one : named)
    if (one.name == type) return one.form;
  if (!type.starts_with("DECIMAL(") || !type.ends_with(')')) return std::nullopt;
  type = type.substr(8, type.size() - 9);
  const std::size_t comma = type.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto precision = number(type.substr(0, comma)), scale = number(type.substr(comma + 1));
  if (!precision || !scale || *precision == 0 || *precision > 38 || *scale > *precision)
    return std::nullopt;
  const unsigned width = *precision <= 4 ? 2 : *precision <= 9 ? 4 : *precision <= 18 ? 8 : 16;
  return Form{Kind::decimal, width, *scale};
}

// Little endian, two's complement.
Int128 integer_of(const char* at, unsigned width, bool is_signed) {
  UInt128 value = 0;
  for (unsigned i = 0; i < width; ++i)
    value |= UInt128{static_cast<unsigned char>(at[i])} << (8 * i);
  if (is_signed && width < 16 && (value >> (8 * width - 1) & 1) != 0)
    value |= ~UInt128{0} << (8 * width);
  return static_cast<Int128>(value);
}

std::string decimal_text(Int128 value, unsigned scale) {
  std::string digits;
  UInt128 left = value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(left % 10)));
    left /= 10;
  } while (left != 0);
  while (digits.size() <= scale) digits.push_back('0');
  std::reverse(digits.begin(), digits.end());
  if (scale != 0) digits.insert(digits.size() - scale, 1, '.');
  return value < 0 ? fmt::format("-{}", digits) : digits;
}

std::string time_text(std::int64_t micros) {
  const std::string seconds = fmt::format("{:02}:{:02}:{:02}", micros / 3'600'000'000,
                                          micros / 60'000'000 % 60, micros / 1'000'000 % 60);
  return micros % 1'000'000 == 0 ? seconds : fmt::format("{}.{:06}", seconds, micros % 1'000'000);
}

std::string date_text(std::int64_t days) {
  // Beyond what a calendar of the standard library holds the number says it.
  if (days < -12'000'000 || days > 11'000'000) return fmt::format("day {}", days);
  const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{days}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string timestamp_text(std::int64_t micros, std::string_view zone) {
  constexpr std::int64_t day = 86'400'000'000;
  std::int64_t days = micros / day, rest = micros % day;
  if (rest < 0) {
    rest += day;
    --days;
  }
  return fmt::format("{} {}{}", date_text(days), time_text(rest), zone);
}

std::string value_text(const Form& form, const char* at) {
  using Kind = Form::Kind;
  const auto whole = integer_of(at, form.width, form.kind != Kind::unsigned_integer);
  const auto number = static_cast<std::int64_t>(whole);
  switch (form.kind) {
    case Kind::signed_integer:
    case Kind::unsigned_integer: return decimal_text(whole, 0);
    case Kind::decimal: return decimal_text(whole, form.scale);
    case Kind::floating: {
      double value = 0;
      std::memcpy(&value, at, sizeof value);
      return fmt::format("{}", value);
    }
    case Kind::boolean: return number != 0 ? "true" : "false";
    case Kind::date: return date_text(number);
    case Kind::timestamp: return timestamp_text(number, "");
    case Kind::timestamp_tz: return timestamp_text(number, "+00");
    case Kind::time: return number < 0 ? fmt::format("{} us", number) : time_text(number);
    case Kind::text: break;
  }
  return {};
}

}  // namespace

std::optional<std::vector<RowColumn>> parse_row_schema(std::string_view text) {
  std::vector<RowColumn> schema;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto size = number(text.substr(0, space));
    text.remove_prefix(space + 1);
    if (!size || text.size() <= *size || text[*size] != ' ') return std::nullopt;
    const std::string_view name = text.substr(0, *size);
    text.remove_prefix(*size + 1);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    schema.push_back({std::string(name), std::string(text.substr(0, end))});
    text.remove_prefix(end + 1);
  }
  return schema;
}

std::optional<std::vector<std::optional<std::string>>> row_texts(
    const std::vector<RowColumn>& schema, std::string_view row) {
  const std::size_t nulls = (schema.size() + 7) / 8;
  std::size_t at = nulls, text = nulls;
  std::vector<Form> forms;
  for (const RowColumn& column : schema) {
    const auto form = form_of(column.type);
    if (!form) return std::nullopt;
    text += form->width;
    forms.push_back(*form);
  }
  if (row.size() < text) return std::nullopt;
  std::vector<std::optional<std::string>> out;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const bool null = (static_cast<unsigned char>(row[i / 8]) >> (i & 7) & 1) != 0;
    std::optional<std::string> value;
    if (forms[i].kind == Form::Kind::text) {
      const auto length = static_cast<std::size_t>(integer_of(row.data() + at, 4, false));
      if (length > row.size() - text) return std::nullopt;
      if (!null) value = std::string(row.substr(text, length));
      text += length;
    } else if (!null) {
      value = value_text(forms[i], row.data() + at);
    }
    out.push_back(std::move(value));
    at += forms[i].width;
  }
  if (text != row.size()) return std::nullopt;
  return out;
}

}  // namespace daybook
