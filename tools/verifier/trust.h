// Whose signatures count, and whether a checkpoint carries them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/note.h"
#include "tools/verifier/judgement.h"

namespace daybook {

struct TrustPolicy {
  NoteVerifier log;
  std::string origin;                   // empty: the key's name
  std::vector<NoteVerifier> witnesses;  // of whose cosignatures `quorum` must be there
  std::size_t quorum = 0;
};

// The head that `note` vouches for under the policy, told to `judgement`; or false, with the fault.
// A wrong signature by a key we know is tampering; a missing one is a policy that is not met.
bool open_signed(std::string_view note, const TrustPolicy& policy, std::string_view path,
                 Judgement& judgement);

}  // namespace daybook
