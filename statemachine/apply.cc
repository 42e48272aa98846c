#include "statemachine/apply.h"

#include <algorithm>
#include <limits>

namespace daybook {
namespace {

// One `on` per event kind. `index` is the entry's own index, `envelope` its who and when.
struct Apply {
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

  // --- the book
  void on(const BookCreated& e) {
    state.origin = e.origin;
    state.log_vkey = e.log_vkey;
  }
  void on(const Booted& e) {
    state.epoch = e.epoch;
    state.version = e.version;
  }
  void on(const CheckpointSigned& e) {
    state.checkpoint = {.size = e.size, .root = e.root, .state_root = e.state_root, .at = index};
    ++state.checkpoints;
  }
  void on(const PrincipalEnrolled& e) {
    state.principals[e.principal] = {
        .public_key = e.public_key, .roles = e.roles, .revoked = false, .at = index};
  }
  void on(const PrincipalRevoked& e) {
    const auto found = state.principals.find(e.principal);
    if (found == state.principals.end()) {
      ++state.anomalies;
      return;
    }
    found->second.revoked = true;
    found->second.at = index;
  }
  void on(const CommandRefused&) { ++state.refusals; }

  // --- definitions
  void on(const DefinitionRegistered& e) {
    DefinitionState* d = introduce(state.definitions, e.definition);
    if (d == nullptr) return;
    *d = {.pipeline = e.pipeline,
          .owner = e.owner,
          .registered_by = envelope.actor.principal,
          .version = e.version,
          .digest = e.digest,
          .files = e.files};
    state.definition_by_digest.emplace(e.digest, e.definition);
    state.current_definition[e.pipeline] = e.definition;
  }
  void on(const PartitionsExpected& e) {
    std::vector<SlotId> found;
    for (const std::string& key : e.keys)
      if (const auto id = state.slot(e.pipeline, e.sink, key)) found.push_back(*id);
    if (found.size() != e.keys.size()) {
      ++state.anomalies;
      return;
    }
    for (const SlotId id : found) state.slots[static_cast<std::size_t>(id)].expected = true;
  }

  // --- runs
  void on(const RunStarted& e) {
    if (find(state.definitions, e.definition) == nullptr) return;
    RunState* r = introduce(state.runs, e.run);
    if (r == nullptr) return;
    r->uuid = e.uuid;
    r->kind = e.kind;
    r->pipeline = e.pipeline;
    r->definition = e.definition;
    r->engine = e.engine;
    r->requester = envelope.actor.principal;
    r->idempotency_key = e.idempotency_key;
    r->started_at = envelope.recorded_at;
    r->started = index;
    state.run_by_uuid.emplace(e.uuid, e.run);
    if (!e.idempotency_key.empty()) state.run_by_idempotency_key.emplace(e.idempotency_key, e.run);
    state.open_runs.insert(e.run);
  }
  void on(const RunFinished& e) {
    RunState* r = run(e.run);
    if (r == nullptr) return;
    r->open = false;
    r->outcome = e.outcome;
    r->finished_at = envelope.recorded_at;
    r->finished = index;
    state.open_runs.erase(e.run);
  }
  // Cancel wins only before a load is intended; what is past that point goes on to its end.
  void on(const RunCancelled& e) {
    RunState* r = run(e.run);
    if (r == nullptr) return;
    r->cancelled = true;
    for (const SlotId id : r->slots) {
      Slot& s = state.slots[static_cast<std::size_t>(id)];
      if (s.run != e.run) continue;
      switch (s.phase) {
        case SlotPhase::planned:
        case SlotPhase::running:
        case SlotPhase::retry_waiting:
        case SlotPhase::held:
        case SlotPhase::staged:
        case SlotPhase::awaiting_approval:
          void_approval(s);
          drop_staged(s);
          enter(s, SlotPhase::cancelled);
          break;
        default: break;
      }
    }
  }
  void set_paused(const Scope& scope, bool paused) {
    switch (scope.kind) {
      case ScopeKind::book: state.paused = paused; return;
      case ScopeKind::pipeline:
        if (paused)
          state.paused_pipelines.insert(scope.pipeline);
        else
          state.paused_pipelines.erase(scope.pipeline);
        return;
      case ScopeKind::run:
        if (RunState* r = run(scope.run)) r->paused = paused;
        return;
      case ScopeKind::partition:
        if (Slot* s = slot(scope.slot)) s->paused = paused;
        return;
    }
    ++state.anomalies;
  }
  void on(const Paused& e) { set_paused(e.scope, true); }
  void on(const Drained&) {}
  void on(const Resumed& e) { set_paused(e.scope, false); }
  void on(const CircuitOpened& e) {
    if (RunState* r = run(e.run)) r->circuit = e.fingerprint;
  }

