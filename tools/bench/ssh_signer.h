// An SSH key and what it signs, without ssh-keygen: the same bytes every time.
#pragma once

#include <string>
#include <string_view>

#include "ledger/note.h"
#include "ledger/ssh_signature.h"

namespace daybook::bench {

class SshSigner {
 public:
  explicit SshSigner(std::uint8_t fill) { seed_.fill(fill); }

  SshPublicKey public_key() const {
    return *parse_ssh_public_key("ssh-ed25519 " + base64(bytes_of(key_blob())));
  }

  // As `ssh-keygen -Y sign -O hashalg=sha256` over the text with this digest.
  std::string sign(const Digest& digest, std::string_view name_space = "daybook") const {
    const std::string hashed(digest.begin(), digest.end());
    const std::string covered =
        "SSHSIG" + field(name_space) + field("") + field("sha256") + field(hashed);
    const Ed25519Signature raw = ed25519_sign(seed_, bytes_of(covered));
    const std::string signature =
        field("ssh-ed25519") + field({reinterpret_cast<const char*>(raw.data()), raw.size()});
    const std::string blob = std::string("SSHSIG\0\0\0\1", 10) + field(key_blob()) +
                             field(name_space) + field("") + field("sha256") + field(signature);
    return "-----BEGIN SSH SIGNATURE-----\n" + base64(bytes_of(blob)) +
           "\n-----END SSH SIGNATURE-----\n";
  }

 private:
  static std::string field(std::string_view text) {
    std::string out(3, '\0');  // lengths here are below 256
    out += static_cast<char>(text.size());
    return out.append(text);
  }
  std::string key_blob() const {
    const Ed25519PublicKey key = ed25519_public_key(seed_);
    return field("ssh-ed25519") + field({reinterpret_cast<const char*>(key.data()), key.size()});
  }

  Ed25519Seed seed_{};
};

}  // namespace daybook::bench
