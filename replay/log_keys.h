// Which keys sign a book's checkpoints, one after the other, and how one vouches for the next.
//
// A key is replaced by an entry (LogKeyRotated) that carries the old key's signature over an
// *endorsement*, a C2SP signed note (https://c2sp.org/signed-note) whose text is
//
//   daybook/log-key/v1
//   <origin>
//   <vkey of the old key>
//   <vkey of the new key>
//   <entries before this one, in decimal>
//   <root over them, base64>
//
// No checkpoint reads like it: the second line of one is a number, and of an origin that is a
// number too, the third is no root. Endorsements one after the other are a *chain*: whoever holds
// one of its keys learns those after it from the signatures alone.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/note.h"
#include "statemachine/state.h"

namespace daybook {

struct Endorsement {
  std::string origin, old_vkey, new_vkey;
  TreeHead before;  // the entries before the one that names the new key
  bool operator==(const Endorsement&) const = default;
};
std::string endorsement_text(const Endorsement& endorsement);

// As LogKeyRotated and LogOriginChanged carry it: base64 of key id and signature.
Result<std::string> sign_endorsement(const Endorsement& endorsement, const NoteSigner& old_key);

// Is what the entry carries signed by the key that signed until now? That its root is the one of
// the entries before it is the caller's to check.
Result<void> check_endorsement(const State& before, const LogKeyRotated& event);
// The same for a new origin whose old key was not lost; nothing to check where it was.
Result<void> check_endorsement(const State& before, const LogOriginChanged& event);

// The endorsement that an entry carries, as a note of the chain. `before` is the state before it.
std::string endorsement_note(const State& before, const LogKeyRotated& event);

// Every endorsement of the book, in order. Reads one entry for each.
Result<std::string> log_key_chain(const Ledger& ledger, const State& state);

// The keys that `trusted` vouch for along the chain, directly or through one another, in order;
// endorsements by others are passed over. `invalid` where `chain` is no chain, or a trusted key's
// signature in it is wrong. Total.
Result<std::vector<NoteVerifier>> follow_keys(std::span<const NoteVerifier> trusted,
                                              std::string_view chain);

// The keys before: those from which one comes to one of `trusted`. They say nothing of what is
// signed today; what they signed in their time may be shown as signed.
Result<std::vector<NoteVerifier>> earlier_keys(std::span<const NoteVerifier> trusted,
                                               std::string_view chain);

}  // namespace daybook
