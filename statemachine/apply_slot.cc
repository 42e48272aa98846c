// What the entries about one partition mean: its attempts and its loads.
#include <algorithm>
#include <limits>

#include "statemachine/folding.h"

namespace daybook::folding {

// --- slots and attempts

void Fold::on(const SlotOpened& e) {
  Slot* s = introduce(state.slots, e.slot);
  if (s == nullptr) return;
  s->pipeline = e.pipeline;
  s->sink = e.sink;
  s->partition = e.partition;
  s->story = index;
  state.slot_by_key.emplace(SlotKey{e.pipeline, e.sink, e.partition}, e.slot);
}

void Fold::on(const PartitionPlanned& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::planned);
  drop_staged(*s);
  s->run = e.run;
  s->reason = e.reason;
  s->inputs = e.inputs;
  s->failures = s->losses = 0;
  s->not_before = 0;
  s->error.reset();
  run(e.run)->slots.push_back(e.slot);
}

// Skipping changes nothing about what stands, what waits for a person and what is unsettled.
void Fold::on(const PartitionSkipped& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  RunState* r = run(e.run);
  r->slots.push_back(e.slot);
  ++r->skipped;
  switch (s->phase) {
    case SlotPhase::idle:
    case SlotPhase::planned:
    case SlotPhase::failed:
    case SlotPhase::retry_waiting:
    case SlotPhase::staged:
    case SlotPhase::cancelled:
    case SlotPhase::skipped:
      s->run = e.run;
      enter(*s, SlotPhase::skipped);
      break;
    default: break;
  }
}

void Fold::on(const AttemptStarted& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::running);
  drop_staged(*s);
  s->run = e.run;
  s->attempt = e.attempt;
  s->fence = index;
  s->attempt_epoch = envelope.epoch;
}

void Fold::on(const AttemptStaged& e) {
  Slot* s = slot_of(e);
  if (s == nullptr || (e.batch != no_batch && !is_next(state.batches, e.batch))) return;
  enter(*s, SlotPhase::staged);
  s->staged = {.attempt = e.attempt,
               .inputs = e.inputs,
               .content = e.content,
               .counts = e.counts,
               .output_rows = e.output_rows,
               .batch = e.batch,
               .at = index};
  s->salts = e.salts;
  run(e.run)->failures.clear();
  // What was asked about earlier work and never answered is no longer a question.
  if (s->approval) {
    ApprovalState& a = state.approvals[static_cast<std::size_t>(*s->approval)];
    a.voided = !a.satisfied();
  }
  if (e.batch == no_batch) return;
  state.batches.push_back({.slot = e.slot,
                           .run = e.run,
                           .attempt = e.attempt,
                           .records = e.counts.quarantined,
                           .root = e.quarantine_root,
                           .payload = e.quarantine,
                           .at = index,
                           .superseded = false,
                           .touched = {},
                           .erased = {}});
  s->batches.push_back(e.batch);
}

void Fold::on(const AttemptFailed& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::failed);
  drop_staged(*s);
  ++s->failures;
  s->error = e.error;
  ++run(e.run)->failures[e.fingerprint];
}

void Fold::on(const AttemptLost& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::planned);
  drop_staged(*s);
  ++s->losses;
}

void Fold::on(const RetryScheduled& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::retry_waiting);
  s->not_before = after(envelope.recorded_at, e.delay_ms);
}

Timestamp Fold::after(Timestamp at, std::uint64_t delay_ms) {
  constexpr Timestamp end = std::numeric_limits<Timestamp>::max();
  const Timestamp room = at > 0 ? end - at : end;
  return delay_ms > static_cast<std::uint64_t>(room / 1000)
             ? end
             : at + static_cast<Timestamp>(delay_ms) * 1000;
}

void Fold::on(const SlotHeld& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::held);
  s->run = e.run;
}

// What is let pass is attempted again: the same content then passes its gates, and goes on to the
// approvals its definition asks for.
void Fold::on(const HoldDecided& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  if (e.decision == HoldDecision::load_anyway && s->staged) s->overruled = s->staged->content;
  drop_staged(*s);
  enter(*s, e.decision == HoldDecision::discard ? SlotPhase::cancelled : SlotPhase::planned);
}

