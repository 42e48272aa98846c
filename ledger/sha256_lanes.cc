// Two machines. SHA extensions: every lane holds one message; each turn advances all lanes by one
// 64-byte block; a lane that finished gives its digest and takes the next message. AVX-512: sixteen
// messages of the same number of blocks side by side, one 32-bit word of each in one register.
// Blocks in the middle of a message are read in place.
#include "ledger/sha256_lanes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "ledger/assertion.h"

#if defined(__x86_64__)
#include <cpuid.h>
// GCC 12 (bug 105593): its own AVX-512 header passes values that are undefined on purpose.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace daybook {
namespace {

// What stands before every message: one byte, or a block of 64 whose state is known.
struct Start {
  Sha256Opening::State state;
  const std::uint8_t* block;  // 64 bytes hashed already; null: none
  std::uint8_t prefix;        // without a block
  std::size_t lead() const { return block == nullptr ? 1 : 0; }
  std::uint64_t bits(std::size_t size) const {
    return (block == nullptr ? size + 1 : size + 64) * 8;
  }
};

struct Item {
  const std::uint8_t* data;
  std::size_t size;
  std::uint8_t* out;
};

Digest portable(const Start& start, Bytes message) {
  thread_local Sha256 hash;
  const std::size_t before = start.block == nullptr ? 1 : 64;
  const std::uint8_t* from = start.block == nullptr ? &start.prefix : start.block;
  return hash.update(std::as_bytes(std::span(from, before))).update(message).finish();
}

constexpr Sha256Opening::State first_state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

alignas(64) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// One block, plainly.
void compress_portable(Sha256Opening::State& state, const std::uint8_t* block) {
  std::uint32_t words[64];
  for (std::size_t i = 0; i < 16; ++i) {
    words[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
               std::uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t x = words[i - 15], y = words[i - 2];
    words[i] = words[i - 16] + (std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3) + words[i - 7] +
               (std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10);
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t one = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                              ((e & f) ^ (~e & g)) + round_constants[i] + words[i];
    const std::uint32_t two =
        (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = std::exchange(g, std::exchange(f, std::exchange(e, d + one)));
    d = std::exchange(c, std::exchange(b, std::exchange(a, one + two)));
  }
  const std::uint32_t after[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += after[i];
}

#if defined(__x86_64__)

#define DAYBOOK_SHA_NI __attribute__((target("sha,sse4.1,ssse3")))

struct LaneState {
  __m128i abef;
  __m128i cdgh;
};

// One block for each lane. The four-round step and the message schedule are those of the Intel SHA
// extensions white paper.
template <std::size_t lane_count>
DAYBOOK_SHA_NI inline void compress(LaneState (&state)[lane_count],
                                    const std::uint8_t* const (&block)[lane_count]) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i abef[lane_count];
  __m128i cdgh[lane_count];
  __m128i words[lane_count][4];
#pragma GCC unroll 4
  for (std::size_t w = 0; w < lane_count; ++w) {
    abef[w] = state[w].abef;
    cdgh[w] = state[w].cdgh;
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      words[w][i] = _mm_shuffle_epi8(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(block[w] + 16 * i)), big_endian);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < 16; ++r) {
    const __m128i constants =
        _mm_load_si128(reinterpret_cast<const __m128i*>(round_constants + 4 * r));
#pragma GCC unroll 4
    for (std::size_t w = 0; w < lane_count; ++w) {
      if (r >= 4) {
        __m128i next = _mm_sha256msg1_epu32(words[w][r & 3], words[w][(r + 1) & 3]);
        next =
            _mm_add_epi32(next, _mm_alignr_epi8(words[w][(r + 3) & 3], words[w][(r + 2) & 3], 4));
        words[w][r & 3] = _mm_sha256msg2_epu32(next, words[w][(r + 3) & 3]);
      }
      const __m128i keyed = _mm_add_epi32(words[w][r & 3], constants);
      cdgh[w] = _mm_sha256rnds2_epu32(cdgh[w], abef[w], keyed);
      abef[w] = _mm_sha256rnds2_epu32(abef[w], cdgh[w], _mm_shuffle_epi32(keyed, 0x0e));
    }
  }
#pragma GCC unroll 4
  for (std::size_t w = 0; w < lane_count; ++w) {
    state[w].abef = _mm_add_epi32(state[w].abef, abef[w]);
    state[w].cdgh = _mm_add_epi32(state[w].cdgh, cdgh[w]);
  }
}

DAYBOOK_SHA_NI inline LaneState lane_state(const Sha256Opening::State& s) {
  const auto word = [&](std::size_t i) { return static_cast<int>(s[i]); };
  return {_mm_set_epi32(word(0), word(1), word(4), word(5)),
          _mm_set_epi32(word(2), word(3), word(6), word(7))};
}

DAYBOOK_SHA_NI inline void store(const LaneState& state, std::uint8_t* out) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
  const __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(dcba, big_endian));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_shuffle_epi8(hgfe, big_endian));
}

