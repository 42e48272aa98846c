// What a run is planned from, for the runner and for whoever only shows what a run would do.
#pragma once

#include "runner/runner.h"

namespace daybook {

// What the source offers now, partition by partition. Reads the source where its partitions are
// values of a column: not for the loop.
std::expected<std::vector<Offered>, RunProblem> offers_of(const Pipeline& pipeline);

// What becomes of input that changes after it was loaded.
LatePolicy late_policy(const Pipeline& pipeline);

// Whether `rerun --failed` is about this slot.
bool missing_or_failed(const Slot& slot);

}  // namespace daybook
