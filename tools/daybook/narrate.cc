#include "tools/daybook/narrate.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/digest.h"
#include "tools/daybook/terminal.h"

namespace daybook {

namespace {

std::string because(const std::string& reason) {
  return reason.empty() ? std::string() : fmt::format(": {}", reason);
}

std::string rows(std::uint64_t count) {
  return fmt::format("{} row{}", grouped(count), count == 1 ? "" : "s");
}
std::string records(std::uint64_t count) {
  return fmt::format("{} record{}", grouped(count), count == 1 ? "" : "s");
}

std::string scope_name(const State& state, const Scope& scope) {
  switch (scope.kind) {
    case ScopeKind::book: return "the book";
    case ScopeKind::pipeline: return "pipeline " + scope.pipeline;
    case ScopeKind::run: return fmt::format("run {}", scope.run);
    case ScopeKind::partition: return slot_name(state, scope.slot);
  }
  return {};
}

std::string batch_name(const State& state, BatchId id) {
  const BatchState* batch = state.find(id);
  return batch == nullptr ? fmt::format("batch {}", id)
                          : fmt::format("batch {} of {}", id, slot_name(state, batch->slot));
}

std::string approval_subject(const State& state, ApprovalId id) {
  const ApprovalState* a = state.find(id);
  if (a == nullptr) return fmt::format("approval {}", id);
  return a->subject == ApprovalSubject::load
             ? fmt::format("approval {}, to load {}", id, slot_name(state, a->slot))
             : fmt::format("approval {}, of compensation {}", id, a->compensation);
}

std::string list(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  for (std::size_t i = 0; i < numbers.size() && i < 10; ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", numbers[i]);
  if (numbers.size() > 10) out += fmt::format(" and {} more", numbers.size() - 10);
  return out;
}

struct Words {
  const State& state;

  std::string at(SlotId slot) const { return slot_name(state, slot); }

  std::string operator()(const BookCreated& e) const { return "made the book " + e.origin; }
  std::string operator()(const Booted& e) const {
    return fmt::format("daybook {} opened the book, epoch {}", e.version, e.epoch);
  }
  std::string operator()(const CheckpointSigned& e) const {
    return fmt::format("signed checkpoint {}, root {}, state {}", e.size, short_hex(e.root),
                       short_hex(e.state_root));
  }
  std::string operator()(const PrincipalEnrolled& e) const {
    std::string roles;
    for (const std::string& role : e.roles) roles += (roles.empty() ? "" : ", ") + role;
    return fmt::format("enrolled {} as {}", e.principal, roles);
  }
  std::string operator()(const PrincipalRevoked& e) const {
    return fmt::format("revoked {}{}", e.principal, because(e.reason));
  }
  std::string operator()(const CommandRefused& e) const {
    return fmt::format("was refused {} ({}){}", e.command, e.refusal, because(e.detail));
  }
  std::string operator()(const DefinitionRegistered& e) const {
    return fmt::format("registered {} v{}, digest {}", e.pipeline, e.version, short_hex(e.digest));
  }
  std::string operator()(const PartitionsExpected& e) const {
    return fmt::format("expects {} partition{} of {}: {}{}", e.keys.size(),
                       e.keys.size() == 1 ? "" : "s", e.pipeline,
                       e.keys.empty() ? "" : e.keys.front(),
                       e.keys.size() > 1 ? " … " + e.keys.back() : "");
  }
  std::string operator()(const RunStarted& e) const {
    return fmt::format("started run {} of {}{}{}", e.run, e.pipeline,
                       e.kind == RunKind::normal ? "" : fmt::format(" ({})", word(e.kind)),
                       because(e.reason));
  }
  std::string operator()(const RunFinished& e) const {
    return fmt::format("run {} {}", e.run, word(e.outcome));
  }
  std::string operator()(const RunCancelled& e) const {
    return fmt::format("cancelled run {}{}", e.run, because(e.reason));
  }
  std::string operator()(const Paused& e) const {
    return fmt::format("paused {}{}", scope_name(state, e.scope), because(e.reason));
  }
  std::string operator()(const Drained& e) const {
    return fmt::format("{} is drained: nothing of it runs any more", scope_name(state, e.scope));
  }
  std::string operator()(const Resumed& e) const {
    return fmt::format("resumed {}{}", scope_name(state, e.scope), because(e.reason));
  }
  std::string operator()(const CircuitOpened& e) const {
    return fmt::format("run {} starts no more partitions: {} failures of the same kind ({})", e.run,
                       e.failures, e.fingerprint);
  }
  std::string operator()(const SlotOpened& e) const {
    return fmt::format("opened {} {} in {}", e.pipeline, e.partition, e.sink);
  }
  std::string operator()(const PartitionPlanned& e) const {
    return fmt::format("planned {}: {}", at(e.slot), word(e.reason));
  }
  std::string operator()(const PartitionSkipped& e) const {
    return fmt::format(
        "skipped {}: {}{}", at(e.slot), word(e.reason),
        e.generation == 0 ? "" : fmt::format(", generation {} stands", e.generation));
  }
  std::string operator()(const AttemptStarted& e) const {
    return fmt::format("started attempt {} of {}", e.attempt, at(e.slot));
  }
  std::string operator()(const AttemptStaged& e) const {
    std::string out = fmt::format("staged {}: read {}, accepted {}", at(e.slot),
                                  grouped(e.counts.read), grouped(e.counts.accepted));
    const auto add = [&](std::string_view what, std::uint64_t count) {
      if (count > 0) out += fmt::format(", {} {}", what, grouped(count));
    };
    add("quarantined", e.counts.quarantined);
    add("filtered", e.counts.filtered);
    add("merged", e.counts.merged);
    for (const GateFinding& gate : e.gates)
      if (!gate.passed)
        out += fmt::format("; gate {} measured {}, required {}", gate.gate, gate.measured,
                           gate.required);
    return out;
  }
  std::string operator()(const AttemptFailed& e) const {
    return fmt::format("attempt {} of {} failed ({}, {}): {}", e.attempt, at(e.slot), word(e.error),
                       e.code, e.detail);
  }
  std::string operator()(const AttemptLost& e) const {
    return fmt::format("attempt {} of {} was lost{}", e.attempt, at(e.slot), because(e.reason));
  }
  std::string operator()(const RetryScheduled& e) const {
    return fmt::format("{} is tried again in {}", at(e.slot),
                       spell_seconds(static_cast<std::int64_t>(e.delay_ms) * 1000));
  }
  std::string operator()(const SlotHeld& e) const {
    return fmt::format("{} is held for a decision{}", at(e.slot), because(e.reason));
  }
  std::string operator()(const HoldDecided& e) const {
    return fmt::format("decided to {} {}{}",
                       e.decision == HoldDecision::load_anyway ? "load" : "discard", at(e.slot),
                       because(e.reason));
  }
  std::string operator()(const SlotQuarantined& e) const {
    return fmt::format("set {} aside as a whole{}", at(e.slot), because(e.reason));
  }
  std::string operator()(const SlotReleased& e) const {
    return fmt::format("released {}{}", at(e.slot), because(e.reason));
  }
  std::string operator()(const LoadIntended& e) const {
    return fmt::format("intends to load {} generation {} with {} ({}), load {}", at(e.slot),
                       e.generation, rows(e.rows), word(e.mode), short_hex(e.load_id));
  }
  std::string operator()(const LoadCommitted& e) const {
    return fmt::format("loaded {}: {}{}", at(e.slot), rows(e.rows),
                       e.recovered ? ", found in the sink after an interruption" : "");
  }
  std::string operator()(const LoadAborted& e) const {
    return fmt::format("the load of {} did not happen{}", at(e.slot), because(e.evidence));
  }
  std::string operator()(const LoadVerified& e) const {
    return fmt::format("verified {}: {} read back", at(e.slot), rows(e.rows));
  }
  std::string operator()(const LoadLost& e) const {
    return fmt::format("the sink no longer holds {}{}", at(e.slot), because(e.evidence));
  }
  std::string operator()(const Reconciled& e) const {
    return fmt::format("compared {} with the book: {} loads, {} findings", e.sink, e.checked,
                       e.findings);
  }
  std::string operator()(const RecordAmended& e) const {
    return fmt::format("amended record {} of {}{}", e.record, batch_name(state, e.batch),
                       because(e.reason));
  }
  std::string operator()(const RecordsReleased& e) const {
    return fmt::format("released {} of {} ({}){}", records(e.records.size()),
                       batch_name(state, e.batch), list(e.records), because(e.reason));
  }
  std::string operator()(const RecordsDiscarded& e) const {
    return fmt::format("discarded {} of {} ({}){}", records(e.records.size()),
                       batch_name(state, e.batch), list(e.records), because(e.reason));
  }
  std::string operator()(const ApprovalRequested& e) const {
    return fmt::format(
        "asks for {} signature{}: {}", e.needed, e.needed == 1 ? "" : "s",
        e.subject == ApprovalSubject::load
            ? fmt::format("approval {}, to load {}", e.approval, at(e.slot))
            : fmt::format("approval {}, of compensation {}", e.approval, e.compensation));
  }
  std::string operator()(const ApprovalGiven& e) const {
    return fmt::format("{} signed {} with {}", e.approver, approval_subject(state, e.approval),
                       e.key_fingerprint);
  }
  std::string operator()(const ApprovalRejected& e) const {
    return fmt::format("{} rejected {}{}", e.approver, approval_subject(state, e.approval),
                       because(e.reason));
  }
  std::string operator()(const CompensationProposed& e) const {
    return fmt::format("proposed compensation {}: {} {} load{}{}", e.compensation, word(e.action),
                       e.steps.size(), e.steps.size() == 1 ? "" : "s", because(e.reason));
  }
  std::string operator()(const CompensationStarted& e) const {
    return fmt::format("started compensation {}", e.compensation);
  }
  std::string step_name(CompensationId id, std::uint32_t step) const {
    const CompensationState* c = state.find(id);
    if (c == nullptr || step >= c->steps.size()) return fmt::format("step {}", step + 1);
    return fmt::format("generation {} of {}", c->steps[step].generation, at(c->steps[step].slot));
  }
  std::string operator()(const CompensationIntended& e) const {
    return "intends to take back " + step_name(e.compensation, e.step);
  }
  std::string operator()(const CompensationCommitted& e) const {
    return fmt::format("took back {}: {} removed, {} restored", step_name(e.compensation, e.step),
                       rows(e.rows_removed), rows(e.rows_restored));
  }
  std::string operator()(const CompensationFailed& e) const {
    return fmt::format("could not take back {}{}", step_name(e.compensation, e.step),
                       because(e.detail));
  }
  std::string operator()(const CompensationFinished& e) const {
    return fmt::format("compensation {} is finished", e.compensation);
  }
  std::string operator()(const CompensationWithdrawn& e) const {
    return fmt::format("withdrew compensation {}{}", e.compensation, because(e.reason));
  }
};

// The batch, approval or compensation an event names leads to the slots it is about.
template <typename Visit>
void each_slot(const State& state, const Event& event, Visit visit) {
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        const auto compensation = [&](CompensationId id) {
          if (const CompensationState* c = state.find(id))
            for (const CompensationStep& step : c->steps) visit(step.slot);
        };
        if constexpr (std::is_same_v<E, ApprovalRequested>) {
          if (e.subject == ApprovalSubject::load)
            visit(e.slot);
          else
            compensation(e.compensation);
        } else if constexpr (requires { e.slot; }) {
          visit(e.slot);
        } else if constexpr (requires { e.scope; }) {
          if (e.scope.kind == ScopeKind::partition) visit(e.scope.slot);
        } else if constexpr (requires { e.batch; }) {
          if (const BatchState* batch = state.find(e.batch)) visit(batch->slot);
        } else if constexpr (requires { e.compensation; }) {
          if constexpr (requires { e.step; }) {
            const CompensationState* c = state.find(e.compensation);
            if (c != nullptr && e.step < c->steps.size()) visit(c->steps[e.step].slot);
          } else {
            compensation(e.compensation);
          }
        } else if constexpr (requires { e.approval; }) {
          if (const ApprovalState* a = state.find(e.approval)) {
            if (a->subject == ApprovalSubject::load)
              visit(a->slot);
            else
              compensation(a->compensation);
          }
        }
      },
      event);
}

}  // namespace

