#include "runner/dataplane/vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

namespace daybook {

Physical physical_of(const ColumnType& type) {
  using Kind = ColumnType::Kind;
  switch (type.kind) {
    case Kind::string: return Physical::text;
    case Kind::int8: return Physical::int8;
    case Kind::int16: return Physical::int16;
    case Kind::int32: return Physical::int32;
    case Kind::int64: return Physical::int64;
    case Kind::uint8: return Physical::uint8;
    case Kind::uint16: return Physical::uint16;
    case Kind::uint32: return Physical::uint32;
    case Kind::uint64: return Physical::uint64;
    case Kind::decimal:
      return type.precision <= 4    ? Physical::int16
             : type.precision <= 9  ? Physical::int32
             : type.precision <= 18 ? Physical::int64
                                    : Physical::int128;
    case Kind::float64: return Physical::float64;
    case Kind::boolean: return Physical::boolean;
    case Kind::date: return Physical::int32;
    case Kind::timestamp:
    case Kind::timestamp_tz:
    case Kind::time: return Physical::int64;
  }
  return Physical::text;
}

std::uint32_t width_of(Physical physical) {
  switch (physical) {
    case Physical::int8:
    case Physical::uint8:
    case Physical::boolean: return 1;
    case Physical::int16:
    case Physical::uint16: return 2;
    case Physical::int32:
    case Physical::uint32: return 4;
    case Physical::int64:
    case Physical::uint64:
    case Physical::float64: return 8;
    case Physical::int128:
    case Physical::text: return 16;
  }
  return 0;
}

void move_runs(const VectorView& view, Physical physical, std::uint32_t n,
               std::span<const std::pair<std::uint32_t, std::uint32_t>> runs) {
  const std::size_t width = width_of(physical);
  auto* data = static_cast<char*>(view.data);
  bool nulls = false;
  for (std::uint32_t r = 0; view.validity != nullptr && r < n; ++r) {
    if (r % 64 == 0 && n - r >= 64 && view.validity[r >> 6] == ~0ULL) {
      r += 63;
    } else {
      nulls |= !view.valid(r);
    }
  }
  std::uint32_t to = 0;
  for (const auto& [first, last] : runs) {
    std::memmove(data + to * width, data + first * width, (last - first) * width);
    for (std::uint32_t r = first; nulls && r < last; ++r) {
      const std::uint32_t at = to + r - first;
      const std::uint64_t bit = 1ULL << (at & 63);
      if (view.valid(r)) {
        view.validity[at >> 6] |= bit;
      } else {
        view.validity[at >> 6] &= ~bit;
      }
    }
    to += last - first;
  }
}

namespace {

std::string decimal_text(Int128 value, int scale) {
  const bool negative = value < 0;
  auto rest = negative ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
  std::string digits;
  while (rest > 0) {
    digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  }
  while (digits.size() <= static_cast<std::size_t>(scale)) digits.push_back('0');
  if (scale > 0) digits.insert(static_cast<std::size_t>(scale), ".");
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string date_text(std::int64_t days) {
  const std::chrono::year_month_day day{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string time_text(std::int64_t micros) {
  std::string text = fmt::format("{:02}:{:02}:{:02}", micros / 3'600'000'000,
                                 micros / 60'000'000 % 60, micros / 1'000'000 % 60);
  if (micros % 1'000'000 != 0) text += fmt::format(".{:06}", micros % 1'000'000);
  return text;
}

std::string timestamp_text(std::int64_t micros) {
  constexpr std::int64_t day = 86'400'000'000;
  std::int64_t days = micros / day;
  if (micros % day < 0) --days;
  return date_text(days) + " " + time_text(micros - days * day);
}

}  // namespace

std::string value_text(const VectorView& view, const ColumnType& type, std::uint32_t row) {
  using Kind = ColumnType::Kind;
  switch (type.kind) {
    case Kind::string: return std::string(view.at<Text>(row).view());
    case Kind::int8: return fmt::to_string(int{view.at<std::int8_t>(row)});
    case Kind::int16: return fmt::to_string(view.at<std::int16_t>(row));
    case Kind::int32: return fmt::to_string(view.at<std::int32_t>(row));
    case Kind::int64: return fmt::to_string(view.at<std::int64_t>(row));
    case Kind::uint8: return fmt::to_string(unsigned{view.at<std::uint8_t>(row)});
    case Kind::uint16: return fmt::to_string(view.at<std::uint16_t>(row));
    case Kind::uint32: return fmt::to_string(view.at<std::uint32_t>(row));
    case Kind::uint64: return fmt::to_string(view.at<std::uint64_t>(row));
    case Kind::decimal:
      switch (physical_of(type)) {
        case Physical::int16: return decimal_text(view.at<std::int16_t>(row), type.scale);
        case Physical::int32: return decimal_text(view.at<std::int32_t>(row), type.scale);
        case Physical::int64: return decimal_text(view.at<std::int64_t>(row), type.scale);
        default: return decimal_text(view.at<Int128>(row), type.scale);
      }
    case Kind::float64: {
      const double value = view.at<double>(row);
      if (std::isnan(value)) return "NaN";
      if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
      char buffer[32];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
      return std::string(buffer, end);
    }
    case Kind::boolean: return view.at<bool>(row) ? "true" : "false";
    case Kind::date: return date_text(view.at<std::int32_t>(row));
    case Kind::timestamp: return timestamp_text(view.at<std::int64_t>(row));
    case Kind::timestamp_tz: return timestamp_text(view.at<std::int64_t>(row)) + "+00";
    case Kind::time: return time_text(view.at<std::int64_t>(row));
  }
  return {};
}

}  // namespace daybook
