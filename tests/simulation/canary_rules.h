// The rules as the simulator's keeper and runner ask them: the product's own, unless a canary is to
// be caught. keeper_here.cc and runner_here.cc compile the product's files against these names.
#pragma once

#include "runner/load_attempt.h"
#include "statemachine/apply.h"
#include "statemachine/decide.h"
#include "statemachine/invariants.h"

namespace daybook {

Decision decide_here(const State& state, const Context& context, const Command& command);
void apply_here(State& state, const Entry& entry);
std::vector<InvariantViolation> violations_here(const State& before, const Entry& entry);
std::vector<InvariantViolation> violations_here(const State& state);
std::string load_identity_here(const State& state, const Slot& slot, Generation generation,
                               const Digest& content);
LoadAttempted attempt_load_here(const Pipeline& pipeline, const SinkMemory& memory,
                                const LoadPlan& plan);

}  // namespace daybook
