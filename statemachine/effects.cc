#include "statemachine/effects.h"

#include <algorithm>

namespace daybook {

std::vector<Effect> pending(const State& state) {
  std::vector<Effect> abandon, settle, verify, load, execute, finish;
  for (const RunId id : state.open_runs) {
    const RunState& run = *state.find(id);
    bool owes = false;
    for (const SlotId slot_id : run.slots) {
      const Slot& slot = *state.find(slot_id);
      if (slot.run != id) continue;
      const bool stopped = !run.circuit.empty();  // starts nothing more; what is staged is loaded
      const bool ours = slot.attempt_epoch == state.epoch;
      switch (slot.phase) {
        case SlotPhase::running:
          owes = true;
          if (!ours) abandon.push_back(effect::AbandonAttempt{slot_id});
          break;
        case SlotPhase::staged:
          owes = true;
          if (!ours)
            abandon.push_back(effect::AbandonAttempt{slot_id});
          else if (!paused(state, slot))
            load.push_back(effect::Load{id, slot_id});
          break;
        case SlotPhase::load_intended:
          owes = true;
          settle.push_back(effect::SettleLoad{slot_id});
          break;
        case SlotPhase::loaded:
          owes = true;
          verify.push_back(effect::VerifyLoaded{slot_id});
          break;
        case SlotPhase::planned:
        case SlotPhase::retry_waiting:
          if (stopped) break;
          owes = true;
          if (!paused(state, slot))
            execute.push_back(effect::ExecuteAttempt{id, slot_id, slot.not_before});
          break;
        default: owes = owes || !settled(slot.phase); break;
      }
    }
    if (!owes) finish.push_back(effect::FinishRun{id});
  }
  std::vector<Effect> all;
  for (const auto* part : {&abandon, &settle, &verify, &load, &execute})
    all.insert(all.end(), part->begin(), part->end());
  for (const CompensationId id : state.open_compensations)
    if (state.find(id)->phase == CompensationState::Phase::executing)
      all.push_back(effect::ContinueCompensation{id});
  for (const ErasureId id : state.open_erasures)
    if (state.find(id)->phase == ErasureState::Phase::executing)
      all.push_back(effect::ContinueErasure{id});
  all.insert(all.end(), finish.begin(), finish.end());
  return all;
}

}  // namespace daybook
