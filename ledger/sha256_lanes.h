// SHA-256 of many short messages at once: several messages advance in interleaved lanes, so that
// the latency of one hides behind the others. At 200 bytes two to three times as fast as one call
// per message; give hundreds at once.
//
// Each message is `prefix || data` (the one-byte domain tag of RFC 6962), hashed where it lies.
#pragma once

#include <span>

#include "ledger/digest.h"

namespace daybook {

enum class Sha256Lanes {
  automatic,  // what this processor does best
  portable,   // OpenSSL, one message after the other
  sha_ni,     // x86 SHA extensions; only where sha_ni_available()
  avx512,     // sixteen messages side by side; only where avx512_available()
};

bool sha_ni_available();
bool avx512_available();

// A first block of 64 bytes that many messages share: hashed once.
class Sha256Opening {
 public:
  using State = std::array<std::uint32_t, 8>;
  explicit Sha256Opening(std::string_view block);  // exactly 64 bytes
  const State& state() const { return state_; }
  const std::array<std::uint8_t, 64>& block() const { return block_; }

 private:
  State state_;
  std::array<std::uint8_t, 64> block_;
};

// out[i] = SHA-256(prefix || messages[i]); the spans have the same length. Any thread.
void sha256_many(std::uint8_t prefix, std::span<const Bytes> messages, std::span<Digest> out,
                 Sha256Lanes lanes = Sha256Lanes::automatic);

// out[i] = SHA-256(opening block || messages[i]).
void sha256_many(const Sha256Opening& opening, std::span<const Bytes> messages,
                 std::span<Digest> out, Sha256Lanes lanes = Sha256Lanes::automatic);

// out[i] = SHA-256(prefix || pairs[2i] || pairs[2i+1]); out does not overlap pairs.
void sha256_pairs(std::uint8_t prefix, std::span<const Digest> pairs, std::span<Digest> out,
                  Sha256Lanes lanes = Sha256Lanes::automatic);

}  // namespace daybook
