// A book as whoever reads it sees it: the keeper its own, everybody else one opened beside it.
#pragma once

#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

class PayloadStore;

// The state of now or of a moment before; what it names stands in the ledger and the store.
struct BookView {
  const State& state;
  const Ledger& ledger;
  const PayloadStore& payloads;
};

}  // namespace daybook
