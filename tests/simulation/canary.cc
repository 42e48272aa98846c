#include "tests/simulation/canary.h"

#include <algorithm>

#include "tests/simulation/canary_rules.h"

namespace daybook::sim {

Canary active_canary = Canary::none;

const std::vector<CanaryName>& canaries() {
  using enum Canary;
  static const std::vector<CanaryName> all = {
      {skip_sync, "skip-sync", "a sync writes nothing"},
      {acknowledge_before_log, "acknowledge-before-log", "an append is answered before it is kept"},
      {anchor_before_log, "anchor-before-log", "the anchor runs ahead of the log"},
      {lose_answered_tail, "lose-answered-tail", "a restart drops the last acknowledged entries"},
      {intent_not_durable, "intent-not-durable", "a load begins before its intent is kept"},
      {drop_fence, "drop-fence", "a lower fence is let in"},
      {fence_without_boot, "fence-without-boot", "the fence forgets which boot it is of"},
      {forget_marker, "forget-marker", "a load leaves no marker"},
      {marker_apart, "marker-apart", "marker and rows are two transactions"},
      {ignore_lost_answer, "ignore-lost-answer", "no answer is taken for a commit"},
      {guess_absence, "guess-absence", "whether a load is there is guessed"},
      {give_up_unasked, "give-up-unasked", "a load is given up because its attempt failed"},
      {half_the_rows, "half-the-rows", "half of the rows arrive and nobody counts"},
      {wrong_rows_removed, "wrong-rows-removed",
       "a correction takes rows of other partitions along"},
      {forget_what_stands, "forget-what-stands", "a merge does not see the rows that stand"},
      {unsynced_files, "unsynced-files", "a directory's files and names are not synced"},
      {swallow_quarantined, "swallow-quarantined", "a bad record is gone, not set aside"},
      {same_id_other_content, "same-id-other-content", "the content digest ignores the content"},
      {conservation_broken, "conservation-broken", "staged counts do not add up"},
      {skip_partition, "skip-partition", "a partition is left out"},
      {wrong_load_id, "wrong-load-id", "partitions share their load ids"},
      {reuse_nonce, "reuse-nonce", "ids, salts and keys repeat"},
      {forget_abort, "forget-abort", "an abort is not recorded"},
      {commit_without_sink, "commit-without-sink", "an abort is recorded as a commit"},
      {double_attempt, "double-attempt", "an attempt starts while one is at work"},
      {no_backoff, "no-backoff", "retries come at once"},
      {retry_for_ever, "retry-for-ever", "retries do not end"},
      {apply_differs, "apply-differs", "the fold is no function of the entries"},
      {release_twice, "release-twice", "a released record is released again"},
      {compensate_old, "compensate-old", "a generation that does not stand is taken back"},
      {epoch_reused, "epoch-reused", "two boots have one number"},
      {key_forgotten, "key-forgotten", "a repeated request is a new run"},
      {hold_not_asked, "hold-not-asked", "what a legal hold keeps is erased"},
      {unapproved, "unapproved", "what waits for approvals begins without them"},
      {cancel_late, "cancel-late", "a cancel drops an intended load without asking the sink"},
  };
  return all;
}

}  // namespace daybook::sim

