// The key that signs a book's checkpoints, on disk and in the book, and how it is replaced.
//
// `keys/log.key` signs. While a key is replaced, its successor lies beside it as `log.key.next`:
// made durable first, then named by an entry, then renamed. Wherever that is cut, the book says
// which of the two signs, and the next start settles the files.
#pragma once

#include <string>

#include "ledger/note.h"
#include "runner/book.h"
#include "runner/keeper.h"
#include "statemachine/state.h"

namespace daybook {

// The key the book names. Puts the files right where a change of keys was cut. `invalid` where
// neither of them is that key.
Result<NoteSigner> signing_key(const BookPaths& paths, const State& state);

// Puts the files right, and says nothing where there is nothing to put right. Only for the keeper.
Result<void> settle_log_keys(const BookPaths& paths, const State& state);

struct LogKeyNamed {
  EntryIndex at = no_entry;  // the entry
  std::string origin, old_vkey, vkey;
};
using LogKeyAnswer = std::expected<LogKeyNamed, std::variant<Error, Refusal>>;

// A new key under the same origin. The old one signs a checkpoint of everything before, and for the
// new one; then it is gone. The caller signs a checkpoint afterwards.
LogKeyAnswer rotate_log_key(Keeper& keeper, const Actor& actor, std::string reason);

// Another origin, with a key of its own, for a book whose newer copy is lost: `seen` entries were
// seen by others under the old origin; 0: it is not known. Signs nothing under the old origin.
LogKeyAnswer change_log_origin(Keeper& keeper, const Actor& actor, std::string origin,
                               std::uint64_t seen, std::string reason);

}  // namespace daybook
