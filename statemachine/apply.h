// Folds one fact into the state. Total: it never fails and never looks outside its arguments, so
// the same ledger always yields the same state. The index of the entry is state.size before the
// call. Whether a history makes sense is a question for invariants.h; an entry that names what is
// not there changes nothing but State::anomalies.
#pragma once

#include "statemachine/state.h"

namespace daybook {

void apply(State& state, const Entry& entry);

}  // namespace daybook
