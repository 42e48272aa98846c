#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <charconv>
#include <chrono>
#include <memory>

#include "runner/definition/contract.h"
#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"

namespace daybook {

namespace {

using Kind = ColumnType::Kind;

// Digits alone; nothing when they do not fit.
std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || text[0] == '-')
    return std::nullopt;
  return value;
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  return at + count > text.size() ? std::nullopt : number(text.substr(at, count));
}

constexpr std::array<std::pair<std::string_view, Kind>, 38> names{{
    {"varchar", Kind::string},
    {"text", Kind::string},
    {"string", Kind::string},
    {"char", Kind::string},
    {"bpchar", Kind::string},
    {"character", Kind::string},
    {"uuid", Kind::string},
    {"character varying", Kind::string},
    {"nvarchar", Kind::string},
    {"tinyint", Kind::int8},
    {"int1", Kind::int8},
    {"smallint", Kind::int16},
    {"int2", Kind::int16},
    {"integer", Kind::int32},
    {"int", Kind::int32},
    {"int4", Kind::int32},
    {"bigint", Kind::int64},
    {"int8", Kind::int64},
    {"long", Kind::int64},
    {"utinyint", Kind::uint8},
    {"usmallint", Kind::uint16},
    {"uinteger", Kind::uint32},
    {"ubigint", Kind::uint64},
    {"double", Kind::float64},
    {"double precision", Kind::float64},
    {"float8", Kind::float64},
    {"float", Kind::float64},
    {"real", Kind::float64},
    {"boolean", Kind::boolean},
    {"bool", Kind::boolean},
    {"date", Kind::date},
    {"time", Kind::time},
    {"timestamp", Kind::timestamp},
    {"datetime", Kind::timestamp},
    {"timestamptz", Kind::timestamp_tz},
    {"timestamp with time zone", Kind::timestamp_tz},
    {"timestamp without time zone", Kind::timestamp},
    {"float64", Kind::float64},
}};

}  // namespace

std::string sql_name(const ColumnType& type) {
  switch (type.kind) {
    case Kind::string: return "VARCHAR";
    case Kind::int8: return "TINYINT";
    case Kind::int16: return "SMALLINT";
    case Kind::int32: return "INTEGER";
    case Kind::int64: return "BIGINT";
    case Kind::uint8: return "UTINYINT";
    case Kind::uint16: return "USMALLINT";
    case Kind::uint32: return "UINTEGER";
    case Kind::uint64: return "UBIGINT";
    case Kind::decimal: return fmt::format("DECIMAL({},{})", type.precision, type.scale);
    case Kind::float64: return "DOUBLE";
    case Kind::boolean: return "BOOLEAN";
    case Kind::date: return "DATE";
    case Kind::timestamp: return "TIMESTAMP";
    case Kind::timestamp_tz: return "TIMESTAMPTZ";
    case Kind::time: return "TIME";
  }
  return "VARCHAR";
}

std::optional<ColumnType> sql_type(std::string_view text) {
  std::string name = lower_case(text);
  std::string arguments;
  if (const std::size_t open = name.find('('); open != std::string::npos) {
    if (!name.ends_with(')')) return std::nullopt;
    for (char c : name.substr(open + 1, name.size() - open - 2)) {
      if (c != ' ') arguments += c;
    }
    name.resize(open);
  }
  while (name.ends_with(' ')) name.pop_back();
  const std::size_t comma = arguments.find(',');
  const auto first = number(std::string_view(arguments).substr(0, comma));
  const auto second = comma == std::string::npos
                          ? std::optional(0)
                          : number(std::string_view(arguments).substr(comma + 1));
  if (name == "decimal" || name == "numeric" || name == "dec") {
    if (arguments.empty()) return ColumnType{Kind::decimal, 18, 3};
    if (!first || !second || *first < 1 || *first > 38 || *second > *first) return std::nullopt;
    return ColumnType{Kind::decimal, static_cast<std::uint8_t>(*first),
                      static_cast<std::uint8_t>(*second)};
  }
  for (const auto& [known, kind] : names) {
    if (known != name) continue;
    if (!arguments.empty() && (!first || kind == Kind::boolean || kind == Kind::date))
      return std::nullopt;
    return ColumnType{kind, 0, 0};
  }
  return std::nullopt;
}

std::optional<PatternFault> pattern_fault(std::string_view pattern) {
  if (pattern.size() > 4096) return PatternFault{"a pattern may have 4096 bytes", ""};
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  const RE2 re(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (re.ok()) return std::nullopt;
  std::string hint;
  if (pattern.find("(?=") != std::string_view::npos ||
      pattern.find("(?!") != std::string_view::npos ||
      pattern.find("(?<") != std::string_view::npos) {
    hint = "RE2 has no look-ahead and no look-behind: write a second rule for the other condition";
  } else if (re.error_code() == RE2::ErrorBadEscape) {
    hint = "RE2 has no back-references; \\d, \\w, \\s, \\b and \\p{L} are there";
  }
  return PatternFault{excerpt(re.error(), 120), hint};
}

bool is_real_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year || !month || !day || *year < 1) return false;
  return std::chrono::year_month_day(std::chrono::year(*year),
                                     std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day)))
      .ok();
}

bool is_real_time(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return false;
  const auto hour = digits(text, 0, 2);
  const auto minute = digits(text, 3, 2);
  const auto second = digits(text, 6, 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return false;
  if (text.size() == 8) return true;
  return text[8] == '.' && text.size() >= 10 && text.size() <= 15 &&
         number(text.substr(9)).has_value();
}

bool is_real_timestamp(std::string_view text) {
  if (is_real_date(text)) return true;
  return text.size() >= 19 && is_real_date(text.substr(0, 10)) &&
         (text[10] == ' ' || text[10] == 'T') && is_real_time(text.substr(11));
}

}  // namespace daybook
