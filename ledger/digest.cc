#include "ledger/digest.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "ledger/assertion.h"

namespace daybook {
namespace {

// EVP_sha256() looks the implementation up again for every message, which at 200 bytes costs more
// than the hash: fetch once, reuse the context.
const EVP_MD* fetched_sha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  DAYBOOK_ASSERT(md != nullptr, "OpenSSL offers no SHA-256");
  return md;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

void begin(EVP_MD_CTX* context) {
  const int ok = EVP_DigestInit_ex2(context, fetched_sha256(), nullptr);
  DAYBOOK_ASSERT(ok == 1);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

Digest sha256(Bytes data) {
  thread_local const Context context{EVP_MD_CTX_new()};
  Digest digest;
  begin(context.get());
  const int ok = EVP_DigestUpdate(context.get(), data.data(), data.size()) &
                 EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  DAYBOOK_ASSERT(ok == 1);
  return digest;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { begin(static_cast<EVP_MD_CTX*>(context_)); }
Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

Sha256& Sha256::update(Bytes data) {
  const int ok = EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size());
  DAYBOOK_ASSERT(ok == 1);
  return *this;
}

Digest Sha256::finish() {
  Digest digest;
  const int ok = EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), nullptr);
  DAYBOOK_ASSERT(ok == 1);
  begin(static_cast<EVP_MD_CTX*>(context_));
  return digest;
}

std::string hex(Bytes data) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(data.size() * 2);
  for (const std::byte b : data) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::optional<Digest> digest_from_hex(std::string_view text) {
  Digest digest;
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::string base64(Bytes data) {
  std::string text;
  text.reserve((data.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < data.size(); i += 3) {
    const std::size_t left = data.size() - i;
    std::uint32_t bits = std::to_integer<std::uint32_t>(data[i]) << 16;
    if (left > 1) bits |= std::to_integer<std::uint32_t>(data[i + 1]) << 8;
    if (left > 2) bits |= std::to_integer<std::uint32_t>(data[i + 2]);
    text += base64_alphabet[bits >> 18];
    text += base64_alphabet[bits >> 12 & 63];
    text += left > 1 ? base64_alphabet[bits >> 6 & 63] : '=';
    text += left > 2 ? base64_alphabet[bits & 63] : '=';
  }
  return text;
}

// Strict: one text for one value, so a note can not be changed and still verify. Unused bits are
// zero, padding is complete, nothing else stands in the text.
std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string data;
  data.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = !last                        ? 0
                                : text.substr(i + 2) == "==" ? 2
                                : text[i + 3] == '='         ? 1
                                                             : 0;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int digit = k < 4 - padding ? base64_digit(text[i + k]) : 0;
      if (digit < 0) return std::nullopt;
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
    }
    if (padding > 0 && (bits & (padding == 1 ? 0xffU : 0xffffU)) != 0) return std::nullopt;
    data += static_cast<char>(bits >> 16 & 0xff);
    if (padding < 2) data += static_cast<char>(bits >> 8 & 0xff);
    if (padding < 1) data += static_cast<char>(bits & 0xff);
  }
  return data;
}

}  // namespace daybook
