// The one fold: a ledger into a State. Recovery, replay, as-of questions and verification all read
// a book through here, so what they show is the same.
//
// Snapshots are states kept beside the ledger under "snapshot/<size>", so that a fold need not
// begin at entry 0. They are a cache: one that is damaged, of another history, or written by
// another version of State is passed over, and the fold begins earlier. Auditors fold without them.
#pragma once

#include <optional>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

enum class Snapshots : std::uint8_t { use, ignore };

// The state after the first `size` entries: exactly that, or an error that names the entry at which
// it ended. `invalid` when the ledger is shorter; `newer_version` and `corrupt` as decode says.
Result<State> fold(const Ledger& ledger, EntryIndex size, Snapshots snapshots = Snapshots::use);

// Carries `state` on from its own size to `size`. On error `state` stands before the entry that
// could not be folded.
Result<void> fold_on(State& state, const Ledger& ledger, EntryIndex size);

// How many entries were recorded at or before `time`: the size to fold to for "as of `time`".
Result<EntryIndex> size_as_of(const Ledger& ledger, Timestamp time);

// Keeps `state` as a snapshot; it must be the fold of the first state.size entries of this ledger.
// Of older snapshots the last few are kept.
Result<void> save_snapshot(Ledger& ledger, const State& state);

// The snapshots that are kept, in rising order, and one of them: nothing where it is damaged, of
// another history or of another version of State.
std::vector<EntryIndex> snapshot_sizes(const Ledger& ledger);
std::optional<State> load_snapshot(const Ledger& ledger, EntryIndex size);

}  // namespace daybook
