#include "statemachine/effects.h"

#include <algorithm>
#include <array>

namespace daybook {

Due due(const State& state, RunId id, SlotId slot_id) {
  const RunState& run = *state.find(id);
  const Slot& slot = *state.find(slot_id);
  if (slot.run != id) return {};
  const bool stopped = !run.circuit.empty();  // starts nothing more; what is staged is loaded
  const bool ours = slot.attempt_epoch == state.epoch;
  Due out{.owes = true, .effect = std::nullopt};
  switch (slot.phase) {
    case SlotPhase::running:
      if (!ours) out.effect = effect::AbandonAttempt{slot_id};
      break;
    case SlotPhase::staged:
      if (!ours)
        out.effect = effect::AbandonAttempt{slot_id};
      else if (!paused(state, slot))
        out.effect = effect::Load{id, slot_id};
      break;
    case SlotPhase::load_intended: out.effect = effect::SettleLoad{slot_id}; break;
    case SlotPhase::loaded: out.effect = effect::VerifyLoaded{slot_id}; break;
    case SlotPhase::planned:
    case SlotPhase::retry_waiting:
      out.owes = !stopped;
      if (!stopped && !planning(run) && !paused(state, slot))
        out.effect = effect::ExecuteAttempt{id, slot_id, slot.not_before};
      break;
    default: out.owes = !settled(slot.phase); break;
  }
  return out;
}

std::vector<Effect> pending(const State& state) {
  const auto rank = [](const Effect& effect) -> std::size_t {
    if (std::holds_alternative<effect::AbandonAttempt>(effect)) return 0;
    if (std::holds_alternative<effect::SettleLoad>(effect)) return 1;
    if (std::holds_alternative<effect::VerifyLoaded>(effect)) return 2;
    return std::holds_alternative<effect::Load>(effect) ? 3 : 4;
  };
  std::array<std::vector<Effect>, 5> ranked;
  std::vector<Effect> plan, finish;
  for (const RunId id : state.open_runs) {
    const RunState& run = *state.find(id);
    bool owes = planning(run);
    if (owes && !paused(state, run)) plan.push_back(effect::PlanRun{id});
    for (const SlotId slot : run.slots) {
      const Due one = due(state, id, slot);
      owes = owes || one.owes;
      if (one.effect) ranked[rank(*one.effect)].push_back(*one.effect);
    }
    if (!owes) finish.push_back(effect::FinishRun{id});
  }
  std::vector<Effect> all;
  for (const auto& part : ranked) all.insert(all.end(), part.begin(), part.end());
  all.insert(all.end(), plan.begin(), plan.end());
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
