// Signs the book as it is: a C2SP checkpoint over the head, after reading again what it covers.
// Checkpoints are kept beside the ledger as signed notes under "checkpoint/<size>", all of them.
#pragma once

#include <string>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "statemachine/state.h"

namespace daybook {

// "checkpoint/00000000000000000063".
std::string checkpoint_key(EntryIndex size);

// Reads every entry since the last checkpoint again, from storage, and recomputes the tree from the
// last signed root on; what does not lead to the ledger's head is never signed. Then signs, keeps
// the note durably, and returns the event that records it: the caller appends it.
//
// `state` is the fold of the whole ledger and `key` the one that it names (log_name). `corrupt`
// when storage does not hold what was appended; `conflict` when a checkpoint of a longer book was
// signed before: this is an old copy, and going on would fork the book. Bounded by the entries
// since the last checkpoint; never beside an append.
Result<CheckpointSigned> make_checkpoint(Ledger& ledger, const State& state, const NoteSigner& key);

}  // namespace daybook
