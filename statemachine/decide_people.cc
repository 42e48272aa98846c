// The rules for what people decide: quarantined records, approvals, compensation.
#include <algorithm>

#include "statemachine/batch_name.h"
#include "statemachine/decisions.h"
#include "statemachine/open_batch.h"

namespace daybook::decisions {

using enum Refusal::Code;

namespace {

std::expected<const BatchState*, Refusal> batch_of(const State& state, BatchId id) {
  const BatchState* batch = state.find(id);
  if (batch == nullptr) return refuse(unknown, "there is no quarantine batch {}", id);
  if (batch->superseded)
    return refuse(stale, "batch {} is superseded: a later load read these records again",
                  batch_name(state, id));
  if (!is_open(state, id))
    return refuse(stale,
                  "batch {} is of an attempt of which nothing stands in the target; the records of "
                  "{} that wait for a decision are in another",
                  batch_name(state, id), describe(*state.find(batch->slot)));
  return batch;
}

// Whether a person may still decide about the record.
std::expected<void, Refusal> undecided(const BatchState& batch, std::uint32_t record) {
  if (record >= batch.records)
    return refuse(unknown, "the batch has {} records; there is no record {}", batch.records,
                  record);
  if (batch.is_erased(record))
    return refuse(wrong_phase, "record {} was erased: nothing is left of it to decide about",
                  record);
  const auto touched = batch.touched.find(record);
  if (touched == batch.touched.end()) return {};
  switch (touched->second.status) {
    case RecordState::Status::amended: return {};
    case RecordState::Status::released:
    case RecordState::Status::delivered: return refuse(already, "record {} is released", record);
    case RecordState::Status::discarded: return refuse(already, "record {} is discarded", record);
  }
  return {};
}

std::expected<void, Refusal> undecided(const BatchState& batch,
                                       const std::vector<std::uint32_t>& records,
                                       const std::string& reason) {
  if (records.empty()) return refuse(unknown, "no record is named");
  if (records.size() > limits::records_per_event_max)
    return refuse(too_large, "at most {} records at a time", limits::records_per_event_max);
  if (reason.empty()) return refuse(mismatch, "a decision needs a reason");
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const auto free = undecided(batch, records[i]); !free) return free;
    if (i > 0 && records[i] <= records[i - 1]) return refuse(mismatch, "record numbers must rise");
  }
  return {};
}

}  // namespace

