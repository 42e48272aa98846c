// The lane machine: every lane holds one message; each turn advances all lanes by one 64-byte
// block; a lane that finished gives its digest and takes the next message. Blocks in the middle of
// a message are read in place; the first (prefix) and the last one or two (padding) are made in a
// buffer.
#include "ledger/sha256_lanes.h"

#include <algorithm>
#include <cstring>

#include "ledger/assertion.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace daybook {
namespace {

Digest portable(std::uint8_t prefix, Bytes message) {
  thread_local Sha256 hash;
  return hash.update(std::as_bytes(std::span(&prefix, 1))).update(message).finish();
}

#if defined(__x86_64__)

alignas(64) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define DAYBOOK_SHA_NI __attribute__((target("sha,sse4.1,ssse3")))

constexpr std::size_t lane_count = 2;  // more lanes spill the sixteen xmm registers

struct LaneState {
  __m128i abef;
  __m128i cdgh;
};

// One block for each lane. The four-round step and the message schedule are those of the Intel SHA
// extensions white paper.
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

DAYBOOK_SHA_NI inline LaneState initial_state() {
  return {_mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                        static_cast<int>(0x9b05688c)),
          _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19)};
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

  void take(std::uint8_t prefix, const std::uint8_t* data, std::size_t size, std::uint8_t* digest) {
    out = digest;
    const std::size_t total = size + 1;
    const std::size_t full = total / 64;
    std::size_t rest = total % 64;
    head_blocks = full > 0 ? 1 : 0;
    middle_blocks = full > 0 ? full - 1 : 0;
    std::memset(tail, 0, sizeof tail);
    if (full > 0) {
      head[0] = prefix;
      std::memcpy(head + 1, data, 63);
      middle = data + 63;
      if (rest > 0) std::memcpy(tail, data + size - rest, rest);
    } else {
      tail[0] = prefix;
      if (size > 0) std::memcpy(tail + 1, data, size);
    }
    tail[rest++] = 0x80;
    tail_blocks = rest > 56 ? 2 : 1;
    const std::uint64_t bits = __builtin_bswap64(static_cast<std::uint64_t>(total) * 8);
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

// message(i) gives pointer and size of message i.
template <typename Message>
DAYBOOK_SHA_NI void run_lanes(std::uint8_t prefix, std::size_t count, const Message& message,
                              Digest* out) {
  Lane lane[lane_count];
  LaneState state[lane_count];
  const std::uint8_t* block[lane_count];
  std::uint8_t nowhere[32];
  std::size_t next = 0;
  std::size_t busy = 0;
  const auto refill = [&](Lane& l) {
    if (next < count) {
      const auto [data, size] = message(next);
      l.take(prefix, data, size, out[next].data());
      ++next;
      ++busy;
    } else {
      l.take(prefix, nullptr, 0, nowhere);  // keeps the lane in step; nobody reads the result
    }
  };
  for (std::size_t w = 0; w < lane_count; ++w) {
    refill(lane[w]);
    state[w] = initial_state();
  }
  while (busy > 0) {
    for (std::size_t w = 0; w < lane_count; ++w) block[w] = lane[w].next_block();
    compress(state, block);
    for (std::size_t w = 0; w < lane_count; ++w) {
      if (!lane[w].done()) continue;
      store(state[w], lane[w].out);
      if (lane[w].out != nowhere) --busy;
      refill(lane[w]);
      state[w] = initial_state();
    }
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

#endif

bool use_sha_ni(Sha256Lanes lanes) {
  DAYBOOK_ASSERT(lanes != Sha256Lanes::sha_ni || sha_ni_available());
  return lanes != Sha256Lanes::portable && sha_ni_available();
}

const std::uint8_t* octets(const void* data) { return static_cast<const std::uint8_t*>(data); }

}  // namespace

bool sha_ni_available() {
#if defined(__x86_64__)
  static const bool available = detect_sha_ni();
  return available;
#else
  return false;
#endif
}

void sha256_many(std::uint8_t prefix, std::span<const Bytes> messages, std::span<Digest> out,
                 Sha256Lanes lanes) {
  DAYBOOK_ASSERT(messages.size() == out.size(), "{} messages, {} digests", messages.size(),
                 out.size());
  if (use_sha_ni(lanes)) {
#if defined(__x86_64__)
    run_lanes(
        prefix, messages.size(),
        [&](std::size_t i) { return std::pair(octets(messages[i].data()), messages[i].size()); },
        out.data());
    return;
#endif
  }
  for (std::size_t i = 0; i < messages.size(); ++i) out[i] = portable(prefix, messages[i]);
}

void sha256_pairs(std::uint8_t prefix, std::span<const Digest> pairs, std::span<Digest> out,
                  Sha256Lanes lanes) {
  DAYBOOK_ASSERT(pairs.size() == 2 * out.size(), "{} digests, {} results", pairs.size(),
                 out.size());
  if (use_sha_ni(lanes)) {
#if defined(__x86_64__)
    run_lanes(
        prefix, out.size(),
        [&](std::size_t i) { return std::pair(octets(pairs[2 * i].data()), std::size_t{64}); },
        out.data());
    return;
#endif
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = portable(prefix, std::as_bytes(pairs.subspan(2 * i, 2)));
  }
}

}  // namespace daybook
