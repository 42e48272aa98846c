// Whose signatures count, and whether a checkpoint carries them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/note.h"
#include "tools/verifier/judgement.h"

namespace daybook {

// A witness, or `needed` of what is listed: the groups of https://c2sp.org/tlog-policy. As it
// stands, nothing is needed.
struct Quorum {
  std::optional<NoteVerifier> witness;
  std::size_t needed = 0;
  std::vector<Quorum> of;
};

struct TrustPolicy {
  NoteVerifier log;
  std::string origin;                   // empty: the key's name
  std::vector<NoteVerifier> witnesses;  // of whose cosignatures `quorum` must be there
  std::size_t quorum = 0;
  Quorum rule = {};                           // must hold, too
  std::vector<NoteVerifier> other_logs = {};  // keys that count as much as `log`
};

// The head that `note` vouches for under the policy, told to `judgement`; or false, with the fault.
// A wrong signature by a key we know is tampering; a missing one is a policy that is not met.
bool open_signed(std::string_view note, const TrustPolicy& policy, std::string_view path,
                 Judgement& judgement);

}  // namespace daybook
