// Columns of up to 2048 values in the engine's own memory layout: what readers fill, rules check
// and the row codec encodes. The layout is DuckDB's, so that nothing is copied on the way in or
// out.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "runner/definition/contract.h"

namespace daybook {

inline constexpr std::uint32_t vector_rows_max = 2048;

// How a column type lies in memory.
enum class Physical : std::uint8_t {
  int8,
  int16,
  int32,
  int64,
  int128,
  uint8,
  uint16,
  uint32,
  uint64,
  float64,
  boolean,
  text
};
Physical physical_of(const ColumnType& type);
std::uint32_t width_of(Physical physical);  // bytes of one value

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;
inline constexpr Int128 int128_max = static_cast<Int128>(~UInt128{0} >> 1);

// A string: at most 12 bytes lie inside, longer ones are pointed to.
struct Text {
  std::uint32_t length = 0;
  char prefix[4] = {};
  const char* pointer = nullptr;

  static Text of(const char* data, std::uint32_t length) {
    Text text;
    text.length = length;
    if (length <= 12) {
      std::memcpy(reinterpret_cast<char*>(&text) + 4, data, length);
    } else {
      std::memcpy(text.prefix, data, 4);
      text.pointer = data;
    }
    return text;
  }
  // The same where 12 bytes from `data` on can be read, whatever the length.
  static Text of_padded(const char* data, std::uint32_t length) {
    if (length > 12) return of(data, length);
    std::uint64_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, data, 8);
    std::memcpy(&last, data + 8, 4);
    first = length < 8 ? first & ((1ULL << 8 * length) - 1) : first;
    last = length <= 8 ? 0 : length < 12 ? last & ((1U << 8 * (length - 8)) - 1) : last;
    Text text;
    text.length = length;
    std::memcpy(reinterpret_cast<char*>(&text) + 4, &first, 8);
    std::memcpy(reinterpret_cast<char*>(&text) + 12, &last, 4);
    return text;
  }
  std::string_view view() const {
    return {length <= 12 ? reinterpret_cast<const char*>(this) + 4 : pointer, length};
  }
};
static_assert(sizeof(Text) == 16);

struct VectorView {
  void* data = nullptr;
  std::uint64_t* validity = nullptr;  // one bit a row, set where there is a value; null: all set

  bool valid(std::uint32_t row) const {
    return validity == nullptr || (validity[row >> 6] >> (row & 63) & 1) != 0;
  }
  void set_null(std::uint32_t row) const { validity[row >> 6] &= ~(1ULL << (row & 63)); }
  template <typename T>
  const T& at(std::uint32_t row) const {
    return static_cast<const T*>(data)[row];
  }
};

// Moves the rows of `runs` (first, one past the last; ascending) of the first n to the front.
void move_runs(const VectorView& view, Physical physical, std::uint32_t n,
               std::span<const std::pair<std::uint32_t, std::uint32_t>> runs);

// One value as text, for messages and exports: exact, the form the contract's types are written in.
std::string value_text(const VectorView& view, const ColumnType& type, std::uint32_t row);

}  // namespace daybook
