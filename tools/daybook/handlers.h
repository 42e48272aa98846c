// What each command does. The table says what a command takes; these functions get it parsed.
#pragma once

#include <string_view>

#include "tools/daybook/arguments.h"
#include "tools/daybook/output.h"
#include "tools/daybook/problem.h"

namespace daybook {

struct Invocation {
  const CommandSpec& command;
  const Arguments& arguments;
  Output& output;
};

using Handler = Outcome (*)(Invocation&);

// What a command that only prints ends with.
Outcome printed(const std::expected<void, Problem>& result);

// Null for a command that is in the table alone.
Handler handler_of(std::string_view path);

namespace commands {

Outcome quickstart(Invocation&);
Outcome init(Invocation&);
Outcome check(Invocation&);
Outcome plan(Invocation&);
Outcome run(Invocation&);
Outcome rerun(Invocation&);
Outcome runs_list(Invocation&);
Outcome runs_show(Invocation&);

Outcome pause(Invocation&);
Outcome resume(Invocation&);
Outcome cancel(Invocation&);
Outcome reconcile(Invocation&);
Outcome hold_list(Invocation&);
Outcome hold_load(Invocation&);
Outcome hold_discard(Invocation&);

Outcome quarantine_list(Invocation&);
Outcome quarantine_groups(Invocation&);
Outcome quarantine_show(Invocation&);
Outcome quarantine_amend(Invocation&);
Outcome quarantine_release(Invocation&);
Outcome quarantine_discard(Invocation&);
Outcome quarantine_export(Invocation&);
Outcome quarantine_import(Invocation&);
Outcome quarantine_partitions(Invocation&);
Outcome quarantine_release_partition(Invocation&);

Outcome compensate_plan(Invocation&);
Outcome compensate_propose(Invocation&);
Outcome compensate_list(Invocation&);
Outcome compensate_show(Invocation&);
Outcome compensate_start(Invocation&);
Outcome compensate_withdraw(Invocation&);
Outcome approvals_list(Invocation&);
Outcome approvals_show(Invocation&);
Outcome approvals_text(Invocation&);
Outcome approvals_approve(Invocation&);
Outcome approvals_reject(Invocation&);
Outcome principals_add(Invocation&);
Outcome principals_revoke(Invocation&);
Outcome principals_list(Invocation&);

Outcome erase_plan(Invocation&);
Outcome erase_propose(Invocation&);
Outcome erase_list(Invocation&);
Outcome erase_show(Invocation&);
Outcome erase_start(Invocation&);
Outcome erase_withdraw(Invocation&);
Outcome legal_hold_add(Invocation&);
Outcome legal_hold_list(Invocation&);
Outcome legal_hold_release(Invocation&);
Outcome trace(Invocation&);
Outcome prove(Invocation&);

Outcome diff(Invocation&);
Outcome bisect(Invocation&);
Outcome lineage(Invocation&);
Outcome impact(Invocation&);
Outcome replay(Invocation&);

Outcome ledger_export(Invocation&);
Outcome ledger_prove(Invocation&);
Outcome ledger_prove_completeness(Invocation&);
Outcome ledger_prove_conservation(Invocation&);
Outcome ledger_key(Invocation&);
Outcome ledger_rotate_key(Invocation&);
Outcome ledger_new_origin(Invocation&);
Outcome ledger_witness_add(Invocation&);
Outcome ledger_witness_remove(Invocation&);
Outcome ledger_witness_list(Invocation&);
Outcome ledger_witness_collect(Invocation&);
Outcome ledger_timestamp(Invocation&);
Outcome serve_tiles(Invocation&);

Outcome state(Invocation&);
Outcome log(Invocation&);
Outcome explain(Invocation&);
Outcome sql(Invocation&);
Outcome evidence(Invocation&);
Outcome verify(Invocation&);
Outcome doctor(Invocation&);
Outcome completion(Invocation&);
Outcome help(Invocation&);
Outcome version(Invocation&);
Outcome generate(Invocation&);

}  // namespace commands
}  // namespace daybook
