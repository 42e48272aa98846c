#include "replay/sentences.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>

#include "ledger/digest.h"
#include "statemachine/batch_name.h"

namespace daybook {
namespace {

std::string_view words(PlanReason reason) {
  switch (reason) {
    case PlanReason::new_partition: return "it is new";
    case PlanReason::input_changed: return "its input changed";
    case PlanReason::definition_changed: return "the definition changed";
    case PlanReason::engine_changed: return "the engine changed";
    case PlanReason::failed_before: return "it failed before";
    case PlanReason::released: return "records were released";
    case PlanReason::forced: return "it was asked for in any case";
    case PlanReason::compensated: return "what was loaded had been taken back";
    case PlanReason::lost: return "the sink had lost it";
  }
  return "of a reason this daybook does not know";
}

std::string_view words(SkipReason reason) {
  switch (reason) {
    case SkipReason::unchanged: return "nothing changed since it was loaded";
    case SkipReason::late_rejected:
      return "its input changed after the load, which is not accepted";
    case SkipReason::set_aside: return "it is set aside, and nothing changed since";
    case SkipReason::waiting: return "it waits for a person, and nothing changed since";
    case SkipReason::compensated: return "exactly this was loaded and taken back";
    case SkipReason::appended:
      return "its input is unchanged, and appending it again would double it";
  }
  return "of a reason this daybook does not know";
}

std::string_view words(ErrorClass error) {
  switch (error) {
    case ErrorClass::transient: return "a passing error";
    case ErrorClass::throttled: return "throttling";
    case ErrorClass::dependency_down: return "a dependency that was down";
    case ErrorClass::contract: return "a broken contract";
    case ErrorClass::data: return "bad data";
    case ErrorClass::definition: return "a mistake in the definition";
    case ErrorClass::permission: return "a missing permission";
    case ErrorClass::poison: return "input that breaks the process";
    case ErrorClass::internal: return "an internal error";
  }
  return "an unknown error";
}

std::string_view words(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::succeeded: return "succeeded";
    case RunOutcome::failed: return "failed";
    case RunOutcome::held: return "ended with partitions that wait for a person";
    case RunOutcome::cancelled: return "was cancelled";
  }
  return "ended";
}

std::string_view words(RunKind kind) {
  switch (kind) {
    case RunKind::normal: return "";
    case RunKind::rerun: return ", a rerun,";
    case RunKind::release: return ", for released records,";
  }
  return "";
}

std::string_view words(LoadMode mode) {
  switch (mode) {
    case LoadMode::replace: return "in place of what was there";
    case LoadMode::merge: return "merged by key";
    case LoadMode::append: return "added to what was there";
  }
  return "";
}

std::string_view words(CompensationAction action) {
  switch (action) {
    case CompensationAction::restore_previous: return "restore the generation before";
    case CompensationAction::remove: return "remove the rows";
    case CompensationAction::flag: return "flag the rows";
  }
  return "take back the rows";
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(n), n == 1 ? one : many);
}
std::string rows(std::uint64_t n) { return counted(n, "row", "rows"); }
std::string records(std::uint64_t n) { return counted(n, "record", "records"); }

std::string because(const std::string& reason) {
  return reason.empty() ? "" : fmt::format(": {}", reason);
}
std::string list(const std::vector<std::uint32_t>& numbers) {
  constexpr std::size_t shown_max = 10;
  const auto shown = std::span(numbers).first(std::min(numbers.size(), shown_max));
  const std::size_t left = numbers.size() - shown.size();
  return fmt::format("{}{}", fmt::join(shown, ", "),
                     left == 0 ? "" : fmt::format(" and {} more", grouped(left)));
}
std::size_t distinct_payloads(const std::vector<ErasureItem>& items) {
  std::set<PayloadRef> all;
  for (const ErasureItem& item : items) all.insert(item.payload);
  return all.size();
}
std::string shown_by(const std::string& evidence) {
  return evidence.empty() ? "" : fmt::format(" ({})", evidence);
}

struct Sentence {
  const State& state;

