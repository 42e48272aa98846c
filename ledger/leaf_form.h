// The form of leaves that are not entries: source records, output rows, quarantined records.
//
//   leaf = SHA-256(0x00 || context[63] || salt[16] || bytes)
//
// The context says of which kind the leaf is, so that none of one kind can pass for another; with
// 0x00 it fills the first block of SHA-256, which is hashed once for all. The salt keeps who sees a
// hash from testing guesses of the bytes. Salts come from one secret per commitment: salt n of a
// kind is the AES-256 encryption, under HMAC-SHA-256(secret, label), of n as 16 bytes little
// endian. To know one salt tells nothing of another. The place of a leaf is not in it: a proof
// against the committed (root, count) binds the place.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "ledger/digest.h"

namespace daybook {

namespace leaf_contexts {
// A name, and zeros up to 63 bytes.
template <std::size_t size>
constexpr std::array<char, 63> padded(const char (&name)[size]) {
  std::array<char, 63> text{};
  for (std::size_t i = 0; i < size; ++i) text[i] = name[i];
  return text;
}
inline constexpr std::array<char, 63> record = padded("daybook/record/v2");
inline constexpr std::array<char, 63> row = padded("daybook/row/v2");
inline constexpr std::array<char, 63> quarantine = padded("daybook/quarantine/v2");
}  // namespace leaf_contexts

inline constexpr std::string_view record_context{leaf_contexts::record.data(), 63};
inline constexpr std::string_view row_context{leaf_contexts::row.data(), 63};
inline constexpr std::string_view quarantine_context{leaf_contexts::quarantine.data(), 63};

using LeafSalt = std::array<std::uint8_t, 16>;

Digest salted_leaf(std::string_view context, const LeafSalt& salt, Bytes bytes);

// The salts of one kind under one secret. Not thread-safe.
class LeafSalts {
 public:
  LeafSalts(const Digest& secret, std::string_view label);
  ~LeafSalts();
  LeafSalts(LeafSalts&&) noexcept;
  LeafSalts& operator=(LeafSalts&&) noexcept;
  // out[i] is salt numbers[i]; the spans have the same length.
  void of(std::span<const std::uint64_t> numbers, std::span<LeafSalt> out) const;
  LeafSalt of(std::uint64_t number) const;

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
};

}  // namespace daybook
