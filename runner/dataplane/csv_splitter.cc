// One 64-byte group at a time: four bit masks (delimiter, LF, quote, suspect) come from the CPU,
// and everything after that is shared. Inside a group without any malformed quote, "inside quotes"
// is the running parity of the quote bits; a group with one falls back to the byte-wise automaton,
// which is the definition of the grammar.
#include "runner/dataplane/csv_splitter.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>

namespace daybook {
namespace {

struct Masks {
  std::uint64_t delimiter = 0, newline = 0, quote = 0, carriage = 0, odd = 0;
};

// Masks of `groups` groups of 64 bytes.
using MakeMasks = void (*)(const char* text, std::size_t groups, CsvSyntax syntax, Masks* out);

void masks_portable(const char* text, std::size_t groups, CsvSyntax syntax, Masks* out) {
  for (std::size_t g = 0; g < groups; ++g, text += 64) {
    Masks m;
    for (int i = 0; i < 64; ++i) {
      const char c = text[i];
      m.delimiter |= static_cast<std::uint64_t>(c == syntax.delimiter) << i;
      m.newline |= static_cast<std::uint64_t>(c == '\n') << i;
      m.quote |= static_cast<std::uint64_t>(c == syntax.quote) << i;
      m.carriage |= static_cast<std::uint64_t>(c == '\r') << i;
      m.odd |= static_cast<std::uint64_t>(static_cast<signed char>(c) <= 0) << i;
    }
    out[g] = m;
  }
}

[[gnu::target("avx2")]] inline std::uint64_t equal_avx2(__m256i a, __m256i b, char c) {
  const __m256i all = _mm256_set1_epi8(c);
  const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, all)));
  const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, all)));
  return low | static_cast<std::uint64_t>(high) << 32;
}

[[gnu::target("avx2")]] void masks_avx2(const char* text, std::size_t groups, CsvSyntax syntax,
                                        Masks* out) {
  for (std::size_t g = 0; g < groups; ++g, text += 64) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32));
    Masks& m = out[g];
    m.delimiter = equal_avx2(a, b, syntax.delimiter);
    m.newline = equal_avx2(a, b, '\n');
    m.quote = equal_avx2(a, b, syntax.quote);
    m.carriage = equal_avx2(a, b, '\r');
    const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(a));
    const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(b));
    m.odd = (low | static_cast<std::uint64_t>(high) << 32) | equal_avx2(a, b, '\0');
  }
}

[[gnu::target("avx512f,avx512bw")]] void masks_avx512(const char* text, std::size_t groups,
                                                      CsvSyntax syntax, Masks* out) {
  for (std::size_t g = 0; g < groups; ++g, text += 64) {
    const __m512i x = _mm512_loadu_si512(text);
    Masks& m = out[g];
    m.delimiter = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(syntax.delimiter));
    m.newline = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\n'));
    m.quote = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(syntax.quote));
    m.carriage = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\r'));
    m.odd = _mm512_movepi8_mask(x) | _mm512_cmpeq_epi8_mask(x, _mm512_setzero_si512());
  }
}

MakeMasks make_masks(SimdPath path) {
  switch (path) {
    case SimdPath::avx512: return masks_avx512;
    case SimdPath::avx2: return masks_avx2;
    case SimdPath::portable: break;
  }
  return masks_portable;
}

constexpr std::size_t groups_at_once = 32;

// The grammar: the state after one byte. `bad` becomes true where the text breaks it.
[[gnu::always_inline]] inline CsvState step(CsvState state, char c, CsvSyntax syntax, bool& bad) {
  switch (state) {
    case CsvState::field_start:
      if (c == syntax.quote) return CsvState::quoted;
      return c == syntax.delimiter || c == '\n' ? CsvState::field_start : CsvState::plain;
    case CsvState::plain:
      if (c == syntax.quote) bad = true;
      return c == syntax.delimiter || c == '\n' ? CsvState::field_start : CsvState::plain;
    case CsvState::quoted: return c == syntax.quote ? CsvState::quote_closed : CsvState::quoted;
    case CsvState::quote_closed:
      if (c == syntax.quote) return CsvState::quoted;
      if (c == syntax.delimiter || c == '\n') return CsvState::field_start;
      if (c == '\r') return CsvState::quote_closed;  // a lone CR is reported on its own
      bad = true;
      return CsvState::plain;
  }
  return state;
}

[[gnu::always_inline]] inline std::uint64_t prefix_parity(std::uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

// Bits at which a field or record ends, for a group without malformed quotes. False: use step().
[[gnu::always_inline]] inline bool structure(const Masks& m, CsvState& state,
                                             std::uint64_t& structural, char last,
                                             CsvSyntax syntax) {
  const std::uint64_t separators = m.delimiter | m.newline;
  const bool after_field = state == CsvState::field_start;
  if (m.quote == 0 && state <= CsvState::plain) [[likely]] {
    structural = separators;
    state = last == syntax.delimiter || last == '\n' ? CsvState::field_start : CsvState::plain;
    return true;
  }
  if (m.quote == 0 && state == CsvState::quoted) {
    structural = 0;
    return true;
  }
  const std::uint64_t carry = state == CsvState::quoted ? ~0ULL : 0ULL;
  const std::uint64_t inside = prefix_parity(m.quote) ^ carry;  // opening quote in, closing out
  structural = separators & ~inside;
  const std::uint64_t opening = m.quote & inside, closing = m.quote & ~inside;
  // An opening quote stands after a separator or after a closing quote; the latter doubles it.
  const std::uint64_t before =
      ((structural | closing) << 1) |
      static_cast<std::uint64_t>(after_field || state == CsvState::quote_closed);
  // A closing quote stands before a separator, a quote or CR; the last byte's follower is unknown.
  const std::uint64_t after = (structural | opening | (m.carriage & ~inside)) >> 1 | 1ULL << 63;
  if ((opening & ~before) != 0 || (closing & ~after) != 0) return false;
  if (state == CsvState::quote_closed && ((structural | opening | m.carriage) & 1) == 0) {
    return false;
  }
  // CR after a closing quote keeps the automaton in quote_closed; leave that to it where it is not
  // followed by LF, and at the very end.
  const std::uint64_t closed_cr =
      m.carriage & ~inside & (closing << 1 | (state == CsvState::quote_closed ? 1ULL : 0ULL));
  if ((closed_cr & ~(m.newline >> 1)) != 0) return false;
  if ((inside >> 63) != 0) {
    state = CsvState::quoted;
  } else if ((closing >> 63) != 0) {
    state = CsvState::quote_closed;
  } else {
    state = (structural >> 63) != 0 ? CsvState::field_start : CsvState::plain;
  }
  return true;
}

}  // namespace