  std::string slot(SlotId id) const { return slot_title(state, id); }
  std::string run(RunId id) const {
    const RunState* r = state.find(id);
    return r == nullptr ? fmt::format("run {}", id) : fmt::format("run {} of {}", id, r->pipeline);
  }
  std::string load(SlotId id, const Digest& load_id) const {
    return fmt::format("load {} of {}", short_hex(load_id), slot(id));
  }
  std::string scope(const Scope& scope) const {
    switch (scope.kind) {
      case ScopeKind::book: return "the whole book";
      case ScopeKind::pipeline: return "pipeline " + scope.pipeline;
      case ScopeKind::run: return run(scope.run);
      case ScopeKind::partition: return slot(scope.slot);
    }
    return "something";
  }
  std::string batch(BatchId id) const {
    const BatchState* b = state.find(id);
    return b == nullptr
               ? fmt::format("quarantine batch {}", id)
               : fmt::format("quarantine batch {} of {}", batch_name(state, id), slot(b->slot));
  }
  std::string subject(ApprovalId id) const {
    const ApprovalState* a = state.find(id);
    if (a == nullptr) return fmt::format("approval {}", id);
    return approval_subject(state, a->subject, a->slot, a->compensation, a->erasure);
  }
  std::string step(CompensationId id, std::uint32_t number) const {
    const CompensationState* c = state.find(id);
    if (c == nullptr || number >= c->steps.size())
      return fmt::format("step {} of compensation {}", number + 1, id);
    const CompensationStep& s = c->steps[number];
    return fmt::format("generation {} of {}", s.generation, slot(s.slot));
  }

