#include "runner/dataplane/typed_parse.h"

#include <charconv>
#include <cmath>

namespace daybook {
namespace {

bool digits(std::string_view text, std::size_t at, std::size_t count, int& value) {
  if (at + count > text.size()) return false;
  value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit > 9) return false;
    value = value * 10 + static_cast<int>(digit);
  }
  return true;
}

int days_in_month(int year, int month) {
  constexpr int table[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return table[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool civil(int year, int month, int day, std::int64_t& days) {
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return false;
  }
  days = days_of(year, month, day);
  return true;
}

// hh:mm:ss[.f{1,6}]; `used` is how much of the text it took.
bool clock_time(std::string_view text, std::int64_t& micros, std::size_t& used) {
  int hour = 0, minute = 0, second = 0;
  if (!digits(text, 0, 2, hour) || !digits(text, 3, 2, minute) || !digits(text, 6, 2, second) ||
      text[2] != ':' || text[5] != ':' || hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  std::int64_t fraction = 0;
  used = 8;
  if (text.size() > 8 && text[8] == '.') {
    std::int64_t unit = 100'000;
    std::size_t i = 9;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10) {
      if (i >= 15) return false;  // finer than a microsecond would be rounded
      fraction += (text[i] - '0') * unit;
    }
    if (i == 9) return false;
    used = i;
  }
  micros = ((hour * 60LL + minute) * 60 + second) * 1'000'000 + fraction;
  return true;
}

// Z, +hh, +hhmm, +hh:mm up to 14:59.
bool offset(std::string_view text, std::int64_t& micros) {
  if (text == "Z" || text == "z") {
    micros = 0;
    return true;
  }
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return false;
  int hours = 0, minutes = 0;
  if (!digits(text, 1, 2, hours)) return false;
  if (text.size() == 5) {
    if (!digits(text, 3, 2, minutes)) return false;
  } else if (text.size() == 6) {
    if (text[3] != ':' || !digits(text, 4, 2, minutes)) return false;
  } else if (text.size() != 3) {
    return false;
  }
  if (hours > 14 || minutes > 59) return false;
  micros = (hours * 60LL + minutes) * 60'000'000;
  if (text[0] == '-') micros = -micros;
  return true;
}

bool date_and_time(std::string_view text, std::int64_t& micros, std::size_t& used) {
  std::int32_t days = 0;
  if (!parse_date(text.substr(0, 10), days)) return false;
  micros = days * 86'400'000'000LL;
  used = 10;
  if (text.size() == 10) return true;
  if (text[10] != ' ' && text[10] != 'T') return false;
  std::int64_t clock = 0;
  std::size_t clock_used = 0;
  if (!clock_time(text.substr(11), clock, clock_used)) return false;
  micros += clock;
  used = 11 + clock_used;
  return true;
}

}  // namespace

bool parse_int(std::string_view text, Int128& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return false;
  Int128 sum = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9 || sum > (int128_max - 9) / 10) return false;
    sum = sum * 10 + static_cast<int>(digit);
  }
  value = negative ? -sum : sum;
  return true;
}

bool parse_decimal(std::string_view text, int precision, int scale, Int128& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return false;
  while (fraction.size() > static_cast<std::size_t>(scale) && fraction.back() == '0') {
    fraction.remove_suffix(1);  // trailing zeros say nothing
  }
  if (fraction.size() > static_cast<std::size_t>(scale)) return false;
  Int128 limit = 1;
  for (int i = 0; i < precision; ++i) limit *= 10;
  Int128 sum = 0;
  const auto take = [&](std::string_view part) {
    for (const char c : part) {
      const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
      if (digit > 9) return false;
      sum = sum * 10 + static_cast<int>(digit);
      if (sum >= limit) return false;
    }
    return true;
  };
  if (!take(whole) || !take(fraction)) return false;
  for (auto i = fraction.size(); i < static_cast<std::size_t>(scale); ++i) {
    sum *= 10;
    if (sum >= limit) return false;
  }
  value = negative ? -sum : sum;
  return true;
}

bool parse_float64(std::string_view text, double& value) {
  // from_chars also reads "inf" and "nan"; a number here begins with a digit.
  const std::size_t first = !text.empty() && text[0] == '-' ? 1 : 0;
  if (text.size() <= first || text[first] < '0' || text[first] > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

bool parse_boolean(std::string_view text, bool& value) {
  const auto is = [&](std::string_view word) {
    if (text.size() != word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if ((text[i] | 0x20) != (word[i] | 0x20)) return false;
    }
    return true;
  };
  if (text == "1" || is("true") || is("t")) {
    value = true;
    return true;
  }
  value = false;
  return text == "0" || is("false") || is("f");
}

bool parse_date(std::string_view text, std::int32_t& days) {
  int year = 0, month = 0, day = 0;
  std::int64_t count = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 0, 4, year) ||
      !digits(text, 5, 2, month) || !digits(text, 8, 2, day) || !civil(year, month, day, count)) {
    return false;
  }
  days = static_cast<std::int32_t>(count);
  return true;
}

bool parse_timestamp(std::string_view text, std::int64_t& micros) {
  std::size_t used = 0;
  return date_and_time(text, micros, used) && used == text.size();
}