// What is left to hash of one message: the made first block, blocks in place, the made last blocks.
struct Lane {
  std::uint8_t head[64];
  std::uint8_t tail[128];
  const std::uint8_t* middle = nullptr;
  std::size_t head_blocks = 0;
  std::size_t middle_blocks = 0;
  std::size_t tail_blocks = 0;
  const std::uint8_t* tail_next = nullptr;
  std::uint8_t* out = nullptr;

  void take(const Start& start, const Item& item) {
    out = item.out;
    const std::size_t lead = start.lead(), size = item.size;
    const std::size_t total = size + lead;
    const std::size_t full = total / 64;
    std::size_t rest = total % 64;
    head_blocks = full > 0 ? lead : 0;
    middle_blocks = full - head_blocks;
    middle = item.data + (head_blocks > 0 ? 63 : 0);
    std::memset(tail, 0, sizeof tail);
    if (full > 0) {
      if (lead > 0) {
        head[0] = start.prefix;
        std::memcpy(head + 1, item.data, 63);
      }
      if (rest > 0) std::memcpy(tail, item.data + size - rest, rest);
    } else {
      if (lead > 0) tail[0] = start.prefix;
      if (size > 0) std::memcpy(tail + lead, item.data, size);
    }
    tail[rest++] = 0x80;
    tail_blocks = rest > 56 ? 2 : 1;
    const std::uint64_t bits = __builtin_bswap64(start.bits(size));
    std::memcpy(tail + tail_blocks * 64 - 8, &bits, 8);
    tail_next = tail;
  }

  const std::uint8_t* next_block() {
    if (head_blocks > 0) {
      head_blocks = 0;
      return head;
    }
    const std::uint8_t*& from = middle_blocks > 0 ? middle : tail_next;
    std::size_t& count = middle_blocks > 0 ? middle_blocks : tail_blocks;
    --count;
    const std::uint8_t* block = from;
    from += 64;
    return block;
  }

  bool done() const { return tail_blocks == 0; }
};

// item(i) gives message i.
template <std::size_t lane_count, typename GetItem>
DAYBOOK_SHA_NI void run_lanes(const Start& start, std::size_t count, const GetItem& item) {
  Lane lane[lane_count];
  LaneState state[lane_count];
  const LaneState initial = lane_state(start.state);
  const std::uint8_t* block[lane_count];
  std::uint8_t nowhere[32];
  std::size_t next = 0;
  std::size_t busy = 0;
  const auto refill = [&](std::size_t w) {
    if (next < count) {
      lane[w].take(start, item(next));
      ++next;
      ++busy;
    } else {
      lane[w].take(start, {nullptr, 0, nowhere});  // keeps in step; nobody reads the result
    }
    state[w] = initial;
  };
  for (std::size_t w = 0; w < lane_count; ++w) refill(w);
  while (busy > 0) {
    for (std::size_t w = 0; w < lane_count; ++w) block[w] = lane[w].next_block();
    compress(state, block);
    for (std::size_t w = 0; w < lane_count; ++w) {
      if (!lane[w].done()) continue;
      store(state[w], lane[w].out);
      if (lane[w].out != nowhere) --busy;
      refill(w);
    }
  }
}

// Four lanes keep the unit busy; few messages do not pay for lanes that stand idle.
template <typename GetItem>
void run_sha_ni(const Start& start, std::size_t count, const GetItem& item) {
  if (count > 2) {
    run_lanes<4>(start, count, item);
  } else if (count == 2) {
    run_lanes<2>(start, count, item);
  } else {
    run_lanes<1>(start, count, item);
  }
}

bool detect_sha_ni() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3") &&
         __get_cpuid_count(7, 0, &a, &b, &c, &d) == 1 && (b >> 29 & 1) == 1;
}

#define DAYBOOK_AVX512 __attribute__((target("avx512f,avx512bw")))

constexpr std::size_t wide_lanes = 16;
constexpr std::size_t wide_blocks_max = 15;  // longer messages gain nothing from company

