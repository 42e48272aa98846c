#include "runner/definition/expression_functions.h"

#include <algorithm>
#include <array>

namespace daybook {

namespace {

using R = SqlFunction::Result;

// Only functions whose result depends on their arguments alone, on every machine: no clock, no
// randomness, no locale, no order of rows, and no sine or logarithm, whose last digit is the C
// library's choice.
constexpr SqlFunction table[] = {
    {"abs", "n", 1, R::same, false, "the number without its sign"},
    {"avg", "n", 1, R::float64, true, "mean of a column"},
    {"bool_and", "b", 1, R::boolean, true, "true when true in every row"},
    {"bool_or", "b", 1, R::boolean, true, "true when true in any row"},
    {"ceil", "n", 1, R::whole, false, "next whole number up"},
    {"coalesce", "c+", 1, R::common, false, "the first value that is not null"},
    {"concat", "a+", 1, R::text, false, "texts joined, nulls left out"},
    {"concat_ws", "sa+", 2, R::text, false, "texts joined with a separator"},
    {"contains", "ss", 2, R::boolean, false, "the second text stands in the first"},
    {"count", "a", 1, R::integer, true, "rows, or values that are not null"},
    {"date_add", "dv", 2, R::timestamp, false, "a date and an interval"},
    {"date_diff", "udd", 3, R::integer, false, "borders of a unit between two dates"},
    {"date_part", "ud", 2, R::integer, false, "year, month, … of a date"},
    {"date_trunc", "ud", 2, R::timestamp, false, "start of the unit"},
    {"day", "d", 1, R::integer, false, "day of the month"},
    {"ends_with", "ss", 2, R::boolean, false, "the first text ends with the second"},
    {"floor", "n", 1, R::whole, false, "next whole number down"},
    {"greatest", "c+", 1, R::common, false, "the largest of the values"},
    {"hour", "d", 1, R::integer, false, "hour of a timestamp"},
    {"least", "c+", 1, R::common, false, "the smallest of the values"},
    {"left", "si", 2, R::text, false, "the first characters"},
    {"length", "s", 1, R::integer, false, "characters of a text"},
    {"lower", "s", 1, R::text, false, "in lower case"},
    {"lpad", "sws", 3, R::text, false, "filled from the left"},
    {"ltrim", "ss", 1, R::text, false, "without blanks at the start"},
    {"max", "a", 1, R::same, true, "largest value of a column"},
    {"median", "n", 1, R::float64, true, "middle value of a column"},
    {"min", "a", 1, R::same, true, "smallest value of a column"},
    {"minute", "d", 1, R::integer, false, "minute of a timestamp"},
    {"month", "d", 1, R::integer, false, "month of a date"},
    {"nullif", "cc", 2, R::same, false, "null when both are equal"},
    {"quarter", "d", 1, R::integer, false, "quarter of a date"},
    {"regexp_extract", "sp#", 2, R::text, false, "the part that matches a pattern"},
    {"regexp_matches", "sp", 2, R::boolean, false, "a pattern matches somewhere"},
    {"regexp_replace", "spsl", 3, R::text, false, "the matching part replaced"},
    {"replace", "sss", 3, R::text, false, "every occurrence replaced"},
    {"reverse", "s", 1, R::text, false, "backwards"},
    {"right", "si", 2, R::text, false, "the last characters"},
    {"round", "n#", 1, R::rounded, false, "rounded, half away from zero"},
    {"rpad", "sws", 3, R::text, false, "filled from the right"},
    {"rtrim", "ss", 1, R::text, false, "without blanks at the end"},
    {"second", "d", 1, R::integer, false, "second of a timestamp"},
    {"sign", "n", 1, R::integer, false, "-1, 0 or 1"},
    {"split_part", "ssi", 3, R::text, false, "one part of a text, from 1"},
    {"sqrt", "n", 1, R::float64, false, "square root"},
    {"starts_with", "ss", 2, R::boolean, false, "the first text starts with the second"},
    {"strftime", "dl", 2, R::text, false, "a date as text"},
    {"strptime", "sl", 2, R::timestamp, false, "text as a timestamp"},
    {"substr", "sii", 2, R::text, false, "part of a text, from 1"},
    {"sum", "n", 1, R::sum, true, "sum of a column"},
    {"translate", "sss", 3, R::text, false, "characters replaced one by one"},
    {"trim", "ss", 1, R::text, false, "without blanks at both ends"},
    {"trunc", "n", 1, R::whole, false, "without its fraction"},
    {"upper", "s", 1, R::text, false, "in upper case"},
    {"year", "d", 1, R::integer, false, "year of a date"},
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> aliases{{
    {"ceiling", "ceil"},
    {"char_length", "length"},
    {"character_length", "length"},
    {"datediff", "date_diff"},
    {"datepart", "date_part"},
    {"datetrunc", "date_trunc"},
    {"ifnull", "coalesce"},
    {"lcase", "lower"},
    {"len", "length"},
    {"mean", "avg"},
    {"prefix", "starts_with"},
    {"substring", "substr"},
    {"suffix", "ends_with"},
    {"ucase", "upper"},
}};

constexpr std::string_view volatile_names[] = {"random",
                                               "setseed",
                                               "now",
                                               "today",
                                               "current_date",
                                               "current_time",
                                               "current_timestamp",
                                               "current_localtime",
                                               "current_localtimestamp",
                                               "localtime",
                                               "localtimestamp",
                                               "get_current_timestamp",
                                               "transaction_timestamp",
                                               "statement_timestamp",
                                               "clock_timestamp",
                                               "timeofday",
                                               "uuid",
                                               "uuidv4",
                                               "uuidv7",
                                               "gen_random_uuid",
                                               "nextval",
                                               "currval",
                                               "lastval",
                                               "txid_current",
                                               "pg_sleep",
                                               "sleep",
                                               "age",
                                               "current_user",
                                               "session_user",
                                               "user",
                                               "current_role",
                                               "current_schema",
                                               "current_schemas",
                                               "current_database",
                                               "current_catalog",
                                               "current_query",
                                               "connection_id",
                                               "version",
                                               "hash",
                                               "stats",
                                               "row_id",
                                               "rowid"};

constexpr std::string_view order_names[] = {"first",
                                            "last",
                                            "any_value",
                                            "arbitrary",
                                            "string_agg",
                                            "group_concat",
                                            "listagg",
                                            "list",
                                            "array_agg",
                                            "mode",
                                            "arg_min",
                                            "arg_max",
                                            "argmin",
                                            "argmax",
                                            "min_by",
                                            "max_by",
                                            "histogram",
                                            "approx_count_distinct",
                                            "approx_quantile",
                                            "reservoir_quantile",
                                            "fsum",
                                            "kahan_sum",
                                            "product"};

constexpr std::string_view library_names[] = {
    "pow",     "power",     "exp",        "ln",          "log",      "log2",    "log10",
    "sin",     "cos",       "tan",        "asin",        "acos",     "atan",    "atan2",
    "cbrt",    "stddev",    "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp",
    "corr",    "covar_pop", "covar_samp", "regr_slope",  "gamma",    "lgamma",  "cot",
    "degrees", "radians",   "pi"};

constexpr std::string_view outside_names[] = {"glob",
                                              "getenv",
                                              "getvariable",
                                              "current_setting",
                                              "set_config",
                                              "secret",
                                              "which_secret",
                                              "query",
                                              "query_table",
                                              "load_extension",
                                              "system",
                                              "shell",
                                              "copy",
                                              "attach",
                                              "install",
                                              "load",
                                              "unnest",
                                              "sniff_csv",
                                              "parquet_metadata",
                                              "parquet_schema",
                                              "parquet_file_metadata",
                                              "in_search_path",
                                              "write_log",
                                              "parse_duckdb_log_message",
                                              "sql_auto_complete",
                                              "checkpoint",
                                              "force_checkpoint",
                                              "summary",
                                              "sniff",
                                              "st_read",
                                              "xp_cmdshell",
                                              "dblink",
                                              "dblink_exec",
                                              "nextafter_file"};

constexpr std::string_view outside_prefixes[] = {
    "read_",  "pg_",          "duckdb_", "pragma_", "lo_",   "sqlite_",  "postgres",      "mysql_",
    "dblink", "json_execute", "iceberg", "delta_",  "http_", "parquet_", "from_substrait"};

constexpr std::string_view window_names[] = {
    "row_number", "rank",      "dense_rank", "lag",          "lead",     "first_value",
    "last_value", "nth_value", "ntile",      "percent_rank", "cume_dist"};

constexpr std::string_view units[] = {
    "year",   "quarter", "month",     "week",        "day",         "hour",      "minute",
    "second", "decade",  "century",   "millisecond", "microsecond", "dayofweek", "isodow",
    "dow",    "doy",     "dayofyear", "isoyear",     "yearweek"};

}  // namespace

const SqlFunction* find_function(std::string_view name) {
  for (const auto& [alias, target] : aliases) {
    if (alias == name) name = target;
  }
  const auto found = std::ranges::find(table, name, &SqlFunction::name);
  return found == std::ranges::end(table) ? nullptr : &*found;
}

std::span<const SqlFunction> functions() { return table; }

std::vector<std::string> function_names() {
  std::vector<std::string> names{"cast", "if", "try_cast"};
  for (const SqlFunction& f : table) names.emplace_back(f.name);
  std::ranges::sort(names);
  return names;
}

Refused refused_function(std::string_view name) {
  auto holds = [&](const auto& list) {
    return std::ranges::find(list, name) != std::ranges::end(list);
  };
  if (holds(volatile_names)) return Refused::volatile_result;
  if (holds(order_names)) return Refused::row_order;
  if (holds(library_names)) return Refused::float_library;
  if (holds(outside_names) || name.ends_with("_scan") ||
      std::ranges::any_of(outside_prefixes, [&](auto p) { return name.starts_with(p); }))
    return name == "pg_sleep" ? Refused::volatile_result : Refused::reaches_outside;
  return Refused::no;
}

std::string_view refusal_reason(Refused refused) {
  switch (refused) {
    case Refused::no: return "";
    case Refused::volatile_result: return "its result would differ when the run is replayed";
    case Refused::reaches_outside: return "it reaches files, settings, secrets or other databases";
    case Refused::row_order: return "its result depends on the order in which rows are met";
    case Refused::float_library: return "its last digits differ between machines";
  }
  return "";
}

bool is_window_function(std::string_view name) {
  return std::ranges::find(window_names, name) != std::ranges::end(window_names);
}

bool is_date_unit(std::string_view unit) {
  if (unit.ends_with('s') && std::ranges::find(units, unit) == std::ranges::end(units))
    unit.remove_suffix(1);
  return std::ranges::find(units, unit) != std::ranges::end(units);
}

bool is_interval_unit(std::string_view unit) {
  // Lengths alone: day of week and its like are positions.
  if (unit.ends_with('s')) unit.remove_suffix(1);
  constexpr std::string_view lengths[] = {"year",        "quarter",    "month",  "week",
                                          "day",         "hour",       "minute", "second",
                                          "millisecond", "microsecond"};
  return std::ranges::find(lengths, unit) != std::ranges::end(lengths);
}

}  // namespace daybook
