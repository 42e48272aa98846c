// What the entries about the book, its definitions and its runs mean.
#include "statemachine/apply.h"

#include <algorithm>

#include "statemachine/folding.h"

namespace daybook::folding {

// --- the book

void Fold::on(const BookCreated& e) {
  state.origin = e.origin;
  state.log_vkey = e.log_vkey;
}

void Fold::on(const Booted& e) {
  state.epoch = e.epoch;
  state.version = e.version;
}

void Fold::on(const CheckpointSigned& e) {
  state.checkpoint = {.size = e.size, .root = e.root, .state_root = e.state_root, .at = index};
  ++state.checkpoints;
}

void Fold::on(const PrincipalEnrolled& e) {
  state.principals[e.principal] = {
      .public_key = e.public_key, .roles = e.roles, .revoked = false, .at = index};
}

void Fold::on(const PrincipalRevoked& e) {
  const auto found = state.principals.find(e.principal);
  if (found == state.principals.end()) {
    ++state.anomalies;
    return;
  }
  found->second.revoked = true;
  found->second.at = index;
}

void Fold::on(const CommandRefused&) { ++state.refusals; }

// --- what others see of the log

void Fold::on(const WitnessAdded& e) {
  state.witnesses[e.name] = {.vkey = e.vkey, .url = e.url, .at = index};
}

void Fold::on(const WitnessRemoved& e) {
  if (state.witnesses.erase(e.name) == 0) ++state.anomalies;
}

void Fold::on(const LogKeyRotated& e) {
  const std::string origin = log_name(state).origin;
  state.log_keys.push_back({.old_origin = origin,
                            .old_vkey = state.log_vkey,
                            .origin = origin,
                            .vkey = e.log_vkey,
                            .at = index});
  state.log_vkey = e.log_vkey;
}

void Fold::on(const LogOriginChanged& e) {
  state.log_keys.push_back({.old_origin = log_name(state).origin,
                            .old_vkey = state.log_vkey,
                            .origin = e.origin,
                            .vkey = e.log_vkey,
                            .at = index});
  state.log_vkey = e.log_vkey;
}

// --- definitions

void Fold::on(const DefinitionRegistered& e) {
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

void Fold::on(const PartitionsExpected& e) {
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

void Fold::on(const RunStarted& e) {
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
  r->partitions = e.partitions;
  r->force = e.force;
  state.run_by_uuid.emplace(e.uuid, e.run);
  if (!e.idempotency_key.empty()) state.run_by_idempotency_key.emplace(e.idempotency_key, e.run);
  state.open_runs.insert(e.run);
}

void Fold::on(const RunFinished& e) {
  RunState* r = run(e.run);
  if (r == nullptr) return;
  r->open = false;
  r->outcome = e.outcome;
  r->finished_at = envelope.recorded_at;
  r->finished = index;
  state.open_runs.erase(e.run);
}

// Cancel wins only before a load is intended; what is past that point goes on to its end.
void Fold::on(const RunCancelled& e) {
  RunState* r = run(e.run);
  if (r == nullptr) return;
  r->cancelled = true;
  for (const SlotId id : r->slots)
    if (Slot& s = state.slots[static_cast<std::size_t>(id)]; s.run == e.run) cancel(s);
}

void Fold::on(const SlotCancelled& e) {
  if (Slot* s = slot_of(e)) cancel(*s);
}

void Fold::cancel(Slot& s) {
  if (!cancellable(s.phase)) return;
  void_approval(s);
  drop_staged(s);
  enter(s, SlotPhase::cancelled);
}

void Fold::set_paused(const Scope& scope, bool paused) {
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

void Fold::on(const Paused& e) { set_paused(e.scope, true); }

void Fold::on(const Drained&) {}

void Fold::on(const Resumed& e) { set_paused(e.scope, false); }

void Fold::on(const CircuitOpened& e) {
  if (RunState* r = run(e.run)) r->circuit = e.fingerprint;
}

void Fold::on(const PartitionsChosen& e) {
  RunState* r = run(e.run);
  if (r != nullptr) r->chosen.insert(r->chosen.end(), e.keys.begin(), e.keys.end());
}

void Fold::on(const PlanningCompleted& e) {
  RunState* r = run(e.run);
  if (r == nullptr) return;
  r->planned = true;
  r->chosen.clear();
}

}  // namespace daybook::folding

namespace daybook {

void apply(State& state, const Entry& entry) {
  folding::Fold fold{state, entry.envelope, state.size};
  std::visit([&](const auto& e) -> void { fold.on(e); }, entry.event);
  state.now = std::max(state.now, entry.envelope.recorded_at);
  ++state.size;
}

}  // namespace daybook
