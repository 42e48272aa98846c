// OpenSSH signatures (`ssh-keygen -Y sign`), checked: what approvals are signed with.
//
// Source of the format: PROTOCOL.sshsig of OpenSSH ("SSHSIG", version 1), RFC 4253 key blobs.
// Ed25519 keys only (ssh-ed25519): one algorithm, no parameters to get wrong.
#pragma once

#include <string>
#include <string_view>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

struct SshPublicKey {
  std::string line;         // "ssh-ed25519 AAAA…", without comment
  std::string fingerprint;  // "SHA256:…", as ssh-keygen -l prints it
  bool operator==(const SshPublicKey&) const = default;
};

// Parses one line of a .pub file; a comment is dropped. invalid for anything but ssh-ed25519.
Result<SshPublicKey> parse_ssh_public_key(std::string_view line);

// Verifies an armored signature over `message` in `name_space`; the key that made it. Whether that
// key may sign is the caller's question. Total: hostile bytes give `invalid`.
Result<SshPublicKey> verify_ssh_signature(std::string_view armored, std::string_view message,
                                          std::string_view name_space);

// The same where only the SHA-256 of the message is known. `unavailable` where the signature was
// made over another hash (ssh-keygen's default is SHA-512): then it takes the message to tell.
Result<SshPublicKey> verify_ssh_signature(std::string_view armored, const Digest& message,
                                          std::string_view name_space);

}  // namespace daybook
