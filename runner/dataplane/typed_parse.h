// Text to values, strictly: no white space, no plus sign, no exponent in exact types, no locale.
// What does not fit the type is an answer (false), never a nearby value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/dataplane/vectors.h"

namespace daybook {

bool parse_int(std::string_view text, Int128& value);                                // any sign
bool parse_decimal(std::string_view text, int precision, int scale, Int128& value);  // exact
bool parse_float64(std::string_view text, double& value);           // finite, not rounded to zero
bool parse_boolean(std::string_view text, bool& value);             // true false t f 1 0
bool parse_date(std::string_view text, std::int32_t& days);         // yyyy-MM-dd
bool parse_timestamp(std::string_view text, std::int64_t& micros);  // date, T or blank, time
bool parse_timestamp_tz(std::string_view text, std::int64_t& micros);  // offset Z, +hh, +hh:mm
bool parse_time(std::string_view text, std::int64_t& micros);          // hh:mm:ss[.ffffff]

// A date or time pattern of the DateTimeFormatter family: y M d H m s S, X for the offset, quoted
// and plain literals.
class DatePattern {
 public:
  DatePattern() = default;
  explicit DatePattern(std::string_view pattern);
  bool empty() const { return items_.empty(); }
  bool parse(std::string_view text, std::int64_t& micros) const;

 private:
  struct Item {
    char letter = 0;  // 0: literal
    std::uint8_t count = 1;
    char literal = 0;
  };
  std::vector<Item> items_;
};

// One column's parser with its type resolved: writes one physical value at `slot`.
class ValueParser {
 public:
  explicit ValueParser(const Column& column);
  bool parse(std::string_view text, void* slot) const;
  const ColumnType& type() const { return type_; }
  Physical physical() const { return physical_; }
  bool plain() const { return pattern_.empty(); }  // no named format

 private:
  ColumnType type_;
  Physical physical_;
  DatePattern pattern_;
};

// --- the hot paths, inline ---------------------------------------------------------------------

// At most 18 digits; false sends the caller to the slow path.
inline bool parse_int64_fast(const char* text, std::size_t length, std::int64_t& value) {
  const bool negative = length > 0 && *text == '-';
  text += negative;
  length -= negative;
  if (length == 0 || length > 18) return false;
  std::uint64_t sum = 0;
  unsigned bad = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    bad |= digit > 9;
    sum = sum * 10 + digit;
  }
  value = negative ? -static_cast<std::int64_t>(sum) : static_cast<std::int64_t>(sum);
  return bad == 0;
}

inline constexpr std::int64_t power_of_ten[19] = {1,
                                                  10,
                                                  100,
                                                  1'000,
                                                  10'000,
                                                  100'000,
                                                  1'000'000,
                                                  10'000'000,
                                                  100'000'000,
                                                  1'000'000'000,
                                                  10'000'000'000,
                                                  100'000'000'000,
                                                  1'000'000'000'000,
                                                  10'000'000'000'000,
                                                  100'000'000'000'000,
                                                  1'000'000'000'000'000,
                                                  10'000'000'000'000'000,
                                                  100'000'000'000'000'000,
                                                  1'000'000'000'000'000'000};

// Precision up to 18. False also where the slow path might still say yes (trailing zeros).
inline bool parse_decimal_fast(const char* text, std::size_t length, int precision, int scale,
                               std::int64_t& value) {
  const bool negative = length > 0 && *text == '-';
  text += negative;
  length -= negative;
  if (length == 0 || length > 18) return false;
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i < length; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit > 9) break;
    sum = sum * 10 + digit;
  }
  int fraction = 0;
  if (i < length) {
    if (text[i] != '.' || i == 0 || i + 1 == length) return false;
    for (++i; i < length; ++i, ++fraction) {
      const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
      if (digit > 9) return false;
      sum = sum * 10 + digit;
    }
    if (fraction > scale) return false;
  }
  const int raise = scale - fraction;
  if (static_cast<int>(length) + raise > 18) return false;
  sum *= static_cast<std::uint64_t>(power_of_ten[raise]);
  if (precision < 18 && sum >= static_cast<std::uint64_t>(power_of_ten[precision])) return false;
  value = negative ? -static_cast<std::int64_t>(sum) : static_cast<std::int64_t>(sum);
  return true;
}

// Days since 1970-01-01 of a valid civil date.
inline std::int64_t days_of(int year, int month, int day) {
  year -= month <= 2;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era} * 146'097 + day_of_era - 719'468;
}

// yyyy-MM-dd hh:mm:ss with a blank or T: the form most text has. False sends the caller to the slow
// path, which decides. `seen` remembers the last date.
struct DaySeen {
  std::uint64_t head = 0;  // the ten bytes of the date
  std::uint16_t tail = 0;
  std::int64_t start = 0;  // microseconds
};
inline bool parse_timestamp_fast(const char* t, std::size_t length, DaySeen& seen,
                                 std::int64_t& micros) {
  if (length != 19 || (t[10] != ' ' && t[10] != 'T') || t[13] != ':' || t[16] != ':') return false;
  std::uint64_t head = 0;
  std::uint16_t tail = 0;
  std::memcpy(&head, t, 8);
  std::memcpy(&tail, t + 8, 2);
  if (head != seen.head || tail != seen.tail) {
    std::int64_t start = 0;
    if (!parse_timestamp({t, 10}, start)) return false;
    seen = {head, tail, start};
  }
  unsigned bad = 0;
  const auto two = [&](int at) {
    const unsigned high = static_cast<unsigned char>(t[at]) - unsigned{'0'};
    const unsigned low = static_cast<unsigned char>(t[at + 1]) - unsigned{'0'};
    bad |= static_cast<unsigned>(high > 9) | static_cast<unsigned>(low > 9);
    return high * 10 + low;
  };
  const unsigned hour = two(11), minute = two(14), second = two(17);
  if (bad != 0 || hour > 23 || minute > 59 || second > 59) return false;
  micros = seen.start + ((hour * 60LL + minute) * 60 + second) * 1'000'000;
  return true;
}

}  // namespace daybook