  std::string operator()(const BookCreated& e) const {
    return fmt::format("The book {} was opened.", e.origin);
  }
  std::string operator()(const Booted& e) const {
    return fmt::format("Daybook {} started, for the {} time.", e.version, ordinal(e.epoch));
  }
  std::string operator()(const CheckpointSigned& e) const {
    return fmt::format("The first {} entries were read again and signed, root {}, state {}.",
                       grouped(e.size), short_hex(e.root), short_hex(e.state_root));
  }
  std::string operator()(const PrincipalEnrolled& e) const {
    return fmt::format("{} was enrolled{}.", e.principal,
                       e.roles.empty() ? "" : fmt::format(" as {}", fmt::join(e.roles, ", ")));
  }
  std::string operator()(const PrincipalRevoked& e) const {
    return fmt::format("{} was revoked{}.", e.principal, because(e.reason));
  }
  std::string operator()(const CommandRefused& e) const {
    return fmt::format("The command {} was refused, {}{}.", e.command, e.refusal,
                       because(e.detail));
  }
  std::string operator()(const DefinitionRegistered& e) const {
    return fmt::format("Version {} of {} was registered, digest {}, owned by {}.", e.version,
                       e.pipeline, short_hex(e.digest), e.owner);
  }
  std::string operator()(const PartitionsExpected& e) const {
    const std::string which = e.keys.empty() ? ""
                              : e.keys.size() == 1
                                  ? fmt::format(" ({})", e.keys.front())
                                  : fmt::format(" ({} … {})", e.keys.front(), e.keys.back());
    return fmt::format("{}{} of {} {} expected to exist in {}.",
                       counted(e.keys.size(), "partition", "partitions"), which, e.pipeline,
                       e.keys.size() == 1 ? "is" : "are", e.sink);
  }
  std::string operator()(const RunStarted& e) const {
    std::string what;
    if (e.partitions > 0)
      what = fmt::format(", for {}{}", counted(e.partitions, "partition", "partitions"),
                         e.force ? " whether changed or not" : "");
    return fmt::format("Run {} of {}{} started{}{}.", e.run, e.pipeline, words(e.kind), what,
                       because(e.reason));
  }
  std::string operator()(const PartitionsChosen& e) const {
    const std::string which = e.keys.empty() ? ""
                              : e.keys.size() == 1
                                  ? fmt::format(" ({})", e.keys.front())
                                  : fmt::format(" ({} … {})", e.keys.front(), e.keys.back());
    return fmt::format("Of what its source offers, {} takes on {}{}.", run(e.run),
                       counted(e.keys.size(), "partition", "partitions"), which);
  }
  std::string operator()(const PlanningCompleted& e) const {
    return fmt::format("The planning of {} is complete: {} to do, {} skipped.", run(e.run),
                       counted(e.planned, "partition", "partitions"), grouped(e.skipped));
  }
  std::string operator()(const RunFinished& e) const {
    const RunState* r = state.find(e.run);
    return fmt::format("Run {}{} {}.", e.run, r == nullptr ? "" : " of " + r->pipeline,
                       words(e.outcome));
  }
  std::string operator()(const RunCancelled& e) const {
    return fmt::format("The cancellation of {} was asked for{}.", run(e.run), because(e.reason));
  }
  std::string operator()(const SlotCancelled& e) const {
    return fmt::format("What run {} still owed of {} was cancelled{}.", e.run, slot(e.slot),
                       because(e.reason));
  }
  std::string operator()(const Paused& e) const {
    return fmt::format("New work was paused for {}{}.", scope(e.scope), because(e.reason));
  }
  std::string operator()(const Drained& e) const {
    return fmt::format("Nothing of {} is running any more.", scope(e.scope));
  }
  std::string operator()(const Resumed& e) const {
    return fmt::format("Work was resumed for {}{}.", scope(e.scope), because(e.reason));
  }
  std::string operator()(const CircuitOpened& e) const {
    return fmt::format("After {} with the same cause, {} starts no more partitions: {}.",
                       counted(e.failures, "failure", "failures"), run(e.run), e.fingerprint);
  }
  std::string operator()(const SlotOpened& e) const {
    return fmt::format("The partition {} of {} got its place in {}.", e.partition, e.pipeline,
                       e.sink);
  }
  std::string operator()(const PartitionPlanned& e) const {
    return fmt::format("{} was planned, because {}{}.", slot(e.slot), words(e.reason),
                       e.inputs == Digest{} ? "" : "; input " + short_hex(e.inputs));
  }
  std::string operator()(const PartitionSkipped& e) const {
    return fmt::format(
        "{} was skipped, because {}{}.", slot(e.slot), words(e.reason),
        e.generation == 0 ? "" : fmt::format("; generation {} stands", e.generation));
  }
  std::string operator()(const AttemptStarted& e) const {
    return fmt::format("Attempt {} at {} began.", e.attempt, slot(e.slot));
  }
  std::string operator()(const AttemptStaged& e) const {
    const RowCounts& n = e.counts;
    std::string out = fmt::format("Attempt {} at {} read {}: {} accepted", e.attempt, slot(e.slot),
                                  rows(n.read), grouped(n.accepted));
    if (n.quarantined > 0) out += fmt::format(", {} quarantined", grouped(n.quarantined));
    if (n.filtered > 0) out += fmt::format(", {} filtered", grouped(n.filtered));
    if (n.merged > 0) out += fmt::format(", {} merged into others", grouped(n.merged));
    std::vector<std::string> failed;
    for (const GateFinding& gate : e.gates)
      if (!gate.passed)
        failed.push_back(fmt::format("{} measured {}, required {}{}", gate.gate, gate.measured,
                                     gate.required, gate.blocking ? "" : " (a warning)"));
    out += fmt::format(". {} {} staged as {}", rows(e.output_rows),
                       e.output_rows == 1 ? "is" : "are", short_hex(e.content));
    if (!failed.empty())
      out += fmt::format("; gates not met: {}", fmt::join(failed, "; "));
    else if (!e.gates.empty())
      out += fmt::format("; {} met", counted(e.gates.size(), "gate was", "gates were"));
    return out + '.';
  }
  std::string operator()(const AttemptFailed& e) const {
    return fmt::format("Attempt {} at {} failed for {} ({}, by rule {}): {}.", e.attempt,
                       slot(e.slot), words(e.error), e.code, e.classified_by, e.detail);
  }
  std::string operator()(const AttemptLost& e) const {
    return fmt::format("Attempt {} at {} was lost{}; nothing of it can reach the sink.", e.attempt,
                       slot(e.slot), because(e.reason));
  }
  std::string operator()(const RetryScheduled& e) const {
    return fmt::format("{} is tried again after {}.{:03} s.", slot(e.slot), e.delay_ms / 1'000,
                       e.delay_ms % 1'000);
  }
  std::string operator()(const SlotHeld& e) const {
    return fmt::format("{} was held until a person decides{}.", slot(e.slot), because(e.reason));
  }
  std::string operator()(const HoldDecided& e) const {
    return fmt::format(
        "The hold on {} was decided: {}{}.", slot(e.slot),
        e.decision == HoldDecision::load_anyway ? "load it all the same" : "discard it",
        because(e.reason));
  }
  std::string operator()(const SlotQuarantined& e) const {
    return fmt::format("{} was set aside as a whole{}.", slot(e.slot), because(e.reason));
  }
  std::string operator()(const SlotReleased& e) const {
    return fmt::format("{} was released{}.", slot(e.slot), because(e.reason));
  }
  std::string operator()(const LoadIntended& e) const {
    return fmt::format("Generation {} of {} is about to be loaded, {}: {}, load {}.", e.generation,
                       slot(e.slot), words(e.mode), rows(e.rows), short_hex(e.load_id));
  }
  std::string operator()(const LoadFilesListed& e) const {
    return fmt::format("{} {} of {}, from {} to {}.", e.files.size(),
                       e.files.size() == 1 ? "file" : "files", load(e.slot, e.load_id),
                       e.files.empty() ? "?" : e.files.front().name,
                       e.files.empty() ? "?" : e.files.back().name);
  }
  std::string operator()(const LoadCommitted& e) const {
    return fmt::format("The sink holds {}, {}{}{}.", load(e.slot, e.load_id), rows(e.rows),
                       e.recovered ? ", as was found afterwards" : "", shown_by(e.evidence));
  }
  std::string operator()(const LoadAborted& e) const {
    return fmt::format("The load of {} did not happen: the sink does not have {}{}.", slot(e.slot),
                       short_hex(e.load_id), shown_by(e.evidence));
  }
  std::string operator()(const LoadVerified& e) const {
    return fmt::format("What was loaded of {} was counted in the sink: {}, as intended.",
                       slot(e.slot), rows(e.rows));
  }
  std::string operator()(const LoadLost& e) const {
    return fmt::format("The sink no longer holds {}{}.", load(e.slot, e.load_id),
                       shown_by(e.evidence));
  }
  std::string operator()(const Reconciled& e) const {
    return fmt::format("{} was compared with the book: {} checked, {}.", e.sink,
                       counted(e.checked, "load", "loads"),
                       counted(e.findings, "finding", "findings"));
  }
  std::string operator()(const RecordAmended& e) const {
    return fmt::format("Record {} of {} was amended{}.", e.record, batch(e.batch),
                       because(e.reason));
  }
  std::string operator()(const RecordsReleased& e) const {
    return fmt::format("{} of {} {} released ({}){}.", records(e.records.size()), batch(e.batch),
                       e.records.size() == 1 ? "was" : "were", list(e.records), because(e.reason));
  }
  std::string operator()(const RecordsDiscarded& e) const {
    return fmt::format("{} of {} {} discarded ({}){}.", records(e.records.size()), batch(e.batch),
                       e.records.size() == 1 ? "was" : "were", list(e.records), because(e.reason));
  }
  std::string operator()(const ApprovalRequested& e) const {
    return fmt::format("{} {} needed for {}, over the plan {} (approval {}).",
                       counted(e.needed, "approval", "approvals"), e.needed == 1 ? "is" : "are",
                       approval_subject(state, e.subject, e.slot, e.compensation, e.erasure),
                       short_hex(e.digest), e.approval);
  }
  std::string operator()(const ApprovalGiven& e) const {
    return fmt::format("{} approved {} with key {}.", e.approver, subject(e.approval),
                       e.key_fingerprint);
  }
  std::string operator()(const ApprovalRejected& e) const {
    return fmt::format("{} rejected {}{}.", e.approver, subject(e.approval), because(e.reason));
  }
  std::string operator()(const CompensationProposed& e) const {
    return fmt::format("Compensation {} was proposed, to {} in {}{}.", e.compensation,
                       words(e.action), counted(e.steps.size(), "partition", "partitions"),
                       because(e.reason));
  }
  std::string operator()(const CompensationStarted& e) const {
    return fmt::format("Compensation {} began.", e.compensation);
  }
  std::string operator()(const CompensationIntended& e) const {
    return fmt::format("Compensation {} is about to take back {}.", e.compensation,
                       step(e.compensation, e.step));
  }
  std::string operator()(const CompensationCommitted& e) const {
    return fmt::format("Compensation {} took back {}: {} removed, {} restored{}{}.", e.compensation,
                       step(e.compensation, e.step), rows(e.rows_removed), grouped(e.rows_restored),
                       e.recovered ? ", as was found afterwards" : "", shown_by(e.evidence));
  }
  std::string operator()(const CompensationFailed& e) const {
    return fmt::format("Compensation {} could not take back {} now{}{}.", e.compensation,
                       step(e.compensation, e.step), because(e.detail),
                       e.settled ? "; nothing of it was done" : "");
  }
  std::string operator()(const CompensationFinished& e) const {
    return fmt::format("Compensation {} is complete.", e.compensation);
  }
  std::string operator()(const CompensationWithdrawn& e) const {
    return fmt::format("Compensation {} was withdrawn{}.", e.compensation, because(e.reason));
  }
  std::string operator()(const ErasureProposed& e) const {
    return fmt::format("Erasure {} of {} was proposed, under the policy {}{}.", e.erasure,
                       counted(distinct_payloads(e.items), "payload", "payloads"), e.policy,
                       because(e.reason));
  }
  std::string operator()(const ErasureStarted& e) const {
    return fmt::format("Erasure {} began: its payloads count as erased from here on.", e.erasure);
  }
  std::string operator()(const ErasureFinished& e) const {
    return fmt::format("Erasure {} is complete: the keys of {} with {} bytes are destroyed.",
                       e.erasure, counted(e.payloads, "payload", "payloads"), grouped(e.bytes));
  }
  std::string operator()(const ErasureWithdrawn& e) const {
    return fmt::format("Erasure {} was withdrawn{}.", e.erasure, because(e.reason));
  }
  std::string operator()(const LegalHoldPlaced& e) const {
    return fmt::format("Legal hold {} was placed on {}{}.", e.hold, scope(e.scope),
                       because(e.reason));
  }
  std::string operator()(const LegalHoldReleased& e) const {
    const LegalHold* hold = state.find(e.hold);
    return fmt::format("Legal hold {}{} was released{}.", e.hold,
                       hold == nullptr ? "" : " on " + scope(hold->scope), because(e.reason));
  }

  std::string operator()(const WitnessAdded& e) const {
    return fmt::format("{} ({}) is asked to cosign each checkpoint, at {}.", e.name,
                       e.vkey.substr(0, e.vkey.find('+')), e.url);
  }
  std::string operator()(const WitnessRemoved& e) const {
    return fmt::format("{} is no longer asked to cosign{}.", e.name, because(e.reason));
  }
  std::string operator()(const LogKeyRotated& e) const {
    return fmt::format("The log is signed with another key from here on, {}{}.", key_id(e.log_vkey),
                       because(e.reason));
  }
  std::string operator()(const LogOriginChanged& e) const {
    return fmt::format("The log goes on as {}, with the key {}; it was {}{}{}.", e.origin,
                       key_id(e.log_vkey), e.old_origin,
                       e.seen == 0 ? "" : fmt::format(", seen with {} entries", grouped(e.seen)),
                       because(e.reason));
  }
  static std::string key_id(const std::string& vkey) {
    const std::size_t first = vkey.find('+');
    return first == std::string::npos ? vkey : vkey.substr(first + 1, 8);
  }

  static std::string ordinal(std::uint32_t n) {
    const std::uint32_t tens = n % 100;
    const std::uint32_t ones = n % 10;
    const bool teen = tens >= 11 && tens <= 13;
    return fmt::format("{}{}", n,
                       teen || ones == 0 || ones > 3 ? "th"
                       : ones == 1                   ? "st"
                       : ones == 2                   ? "nd"
                                                     : "rd");
  }
};

}  // namespace

std::string slot_title(const State& state, SlotId slot) {
  const Slot* s = state.find(slot);
  return s == nullptr ? fmt::format("slot {}", slot)
                      : fmt::format("{} {}", s->pipeline, s->partition);
}

std::string approval_subject(const State& state, ApprovalSubject subject, SlotId slot,
                             CompensationId compensation, ErasureId erasure) {
  switch (subject) {
    case ApprovalSubject::load: return fmt::format("the load of {}", slot_title(state, slot));
    case ApprovalSubject::compensation: return fmt::format("compensation {}", compensation);
    case ApprovalSubject::erasure: return fmt::format("erasure {}", erasure);
  }
  return "something";
}

std::string short_hex(const Digest& digest) { return hex(digest).substr(0, 12); }

std::string grouped(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string sentence(const State& state, const Event& event) {
  std::string text = std::visit(Sentence{state}, event);
  // A reason is somebody's own sentence, often with its own end.
  if (text.ends_with("..") && !text.ends_with("...")) text.pop_back();
  return text;
}

}  // namespace daybook
