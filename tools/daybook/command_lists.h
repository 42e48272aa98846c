// The table in parts, by what the commands are about. Used by command_table.cc alone.
#pragma once

#include <vector>

#include "tools/daybook/command_table.h"

namespace daybook::commands {

std::vector<CommandSpec> of_projects();    // quickstart init check plan run rerun runs
std::vector<CommandSpec> of_control();     // pause resume cancel reconcile hold
std::vector<CommandSpec> of_quarantine();  // quarantine
std::vector<CommandSpec> of_approval();    // compensate approvals principals
std::vector<CommandSpec> of_erasure();     // erase legal-hold
std::vector<CommandSpec> of_ledger();      // ledger
std::vector<CommandSpec>
of_log();  // ledger key rotate, new-origin, witness, timestamp; serve-tiles
std::vector<CommandSpec> of_rows();     // trace prove
std::vector<CommandSpec> of_history();  // diff bisect lineage impact replay
std::vector<CommandSpec> of_reading();  // state log explain verify doctor completion …

}  // namespace daybook::commands