std::string sentence(const State& state, const Entry& entry) {
  return std::visit(Words{state}, entry.event);
}

std::optional<SlotId> slot_of(const State& state, const Event& event) {
  std::optional<SlotId> out;
  std::size_t count = 0;
  each_slot(state, event, [&](SlotId slot) {
    out = slot;
    ++count;
  });
  return count == 1 ? out : std::nullopt;
}

bool is_about(const State& state, const Event& event, SlotId wanted) {
  bool found = false;
  each_slot(state, event, [&](SlotId slot) { found = found || slot == wanted; });
  return found;
}

std::optional<RunId> run_of(const State& state, const Event& event) {
  return std::visit(
      [&](const auto& e) -> std::optional<RunId> {
        if constexpr (requires { e.run; }) {
          return e.run;
        } else if constexpr (requires { e.scope; }) {
          if (e.scope.kind == ScopeKind::run) return e.scope.run;
        } else if constexpr (requires { e.batch; }) {
          if (const BatchState* batch = state.find(e.batch)) return batch->run;
        }
        return std::nullopt;
      },
      event);
}

std::string slot_name(const State& state, SlotId id) {
  const Slot* slot = state.find(id);
  return slot == nullptr ? fmt::format("slot {}", id)
                         : fmt::format("{} {}", slot->pipeline, slot->partition);
}

