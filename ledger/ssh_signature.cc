#include "ledger/ssh_signature.h"

#include <openssl/evp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "ledger/digest.h"

namespace daybook {
namespace {

constexpr std::string_view algorithm = "ssh-ed25519";
constexpr std::string_view magic = "SSHSIG";

// RFC 4251 strings and numbers, read front to back; nothing past the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint32_t> number() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(rest_[i]);
    rest_.remove_prefix(4);
    return value;
  }
  std::optional<std::string_view> string() {
    const auto length = number();
    if (!length || *length > rest_.size()) return std::nullopt;
    const std::string_view value = rest_.substr(0, *length);
    rest_.remove_prefix(*length);
    return value;
  }
  bool literal(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::string field(std::string_view bytes) {
  const auto n = static_cast<std::uint32_t>(bytes.size());
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(n >> shift);
  out += bytes;
  return out;
}

// The 32 bytes of an ssh-ed25519 key blob.
std::optional<std::string_view> ed25519_of(std::string_view blob) {
  Reader reader(blob);
  const auto name = reader.string();
  if (!name || *name != algorithm) return std::nullopt;
  const auto key = reader.string();
  if (!key || key->size() != 32 || !reader.at_end()) return std::nullopt;
  return key;
}

SshPublicKey describe(std::string_view blob) {
  const Digest digest = sha256(bytes_of(blob));
  std::string fingerprint = base64(std::as_bytes(std::span(digest)));
  while (fingerprint.ends_with('=')) fingerprint.pop_back();
  return {.line = fmt::format("{} {}", algorithm, base64(bytes_of(blob))),
          .fingerprint = "SHA256:" + fingerprint};
}

std::string sha512(std::string_view message) {
  std::string out(64, '\0');
  unsigned length = 0;
  if (EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(out.data()),
                 &length, EVP_sha512(), nullptr) != 1)
    out.clear();
  return out;
}

std::string sha256_bytes(std::string_view message) {
  const Digest digest = sha256(bytes_of(message));
  return {digest.begin(), digest.end()};
}

bool ed25519_verifies(std::string_view key, std::string_view signature, std::string_view message) {
  const auto* raw = reinterpret_cast<const unsigned char*>(key.data());
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw, key.size()), &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  return public_key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1;
}

}  // namespace

Result<SshPublicKey> parse_ssh_public_key(std::string_view line) {
  const auto wrong = [] {
    return fail(Error::Code::invalid, "not an ssh-ed25519 public key of one line");
  };
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.find('\n') != std::string_view::npos || line.size() > 4096) return wrong();
  if (!line.starts_with(algorithm) || line.size() <= algorithm.size() ||
      line[algorithm.size()] != ' ')
    return std::unexpected(Error{Error::Code::invalid, "the key is not of type ssh-ed25519",
                                 "ssh-keygen -t ed25519 makes one"});
  line.remove_prefix(algorithm.size() + 1);
  const auto blob = base64_decode(line.substr(0, line.find(' ')));
  if (!blob || !ed25519_of(*blob)) return wrong();
  return describe(*blob);
}

namespace {

// The digest of what was signed by the name of the hash; empty: not a hash of the format.
using DigestBy = std::function<Result<std::string>(std::string_view hash)>;

Result<SshPublicKey> verify_armored(std::string_view armored, std::string_view name_space,
                                    const DigestBy& digest_by) {
  constexpr std::string_view begin = "-----BEGIN SSH SIGNATURE-----\n";
  constexpr std::string_view end = "-----END SSH SIGNATURE-----";
  if (armored.size() > 16'384 || !armored.starts_with(begin))
    return fail(Error::Code::invalid, "not an armored SSH signature");
  armored.remove_prefix(begin.size());
  const std::size_t stop = armored.find(end);
  if (stop == std::string_view::npos)
    return fail(Error::Code::invalid, "the SSH signature is cut short");
  const std::string_view after = armored.substr(stop + end.size());
  if (after != "" && after != "\n")
    return fail(Error::Code::invalid, "there is something behind the SSH signature");
  std::string text;
  for (const char c : armored.substr(0, stop))
    if (c != '\n') text += c;
  const auto blob = base64_decode(text);
  if (!blob) return fail(Error::Code::invalid, "the SSH signature is not base64");

  Reader reader(*blob);
  if (!reader.literal(magic) || reader.number() != 1)
    return fail(Error::Code::invalid, "not an SSH signature of version 1");
  const auto key_blob = reader.string();
  const auto signed_for = reader.string();
  const auto reserved = reader.string();
  const auto hash = reader.string();
  const auto signature_blob = reader.string();
  if (!key_blob || !signed_for || !reserved || !hash || !signature_blob || !reader.at_end())
    return fail(Error::Code::invalid, "the SSH signature is malformed");
  if (*signed_for != name_space)
    return std::unexpected(Error{
        Error::Code::invalid, fmt::format("it was signed for another purpose, not {}", name_space),
        fmt::format("ssh-keygen -Y sign -n {} …", name_space)});
  const auto key = ed25519_of(*key_blob);
  if (!key) return fail(Error::Code::invalid, "the signing key is not of type ssh-ed25519");
  Reader signature_reader(*signature_blob);
  const auto kind = signature_reader.string();
  const auto signature = signature_reader.string();
  if (!kind || !signature || *kind != algorithm || signature->size() != 64 ||
      !signature_reader.at_end())
    return fail(Error::Code::invalid, "the SSH signature is malformed");

  if (*hash != "sha512" && *hash != "sha256")
    return fail(Error::Code::invalid, "the SSH signature names an unknown hash");
  const auto digest = digest_by(*hash);
  if (!digest) return std::unexpected(digest.error());
  const std::string covered =
      std::string(magic) + field(name_space) + field(*reserved) + field(*hash) + field(*digest);
  if (!ed25519_verifies(*key, *signature, covered))
    return fail(Error::Code::invalid, "the signature is not over this text");
  return describe(*key_blob);
}

}  // namespace

Result<SshPublicKey> verify_ssh_signature(std::string_view armored, std::string_view message,
                                          std::string_view name_space) {
  return verify_armored(armored, name_space, [&](std::string_view hash) -> Result<std::string> {
    return hash == "sha512" ? sha512(message) : sha256_bytes(message);
  });
}

Result<SshPublicKey> verify_ssh_signature(std::string_view armored, const Digest& message,
                                          std::string_view name_space) {
  return verify_armored(armored, name_space, [&](std::string_view hash) -> Result<std::string> {
    if (hash == "sha256") return std::string(message.begin(), message.end());
    return fail(Error::Code::unavailable, "it is signed over a {} of the text, which is not here",
                hash);
  });
}

}  // namespace daybook
