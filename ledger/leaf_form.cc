#include "ledger/leaf_form.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string>

#include "ledger/assertion.h"

namespace daybook {

struct LeafSalts::Cipher {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Cipher() = default;
  ~Cipher() { EVP_CIPHER_CTX_free(context); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
};

LeafSalts::LeafSalts(const Digest& secret, std::string_view label)
    : cipher_(std::make_unique<Cipher>()) {
  Digest key{};
  unsigned size = 0;
  const bool keyed = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                          reinterpret_cast<const unsigned char*>(label.data()), label.size(),
                          key.data(), &size) != nullptr &&
                     size == key.size();
  const bool ready = keyed && EVP_EncryptInit_ex2(cipher_->context, EVP_aes_256_ecb(), key.data(),
                                                  nullptr, nullptr) == 1;
  DAYBOOK_ASSERT(ready && EVP_CIPHER_CTX_set_padding(cipher_->context, 0) == 1,
                 "AES-256 can not be set up");
}

LeafSalts::~LeafSalts() = default;
LeafSalts::LeafSalts(LeafSalts&&) noexcept = default;
LeafSalts& LeafSalts::operator=(LeafSalts&&) noexcept = default;

void LeafSalts::of(std::span<const std::uint64_t> numbers, std::span<LeafSalt> out) const {
  DAYBOOK_ASSERT(numbers.size() == out.size(), "{} numbers, {} salts", numbers.size(), out.size());
  constexpr std::size_t at_once = 4096;  // far below what an int of bytes holds
  for (std::size_t from = 0; from < numbers.size(); from += at_once) {
    const std::size_t n = std::min(at_once, numbers.size() - from);
    for (std::size_t i = from; i < from + n; ++i) {
      out[i] = {};
      for (std::size_t b = 0; b < 8; ++b)
        out[i][b] = static_cast<std::uint8_t>(numbers[i] >> (8 * b));
    }
    auto* const bytes = out[from].data();
    int made = 0;
    const int ok = EVP_EncryptUpdate(cipher_->context, bytes, &made, bytes,
                                     static_cast<int>(n * sizeof(LeafSalt)));
    DAYBOOK_ASSERT(ok == 1 && static_cast<std::size_t>(made) == n * sizeof(LeafSalt),
                   "AES-256 gave {} bytes", made);
  }
}

LeafSalt LeafSalts::of(std::uint64_t number) const {
  LeafSalt salt{};
  of(std::span(&number, 1), std::span(&salt, 1));
  return salt;
}

Digest salted_leaf(std::string_view context, const LeafSalt& salt, Bytes bytes) {
  Sha256 hash;
  return hash.update(bytes_of(std::string(1, '\0')))
      .update(bytes_of(context))
      .update(std::as_bytes(std::span(salt)))
      .update(bytes)
      .finish();
}

}  // namespace daybook