void Fold::on(const SlotQuarantined& e) { move(e, SlotPhase::quarantined); }

void Fold::on(const SlotReleased& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  enter(*s, SlotPhase::idle);
  s->failures = s->losses = 0;
  s->error.reset();
}

// --- loads

void Fold::on(const LoadIntended& e) {
  Slot* s = slot_of(e);
  if (s == nullptr) return;
  const bool again = !s->generations.empty() && s->generations.back().load_id == e.load_id;
  if (e.generation != s->generations.size() + (again ? 0 : 1)) {
    ++state.anomalies;
    return;
  }
  enter(*s, SlotPhase::load_intended);
  if (!again) s->generations.emplace_back();
  const RunState* r = run(e.run);
  GenerationState& g = s->generations.back();
  g.number = e.generation;
  g.standing = Standing::intended;
  g.mode = e.mode;
  g.run = e.run;
  g.definition = r->definition;
  g.engine = r->engine;
  g.content = e.content;
  g.load_id = e.load_id;
  g.rows = e.rows;
  g.intended_at = index;
  g.fence = s->fence;
  g.replaced = s->current;
  if (s->staged) {
    g.inputs = s->staged->inputs;
    g.counts = s->staged->counts;
    g.batch = s->staged->batch;
    g.staged_at = s->staged->at;
  }
}

// The state keeps no files: whoever asks reads the entry.
void Fold::on(const LoadFilesListed& e) { (void)slot_of(e); }

void Fold::on(const LoadCommitted& e) {
  Slot* s = slot_of(e);
  GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
  if (g == nullptr) return;
  enter(*s, SlotPhase::loaded);
  g->standing = Standing::committed;
  g->committed_at = index;
  // With append, earlier loads of the slot stay; otherwise this one stands in their place.
  if (g->mode != LoadMode::append) {
    for (GenerationState& old : s->generations)
      if (old.number != g->number && stands(old.standing)) old.standing = Standing::superseded;
    for (const BatchId id : s->batches)
      if (BatchState& b = batch(id); b.attempt < s->attempt) b.superseded = true;
  }
  // What was released before this attempt began has now reached the target.
  for (const BatchId id : s->batches)
    for (auto& [position, record] : batch(id).touched)
      if (record.status == RecordState::Status::released && record.at < g->fence)
        record.status = RecordState::Status::delivered;
  s->current = g->number;
  s->salts = {};
  s->staged.reset();
}

// The absence was established: the work is owed again, unless the run was cancelled meanwhile.
void Fold::on(const LoadAborted& e) {
  Slot* s = slot_of(e);
  GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
  if (g == nullptr) return;
  enter(*s, run(e.run)->cancelled ? SlotPhase::cancelled : SlotPhase::planned);
  g->standing = Standing::aborted;
  // Settled by a later boot: the one that intended it died on the way.
  if (s->attempt_epoch != envelope.epoch) ++s->losses;
  drop_staged(*s);
}

void Fold::on(const LoadVerified& e) {
  Slot* s = slot_of(e);
  GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
  if (g == nullptr) return;
  enter(*s, SlotPhase::verified);
  g->standing = Standing::verified;
}

// What is under way, or waits for a person, goes on; it fills the gap or says why not.
void Fold::on(const LoadLost& e) {
  Slot* s = slot_of(e);
  GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
  if (g == nullptr) return;
  g->standing = Standing::lost;
  if (s->current != g->number) return;
  s->current = last_standing(*s);
  switch (s->phase) {
    case SlotPhase::idle:
    case SlotPhase::failed:
    case SlotPhase::loaded:
    case SlotPhase::verified:
    case SlotPhase::compensated:
    case SlotPhase::lost:
    case SlotPhase::cancelled:
    case SlotPhase::skipped: enter(*s, SlotPhase::lost); break;
    default: break;
  }
}

void Fold::on(const Reconciled&) {}

}  // namespace daybook::folding
