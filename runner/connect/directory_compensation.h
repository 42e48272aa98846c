// What taking back one generation of a directory sink would do, and what tidying it away does.
#pragma once

#include <vector>

#include "runner/connect/slot_store.h"

namespace daybook {

// Whether the compensation can be done now, and its numbers. Reads every byte it would restore.
SinkResult<CompensationEvidence> weigh_compensation(const CompensationPlan& plan,
                                                    const SlotStore& slot,
                                                    const std::vector<StoredGeneration>& history);

// Removes the data, by the names in their manifests, of generations that do not stand, save the
// newest `kept` that could be restored, and what was moved in place but never committed. Manifests
// and tombstones stay. The slot's lock is held.
SinkResult<void> remove_superseded(const SlotStore& slot,
                                   const std::vector<StoredGeneration>& history, std::size_t kept);

}  // namespace daybook
