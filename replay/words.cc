#include "replay/words.h"

namespace daybook {

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
    case SkipReason::appended: return "input unchanged; appending again would double it";
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

std::string_view word(ErasureState::Phase phase) {
  switch (phase) {
    case ErasureState::Phase::proposed: return "proposed";
    case ErasureState::Phase::executing: return "executing";
    case ErasureState::Phase::finished: return "finished";
    case ErasureState::Phase::withdrawn: return "withdrawn";
  }
  return "?";
}
std::string_view word(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::quarantine: return "quarantine";
    case PayloadKind::amendment: return "amendment";
    case PayloadKind::input: return "input";
  }
  return "?";
}
std::string_view word(ActorKind kind) {
  switch (kind) {
    case ActorKind::human: return "human";
    case ActorKind::service: return "service";
    case ActorKind::system: return "system";
  }
  return "?";
}
std::string_view word(ApprovalSubject subject) {
  switch (subject) {
    case ApprovalSubject::load: return "load";
    case ApprovalSubject::compensation: return "compensation";
    case ApprovalSubject::erasure: return "erasure";
  }
  return "?";
}
std::string_view standing(const ApprovalState& approval) {
  if (approval.rejected) return "rejected";
  if (approval.voided) return "void";
  return approval.satisfied() ? "complete" : "waiting";
}

}  // namespace daybook