bool parse_timestamp_tz(std::string_view text, std::int64_t& micros) {
  std::size_t used = 0;
  std::int64_t shift = 0;
  if (!date_and_time(text, micros, used) || used == 10 || !offset(text.substr(used), shift)) {
    return false;
  }
  micros -= shift;
  return true;
}

bool parse_time(std::string_view text, std::int64_t& micros) {
  std::size_t used = 0;
  return clock_time(text, micros, used) && used == text.size();
}

DatePattern::DatePattern(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '\'') {
      std::size_t end = i + 1;
      if (end < pattern.size() && pattern[end] == '\'') items_.push_back({0, 1, '\''});
      for (; end < pattern.size() && pattern[end] != '\''; ++end) {
        items_.push_back({0, 1, pattern[end]});
      }
      i = end + 1;
      continue;
    }
    if (std::string_view("yuMdHmsSXx").find(c) == std::string_view::npos) {
      items_.push_back({0, 1, c});
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < pattern.size() && pattern[end] == c) ++end;
    items_.push_back({c == 'u' ? 'y' : c == 'x' ? 'X' : c, static_cast<std::uint8_t>(end - i), 0});
    i = end;
  }
}

bool DatePattern::parse(std::string_view text, std::int64_t& micros) const {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  std::int64_t fraction = 0, shift = 0;
  std::size_t at = 0;
  for (const Item& item : items_) {
    if (item.letter == 0) {
      if (at >= text.size() || text[at] != item.literal) return false;
      ++at;
      continue;
    }
    if (item.letter == 'X') {
      if (!offset(text.substr(at), shift)) return false;
      at = text.size();
      continue;
    }
    std::size_t count = item.count;
    if (item.count == 1 && item.letter != 'S') {  // as many digits as there are, two at most
      count = at + 1 < text.size() && text[at + 1] >= '0' && text[at + 1] <= '9' ? 2 : 1;
      if (item.letter == 'y') count = 4;
    }
    int value = 0;
    if (count > 9 || !digits(text, at, count, value)) return false;
    at += count;
    switch (item.letter) {
      case 'y': year = count == 2 ? 2000 + value : value; break;
      case 'M': month = value; break;
      case 'd': day = value; break;
      case 'H': hour = value; break;
      case 'm': minute = value; break;
      case 's': second = value; break;
      default:
        if (count > 6) return false;
        fraction = value * power_of_ten[6 - count];
    }
  }
  std::int64_t days = 0;
  if (at != text.size() || hour > 23 || minute > 59 || second > 59 ||
      !civil(year, month, day, days)) {
    return false;
  }
  micros = (days * 86'400 + (hour * 60LL + minute) * 60 + second) * 1'000'000 + fraction - shift;
  return true;
}

ValueParser::ValueParser(const Column& column)
    : type_(column.type), physical_(physical_of(column.type)), pattern_(column.date_format) {}

namespace {
template <typename T>
bool store(Int128 value, void* slot) {
  if (value < static_cast<Int128>(std::numeric_limits<T>::min()) ||
      value > static_cast<Int128>(std::numeric_limits<T>::max())) {
    return false;
  }
  *static_cast<T*>(slot) = static_cast<T>(value);
  return true;
}
}  // namespace

bool ValueParser::parse(std::string_view text, void* slot) const {
  using Kind = ColumnType::Kind;
  std::int64_t micros = 0;
  switch (type_.kind) {
    case Kind::string: return true;  // the reader keeps the bytes itself
    case Kind::float64: return parse_float64(text, *static_cast<double*>(slot));
    case Kind::boolean: return parse_boolean(text, *static_cast<bool*>(slot));
    case Kind::date:
      if (pattern_.empty()) return parse_date(text, *static_cast<std::int32_t*>(slot));
      if (!pattern_.parse(text, micros)) return false;
      *static_cast<std::int32_t*>(slot) =
          static_cast<std::int32_t>((micros - (micros < 0 ? 86'399'999'999 : 0)) / 86'400'000'000);
      return true;
    case Kind::timestamp:
      return pattern_.empty() ? parse_timestamp(text, *static_cast<std::int64_t*>(slot))
                              : pattern_.parse(text, *static_cast<std::int64_t*>(slot));
    case Kind::timestamp_tz:
      return pattern_.empty() ? parse_timestamp_tz(text, *static_cast<std::int64_t*>(slot))
                              : pattern_.parse(text, *static_cast<std::int64_t*>(slot));
    case Kind::time: return parse_time(text, *static_cast<std::int64_t*>(slot));
    default: break;
  }
  Int128 value = 0;
  if (type_.kind == Kind::decimal) {
    if (!parse_decimal(text, type_.precision, type_.scale, value)) return false;
  } else if (!parse_int(text, value)) {
    return false;
  }
  switch (physical_) {
    case Physical::int8: return store<std::int8_t>(value, slot);
    case Physical::int16: return store<std::int16_t>(value, slot);
    case Physical::int32: return store<std::int32_t>(value, slot);
    case Physical::int64: return store<std::int64_t>(value, slot);
    case Physical::uint8: return store<std::uint8_t>(value, slot);
    case Physical::uint16: return store<std::uint16_t>(value, slot);
    case Physical::uint32: return store<std::uint32_t>(value, slot);
    case Physical::uint64: return store<std::uint64_t>(value, slot);
    default: *static_cast<Int128*>(slot) = value; return true;
  }
}

}  // namespace daybook
