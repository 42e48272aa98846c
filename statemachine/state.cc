#include "statemachine/state.h"

namespace daybook {
namespace {

template <typename T, typename Id>
const T* at(const std::vector<T>& all, Id id) {
  const auto index = static_cast<std::size_t>(id);
  return index < all.size() ? &all[index] : nullptr;
}

}  // namespace

const Slot* State::find(SlotId id) const { return at(slots, id); }
const RunState* State::find(RunId id) const { return at(runs, id); }
const BatchState* State::find(BatchId id) const { return at(batches, id); }
const ApprovalState* State::find(ApprovalId id) const { return at(approvals, id); }
const CompensationState* State::find(CompensationId id) const { return at(compensations, id); }
const ErasureState* State::find(ErasureId id) const { return at(erasures, id); }
const LegalHold* State::find(LegalHoldId id) const { return at(legal_holds, id); }
const DefinitionState* State::find_definition(DefinitionId id) const { return at(definitions, id); }

std::optional<SlotId> State::slot(const std::string& pipeline, const std::string& sink,
                                  const std::string& partition) const {
  const auto found = slot_by_key.find({pipeline, sink, partition});
  if (found == slot_by_key.end()) return std::nullopt;
  return found->second;
}

LogName log_name(const State& state, EntryIndex size) {
  for (const LogKeyChange& change : state.log_keys)
    if (size <= change.at) return {.origin = change.old_origin, .vkey = change.old_vkey};
  if (state.log_keys.empty()) return {.origin = state.origin, .vkey = state.log_vkey};
  return {.origin = state.log_keys.back().origin, .vkey = state.log_keys.back().vkey};
}

const GenerationState* generation(const Slot& slot, Generation number) {
  return number == 0 || number > slot.generations.size() ? nullptr : &slot.generations[number - 1];
}

bool planning(const RunState& run) {
  return run.open && run.partitions > 0 && !run.planned && !run.cancelled && run.circuit.empty();
}

bool cancellable(SlotPhase phase) {
  switch (phase) {
    case SlotPhase::planned:
    case SlotPhase::running:
    case SlotPhase::retry_waiting:
    case SlotPhase::held:
    case SlotPhase::staged:
    case SlotPhase::awaiting_approval: return true;
    default: return false;
  }
}

bool settled(SlotPhase phase) {
  switch (phase) {
    case SlotPhase::planned:
    case SlotPhase::running:
    case SlotPhase::retry_waiting:
    case SlotPhase::staged:
    case SlotPhase::load_intended:
    case SlotPhase::loaded:
    case SlotPhase::compensating: return false;
    case SlotPhase::idle:
    case SlotPhase::failed:
    case SlotPhase::held:
    case SlotPhase::awaiting_approval:
    case SlotPhase::verified:
    case SlotPhase::quarantined:
    case SlotPhase::compensated:
    case SlotPhase::lost:
    case SlotPhase::cancelled:
    case SlotPhase::skipped: return true;
  }
  return true;
}

bool paused(const State& state, const Slot& slot) {
  if (state.paused || slot.paused || state.paused_pipelines.contains(slot.pipeline)) return true;
  const RunState* run = state.find(slot.run);
  return run != nullptr && run->paused;
}

std::optional<LegalHoldId> held_by(const State& state, SlotId slot, RunId run) {
  for (std::uint32_t i = 0; i < state.legal_holds.size(); ++i) {
    const LegalHold& hold = state.legal_holds[i];
    if (!hold.in_force()) continue;
    const Slot* s = state.find(slot);
    bool covers = false;
    switch (hold.scope.kind) {
      case ScopeKind::book: covers = true; break;
      case ScopeKind::pipeline: covers = s != nullptr && s->pipeline == hold.scope.pipeline; break;
      case ScopeKind::run: covers = hold.scope.run == run; break;
      case ScopeKind::partition: covers = hold.scope.slot == slot; break;
    }
    if (covers) return LegalHoldId{i};
  }
  return std::nullopt;
}

bool paused(const State& state, const RunState& run) {
  return state.paused || run.paused || state.paused_pipelines.contains(run.pipeline);
}

}  // namespace daybook
