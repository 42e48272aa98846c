#include "statemachine/open_batch.h"

#include <algorithm>

namespace daybook {

bool is_open(const State& state, BatchId id) {
  const BatchState& batch = *state.find(id);
  const Slot& slot = *state.find(batch.slot);
  if (batch.superseded) return false;
  if (slot.staged && slot.staged->batch == id) return true;
  return std::ranges::any_of(slot.generations, [&](const GenerationState& g) {
    return g.batch == id && stands(g.standing);
  });
}

}  // namespace daybook
