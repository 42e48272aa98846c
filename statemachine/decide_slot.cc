// The rules of one partition's life: planned, attempted, staged, loaded, verified.
#include <algorithm>
#include <span>

#include "statemachine/decisions.h"

namespace daybook::decisions {

using enum Refusal::Code;

namespace {

std::expected<const RunState*, Refusal> going_on(const State& state, RunId id) {
  const RunState* run = state.find(id);
  if (run == nullptr) return refuse(unknown, "there is no run {}", id);
  if (!run->open) return refuse(wrong_phase, "run {} is finished", id);
  if (run->cancelled) return refuse(cancelled, "run {} is cancelled", id);
  return run;
}

// An open circuit stops new work; what is staged may still be loaded.
std::expected<const RunState*, Refusal> working(const State& state, RunId id) {
  const auto run = going_on(state, id);
  if (run && !(*run)->circuit.empty())
    return refuse(circuit_open, "run {} stopped after repeated \"{}\"", id, (*run)->circuit);
  return run;
}

std::expected<const Slot*, Refusal> slot_in(const State& state, SlotId id, SlotPhase phase) {
  const Slot* slot = state.find(id);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", id);
  if (slot->phase != phase)
    return refuse(wrong_phase, "{} is {}, not {}", describe(*slot), name(slot->phase), name(phase));
  return slot;
}

// The live attempt, or why this is not it: a number or an epoch that has been overtaken.
std::expected<const Slot*, Refusal> attempt_in(const State& state, SlotId id, Attempt attempt,
                                               SlotPhase phase) {
  const auto slot = slot_in(state, id, phase);
  if (!slot) return slot;
  if ((*slot)->attempt != attempt || (*slot)->attempt_epoch != state.epoch)
    return refuse(conflict, "attempt {} of {} was overtaken by attempt {}", attempt,
                  describe(**slot), (*slot)->attempt);
  return slot;
}

// The load the slot's phase is about: its last. Earlier ones are settled.
std::expected<const GenerationState*, Refusal> load_in(const State& state, SlotId id,
                                                       SlotPhase phase, const Digest& load_id) {
  const auto slot = slot_in(state, id, phase);
  if (!slot) return std::unexpected(slot.error());
  if ((*slot)->generations.empty() || (*slot)->generations.back().load_id != load_id)
    return refuse(mismatch, "{} intends another load", describe(**slot));
  return &(*slot)->generations.back();
}

// Exactly this work was done before, and has this standing.
const GenerationState* same_work(const Slot& slot, const RunState& run, const Digest& inputs,
                                 Standing standing) {
  const auto found = std::ranges::find_if(slot.generations, [&](const GenerationState& g) {
    return g.standing == standing && g.inputs == inputs && g.definition == run.definition &&
           g.engine == run.engine;
  });
  return found == slot.generations.end() ? nullptr : &*found;
}

struct Plan {
  enum class Act : std::uint8_t { plan, skip, hold } act = Act::plan;
  PlanReason reason = PlanReason::new_partition;
  SkipReason skip = SkipReason::unchanged;
  std::string_view hold = {};  // why, to a person
};

// Whether these inputs, though late, have passed the question: a person let them in, or work on
// them had begun. What a release had begun on was not all of the partition: an append of all of it
// has passed no question by that.
bool let_in(const State& state, const Slot& slot, const PlanPartition& c) {
  if (slot.inputs != c.inputs) return false;
  const RunState* before = state.find(slot.run);
  if (c.appends && before != nullptr && before->kind == RunKind::release) return false;
  switch (slot.phase) {
    case SlotPhase::idle:  // released
    case SlotPhase::planned:
    case SlotPhase::failed:
    case SlotPhase::retry_waiting:
    case SlotPhase::awaiting_approval:
    case SlotPhase::staged:
    case SlotPhase::quarantined: return true;
    default: return false;
  }
}

// What to do about a partition the run found. The table of cases, first match wins; a rerun or a
// forced plan passes over the rows marked *:
//
//     the slot                    and                          then
//     any                         the run releases records     plan: released
//   * set aside                   the same was tried           skip: set aside
//   * held, awaiting approval     the same was tried           skip: waiting
//     lost, and others stand      it appends, not forced       hold
//     a current generation        of the same, not forced      skip: unchanged
//   * any                         the same was taken back      skip: compensated
//     a generation that stands    it appends, same inputs,
//                                 not forced                   skip: appended
//     lost                                                     plan: lost
//   * a current generation        new inputs, policy reject    skip: late
//   * a current generation        new inputs, hold, not let in hold
//     a current generation        something changed            plan: what changed
//     a current generation        forced                       plan: forced
//     compensated                                              plan: compensated
//     nothing loaded              tried before                 plan: failed before
//     nothing loaded                                           plan: new
//
// "The same" is inputs, definition and engine.
Plan plan(const State& state, const Slot& slot, const RunState& run, const PlanPartition& c) {
  using enum PlanReason;
  using Act = Plan::Act;
  if (run.kind == RunKind::release) return {.reason = released};
  const bool ask = run.kind == RunKind::normal && !c.force;
  const RunState* before = state.find(slot.run);
  // A new partition is planned before anything of it was read: then its attempt says what it was.
  const bool read_later = slot.inputs == Digest{} && slot.staged;
  const Digest& tried = read_later ? slot.staged->inputs : slot.inputs;
  if (ask && before != nullptr && before->definition == run.definition &&
      before->engine == run.engine && tried == c.inputs) {
    if (slot.phase == SlotPhase::quarantined)
      return {.act = Act::skip, .skip = SkipReason::set_aside};
    if (slot.phase == SlotPhase::held || slot.phase == SlotPhase::awaiting_approval)
      return {.act = Act::skip, .skip = SkipReason::waiting};
  }
  const GenerationState* current = generation(slot, slot.current);
  const bool inputs = current != nullptr && current->inputs != c.inputs;
  const bool definition = current != nullptr && current->definition != run.definition;
  const bool engine = current != nullptr && current->engine != run.engine;
  // What stands may be of the same inputs: a release appends what it delivers beside it.
  if (c.appends && !c.force && current != nullptr && slot.phase == SlotPhase::lost)
    return {.act = Act::hold,
            .reason = lost,
            .hold =
                "part of what was appended is lost, and loading the partition again would "
                "double the rest"};
  if (current != nullptr && !c.force && !inputs && !definition && !engine)
    return {.act = Act::skip};
  if (ask && same_work(slot, run, c.inputs, Standing::compensated) != nullptr)
    return {.act = Act::skip, .skip = SkipReason::compensated};
  const auto holds_them = [&](const GenerationState& g) {
    return stands(g.standing) && g.inputs == c.inputs;
  };
  if (c.appends && !c.force && std::ranges::any_of(slot.generations, holds_them))
    return {.act = Act::skip, .skip = SkipReason::appended};
  if (slot.phase == SlotPhase::lost) return {.reason = lost};
  if (current != nullptr) {
    if (inputs && ask && c.late == LatePolicy::reject)
      return {.act = Act::skip, .skip = SkipReason::late_rejected};
    if (inputs && ask && c.late == LatePolicy::hold && !let_in(state, slot, c))
      return {.act = Act::hold,
              .reason = input_changed,
              .hold = c.appends
                          ? "what it gives changed after it was loaded, and to load it appends "
                            "all of it again"
                          : "the input changed after it was loaded"};
    if (inputs) return {.reason = input_changed};
    if (definition) return {.reason = definition_changed};
    if (engine) return {.reason = engine_changed};
    return {.reason = forced};
  }
  if (slot.phase == SlotPhase::compensated) return {.reason = compensated};
  if (slot.attempt > 0) return {.reason = failed_before};
  return {.reason = new_partition};
}

}  // namespace

Decision on(const State& state, const Context&, const PlanPartition& c) {
  const auto run = working(state, c.run);
  if (!run) return std::unexpected(run.error());
  if ((*run)->planned) return refuse(wrong_phase, "run {} is planned", c.run);
  const auto known = state.slot((*run)->pipeline, c.sink, c.partition);
  if (!known) {
    const auto id = next_id<SlotId>(state.slots);
    return {
        {SlotOpened{
             .slot = id, .pipeline = (*run)->pipeline, .sink = c.sink, .partition = c.partition},
         PartitionPlanned{
             .run = c.run, .slot = id, .reason = PlanReason::new_partition, .inputs = c.inputs}}};
  }
  const Slot& slot = *state.find(*known);
  if (std::ranges::find((*run)->slots, *known) != (*run)->slots.end())
    return refuse(already, "run {} has {}", c.run, describe(slot));
  const RunState* other = state.find(slot.run);
  if (!settled(slot.phase) && other != nullptr && other->open)
    return refuse(conflict, "run {} works on {}", slot.run, describe(slot));
  if (slot.phase == SlotPhase::load_intended || slot.phase == SlotPhase::loaded ||
      slot.phase == SlotPhase::compensating)
    return refuse(conflict, "{} is {}", describe(slot), name(slot.phase));

  const Plan what = plan(state, slot, **run, c);
  switch (what.act) {
    case Plan::Act::skip:
      return {{PartitionSkipped{
          .run = c.run, .slot = *known, .reason = what.skip, .generation = slot.current}}};
    case Plan::Act::hold:
      return {{PartitionPlanned{
                   .run = c.run, .slot = *known, .reason = what.reason, .inputs = c.inputs},
               SlotHeld{.run = c.run, .slot = *known, .reason = std::string(what.hold)}}};
    case Plan::Act::plan: break;
  }
  return {
      {PartitionPlanned{.run = c.run, .slot = *known, .reason = what.reason, .inputs = c.inputs}}};
}

Decision on(const State& state, const Context& context, const StartAttempt& c) {
  const auto run = working(state, c.run);
  if (!run) return std::unexpected(run.error());
  if (planning(**run)) return refuse(wrong_phase, "run {} is still planning", c.run);
  const Slot* slot = state.find(c.slot);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", c.slot);
  if (slot->run != c.run) return refuse(conflict, "run {} works on {}", slot->run, describe(*slot));
  if (slot->phase != SlotPhase::planned && slot->phase != SlotPhase::retry_waiting)
    return refuse(wrong_phase, "{} is {}", describe(*slot), name(slot->phase));
  if (daybook::paused(state, *slot))
    return refuse(Refusal::Code::paused, "{} is paused", describe(*slot));
  if (context.now < slot->not_before)
    return refuse(too_early, "{} may start in {} ms", describe(*slot),
                  (slot->not_before - context.now) / 1000);
  return {{AttemptStarted{.run = c.run, .slot = c.slot, .attempt = slot->attempt + 1}}};
}

Decision on(const State& state, const Context&, const StageAttempt& c) {
  const AttemptStaged& staged = c.staged;
  const auto slot = attempt_in(state, staged.slot, staged.attempt, SlotPhase::running);
  if (!slot) return std::unexpected(slot.error());
  const auto run = going_on(state, staged.run);
  if (!run) return std::unexpected(run.error());
  if (staged.run != (*slot)->run)
    return refuse(conflict, "run {} works on {}", (*slot)->run, describe(**slot));
  const RowCounts& n = staged.counts;
  if (!conserved(n))
    return refuse(mismatch, "{} read {} rows, but {} + {} + {} + {} are accounted for",
                  describe(**slot), n.read, n.accepted, n.quarantined, n.filtered, n.merged);
  if (staged.files.size() > limits::list_items_max ||
      staged.rules.size() > limits::list_items_max || staged.gates.size() > limits::list_items_max)
    return refuse(too_large, "{} has more than {} inputs, rules or gates", describe(**slot),
                  limits::list_items_max);

  std::vector<Event> events;
  AttemptStaged with_batch = staged;
  with_batch.batch = n.quarantined > 0 ? next_id<BatchId>(state.batches) : no_batch;
  events.push_back(std::move(with_batch));

  std::string failed;
  for (const GateFinding& gate : staged.gates)
    if (!gate.passed && gate.blocking)
      failed += fmt::format("{}{} is {}, must be {}", failed.empty() ? "" : "; ", gate.gate,
                            gate.measured, gate.required);
  if (!failed.empty() && (*slot)->overruled != staged.content) {
    events.push_back(SlotHeld{.run = staged.run, .slot = staged.slot, .reason = failed});
    return events;
  }
  if (c.approvals_needed > 0) {
    const ApprovalState* asked = (*slot)->approval ? state.find(*(*slot)->approval) : nullptr;
    // An earlier answer holds for exactly this plan, from people who still took no part in it.
    const bool answered =
        asked != nullptr && asked->satisfied() && asked->digest == c.approval_digest &&
        asked->approvers.size() >= c.approvals_needed &&
        std::ranges::find(asked->approvers, (*run)->requester) == asked->approvers.end();
    if (!answered)
      events.push_back(ApprovalRequested{.approval = next_id<ApprovalId>(state.approvals),
                                         .subject = ApprovalSubject::load,
                                         .slot = staged.slot,
                                         .compensation = no_compensation,
                                         .digest = c.approval_digest,
                                         .needed = c.approvals_needed});
  }
  return events;
}

namespace {

// What follows a failed attempt: a retry, the run's circuit, or the partition set aside.
std::vector<Event> failed(const State& state, const Slot& slot, const FailAttempt& c) {
  std::vector<Event> events = {AttemptFailed{.run = slot.run,
                                             .slot = c.slot,
                                             .attempt = c.attempt,
                                             .error = c.error,
                                             .code = c.code,
                                             .fingerprint = c.fingerprint,
                                             .detail = c.detail,
                                             .classified_by = c.classified_by}};
  const bool retried = c.error == ErrorClass::transient || c.error == ErrorClass::throttled ||
                       c.error == ErrorClass::dependency_down || c.error == ErrorClass::poison ||
                       c.error == ErrorClass::internal;
  // A burst of one cause is the cause's fault, not the partitions': stop the run, set nothing
  // aside.
  // A partition that fails alone, however often, is no burst.
  const RunState& run = *state.find(slot.run);
  const std::uint32_t failures = slot.failures + 1;
  const auto seen = run.failures.find(c.fingerprint);
  const std::uint32_t burst = (seen == run.failures.end() ? 0 : seen->second) + 1;
  const bool opens = run.circuit.empty() && c.circuit_threshold > 0 &&
                     burst >= c.circuit_threshold && burst > failures;
  if (retried && (opens || run.circuit == c.fingerprint)) {
    events.push_back(
        RetryScheduled{.run = slot.run, .slot = c.slot, .delay_ms = 0, .seed = c.seed});
    if (opens)
      events.push_back(
          CircuitOpened{.run = slot.run, .fingerprint = c.fingerprint, .failures = burst});
    return events;
  }
  if (retried && failures < c.retry.attempts) {
    events.push_back(RetryScheduled{.run = slot.run,
                                    .slot = c.slot,
                                    .delay_ms = retry_delay_ms(c.retry, failures, c.seed),
                                    .seed = c.seed});
    return events;
  }
  events.push_back(SlotQuarantined{
      .run = slot.run,
      .slot = c.slot,
      .reason =
          retried ? fmt::format("{} attempts failed; the last: {}", failures, c.code) : c.code});
  return events;
}

}  // namespace

Decision on(const State& state, const Context&, const FailAttempt& c) {
  const Slot* known = state.find(c.slot);
  const bool loading = known != nullptr && known->phase == SlotPhase::staged;
  const auto slot =
      attempt_in(state, c.slot, c.attempt, loading ? SlotPhase::staged : SlotPhase::running);
  if (!slot) return std::unexpected(slot.error());
  return failed(state, **slot, c);
}

namespace {

// A partition during which the process died too often is set aside.
void set_aside_poison(SlotId id, const Slot& slot, std::vector<Event>& events) {
  if (slot.losses + 1 >= limits::lost_attempts_max)
    events.push_back(SlotQuarantined{
        .run = slot.run,
        .slot = id,
        .reason = fmt::format("poison: the process died {} times during this partition",
                              slot.losses + 1)});
}

}  // namespace

Decision on(const State& state, const Context&, const LoseAttempt& c) {
  const Slot* slot = state.find(c.slot);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", c.slot);
  if (slot->phase != SlotPhase::running && slot->phase != SlotPhase::staged)
    return refuse(wrong_phase, "{} is {}", describe(*slot), name(slot->phase));
  std::vector<Event> events = {
      AttemptLost{.run = slot->run, .slot = c.slot, .attempt = slot->attempt, .reason = c.reason}};
  set_aside_poison(c.slot, *slot, events);
  return events;
}

Decision on(const State& state, const Context&, const IntendLoad& c) {
  const auto run = going_on(state, c.run);
  if (!run) return std::unexpected(run.error());
  const auto slot = attempt_in(state, c.slot, c.attempt, SlotPhase::staged);
  if (!slot) return std::unexpected(slot.error());
  const Slot& s = **slot;
  if (daybook::paused(state, s)) return refuse(Refusal::Code::paused, "{} is paused", describe(s));
  if (s.run != c.run) return refuse(conflict, "run {} works on {}", s.run, describe(s));
  if (const Generation next = next_generation(s, s.staged->content); c.generation != next)
    return refuse(conflict, "the next generation of {} is {}", describe(s), next);
  // One load id, one load: the same only where an aborted load is done again.
  for (const GenerationState& g : s.generations)
    if ((g.load_id == c.load_id) != (g.number == c.generation))
      return refuse(mismatch, "generation {} of {} has another load id", g.number, describe(s));
  return {{LoadIntended{.run = c.run,
                        .slot = c.slot,
                        .attempt = c.attempt,
                        .generation = c.generation,
                        .load_id = c.load_id,
                        .content = s.staged->content,
                        .rows = s.staged->output_rows,
                        .mode = c.mode}}};
}

Decision on(const State& state, const Context&, const CommitLoad& c) {
  const auto load = load_in(state, c.slot, SlotPhase::load_intended, c.load_id);
  if (!load) return std::unexpected(load.error());
  if ((*load)->rows != c.rows)
    return refuse(mismatch, "{} rows were intended, the sink holds {}", (*load)->rows, c.rows);
  if (c.files.size() > limits::files_per_load_max)
    return refuse(too_large, "a load has at most {} files", limits::files_per_load_max);
  LoadCommitted committed{.run = (*load)->run,
                          .slot = c.slot,
                          .load_id = c.load_id,
                          .rows = c.rows,
                          .recovered = c.recovered,
                          .evidence = c.evidence,
                          .files = {},
                          .files_listed = 0};
  if (c.files.size() <= limits::files_in_commit_max) {
    committed.files = c.files;
    return {{std::move(committed)}};
  }
  std::vector<Event> events;
  for (auto rest = std::span(c.files); !rest.empty();) {
    const auto listed = rest.first(std::min(rest.size(), limits::list_items_max));
    events.push_back(LoadFilesListed{.run = committed.run,
                                     .slot = c.slot,
                                     .load_id = c.load_id,
                                     .files = {listed.begin(), listed.end()}});
    rest = rest.subspan(listed.size());
  }
  committed.files_listed = static_cast<std::uint32_t>(c.files.size());
  events.push_back(std::move(committed));
  return events;
}

Decision on(const State& state, const Context&, const AbortLoad& c) {
  const auto load = load_in(state, c.slot, SlotPhase::load_intended, c.load_id);
  if (!load) return std::unexpected(load.error());
  std::vector<Event> events = {LoadAborted{
      .run = (*load)->run, .slot = c.slot, .load_id = c.load_id, .evidence = c.evidence}};
  const Slot& slot = *state.find(c.slot);
  const RunState* run = state.find(slot.run);
  if (run == nullptr || run->cancelled) return events;
  const bool ours = slot.attempt_epoch == state.epoch;
  if (!c.failure) {
    if (!ours) set_aside_poison(c.slot, slot, events);
    return events;
  }
  if (c.failure->attempt != slot.attempt || !ours)
    return refuse(conflict, "attempt {} of {} was overtaken by attempt {}", c.failure->attempt,
                  describe(slot), slot.attempt);
  for (Event& event : failed(state, slot, *c.failure)) events.push_back(std::move(event));
  return events;
}

Decision on(const State& state, const Context&, const VerifyLoad& c) {
  const auto load = load_in(state, c.slot, SlotPhase::loaded, c.load_id);
  if (!load) return std::unexpected(load.error());
  if ((*load)->rows != c.rows)
    return refuse(mismatch, "{} rows were committed, {} are there", (*load)->rows, c.rows);
  return {
      {LoadVerified{.run = (*load)->run, .slot = c.slot, .load_id = c.load_id, .rows = c.rows}}};
}

Decision on(const State& state, const Context&, const LoseLoad& c) {
  const Slot* slot = state.find(c.slot);
  if (slot == nullptr) return refuse(unknown, "there is no slot {}", c.slot);
  const auto load = std::ranges::find(slot->generations, c.load_id, &GenerationState::load_id);
  if (load == slot->generations.end())
    return refuse(unknown, "{} has no such load", describe(*slot));
  if (!stands(load->standing))
    return refuse(wrong_phase, "generation {} of {} does not stand", load->number, describe(*slot));
  return {{LoadLost{.slot = c.slot, .load_id = c.load_id, .evidence = c.evidence}}};
}

Decision on(const State&, const Context&, const RecordReconciliation& c) {
  return {{Reconciled{.sink = c.sink, .checked = c.checked, .findings = c.findings}}};
}

Decision on(const State& state, const Context&, const DecideHold& c) {
  const auto slot = slot_in(state, c.slot, SlotPhase::held);
  if (!slot) return std::unexpected(slot.error());
  if (c.reason.empty()) return refuse(mismatch, "a decision needs a reason");
  return {{HoldDecided{.slot = c.slot, .decision = c.decision, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const ReleaseSlot& c) {
  const auto slot = slot_in(state, c.slot, SlotPhase::quarantined);
  if (!slot) return std::unexpected(slot.error());
  if (c.reason.empty()) return refuse(mismatch, "a release needs a reason");
  return {{SlotReleased{.slot = c.slot, .reason = c.reason}}};
}

}  // namespace daybook::decisions