namespace daybook {

using sim::Canary;
using sim::canary;

namespace {

Decision changed(const State& state, const Context& context, const Command& command) {
  if (canary(Canary::key_forgotten))
    if (const auto* start = std::get_if<StartRun>(&command);
        start && !start->idempotency_key.empty()) {
      StartRun without = *start;
      without.idempotency_key.clear();
      Decision decision = decide(state, context, without);
      if (decision)
        std::get<RunStarted>(decision->front()).idempotency_key = start->idempotency_key;
      return decision;
    }
  if (canary(Canary::release_twice))
    if (const auto* c = std::get_if<ReleaseRecords>(&command); c && state.find(c->batch) != nullptr)
      return {{RecordsReleased{.batch = c->batch, .records = c->records, .reason = c->reason}}};
  if (canary(Canary::compensate_old))
    if (std::holds_alternative<ProposeCompensation>(command)) {
      Decision decision = decide(state, context, command);
      if (decision)
        for (CompensationStep& step : std::get<CompensationProposed>(decision->front()).steps)
          if (step.generation > 1) --step.generation, step.restores = 0;
      return decision;
    }
  if (canary(Canary::hold_not_asked) && std::holds_alternative<StartErasure>(command)) {
    State without = state;
    without.legal_holds.clear();
    return decide(without, context, command);
  }
  if (canary(Canary::unapproved)) {
    if (const auto* c = std::get_if<StartCompensation>(&command); c && state.find(c->compensation))
      return {{CompensationStarted{.compensation = c->compensation}}};
    if (const auto* c = std::get_if<StartErasure>(&command); c && state.find(c->erasure))
      return {{ErasureStarted{.erasure = c->erasure}}};
  }
  Decision decision = decide(state, context, command);
  if (!decision) return decision;
  std::vector<Event>& events = *decision;
  if (canary(Canary::epoch_reused) && std::holds_alternative<Boot>(command) && state.epoch > 0)
    std::get<Booted>(events.front()).epoch = state.epoch;
  if (canary(Canary::forget_abort) && std::holds_alternative<AbortLoad>(command)) events.clear();
  if (canary(Canary::commit_without_sink))
    if (const auto* c = std::get_if<AbortLoad>(&command)) {
      const Slot& slot = *state.find(c->slot);
      events = {LoadCommitted{.run = slot.run,
                              .slot = c->slot,
                              .load_id = c->load_id,
                              .rows = slot.generations.back().rows,
                              .recovered = false,
                              .evidence = "it should be there",
                              .files = {}}};
    }
  if (canary(Canary::double_attempt) && std::holds_alternative<StartAttempt>(command)) {
    AttemptStarted again = std::get<AttemptStarted>(events.front());
    ++again.attempt;
    events.emplace_back(again);
  }
  if (canary(Canary::cancel_late) && std::holds_alternative<Cancel>(command))
    for (std::uint32_t i = 0; i < state.slots.size(); ++i)
      if (state.slots[i].phase == SlotPhase::load_intended)
        events.emplace_back(LoadAborted{.run = state.slots[i].run,
                                        .slot = SlotId{i},
                                        .load_id = state.slots[i].generations.back().load_id,
                                        .evidence = "cancelled"});
  for (Event& event : events) {
    if (canary(Canary::no_backoff))
      if (auto* retry = std::get_if<RetryScheduled>(&event)) retry->delay_ms = 0;
    if (canary(Canary::retry_for_ever))
      if (const auto* aside = std::get_if<SlotQuarantined>(&event))
        if (const auto* failed = std::get_if<FailAttempt>(&command))
          event = RetryScheduled{
              .run = aside->run, .slot = aside->slot, .delay_ms = 1000, .seed = failed->seed};
  }
  return decision;
}

}  // namespace

Decision decide_here(const State& state, const Context& context, const Command& command) {
  if (canary(Canary::none)) return decide(state, context, command);
  return changed(state, context, command);
}

void apply_here(State& state, const Entry& entry) {
  apply(state, entry);
  if (canary(Canary::apply_differs) && std::holds_alternative<AttemptFailed>(entry.event))
    ++state.refusals;
}

// With a canary the keeper's own guard is off: it is for the simulator and the oracle to find it.
std::vector<InvariantViolation> violations_here(const State& before, const Entry& entry) {
  if (!canary(Canary::none)) return {};
  return violations(before, entry);
}

std::vector<InvariantViolation> violations_here(const State& state) {
  if (!canary(Canary::none)) return {};
  return violations(state);
}

LoadAttempted attempt_load_here(const Pipeline& pipeline, const SinkMemory& memory,
                                const LoadPlan& plan) {
  LoadAttempted attempted = attempt_load(pipeline, memory, plan);
  if (canary(Canary::give_up_unasked) && attempted.failure) attempted.became = std::nullopt;
  return attempted;
}

std::string load_identity_here(const State& state, const Slot& slot, Generation generation,
                               const Digest& content) {
  if (canary(Canary::wrong_load_id)) return "load " + std::to_string(generation);
  return load_identity(state, slot, generation, content);
}

}  // namespace daybook
