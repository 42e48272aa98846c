// Which quarantined records wait for a decision: one predicate for what is listed and for what may
// be decided.
#pragma once

#include "statemachine/state.h"

namespace daybook {

// The attempt that set these records aside brought in what stands in the target, or waits to.
// Every attempt sets the same records aside: of the others a newer one tells the same story, and
// decided twice, a record would reach the target twice. The batch must be there.
bool is_open(const State& state, BatchId id);

}  // namespace daybook
