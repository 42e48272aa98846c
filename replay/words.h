// Short words for what tables, JSON and summaries name; whole sentences are replay/sentences.h.
#pragma once

#include <string_view>

#include "replay/sentences.h"
#include "statemachine/state.h"

namespace daybook {

std::string_view word(RunOutcome outcome);
std::string_view word(RunKind kind);
std::string_view word(PlanReason reason);
std::string_view word(SkipReason reason);
std::string_view word(Standing standing);
std::string_view word(ErrorClass error);
std::string_view word(LoadMode mode);
std::string_view word(CompensationAction action);
std::string_view word(CompensationState::Phase phase);
std::string_view word(ErasureState::Phase phase);
std::string_view word(PayloadKind kind);
std::string_view word(ActorKind kind);
std::string_view word(ApprovalSubject subject);
std::string_view standing(const ApprovalState& approval);  // "waiting", "complete" …

}  // namespace daybook
