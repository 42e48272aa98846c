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

}  // namespace daybook