// Rows to columns: afterwards register i holds word i of each of the sixteen.
DAYBOOK_AVX512 inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  __m512i u[16];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 16; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    const __m512i a = _mm512_shuffle_i32x4(u[i], u[i + 4], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(u[i], u[i + 4], 0xdd);
    const __m512i c = _mm512_shuffle_i32x4(u[i + 8], u[i + 12], 0x88);
    const __m512i d = _mm512_shuffle_i32x4(u[i + 8], u[i + 12], 0xdd);
    r[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    r[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
    r[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

template <int a, int b, int c>
DAYBOOK_AVX512 inline __m512i rotations(__m512i x) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, a), _mm512_ror_epi32(x, b),
                                   _mm512_ror_epi32(x, c), 0x96);
}
template <int a, int b, int c>
DAYBOOK_AVX512 inline __m512i schedule(__m512i x) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, a), _mm512_ror_epi32(x, b),
                                   _mm512_srli_epi32(x, c), 0x96);
}

// One block of each lane; w holds its words.
DAYBOOK_AVX512 inline void compress_wide(__m512i (&state)[8], __m512i (&w)[16]) {
  __m512i a = state[0], b = state[1], c = state[2], d = state[3];
  __m512i e = state[4], f = state[5], g = state[6], h = state[7];
#pragma GCC unroll 64
  for (std::size_t t = 0; t < 64; ++t) {
    if (t >= 16) {
      const __m512i s0 = schedule<7, 18, 3>(w[(t + 1) & 15]);
      const __m512i s1 = schedule<17, 19, 10>(w[(t + 14) & 15]);
      w[t & 15] =
          _mm512_add_epi32(_mm512_add_epi32(w[t & 15], s0), _mm512_add_epi32(w[(t + 9) & 15], s1));
    }
    const __m512i keyed =
        _mm512_add_epi32(w[t & 15], _mm512_set1_epi32(static_cast<int>(round_constants[t])));
    const __m512i one = _mm512_add_epi32(
        _mm512_add_epi32(h, keyed),
        _mm512_add_epi32(rotations<6, 11, 25>(e), _mm512_ternarylogic_epi32(e, f, g, 0xca)));
    const __m512i two =
        _mm512_add_epi32(rotations<2, 13, 22>(a), _mm512_ternarylogic_epi32(a, b, c, 0xe8));
    h = g;
    g = f;
    f = e;
    e = _mm512_add_epi32(d, one);
    d = c;
    c = b;
    b = a;
    a = _mm512_add_epi32(one, two);
  }
  const __m512i after[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] = _mm512_add_epi32(state[i], after[i]);
}

// Sixteen messages of `blocks` blocks each, what stands before them not counted.
DAYBOOK_AVX512 void hash_wide(const Start& start, std::size_t blocks,
                              const Item (&items)[wide_lanes]) {
  const __m512i big_endian = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  const std::size_t lead = start.lead();
  __m512i state[8];
  for (std::size_t i = 0; i < 8; ++i) {
    state[i] = _mm512_set1_epi32(static_cast<int>(start.state[i]));
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    __m512i w[16];
    for (std::size_t l = 0; l < wide_lanes; ++l) {
      const std::size_t at = 64 * block, total = items[l].size + lead;
      const bool leads = at == 0 && lead != 0;
      // May lie before an empty message's pointer; nothing is read there.
      const auto* from = reinterpret_cast<const std::uint8_t*>(
          reinterpret_cast<std::uintptr_t>(items[l].data) + at - lead);
      __m512i x;
      if (at + 64 <= total && !leads) {
        x = _mm512_loadu_si512(from);
      } else {
        const __mmask64 end = at > total || at + 64 <= total ? 0 : __mmask64{1} << (total - at);
        __mmask64 inside = at > total ? 0 : at + 64 <= total ? ~__mmask64{0} : end - 1;
        if (leads) inside &= ~__mmask64{1};
        x = _mm512_maskz_loadu_epi8(inside, from);  // touches nothing outside the message
        x = _mm512_mask_mov_epi8(x, end, _mm512_set1_epi8(static_cast<char>(0x80)));
        if (leads)
          x = _mm512_mask_mov_epi8(x, 1, _mm512_set1_epi8(static_cast<char>(start.prefix)));
        if (block + 1 == blocks) {
          const std::uint64_t bits = __builtin_bswap64(start.bits(items[l].size));
          x = _mm512_mask_mov_epi64(x, 0x80, _mm512_set1_epi64(static_cast<long long>(bits)));
        }
      }
      w[l] = _mm512_shuffle_epi8(x, big_endian);
    }
    transpose(w);
    compress_wide(state, w);
  }
  __m512i rows[16];
  for (std::size_t i = 0; i < 8; ++i) {
    rows[i] = state[i];
    rows[i + 8] = _mm512_setzero_si512();
  }
  transpose(rows);
  for (std::size_t l = 0; l < wide_lanes; ++l) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(items[l].out),
                        _mm512_castsi512_si256(_mm512_shuffle_epi8(rows[l], big_endian)));
  }
}

