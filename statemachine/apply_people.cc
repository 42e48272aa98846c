// What people decided: quarantined records, approvals, compensation.
#include <algorithm>

#include "statemachine/folding.h"

namespace daybook::folding {

// --- quarantined records

BatchState* Fold::batch_with(BatchId id, const std::vector<std::uint32_t>& records) {
  BatchState* b = find(state.batches, id);
  if (b == nullptr) return nullptr;
  if (std::ranges::all_of(records, [&](std::uint32_t record) { return record < b->records; }))
    return b;
  ++state.anomalies;
  return nullptr;
}

void Fold::on(const RecordAmended& e) {
  BatchState* b = batch_with(e.batch, {e.record});
  if (b == nullptr) return;
  b->touched[e.record] = {.status = RecordState::Status::amended,
                          .replacement = e.replacement,
                          .at = index,
                          .by = envelope.actor.principal};
}

void Fold::on(const RecordsReleased& e) {
  set_records(e.batch, e.records, RecordState::Status::released);
}

void Fold::on(const RecordsDiscarded& e) {
  set_records(e.batch, e.records, RecordState::Status::discarded);
}

void Fold::set_records(BatchId batch, const std::vector<std::uint32_t>& records,
                       RecordState::Status status) {
  BatchState* b = batch_with(batch, records);
  if (b == nullptr) return;
  for (const std::uint32_t position : records) {
    RecordState& record = b->touched[position];
    record.status = status;
    record.at = index;
    record.by = envelope.actor.principal;
  }
}

// --- approvals

void Fold::on(const ApprovalRequested& e) {
  Slot* s = e.subject == ApprovalSubject::load ? slot(e.slot) : nullptr;
  CompensationState* c =
      e.subject == ApprovalSubject::compensation ? compensation(e.compensation) : nullptr;
  ErasureState* x = e.subject == ApprovalSubject::erasure ? erasure(e.erasure) : nullptr;
  if (s == nullptr && c == nullptr && x == nullptr) return;
  ApprovalState* a = introduce(state.approvals, e.approval);
  if (a == nullptr) return;
  a->subject = e.subject;
  a->slot = e.slot;
  a->compensation = e.compensation;
  a->digest = e.digest;
  a->needed = e.needed;
  a->erasure = e.erasure;
  if (s == nullptr) {
    add_party(*a, envelope.actor.principal);
    (c != nullptr ? c->approval : x->approval) = e.approval;
    return;
  }
  // One question at a time: what was asked before can no longer be answered.
  if (s->approval) state.approvals[static_cast<std::size_t>(*s->approval)].voided = true;
  s->approval = e.approval;
  enter(*s, SlotPhase::awaiting_approval);
  if (const RunState* r = state.find(s->run)) {
    add_party(*a, r->requester);
    const auto& definition = state.definitions[static_cast<std::size_t>(r->definition)];
    add_party(*a, definition.registered_by);
    add_party(*a, definition.owner);
  }
  for (const BatchId id : s->batches)
    for (const auto& [position, record] : state.find(id)->touched) add_party(*a, record.by);
}

void Fold::add_party(ApprovalState& a, const std::string& principal) {
  if (!principal.empty() && std::ranges::find(a.parties, principal) == a.parties.end())
    a.parties.push_back(principal);
}

void Fold::on(const ApprovalGiven& e) {
  ApprovalState* a = find(state.approvals, e.approval);
  if (a == nullptr) return;
  a->approvers.push_back(e.approver);
  a->fingerprints.push_back(e.key_fingerprint);
  if (a->subject != ApprovalSubject::load || !a->satisfied()) return;
  if (Slot* s = waiting_for(e.approval, *a)) enter(*s, SlotPhase::staged);
}

void Fold::on(const ApprovalRejected& e) {
  ApprovalState* a = find(state.approvals, e.approval);
  if (a == nullptr) return;
  a->rejected = true;
  if (a->subject == ApprovalSubject::compensation) return withdraw(a->compensation);
  if (a->subject == ApprovalSubject::erasure) return withdraw(a->erasure);
  Slot* s = waiting_for(e.approval, *a);
  if (s == nullptr) return;
  drop_staged(*s);
  enter(*s, SlotPhase::cancelled);
}

// The slot that goes on, or not, with the answer to this approval.
Slot* Fold::waiting_for(ApprovalId id, const ApprovalState& a) {
  Slot& s = state.slots[static_cast<std::size_t>(a.slot)];
  return s.phase == SlotPhase::awaiting_approval && s.approval == id ? &s : nullptr;
}

// --- compensation

CompensationState* Fold::compensation(CompensationId id) { return find(state.compensations, id); }

void Fold::on(const CompensationProposed& e) {
  for (const CompensationStep& step : e.steps) {
    const Slot* s = slot(step.slot);
    if (s == nullptr) return;
    const std::size_t generations = s->generations.size();
    if (step.generation == 0 || step.generation > generations || step.restores > generations) {
      ++state.anomalies;
      return;
    }
  }
  CompensationState* c = introduce(state.compensations, e.compensation);
  if (c == nullptr) return;
  c->action = e.action;
  c->steps = e.steps;
  c->plan = e.plan;
  c->text = e.text;
  c->proposer = envelope.actor.principal;
  c->at = index;
  state.open_compensations.insert(e.compensation);
}

void Fold::on(const CompensationStarted& e) {
  CompensationState* c = compensation(e.compensation);
  if (c == nullptr) return;
  c->phase = CompensationState::Phase::executing;
  for (const CompensationStep& step : c->steps) {
    Slot& s = *slot(step.slot);
    void_approval(s);
    drop_staged(s);
    enter(s, SlotPhase::compensating);
  }
}

CompensationState* Fold::compensation_at(CompensationId id, std::uint32_t step) {
  CompensationState* c = compensation(id);
  if (c == nullptr || step < c->steps.size()) return c;
  ++state.anomalies;
  return nullptr;
}

void Fold::on(const CompensationIntended& e) {
  CompensationState* c = compensation_at(e.compensation, e.step);
  if (c == nullptr) return;
  c->intended = true;
  c->fence = index;
  slot(c->steps[e.step].slot)->fence = index;
}

void Fold::on(const CompensationCommitted& e) {
  CompensationState* c = compensation_at(e.compensation, e.step);
  if (c == nullptr) return;
  c->intended = false;
  c->done = e.step + 1;
  c->last_failure.clear();
  const CompensationStep& step = c->steps[e.step];
  Slot& s = *slot(step.slot);
  enter(s, SlotPhase::compensated);
  s.generations[step.generation - 1].standing = Standing::compensated;
  if (step.restores != 0) s.generations[step.restores - 1].standing = Standing::verified;
  s.current = step.restores != 0 ? step.restores : last_standing(s);
}

void Fold::on(const CompensationFailed& e) {
  CompensationState* c = compensation_at(e.compensation, e.step);
  if (c == nullptr) return;
  c->last_failure = e.detail;
  if (e.settled) c->intended = false;
}

void Fold::on(const CompensationFinished& e) {
  CompensationState* c = compensation(e.compensation);
  if (c == nullptr) return;
  c->phase = CompensationState::Phase::finished;
  state.open_compensations.erase(e.compensation);
}

void Fold::on(const CompensationWithdrawn& e) { withdraw(e.compensation); }

// The steps that were done stay done; the partitions of the others stand as they stood.
void Fold::release_rest(const CompensationState& c) {
  for (std::size_t i = c.done; i < c.steps.size(); ++i)
    if (Slot& s = *slot(c.steps[i].slot); s.phase == SlotPhase::compensating)
      enter(s, SlotPhase::verified);
}

void Fold::withdraw(CompensationId id) {
  CompensationState* c = compensation(id);
  if (c == nullptr) return;
  const bool started = c->phase == CompensationState::Phase::executing;
  c->phase = CompensationState::Phase::withdrawn;
  state.open_compensations.erase(id);
  if (started) return release_rest(*c);
  if (c->approval) state.approvals[static_cast<std::size_t>(*c->approval)].voided = true;
}

}  // namespace daybook::folding
