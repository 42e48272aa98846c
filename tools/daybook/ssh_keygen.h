// Signing with the SSH key a person already has, through OpenSSH itself: it asks for the
// passphrase, the agent or the touch that the key needs. No key passes through this program.
#pragma once

#include <string>

#include "tools/daybook/problem.h"

namespace daybook {

// The armored signature over `text` in the namespace "daybook".
std::expected<std::string, Problem> sign_with_ssh_key(const std::string& key,
                                                      const std::string& text);

bool program_exists(const std::string& name);  // on PATH

}  // namespace daybook