// Collects messages by their number of blocks; those that find no company go one of the other ways.
template <typename GetItem>
void run_wide(const Start& start, std::size_t count, const GetItem& item) {
  Item waiting[wide_blocks_max + 1][wide_lanes];
  std::uint8_t held[wide_blocks_max + 1] = {};
  Item rest[64];
  std::size_t alone = 0;
  const auto finish_rest = [&] {
    if (sha_ni_available()) {
      run_sha_ni(start, alone, [&](std::size_t i) { return rest[i]; });
    } else {
      for (std::size_t i = 0; i < alone; ++i) {
        const Digest digest = portable(start, std::as_bytes(std::span(rest[i].data, rest[i].size)));
        std::memcpy(rest[i].out, digest.data(), digest.size());
      }
    }
    alone = 0;
  };
  const auto leave = [&](const Item& it) {
    rest[alone++] = it;
    if (alone == std::size(rest)) finish_rest();
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Item it = item(i);
    const std::size_t blocks = (it.size + start.lead() + 9 + 63) / 64;
    if (blocks > wide_blocks_max) {
      leave(it);
      continue;
    }
    waiting[blocks][held[blocks]++] = it;
    if (held[blocks] == wide_lanes) {
      hash_wide(start, blocks, waiting[blocks]);
      held[blocks] = 0;
    }
  }
  for (std::size_t blocks = 0; blocks <= wide_blocks_max; ++blocks) {
    for (std::size_t i = 0; i < held[blocks]; ++i) leave(waiting[blocks][i]);
  }
  if (alone > 0) finish_rest();
}

#endif

const std::uint8_t* octets(const void* data) { return static_cast<const std::uint8_t*>(data); }

// item(i) gives message i of `count`.
template <typename GetItem>
void run(const Start& start, std::size_t count, const GetItem& item, Sha256Lanes lanes) {
  DAYBOOK_ASSERT(lanes != Sha256Lanes::sha_ni || sha_ni_available());
  DAYBOOK_ASSERT(lanes != Sha256Lanes::avx512 || avx512_available());
#if defined(__x86_64__)
  const bool wide = lanes == Sha256Lanes::avx512 ||
                    (lanes == Sha256Lanes::automatic && count >= wide_lanes && avx512_available());
  if (wide) return run_wide(start, count, item);
  if (lanes != Sha256Lanes::portable && sha_ni_available()) return run_sha_ni(start, count, item);
#endif
  for (std::size_t i = 0; i < count; ++i) {
    const Item it = item(i);
    const Digest digest = portable(start, std::as_bytes(std::span(it.data, it.size)));
    std::memcpy(it.out, digest.data(), digest.size());
  }
}

void run_messages(const Start& start, std::span<const Bytes> messages, std::span<Digest> out,
                  Sha256Lanes lanes) {
  DAYBOOK_ASSERT(messages.size() == out.size(), "{} messages, {} digests", messages.size(),
                 out.size());
  run(
      start, messages.size(),
      [&](std::size_t i) {
        return Item{octets(messages[i].data()), messages[i].size(), out[i].data()};
      },
      lanes);
}

}  // namespace

Sha256Opening::Sha256Opening(std::string_view block) : state_(first_state) {
  DAYBOOK_ASSERT(block.size() == block_.size(), "{} bytes", block.size());
  std::memcpy(block_.data(), block.data(), block_.size());
  compress_portable(state_, block_.data());
}

bool sha_ni_available() {
#if defined(__x86_64__)
  static const bool available = detect_sha_ni();
  return available;
#else
  return false;
#endif
}

bool avx512_available() {
#if defined(__x86_64__)
  static const bool available =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  return available;
#else
  return false;
#endif
}

void sha256_many(std::uint8_t prefix, std::span<const Bytes> messages, std::span<Digest> out,
                 Sha256Lanes lanes) {
  run_messages({first_state, nullptr, prefix}, messages, out, lanes);
}

void sha256_many(const Sha256Opening& opening, std::span<const Bytes> messages,
                 std::span<Digest> out, Sha256Lanes lanes) {
  run_messages({opening.state(), opening.block().data(), 0}, messages, out, lanes);
}

void sha256_pairs(std::uint8_t prefix, std::span<const Digest> pairs, std::span<Digest> out,
                  Sha256Lanes lanes) {
  DAYBOOK_ASSERT(pairs.size() == 2 * out.size(), "{} digests, {} results", pairs.size(),
                 out.size());
  run(
      {first_state, nullptr, prefix}, out.size(),
      [&](std::size_t i) {
        return Item{octets(pairs[2 * i].data()), 64, out[i].data()};
      },
      lanes);
}

}  // namespace daybook