  // --- slots and attempts
  void on(const SlotOpened& e) {
    Slot* s = introduce(state.slots, e.slot);
    if (s == nullptr) return;
    s->pipeline = e.pipeline;
    s->sink = e.sink;
    s->partition = e.partition;
    s->story = index;
    state.slot_by_key.emplace(SlotKey{e.pipeline, e.sink, e.partition}, e.slot);
  }
  void on(const PartitionPlanned& e) {
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
  void on(const PartitionSkipped& e) {
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
  void on(const AttemptStarted& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::running);
    drop_staged(*s);
    s->run = e.run;
    s->attempt = e.attempt;
    s->fence = index;
    s->attempt_epoch = envelope.epoch;
  }
  void on(const AttemptStaged& e) {
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
                             .touched = {}});
    s->batches.push_back(e.batch);
  }
  void on(const AttemptFailed& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::failed);
    drop_staged(*s);
    ++s->failures;
    s->error = e.error;
    ++run(e.run)->failures[e.fingerprint];
  }
  void on(const AttemptLost& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::planned);
    drop_staged(*s);
    ++s->losses;
  }
  void on(const RetryScheduled& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::retry_waiting);
    s->not_before = after(envelope.recorded_at, e.delay_ms);
  }
  static Timestamp after(Timestamp at, std::uint64_t delay_ms) {
    constexpr Timestamp end = std::numeric_limits<Timestamp>::max();
    const Timestamp room = at > 0 ? end - at : end;
    return delay_ms > static_cast<std::uint64_t>(room / 1000)
               ? end
               : at + static_cast<Timestamp>(delay_ms) * 1000;
  }
  void on(const SlotHeld& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::held);
    s->run = e.run;
  }
  // What is let pass is attempted again: the same content then passes its gates, and goes on to the
  // approvals its definition asks for.
  void on(const HoldDecided& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    if (e.decision == HoldDecision::load_anyway && s->staged) s->overruled = s->staged->content;
    drop_staged(*s);
    enter(*s, e.decision == HoldDecision::discard ? SlotPhase::cancelled : SlotPhase::planned);
  }
  void on(const SlotQuarantined& e) { move(e, SlotPhase::quarantined); }
  void on(const SlotReleased& e) {
    Slot* s = slot_of(e);
    if (s == nullptr) return;
    enter(*s, SlotPhase::idle);
    s->failures = s->losses = 0;
    s->error.reset();
  }

  // --- loads
  void on(const LoadIntended& e) {
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
  void on(const LoadCommitted& e) {
    Slot* s = slot_of(e);
    GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
    if (g == nullptr) return;
    enter(*s, SlotPhase::loaded);
    g->standing = Standing::committed;
    g->committed_at = index;
    // With append, earlier loads of the slot stay; otherwise this one stands in their place.
    if (g->mode != LoadMode::append) {
      for (GenerationState& old : s->generations)
        if (old.number != g->number && stands(old)) old.standing = Standing::superseded;
      for (const BatchId id : s->batches)
        if (BatchState& b = batch(id); b.attempt < s->attempt) b.superseded = true;
    }
    // What was released before this attempt began has now reached the target.
    for (const BatchId id : s->batches)
      for (auto& [position, record] : batch(id).touched)
        if (record.status == RecordState::Status::released && record.at < g->fence)
          record.status = RecordState::Status::delivered;
    s->current = g->number;
    s->staged.reset();
  }
  BatchState& batch(BatchId id) { return state.batches[static_cast<std::size_t>(id)]; }
  static bool stands(const GenerationState& g) {
    return g.standing == Standing::committed || g.standing == Standing::verified;
  }
  // What readers see when `s.current` is gone: with append, the load before it.
  static Generation last_standing(const Slot& s) {
    const auto last = std::ranges::find_if(s.generations.rbegin(), s.generations.rend(), stands);
    return last == s.generations.rend() ? 0 : last->number;
  }
  // The absence was established: the work is owed again, unless the run was cancelled meanwhile.
  void on(const LoadAborted& e) {
    Slot* s = slot_of(e);
    GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
    if (g == nullptr) return;
    enter(*s, run(e.run)->cancelled ? SlotPhase::cancelled : SlotPhase::planned);
    g->standing = Standing::aborted;
    // Settled by a later boot: the one that intended it died on the way.
    if (s->attempt_epoch != envelope.epoch) ++s->losses;
    drop_staged(*s);
  }
  void on(const LoadVerified& e) {
    Slot* s = slot_of(e);
    GenerationState* g = s == nullptr ? nullptr : load(*s, e.load_id);
    if (g == nullptr) return;
    enter(*s, SlotPhase::verified);
    g->standing = Standing::verified;
  }
  // What is under way, or waits for a person, goes on; it fills the gap or says why not.
  void on(const LoadLost& e) {
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
  void on(const Reconciled&) {}

  // --- quarantined records
  BatchState* batch_with(BatchId id, const std::vector<std::uint32_t>& records) {
    BatchState* b = find(state.batches, id);
    if (b == nullptr) return nullptr;
    if (std::ranges::all_of(records, [&](std::uint32_t record) { return record < b->records; }))
      return b;
    ++state.anomalies;
    return nullptr;
  }
  void on(const RecordAmended& e) {
    BatchState* b = batch_with(e.batch, {e.record});
    if (b == nullptr) return;
    b->touched[e.record] = {.status = RecordState::Status::amended,
                            .replacement = e.replacement,
                            .at = index,
                            .by = envelope.actor.principal};
  }
  void on(const RecordsReleased& e) {
    set_records(e.batch, e.records, RecordState::Status::released);
  }
  void on(const RecordsDiscarded& e) {
    set_records(e.batch, e.records, RecordState::Status::discarded);
  }
  void set_records(BatchId batch, const std::vector<std::uint32_t>& records,
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
  void on(const ApprovalRequested& e) {
    const bool load = e.subject == ApprovalSubject::load;
    Slot* s = load ? slot(e.slot) : nullptr;
    CompensationState* c = load ? nullptr : compensation(e.compensation);
    if (s == nullptr && c == nullptr) return;
    ApprovalState* a = introduce(state.approvals, e.approval);
    if (a == nullptr) return;
    a->subject = e.subject;
    a->slot = e.slot;
    a->compensation = e.compensation;
    a->digest = e.digest;
    a->needed = e.needed;
    if (c != nullptr) {
      add_party(*a, envelope.actor.principal);
      c->approval = e.approval;
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
  static void add_party(ApprovalState& a, const std::string& principal) {
    if (!principal.empty() && std::ranges::find(a.parties, principal) == a.parties.end())
      a.parties.push_back(principal);
  }
  void on(const ApprovalGiven& e) {
    ApprovalState* a = find(state.approvals, e.approval);
    if (a == nullptr) return;
    a->approvers.push_back(e.approver);
    a->fingerprints.push_back(e.key_fingerprint);
    if (a->subject != ApprovalSubject::load || !a->satisfied()) return;
    if (Slot* s = waiting_for(e.approval, *a)) enter(*s, SlotPhase::staged);
  }
  void on(const ApprovalRejected& e) {
    ApprovalState* a = find(state.approvals, e.approval);
    if (a == nullptr) return;
    a->rejected = true;
    if (a->subject != ApprovalSubject::load) {
      withdraw(a->compensation);
      return;
    }
    Slot* s = waiting_for(e.approval, *a);
    if (s == nullptr) return;
    drop_staged(*s);
    enter(*s, SlotPhase::cancelled);
  }
  // The slot that goes on, or not, with the answer to this approval.
  Slot* waiting_for(ApprovalId id, const ApprovalState& a) {
    Slot& s = state.slots[static_cast<std::size_t>(a.slot)];
    return s.phase == SlotPhase::awaiting_approval && s.approval == id ? &s : nullptr;
  }
  void void_approval(Slot& s) {
    if (s.phase == SlotPhase::awaiting_approval && s.approval)
      state.approvals[static_cast<std::size_t>(*s.approval)].voided = true;
  }
  static void drop_staged(Slot& s) { s.staged.reset(); }

  // --- compensation
  CompensationState* compensation(CompensationId id) { return find(state.compensations, id); }

  void on(const CompensationProposed& e) {
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
  void on(const CompensationStarted& e) {
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
  CompensationState* compensation_at(CompensationId id, std::uint32_t step) {
    CompensationState* c = compensation(id);
    if (c == nullptr || step < c->steps.size()) return c;
    ++state.anomalies;
    return nullptr;
  }
  void on(const CompensationIntended& e) {
    CompensationState* c = compensation_at(e.compensation, e.step);
    if (c == nullptr) return;
    c->intended = true;
    c->fence = index;
    slot(c->steps[e.step].slot)->fence = index;
  }
  void on(const CompensationCommitted& e) {
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
  void on(const CompensationFailed& e) {
    if (CompensationState* c = compensation_at(e.compensation, e.step)) c->last_failure = e.detail;
  }
  void on(const CompensationFinished& e) {
    CompensationState* c = compensation(e.compensation);
    if (c == nullptr) return;
    c->phase = CompensationState::Phase::finished;
    state.open_compensations.erase(e.compensation);
  }
  void on(const CompensationWithdrawn& e) { withdraw(e.compensation); }
  void withdraw(CompensationId id) {
    CompensationState* c = compensation(id);
    if (c == nullptr) return;
    c->phase = CompensationState::Phase::withdrawn;
    state.open_compensations.erase(id);
    if (c->approval) state.approvals[static_cast<std::size_t>(*c->approval)].voided = true;
  }
};

}  // namespace

void apply(State& state, const Entry& entry) {
  Apply fold{state, entry.envelope, state.size};
  std::visit([&](const auto& e) -> void { fold.on(e); }, entry.event);
  state.now = std::max(state.now, entry.envelope.recorded_at);
  ++state.size;
}

}  // namespace daybook
