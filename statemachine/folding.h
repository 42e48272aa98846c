// The fold of one entry, taken apart: helpers, and one `on` per event kind. Used by apply*.cc
// alone.
#pragma once

#include <algorithm>

#include "statemachine/state.h"

namespace daybook::folding {

// `index` is the entry's own index, `envelope` its who and when.
struct Fold {
  State& state;
  const Envelope& envelope;
  EntryIndex index;

  template <typename T, typename Id>
  T* find(std::vector<T>& all, Id id) {
    const auto at = static_cast<std::size_t>(id);
    if (at < all.size()) return &all[at];
    ++state.anomalies;
    return nullptr;
  }

  Slot* slot(SlotId id) { return find(state.slots, id); }

  RunState* run(RunId id) { return find(state.runs, id); }

  // A new dense id must be the next one; anything else is not ours.
  template <typename T, typename Id>
  T* introduce(std::vector<T>& all, Id id) {
    return is_next(all, id) ? &all.emplace_back() : nullptr;
  }

  // The slot an entry is about; null when it, or the run the entry names, is not there. Handlers
  // ask for everything they need before they change anything.
  template <typename E>
  Slot* slot_of(const E& e) {
    Slot* s = slot(e.slot);
    if constexpr (requires { e.run; })
      if (run(e.run) == nullptr) return nullptr;
    return s;
  }

  void enter(Slot& s, SlotPhase phase) {
    s.phase = phase;
    s.story = index;
  }

  template <typename E>
  void move(const E& e, SlotPhase phase) {
    if (Slot* s = slot_of(e)) enter(*s, phase);
  }

  template <typename T, typename Id>
  bool is_next(const std::vector<T>& all, Id id) {
    if (static_cast<std::size_t>(id) == all.size()) return true;
    ++state.anomalies;
    return false;
  }

  GenerationState* load(Slot& s, const Digest& load_id) {
    if (!s.generations.empty() && s.generations.back().load_id == load_id)
      return &s.generations.back();
    const auto found = std::ranges::find(s.generations, load_id, &GenerationState::load_id);
    if (found != s.generations.end()) return &*found;
    ++state.anomalies;
    return nullptr;
  }

  BatchState& batch(BatchId id) { return state.batches[static_cast<std::size_t>(id)]; }

  // What readers see when `s.current` is gone: with append, the load before it.
  static Generation last_standing(const Slot& s) {
    const auto last = std::ranges::find_if(s.generations.rbegin(), s.generations.rend(), stands,
                                           &GenerationState::standing);
    return last == s.generations.rend() ? 0 : last->number;
  }

  void void_approval(Slot& s) {
    if (s.phase == SlotPhase::awaiting_approval && s.approval)
      state.approvals[static_cast<std::size_t>(*s.approval)].voided = true;
  }

  static void drop_staged(Slot& s) { s.staged.reset(); }

  // --- the book
  void on(const BookCreated& e);
  void on(const Booted& e);
  void on(const CheckpointSigned& e);
  void on(const PrincipalEnrolled& e);
  void on(const PrincipalRevoked& e);
  void on(const CommandRefused&);

  // --- definitions
  void on(const DefinitionRegistered& e);
  void on(const PartitionsExpected& e);

  // --- runs
  void on(const RunStarted& e);
  void on(const RunFinished& e);
  void on(const RunCancelled& e);
  void on(const SlotCancelled& e);
  void cancel(Slot& s);
  void set_paused(const Scope& scope, bool paused);
  void on(const Paused& e);
  void on(const Drained&);
  void on(const Resumed& e);
  void on(const CircuitOpened& e);
  void on(const PartitionsChosen& e);
  void on(const PlanningCompleted& e);

  // --- slots and attempts
  void on(const SlotOpened& e);
  void on(const PartitionPlanned& e);
  void on(const PartitionSkipped& e);
  void on(const AttemptStarted& e);
  void on(const AttemptStaged& e);
  void on(const AttemptFailed& e);
  void on(const AttemptLost& e);
  void on(const RetryScheduled& e);
  static Timestamp after(Timestamp at, std::uint64_t delay_ms);
  void on(const SlotHeld& e);
  void on(const HoldDecided& e);
  void on(const SlotQuarantined& e);
  void on(const SlotReleased& e);

  // --- loads
  void on(const LoadIntended& e);
  void on(const LoadFilesListed& e);
  void on(const LoadCommitted& e);
  void on(const LoadAborted& e);
  void on(const LoadVerified& e);
  void on(const LoadLost& e);
  void on(const Reconciled&);

  // --- quarantined records
  BatchState* batch_with(BatchId id, const std::vector<std::uint32_t>& records);
  void on(const RecordAmended& e);
  void on(const RecordsReleased& e);
  void on(const RecordsDiscarded& e);
  void set_records(BatchId batch, const std::vector<std::uint32_t>& records,
                   RecordState::Status status);

  // --- approvals
  void on(const ApprovalRequested& e);
  static void add_party(ApprovalState& a, const std::string& principal);
  void on(const ApprovalGiven& e);
  void on(const ApprovalRejected& e);
  Slot* waiting_for(ApprovalId id, const ApprovalState& a);

  // --- compensation
  CompensationState* compensation(CompensationId id);
  void on(const CompensationProposed& e);
  void on(const CompensationStarted& e);
  CompensationState* compensation_at(CompensationId id, std::uint32_t step);
  void on(const CompensationIntended& e);
  void on(const CompensationCommitted& e);
  void on(const CompensationFailed& e);
  void on(const CompensationFinished& e);
  void on(const CompensationWithdrawn& e);
  void release_rest(const CompensationState& c);
  void withdraw(CompensationId id);

  // --- erasure
  ErasureState* erasure(ErasureId id);
  bool sound(const ErasureItem& item);
  void on(const ErasureProposed& e);
  void on(const ErasureStarted& e);
  void on(const ErasureFinished& e);
  void on(const ErasureWithdrawn& e);
  void withdraw(ErasureId id);
  void on(const LegalHoldPlaced& e);
  void on(const LegalHoldReleased& e);

  // --- what others see of the log
  void on(const WitnessAdded& e);
  void on(const WitnessRemoved& e);
  void on(const LogKeyRotated& e);
  void on(const LogOriginChanged& e);
};

}  // namespace daybook::folding
