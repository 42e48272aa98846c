// The functions an expression may call. A name that is not here does not exist.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

struct SqlFunction {
  enum class Result : std::uint8_t {
    same,     // as the first argument
    common,   // the type that holds all arguments
    rounded,  // as the first argument, scale of the second
    whole,    // number without fraction
    text,
    integer,
    float64,
    boolean,
    date,
    timestamp,
    sum,
  };
  std::string_view name;
  // One letter per argument, the last may be '+' = as the one before, any number of times:
  // a any, n number, i integer, s text, b boolean, d date or timestamp, v interval,
  // l literal text, p literal pattern, u literal date unit, # literal integer of two digits, w
  // literal width up to 65536, c as the others.
  std::string_view arguments;
  std::uint8_t required;  // arguments that must stand
  Result result;
  bool aggregate = false;
  std::string_view meaning;
};

// By lower-case name or alias; null when there is none.
const SqlFunction* find_function(std::string_view name);
std::span<const SqlFunction> functions();
std::vector<std::string> function_names();

enum class Refused : std::uint8_t {
  no,
  volatile_result,
  reaches_outside,
  row_order,
  float_library
};
// Why a function that is not in the table is not, when there is a reason worth telling.
Refused refused_function(std::string_view name);
std::string_view refusal_reason(Refused refused);

// Window functions a sql step may use, all of which need an ORDER BY in their OVER clause.
bool is_window_function(std::string_view name);

bool is_date_unit(std::string_view unit);      // of date_part, date_trunc, date_diff
bool is_interval_unit(std::string_view unit);  // of INTERVAL

}  // namespace daybook
