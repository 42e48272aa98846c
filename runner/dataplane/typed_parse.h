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

// For all of these, 16 bytes from the start of the text must be readable, whatever its length.

// Eight digits, the first in the lowest byte, as a number; false where one is not a digit.
inline bool eight_digits(std::uint64_t text, std::uint64_t& value) {
  constexpr std::uint64_t high = 0xf0f0f0f0f0f0f0f0ULL, zeros = 0x3030303030303030ULL;
  const bool good =
      ((text & high) | (((text + 0x0606060606060606ULL) & high) >> 4)) == (zeros | zeros >> 4);
  text -= zeros;
  text = text * 10 + (text >> 8);
  value = ((text & 0x000000ff000000ffULL) * 0x000f424000000064ULL +
           (text >> 16 & 0x000000ff000000ffULL) * 0x0000271000000001ULL) >>
          32;
  return good;
}
// The first `length` (1 to 8) bytes moved up, zeros ('0') before them.
inline std::uint64_t right_aligned(std::uint64_t text, std::size_t length) {
  const unsigned shift = static_cast<unsigned>(64 - 8 * length);
  return (text << shift) | (0x0030303030303030ULL & ((1ULL << shift) - 1));
}

// At most 16 digits; false sends the caller to the slow path.
inline bool parse_int64_fast(const char* text, std::size_t length, std::int64_t& value) {
  const bool negative = length > 0 && *text == '-';
  text += negative;
  length -= negative;
  if (length == 0 || length > 16) return false;
  std::uint64_t word = 0, sum = 0, more = 0;
  std::memcpy(&word, text, 8);
  if (length <= 8) {
    if (!eight_digits(right_aligned(word, length), sum)) return false;
  } else {
    std::uint64_t last = 0;
    std::memcpy(&last, text + length - 8, 8);  // overlaps the first: those digits count once
    if (!eight_digits(right_aligned(word, length - 8), more) || !eight_digits(last, sum)) {
      return false;
    }
    sum += more * 100'000'000;
  }
  value = negative ? -static_cast<std::int64_t>(sum) : static_cast<std::int64_t>(sum);
  return true;
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
  const std::size_t point = length - static_cast<std::size_t>(scale) - 1;
  if (scale > 0 && length <= 9 && length > static_cast<std::size_t>(scale) + 1 &&
      text[point] == '.') {
    // All digits of the scale are there: the point taken out, it is one whole number.
    std::uint64_t word = 0, after = 0;
    std::memcpy(&word, text, 8);
    std::memcpy(&after, text + 1, 8);
    const std::uint64_t before = point < 8 ? (1ULL << 8 * point) - 1 : ~0ULL;
    if (!eight_digits(right_aligned((word & before) | (after & ~before), length - 1), sum)) {
      return false;
    }
  } else {
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
  }
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
  if (length != 19 || (t[10] != ' ' && t[10] != 'T')) return false;
  std::uint64_t head = 0;
  std::uint16_t tail = 0;
  std::memcpy(&head, t, 8);
  std::memcpy(&tail, t + 8, 2);
  if (head != seen.head || tail != seen.tail) {
    std::int64_t start = 0;
    if (!parse_timestamp({t, 10}, start)) return false;
    seen = {head, tail, start};
  }
  // hh:mm:ss in one word, exclusive-or with 00:00:00: digits are 0 to 9 and colons 0.
  std::uint64_t clock = 0;
  std::memcpy(&clock, t + 11, 8);
  clock ^= 0x30303a30303a3030ULL;
  if (((clock + 0x0606060606060606ULL) & 0xf0f0f0f0f0f0f0f0ULL) != 0 ||
      (clock & 0xf0f0fff0f0fff0f0ULL) != 0) {
    return false;
  }
  clock = clock * 10 + (clock >> 8);  // in bytes 0, 3 and 6
  const unsigned hour = clock & 0xff, minute = clock >> 24 & 0xff, second = clock >> 48 & 0xff;
  if (hour > 23 || minute > 59 || second > 59) return false;
  micros = seen.start + ((hour * 60LL + minute) * 60 + second) * 1'000'000;
  return true;
}

}  // namespace daybook
