// The names behind the ids in a part of a book: what sentences need, and nothing that a state would
// be trusted for. Used by evidence.cc alone.
#pragma once

#include <algorithm>

#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

namespace evidence {

template <typename T, typename Id>
T& place(std::vector<T>& all, Id id) {
  const auto at = static_cast<std::size_t>(id);
  if (at >= all.size()) all.resize(at + 1);
  return all[at];
}

// Ids are dense in a book, so no honest one is beyond the number of its entries.
template <typename Id>
bool plausible(Id id, const TreeHead& head) {
  return static_cast<std::uint64_t>(id) < std::min<std::uint64_t>(head.size, 1'000'000);
}

}  // namespace evidence

class Names {
 public:
  Names(State& state, const TreeHead& head) : state_(state), head_(head) {}

  template <typename E>
  void take(EntryIndex index, const Envelope& envelope, const E& e) {
    if constexpr (std::is_same_v<E, BookCreated>) {
      state_.origin = e.origin;
    } else if constexpr (std::is_same_v<E, SlotOpened>) {
      if (!evidence::plausible(e.slot, head_)) return;
      Slot& slot = evidence::place(state_.slots, e.slot);
      slot.pipeline = e.pipeline, slot.partition = e.partition, slot.sink = e.sink;
    } else if constexpr (std::is_same_v<E, RunStarted>) {
      if (!evidence::plausible(e.run, head_)) return;
      RunState& run = evidence::place(state_.runs, e.run);
      run.uuid = e.uuid, run.pipeline = e.pipeline, run.definition = e.definition;
      run.requester = envelope.actor.principal, run.started = index;
      run.started_at = envelope.recorded_at;
    } else if constexpr (std::is_same_v<E, DefinitionRegistered>) {
      if (!evidence::plausible(e.definition, head_)) return;
      DefinitionState& definition = evidence::place(state_.definitions, e.definition);
      definition.pipeline = e.pipeline, definition.version = e.version;
      definition.digest = e.digest, definition.files = e.files;
    } else if constexpr (std::is_same_v<E, AttemptStaged>) {
      if (e.batch == no_batch || !evidence::plausible(e.batch, head_)) return;
      BatchState& batch = evidence::place(state_.batches, e.batch);
      batch.slot = e.slot, batch.run = e.run, batch.at = index;
      batch.records = e.counts.quarantined, batch.payload = e.quarantine;
    } else if constexpr (std::is_same_v<E, ApprovalRequested>) {
      if (!evidence::plausible(e.approval, head_)) return;
      ApprovalState& approval = evidence::place(state_.approvals, e.approval);
      approval.subject = e.subject, approval.slot = e.slot, approval.digest = e.digest;
      approval.compensation = e.compensation, approval.erasure = e.erasure;
      approval.needed = e.needed, approval.parties = {envelope.actor.principal};
    } else if constexpr (std::is_same_v<E, CompensationProposed>) {
      if (!evidence::plausible(e.compensation, head_)) return;
      CompensationState& c = evidence::place(state_.compensations, e.compensation);
      c.steps = e.steps, c.action = e.action, c.plan = e.plan, c.at = index;
      c.proposer = envelope.actor.principal;
    } else if constexpr (std::is_same_v<E, ErasureProposed>) {
      if (!evidence::plausible(e.erasure, head_)) return;
      ErasureState& x = evidence::place(state_.erasures, e.erasure);
      x.policy = e.policy, x.items = e.items, x.plan = e.plan, x.at = index;
      x.proposer = envelope.actor.principal;
    } else if constexpr (std::is_same_v<E, LegalHoldPlaced>) {
      if (!evidence::plausible(e.hold, head_)) return;
      LegalHold& hold = evidence::place(state_.legal_holds, e.hold);
      hold.scope = e.scope, hold.reason = e.reason, hold.at = index;
    }
  }

 private:
  State& state_;
  const TreeHead& head_;
};

}  // namespace daybook
