// Entries in words.
#pragma once

#include <optional>
#include <string>

#include "statemachine/state.h"

namespace daybook {

// One sentence, without time and number. `state` is any state that holds the entry: names of runs,
// partitions and batches are looked up in it.
std::string sentence(const State& state, const Entry& entry);

// The partition an entry is about, where it is about one; and the run.
std::optional<SlotId> slot_of(const State& state, const Event& event);
std::optional<RunId> run_of(const State& state, const Event& event);
bool is_about(const State& state, const Event& event, SlotId slot);  // one of several, too

std::string slot_name(const State& state, SlotId slot);  // "orders 2026-01-04"
std::string_view word(RunOutcome outcome);
std::string_view word(RunKind kind);
std::string_view word(PlanReason reason);
std::string_view word(SkipReason reason);
std::string_view word(Standing standing);
std::string_view word(ErrorClass error);
std::string_view word(LoadMode mode);
std::string_view word(CompensationAction action);
std::string_view word(CompensationState::Phase phase);
std::string short_hex(const Digest& digest);  // twelve digits

}  // namespace daybook
