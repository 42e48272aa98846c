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
  // Keys that one of those vouches for, in the order in which they took over.
  std::vector<NoteVerifier> vouched = {};

  // Certificates (PEM) of a time stamping authority that must have stamped it; empty: none.
  std::string authority = {};

  std::vector<NoteVerifier> logs() const;  // all of them
};

// The policy with the keys that its own vouch for along a chain (replay/log_keys.h). `invalid`
// where that is no chain.
Result<TrustPolicy> follow(TrustPolicy policy, std::string_view chain);

// Does any of the keys stand on the note? Says nothing of whether its signature is good.
bool names_a_log(std::string_view note, const TrustPolicy& policy);

// The head that `note` vouches for under the policy, told to `judgement`; or false, with the fault.
// A wrong signature by a key we know is tampering; a missing one is a policy that is not met.
bool open_signed(std::string_view note, const TrustPolicy& policy, std::string_view path,
                 Judgement& judgement);

}  // namespace daybook
