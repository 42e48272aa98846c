// The book's state as items people and programs read: one shape for every command that shows it.
#pragma once

#include "statemachine/state.h"
#include "tools/daybook/output.h"

namespace daybook {

Json slot_item(const State& state, SlotId id);
Json run_item(const State& state, RunId id);
// A slot as one run left it: its counts are those of what this run staged or loaded.
Json run_slot_item(const State& state, RunId run, SlotId slot);

Style phase_style(std::string_view phase);
std::vector<TableColumn> slot_columns();

// Exit code of a run that ended, from where its partitions stand.
Exit exit_of(const State& state, RunId run);

// "next" for a person, from what waits in this state; empty where nothing does.
std::vector<std::string> next_steps(const State& state, const std::string& pipeline);

}  // namespace daybook