SimdPath best_simd_path() {
  static const SimdPath best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
      return SimdPath::avx512;
    }
    return __builtin_cpu_supports("avx2") ? SimdPath::avx2 : SimdPath::portable;
  }();
  return best;
}

void index_csv(const char* text, std::size_t size, CsvSyntax syntax, SimdPath path,
               CsvIndex& index) {
  const MakeMasks make = make_masks(path);
  std::array<Masks, groups_at_once> masks;
  if (index.ends.empty()) index.ends.resize(size / 8 + 64);
  index.suspects.clear();
  std::uint32_t* out = index.ends.data();
  const std::uint32_t* full = out + index.ends.size() - 64;
  CsvState state = CsvState::field_start;
  bool carriage_before = false;
  for (std::size_t i = 0, g = 0; i < size; i += 64, ++g) {
    if (g % groups_at_once == 0) {
      make(text + i, std::min(groups_at_once, (size - i + 63) / 64), syntax, masks.data());
    }
    Masks& m = masks[g % groups_at_once];
    const std::size_t left = size - i;
    if (left < 64) {
      const std::uint64_t keep = (1ULL << left) - 1;
      m.newline &= keep;
      m.carriage &= keep;
      m.odd &= keep;
    }
    const auto at = static_cast<std::uint32_t>(i);
    // A CR is fine only right before LF.
    bool suspect = m.odd != 0 || (carriage_before && (m.newline & 1) == 0);
    if (m.carriage != 0) suspect |= (m.carriage & ~(m.newline >> 1) & ~(1ULL << 63)) != 0;
    carriage_before = (m.carriage >> 63) != 0;
    if (out > full) [[unlikely]] {
      const auto used = out - index.ends.data();
      index.ends.resize(2 * index.ends.size());
      out = index.ends.data() + used;
      full = index.ends.data() + index.ends.size() - 64;
    }
    std::uint64_t structural = 0;
    const CsvState entry = state;
    if (left >= 64 && structure(m, state, structural, text[i + 63], syntax)) [[likely]] {
      for (; structural != 0; structural &= structural - 1) {
        const int bit = std::countr_zero(structural);
        *out++ = (at + static_cast<std::uint32_t>(bit)) |
                 static_cast<std::uint32_t>(m.newline >> bit & 1) << 31;
      }
    } else {
      state = entry;
      bool bad = false;
      const std::size_t end = std::min(size, i + 64);
      for (std::size_t j = i; j < end; ++j) {
        state = step(state, text[j], syntax, bad);
        if (state == CsvState::field_start) {
          *out++ = static_cast<std::uint32_t>(j) | (text[j] == '\n' ? CsvIndex::record_end : 0U);
        }
      }
      suspect |= bad;
    }
    if (suspect) index.suspects.push_back(at);
  }
  index.count = static_cast<std::size_t>(out - index.ends.data());
}

std::size_t advance_boundary(const char* text, std::size_t size, CsvSyntax syntax, SimdPath path,
                             std::size_t stop_after, CsvBoundary& b) {
  const MakeMasks make = make_masks(path);
  std::array<Masks, groups_at_once> masks;
  std::size_t made_from = 0, made_to = 0;  // masks hold [made_from, made_to)
  b.last_end = 0;
  std::size_t i = 0;
  while (i < size) {
    const CsvState entry = b.state;
    if (i + 64 <= size && i + 64 < stop_after) {
      if (i >= made_to) {
        const std::size_t groups = std::min(groups_at_once, (size - i) / 64);
        make(text + i, groups, syntax, masks.data());
        made_from = i;
        made_to = i + groups * 64;
      }
      const Masks& m = masks[(i - made_from) / 64];
      std::uint64_t structural = 0;
      if (structure(m, b.state, structural, text[i + 63], syntax)) [[likely]] {
        const std::uint64_t lines = m.newline & structural;
        if (lines != 0) {
          for (std::uint64_t rest = lines; rest != 0; rest &= rest - 1) ++b.records;
          b.last_end = i + 64 - static_cast<unsigned>(std::countl_zero(lines));
          b.last_records = b.records;
        }
        i += 64;
        continue;
      }
      b.state = entry;
    }
    bool bad = false;
    const std::size_t end = std::min(size, i + 64);
    for (; i < end; ++i) {
      b.state = step(b.state, text[i], syntax, bad);
      if (b.state == CsvState::field_start && text[i] == '\n') {
        ++b.records;
        b.last_end = i + 1;
        b.last_records = b.records;
        if (i + 1 >= stop_after) return i + 1;
      }
    }
  }
  return i;
}

}  // namespace daybook