Decision on(const State& state, const Context&, const AmendRecord& c) {
  const auto batch = batch_of(state, c.batch);
  if (!batch) return std::unexpected(batch.error());
  if (const auto free = undecided(**batch, c.record); !free) return std::unexpected(free.error());
  if (c.reason.empty()) return refuse(mismatch, "an amendment needs a reason");
  return {{RecordAmended{.batch = c.batch,
                         .record = c.record,
                         .replacement = c.replacement,
                         .digest = c.digest,
                         .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const ReleaseRecords& c) {
  const auto batch = batch_of(state, c.batch);
  if (!batch) return std::unexpected(batch.error());
  if (const auto free = undecided(**batch, c.records, c.reason); !free)
    return std::unexpected(free.error());
  return {{RecordsReleased{.batch = c.batch, .records = c.records, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const DiscardRecords& c) {
  const auto batch = batch_of(state, c.batch);
  if (!batch) return std::unexpected(batch.error());
  if (const auto free = undecided(**batch, c.records, c.reason); !free)
    return std::unexpected(free.error());
  return {{RecordsDiscarded{.batch = c.batch, .records = c.records, .reason = c.reason}}};
}

namespace {

std::expected<const ApprovalState*, Refusal> open_approval(const State& state, ApprovalId id) {
  const ApprovalState* approval = state.find(id);
  if (approval == nullptr) return refuse(unknown, "there is no approval {}", id);
  if (approval->rejected) return refuse(wrong_phase, "approval {} was rejected", id);
  if (approval->voided) return refuse(stale, "what approval {} was about has changed", id);
  if (approval->satisfied()) return refuse(already, "approval {} is complete", id);
  return approval;
}

std::expected<const Principal*, Refusal> approver_of(const State& state, const std::string& who) {
  const auto found = state.principals.find(who);
  if (found == state.principals.end() || found->second.revoked)
    return refuse(not_allowed, "{} is not enrolled", who);
  if (std::ranges::find(found->second.roles, "approver") == found->second.roles.end())
    return refuse(not_allowed, "{} does not have the role approver", who);
  return &found->second;
}

}  // namespace

Decision on(const State& state, const Context&, const GiveApproval& c) {
  const auto approval = open_approval(state, c.approval);
  if (!approval) return std::unexpected(approval.error());
  const ApprovalState& a = **approval;
  if (const auto who = approver_of(state, c.approver); !who) return std::unexpected(who.error());
  if (a.digest != c.digest)
    return refuse(stale, "approval {} is about another plan than the one signed", c.approval);
  if (std::ranges::find(a.parties, c.approver) != a.parties.end())
    return refuse(not_allowed, "{} took part in what is to be approved", c.approver);
  if (std::ranges::find(a.approvers, c.approver) != a.approvers.end())
    return refuse(already, "{} has approved", c.approver);
  if (std::ranges::find(a.fingerprints, c.key_fingerprint) != a.fingerprints.end())
    return refuse(not_allowed, "this key has approved under another name");
  return {{ApprovalGiven{.approval = c.approval,
                         .approver = c.approver,
                         .key_fingerprint = c.key_fingerprint,
                         .signature = c.signature}}};
}

Decision on(const State& state, const Context&, const RejectApproval& c) {
  const auto approval = open_approval(state, c.approval);
  if (!approval) return std::unexpected(approval.error());
  if (const auto who = approver_of(state, c.approver); !who) return std::unexpected(who.error());
  return {{ApprovalRejected{.approval = c.approval, .approver = c.approver, .reason = c.reason}}};
}

namespace {

// Whether the step still takes back what stands now and restores what stood before it.
std::expected<void, Refusal> sound(const State& state, CompensationAction action,
                                   const CompensationStep& step) {
  const Slot* slot = state.find(step.slot);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", step.slot);
  const GenerationState* current = generation(*slot, step.generation);
  if (current == nullptr || step.generation != slot->current || !stands(current->standing))
    return refuse(stale, "generation {} of {} is not the current one", step.generation,
                  describe(*slot));
  // Of a run that has ended nothing is under way, whatever phase it left behind.
  if (const RunState* run = state.find(slot->run);
      !settled(slot->phase) && run != nullptr && run->open)
    return refuse(conflict, "{} is {}", describe(*slot), name(slot->phase));
  if (action != CompensationAction::restore_previous) {
    if (step.restores != 0) return refuse(mismatch, "only restore_previous restores");
    return {};
  }
  if (step.restores != current->replaced)
    return refuse(mismatch, "before generation {} of {} stood generation {}", step.generation,
                  describe(*slot), current->replaced);
  const GenerationState* old = generation(*slot, step.restores);
  if (old == nullptr) return {};
  if (old->standing == Standing::compensated)
    return refuse(wrong_phase, "generation {} of {} was taken back itself", step.restores,
                  describe(*slot));
  if (old->standing == Standing::lost)
    return refuse(wrong_phase, "generation {} of {} was lost", step.restores, describe(*slot));
  // A load in place of several appended ones took the place of them all: one step restores one.
  if (current->mode != LoadMode::append && old->mode == LoadMode::append && old->replaced != 0)
    return refuse(wrong_phase, "before generation {} of {} stood more than one", step.generation,
                  describe(*slot));
  return {};
}

std::expected<const CompensationState*, Refusal> executing(const State& state, CompensationId id) {
  const CompensationState* c = state.find(id);
  if (c == nullptr) return refuse(unknown, "there is no compensation {}", id);
  if (c->phase != CompensationState::Phase::executing)
    return refuse(wrong_phase, "compensation {} is not being executed", id);
  return c;
}

}  // namespace

Decision on(const State& state, const Context&, const ProposeCompensation& c) {
  if (c.steps.empty()) return refuse(unknown, "there is nothing to take back");
  if (c.steps.size() > limits::slots_per_compensation_max)
    return refuse(too_large, "at most {} partitions at a time", limits::slots_per_compensation_max);
  if (c.reason.empty()) return refuse(mismatch, "a compensation needs a reason");
  for (const CompensationStep& step : c.steps) {
    if (const auto ok = sound(state, c.action, step); !ok) return std::unexpected(ok.error());
    const auto same = [&](const CompensationStep& other) { return other.slot == step.slot; };
    if (std::ranges::count_if(c.steps, same) > 1)
      return refuse(mismatch, "{} is named twice", describe(*state.find(step.slot)));
    for (const CompensationId id : state.open_compensations)
      for (const CompensationStep& other : state.find(id)->steps)
        if (other.slot == step.slot)
          return refuse(conflict, "compensation {} is about {} too", id,
                        describe(*state.find(step.slot)));
  }
  const auto id = next_id<CompensationId>(state.compensations);
  std::vector<Event> events = {CompensationProposed{.compensation = id,
                                                    .action = c.action,
                                                    .steps = c.steps,
                                                    .plan = c.plan,
                                                    .text = c.text,
                                                    .approvals = c.approvals,
                                                    .reason = c.reason}};
  if (c.approvals > 0)
    events.push_back(ApprovalRequested{.approval = next_id<ApprovalId>(state.approvals),
                                       .subject = ApprovalSubject::compensation,
                                       .slot = no_slot,
                                       .compensation = id,
                                       .digest = c.plan,
                                       .needed = c.approvals});
  return events;
}

Decision on(const State& state, const Context&, const StartCompensation& c) {
  const CompensationState* compensation = state.find(c.compensation);
  if (compensation == nullptr)
    return refuse(unknown, "there is no compensation {}", c.compensation);
  if (compensation->phase != CompensationState::Phase::proposed)
    return refuse(wrong_phase, "compensation {} is not waiting to be executed", c.compensation);
  if (compensation->plan != c.plan)
    return refuse(stale, "compensation {} has another plan", c.compensation);
  if (state.paused) return refuse(Refusal::Code::paused, "the book is paused");
  if (compensation->approval && !state.find(*compensation->approval)->satisfied())
    return refuse(not_approved, "compensation {} waits for approval {}", c.compensation,
                  *compensation->approval);
  for (const CompensationStep& step : compensation->steps)
    if (const auto ok = sound(state, compensation->action, step); !ok)
      return std::unexpected(ok.error());
  return {{CompensationStarted{.compensation = c.compensation}}};
}

Decision on(const State& state, const Context&, const IntendCompensation& c) {
  const auto compensation = executing(state, c.compensation);
  if (!compensation) return std::unexpected(compensation.error());
  return {{CompensationIntended{.compensation = c.compensation, .step = (*compensation)->done}}};
}

Decision on(const State& state, const Context&, const CommitCompensation& c) {
  const auto compensation = executing(state, c.compensation);
  if (!compensation) return std::unexpected(compensation.error());
  if (!(*compensation)->intended || (*compensation)->done != c.step)
    return refuse(mismatch, "step {} of compensation {} is not the intended one", c.step,
                  c.compensation);
  std::vector<Event> events = {CompensationCommitted{.compensation = c.compensation,
                                                     .step = c.step,
                                                     .rows_removed = c.rows_removed,
                                                     .rows_restored = c.rows_restored,
                                                     .recovered = c.recovered,
                                                     .evidence = c.evidence}};
  if (c.step + 1 == (*compensation)->steps.size())
    events.push_back(CompensationFinished{.compensation = c.compensation});
  return events;
}

Decision on(const State& state, const Context&, const FailCompensation& c) {
  const auto compensation = executing(state, c.compensation);
  if (!compensation) return std::unexpected(compensation.error());
  if ((*compensation)->done != c.step)
    return refuse(mismatch, "step {} of compensation {} is not the current one", c.step,
                  c.compensation);
  return {{CompensationFailed{
      .compensation = c.compensation, .step = c.step, .detail = c.detail, .settled = c.settled}}};
}

Decision on(const State& state, const Context&, const WithdrawCompensation& c) {
  const CompensationState* compensation = state.find(c.compensation);
  if (compensation == nullptr)
    return refuse(unknown, "there is no compensation {}", c.compensation);
  using enum CompensationState::Phase;
  if (compensation->phase != proposed && compensation->phase != executing)
    return refuse(wrong_phase, "compensation {} has ended", c.compensation);
  if (compensation->intended)
    return refuse(wrong_phase,
                  "step {} of compensation {} is under way: execute it again, and withdraw it once "
                  "the sink has said what became of it",
                  compensation->done + 1, c.compensation);
  return {{CompensationWithdrawn{.compensation = c.compensation, .reason = c.reason}}};
}

}  // namespace daybook::decisions
