// A SHA-256 value (32 bytes), and the one way to make one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace daybook {

using Digest = std::array<std::uint8_t, 32>;

using Bytes = std::span<const std::byte>;
inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Digest sha256(Bytes data);

// Incremental: for files and streams. Not thread-safe; cheap to move, not to copy.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(Bytes data);
  Digest finish();  // leaves the object ready for a new message

 private:
  void* context_;
};

std::string hex(Bytes data);  // lower case
inline std::string hex(const Digest& digest) { return hex(std::as_bytes(std::span(digest))); }
std::optional<Digest> digest_from_hex(std::string_view text);

std::string base64(Bytes data);                                   // standard alphabet, padded
std::optional<std::string> base64_decode(std::string_view text);  // strict: no white space

}  // namespace daybook