std::string_view word(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::succeeded: return "succeeded";
    case RunOutcome::failed: return "failed";
    case RunOutcome::held: return "held";
    case RunOutcome::cancelled: return "cancelled";
  }
  return "?";
}
std::string_view word(RunKind kind) {
  switch (kind) {
    case RunKind::normal: return "normal";
    case RunKind::rerun: return "rerun";
    case RunKind::release: return "release";
  }
  return "?";
}
std::string_view word(PlanReason reason) {
  switch (reason) {
    case PlanReason::new_partition: return "new";
    case PlanReason::input_changed: return "its input changed";
    case PlanReason::definition_changed: return "the pipeline changed";
    case PlanReason::engine_changed: return "the engine changed";
    case PlanReason::failed_before: return "it failed before";
    case PlanReason::released: return "records were released";
    case PlanReason::forced: return "asked for";
    case PlanReason::compensated: return "what stood was taken back";
    case PlanReason::lost: return "the sink lost it";
  }
  return "?";
}
std::string_view word(SkipReason reason) {
  switch (reason) {
    case SkipReason::unchanged: return "unchanged";
    case SkipReason::late_rejected: return "late data is rejected";
    case SkipReason::set_aside: return "set aside as a whole";
    case SkipReason::waiting: return "waits for a person";
    case SkipReason::compensated: return "exactly this was taken back";
  }
  return "?";
}
std::string_view word(Standing standing) {
  switch (standing) {
    case Standing::intended: return "intended";
    case Standing::aborted: return "aborted";
    case Standing::committed: return "committed";
    case Standing::verified: return "verified";
    case Standing::superseded: return "superseded";
    case Standing::compensated: return "compensated";
    case Standing::lost: return "lost";
  }
  return "?";
}
std::string_view word(ErrorClass error) {
  switch (error) {
    case ErrorClass::transient: return "transient";
    case ErrorClass::throttled: return "throttled";
    case ErrorClass::dependency_down: return "dependency down";
    case ErrorClass::contract: return "contract";
    case ErrorClass::data: return "data";
    case ErrorClass::definition: return "definition";
    case ErrorClass::permission: return "permission";
    case ErrorClass::poison: return "poison";
    case ErrorClass::internal: return "internal";
  }
  return "?";
}
std::string_view word(LoadMode mode) {
  switch (mode) {
    case LoadMode::replace: return "replace";
    case LoadMode::merge: return "merge";
    case LoadMode::append: return "append";
  }
  return "?";
}
std::string_view word(CompensationAction action) {
  switch (action) {
    case CompensationAction::restore_previous: return "restore what stood before";
    case CompensationAction::remove: return "remove";
    case CompensationAction::flag: return "flag";
  }
  return "?";
}
std::string_view word(CompensationState::Phase phase) {
  switch (phase) {
    case CompensationState::Phase::proposed: return "proposed";
    case CompensationState::Phase::executing: return "executing";
    case CompensationState::Phase::finished: return "finished";
    case CompensationState::Phase::withdrawn: return "withdrawn";
  }
  return "?";
}

std::string short_hex(const Digest& digest) { return hex(digest).substr(0, 12); }

}  // namespace daybook
