// The rules of the book, of definitions and of runs.
#include <fmt/ranges.h>

#include <algorithm>

#include "statemachine/decisions.h"

namespace daybook::decisions {

using enum Refusal::Code;

Decision on(const State& state, const Context&, const CreateBook& c) {
  if (!state.origin.empty()) return refuse(book_exists, "the book is {}", state.origin);
  if (c.origin.empty()) return refuse(mismatch, "a book has an origin");
  return {{BookCreated{.origin = c.origin, .log_vkey = c.log_vkey}}};
}

Decision on(const State& state, const Context&, const Boot& c) {
  return {{Booted{.epoch = state.epoch + 1, .version = c.version}}};
}

Decision on(const State& state, const Context&, const RecordCheckpoint& c) {
  if (c.size > state.size) return refuse(mismatch, "{} is beyond the end of the book", c.size);
  if (state.checkpoint && c.size <= state.checkpoint->size)
    return refuse(already, "a checkpoint of {} entries is signed", state.checkpoint->size);
  return {{CheckpointSigned{.size = c.size, .root = c.root, .state_root = c.state_root}}};
}

Decision on(const State& state, const Context&, const EnrollPrincipal& c) {
  if (c.principal.empty() || c.principal.size() > 128)
    return refuse(too_large, "a principal is named with 1 to 128 bytes");
  if (const auto who = state.principals.find(c.principal);
      who != state.principals.end() && !who->second.revoked &&
      who->second.public_key == c.public_key && who->second.roles == c.roles)
    return refuse(already, "{} is enrolled with this key and these roles", c.principal);
  for (const std::string& role : c.roles)
    if (std::ranges::find(roles::all, role) == roles::all.end())
      return refuse(mismatch, "there is no role {}: {}", role, fmt::join(roles::all, ", "));
  for (const auto& [principal, value] : state.principals)
    if (principal != c.principal && value.public_key == c.public_key && !value.revoked)
      return refuse(conflict, "this key is {}'s: one key, one person", principal);
  return {
      {PrincipalEnrolled{.principal = c.principal, .public_key = c.public_key, .roles = c.roles}}};
}

Decision on(const State& state, const Context&, const RevokePrincipal& c) {
  const auto who = state.principals.find(c.principal);
  if (who == state.principals.end()) return refuse(unknown, "{} is not enrolled", c.principal);
  if (who->second.revoked) return refuse(already, "{} was revoked", c.principal);
  return {{PrincipalRevoked{.principal = c.principal, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const RegisterDefinition& c) {
  const auto current = state.current_definition.find(c.pipeline);
  if (current != state.current_definition.end() &&
      state.find_definition(current->second)->digest == c.digest)
    return refuse(already, "{} has this definition", c.pipeline);
  if (const auto known = state.definition_by_digest.find(c.digest);
      known != state.definition_by_digest.end())
    if (const std::string& of = state.find_definition(known->second)->pipeline; of != c.pipeline)
      return refuse(mismatch, "this definition is that of {}", of);
  return {{DefinitionRegistered{.definition = next_id<DefinitionId>(state.definitions),
                                .pipeline = c.pipeline,
                                .version = c.version,
                                .digest = c.digest,
                                .files = c.files,
                                .owner = c.owner}}};
}

Decision on(const State& state, const Context&, const ExpectPartitions& c) {
  std::vector<Event> events;
  auto next = static_cast<std::uint32_t>(state.slots.size());
  PartitionsExpected expected{.pipeline = c.pipeline, .sink = c.sink, .keys = {}};
  for (const std::string& key : c.keys) {
    const auto id = state.slot(c.pipeline, c.sink, key);
    if (id && state.find(*id)->expected) continue;
    if (std::ranges::find(expected.keys, key) != expected.keys.end()) continue;
    if (!id)
      events.push_back(SlotOpened{
          .slot = SlotId{next++}, .pipeline = c.pipeline, .sink = c.sink, .partition = key});
    expected.keys.push_back(key);
    if (expected.keys.size() == limits::keys_per_event_max) {
      events.push_back(expected);
      expected.keys.clear();
    }
  }
  if (!expected.keys.empty()) events.push_back(expected);
  if (events.empty()) return refuse(already, "all of these partitions are expected");
  return events;
}

Decision on(const State& state, const Context&, const StartRun& c) {
  if (!c.idempotency_key.empty())
    if (const auto run = state.run_by_idempotency_key.find(c.idempotency_key);
        run != state.run_by_idempotency_key.end())
      return refuse(already, "this key started run {}", run->second);
  if (state.run_by_uuid.contains(c.uuid)) return refuse(already, "the run is there");
  if (state.paused) return refuse(paused, "the book is paused");
  if (state.paused_pipelines.contains(c.pipeline))
    return refuse(paused, "pipeline {} is paused", c.pipeline);
  const auto definition = state.definition_by_digest.find(c.definition);
  if (definition == state.definition_by_digest.end())
    return refuse(unknown, "the definition is not registered");
  if (const std::string& of = state.find_definition(definition->second)->pipeline; of != c.pipeline)
    return refuse(mismatch, "the definition is that of {}", of);
  for (const RunId id : state.open_runs)
    if (state.find(id)->pipeline == c.pipeline)
      return refuse(conflict, "run {} of {} is open", id, c.pipeline);
  if (!c.chosen.empty() && c.partitions == 0)
    return refuse(mismatch, "{} partitions were chosen, none are taken on", c.chosen.size());
  const auto id = next_id<RunId>(state.runs);
  std::vector<Event> events = {RunStarted{.run = id,
                                          .uuid = c.uuid,
                                          .kind = c.kind,
                                          .pipeline = c.pipeline,
                                          .definition = definition->second,
                                          .engine = c.engine,
                                          .idempotency_key = c.idempotency_key,
                                          .reason = c.reason,
                                          .partitions = c.partitions,
                                          .force = c.force}};
  for (std::size_t begin = 0; begin < c.chosen.size(); begin += limits::keys_per_event_max) {
    const std::size_t end = std::min(c.chosen.size(), begin + limits::keys_per_event_max);
    events.push_back(
        PartitionsChosen{.run = id,
                         .keys = {c.chosen.begin() + static_cast<std::ptrdiff_t>(begin),
                                  c.chosen.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
  return events;
}

Decision on(const State& state, const Context&, const CompletePlanning& c) {
  const RunState* run = state.find(c.run);
  if (run == nullptr) return refuse(unknown, "there is no run {}", c.run);
  if (run->planned) return refuse(already, "run {} is planned", c.run);
  if (!planning(*run)) return refuse(wrong_phase, "run {} plans nothing more", c.run);
  return {
      {PlanningCompleted{.run = c.run,
                         .planned = static_cast<std::uint32_t>(run->slots.size()) - run->skipped,
                         .skipped = run->skipped}}};
}

Decision on(const State& state, const Context&, const FinishRun& c) {
  const RunState* run = state.find(c.run);
  if (run == nullptr) return refuse(unknown, "there is no run {}", c.run);
  if (!run->open) return refuse(already, "run {} is finished", c.run);
  if (planning(*run)) return refuse(wrong_phase, "run {} is still planning", c.run);
  RunOutcome outcome = RunOutcome::succeeded;
  bool failed = !run->circuit.empty(), held = false;
  for (const SlotId id : run->slots) {
    const Slot& slot = *state.find(id);
    if (slot.run != c.run) continue;
    const bool stopped = !run->circuit.empty() && (slot.phase == SlotPhase::planned ||
                                                   slot.phase == SlotPhase::retry_waiting);
    if (!settled(slot.phase) && !stopped)
      return refuse(wrong_phase, "{} is {}", describe(slot), name(slot.phase));
    failed = failed || slot.phase == SlotPhase::quarantined || slot.phase == SlotPhase::failed ||
             slot.phase == SlotPhase::lost;
    held = held || slot.phase == SlotPhase::held || slot.phase == SlotPhase::awaiting_approval;
  }
  if (run->cancelled)
    outcome = RunOutcome::cancelled;
  else if (failed)
    outcome = RunOutcome::failed;
  else if (held)
    outcome = RunOutcome::held;
  return {{RunFinished{.run = c.run, .outcome = outcome}}};
}

namespace {

Decision cancel_run(const State& state, RunId id, const std::string& reason) {
  const RunState* run = state.find(id);
  if (run == nullptr) return refuse(unknown, "there is no run {}", id);
  if (!run->open) return refuse(wrong_phase, "run {} is finished", id);
  if (run->cancelled) return refuse(already, "run {} is being cancelled", id);
  return {{RunCancelled{.run = id, .reason = reason}}};
}

// Every open run of the pipeline; of all pipelines where it has no name.
Decision cancel_runs(const State& state, const std::string& pipeline, const std::string& reason) {
  std::vector<Event> events;
  for (const RunId id : state.open_runs) {
    const RunState& run = *state.find(id);
    if (run.cancelled || (!pipeline.empty() && run.pipeline != pipeline)) continue;
    events.push_back(RunCancelled{.run = id, .reason = reason});
  }
  if (events.empty())
    return refuse(wrong_phase, "no run{}{} is going on", pipeline.empty() ? "" : " of ", pipeline);
  return events;
}

Decision cancel_slot(const State& state, SlotId id, const std::string& reason) {
  const Slot* slot = state.find(id);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", id);
  if (slot->phase == SlotPhase::cancelled) return refuse(already, "it is cancelled");
  if (!cancellable(slot->phase))
    return refuse(wrong_phase, "{} is {}: nothing of it can be cancelled", describe(*slot),
                  name(slot->phase));
  return {{SlotCancelled{.run = slot->run, .slot = id, .reason = reason}}};
}

}  // namespace

Decision on(const State& state, const Context&, const Cancel& c) {
  switch (c.scope.kind) {
    case ScopeKind::book: return cancel_runs(state, {}, c.reason);
    case ScopeKind::pipeline:
      if (!state.current_definition.contains(c.scope.pipeline))
        return refuse(unknown, "there is no pipeline {}", c.scope.pipeline);
      return cancel_runs(state, c.scope.pipeline, c.reason);
    case ScopeKind::run: return cancel_run(state, c.scope.run, c.reason);
    case ScopeKind::partition: return cancel_slot(state, c.scope.slot, c.reason);
  }
  return refuse(unknown, "the scope has no kind");
}

namespace {

// Whether the scope names something, and whether it is paused itself.
std::expected<bool, Refusal> scope_paused(const State& state, const Scope& scope) {
  switch (scope.kind) {
    case ScopeKind::book: return state.paused;
    case ScopeKind::pipeline:
      if (!state.current_definition.contains(scope.pipeline))
        return refuse(unknown, "there is no pipeline {}", scope.pipeline);
      return state.paused_pipelines.contains(scope.pipeline);
    case ScopeKind::run: {
      const RunState* run = state.find(scope.run);
      if (run == nullptr) return refuse(unknown, "there is no run {}", scope.run);
      if (!run->open) return refuse(wrong_phase, "run {} is finished", scope.run);
      return run->paused;
    }
    case ScopeKind::partition: {
      const Slot* slot = state.find(scope.slot);
      if (slot == nullptr) return refuse(unknown, "there is no slot {}", scope.slot);
      return slot->paused;
    }
  }
  return refuse(unknown, "the scope has no kind");
}

}  // namespace

Decision on(const State& state, const Context&, const Pause& c) {
  const auto is = scope_paused(state, c.scope);
  if (!is) return std::unexpected(is.error());
  if (*is) return refuse(already, "it is paused");
  return {{Paused{.scope = c.scope, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const Resume& c) {
  const auto is = scope_paused(state, c.scope);
  if (!is) return std::unexpected(is.error());
  if (!*is) return refuse(already, "it is not paused");
  return {{Resumed{.scope = c.scope, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const MarkDrained& c) {
  const auto is = scope_paused(state, c.scope);
  if (!is) return std::unexpected(is.error());
  if (!*is) return refuse(wrong_phase, "it is not paused");
  for (const Slot& slot : state.slots) {
    const bool inside =
        c.scope.kind == ScopeKind::book ||
        (c.scope.kind == ScopeKind::pipeline && slot.pipeline == c.scope.pipeline) ||
        (c.scope.kind == ScopeKind::run && slot.run == c.scope.run) ||
        (c.scope.kind == ScopeKind::partition && state.find(c.scope.slot) == &slot);
    const bool busy = slot.phase == SlotPhase::running || slot.phase == SlotPhase::load_intended ||
                      slot.phase == SlotPhase::loaded || slot.phase == SlotPhase::compensating;
    if (inside && busy) return refuse(wrong_phase, "{} is {}", describe(slot), name(slot.phase));
  }
  return {{Drained{.scope = c.scope}}};
}

}  // namespace daybook::decisions
