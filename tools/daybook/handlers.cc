#include "tools/daybook/handlers.h"

#include <algorithm>
#include <utility>

namespace daybook {

Outcome printed(const std::expected<void, Problem>& result) {
  if (!result) return std::unexpected(result.error());
  return Exit::good;
}

namespace {

constexpr std::pair<std::string_view, Handler> handlers[] = {
    {"quickstart", commands::quickstart},
    {"init", commands::init},
    {"check", commands::check},
    {"plan", commands::plan},
    {"run", commands::run},
    {"rerun", commands::rerun},
    {"runs list", commands::runs_list},
    {"runs show", commands::runs_show},
    {"pause", commands::pause},
    {"resume", commands::resume},
    {"cancel", commands::cancel},
    {"reconcile", commands::reconcile},
    {"hold list", commands::hold_list},
    {"hold load", commands::hold_load},
    {"hold discard", commands::hold_discard},
    {"quarantine list", commands::quarantine_list},
    {"quarantine groups", commands::quarantine_groups},
    {"quarantine show", commands::quarantine_show},
    {"quarantine amend", commands::quarantine_amend},
    {"quarantine release", commands::quarantine_release},
    {"quarantine discard", commands::quarantine_discard},
    {"quarantine export", commands::quarantine_export},
    {"quarantine import", commands::quarantine_import},
    {"quarantine partitions", commands::quarantine_partitions},
    {"quarantine release-partition", commands::quarantine_release_partition},
    {"compensate plan", commands::compensate_plan},
    {"compensate propose", commands::compensate_propose},
    {"compensate list", commands::compensate_list},
    {"compensate show", commands::compensate_show},
    {"compensate start", commands::compensate_start},
    {"compensate withdraw", commands::compensate_withdraw},
    {"approvals list", commands::approvals_list},
    {"approvals show", commands::approvals_show},
    {"approvals text", commands::approvals_text},
    {"approvals approve", commands::approvals_approve},
    {"approvals reject", commands::approvals_reject},
    {"principals add", commands::principals_add},
    {"principals revoke", commands::principals_revoke},
    {"principals list", commands::principals_list},
    {"erase plan", commands::erase_plan},
    {"erase propose", commands::erase_propose},
    {"erase list", commands::erase_list},
    {"erase show", commands::erase_show},
    {"erase start", commands::erase_start},
    {"erase withdraw", commands::erase_withdraw},
    {"legal-hold add", commands::legal_hold_add},
    {"legal-hold list", commands::legal_hold_list},
    {"legal-hold release", commands::legal_hold_release},
    {"trace", commands::trace},
    {"prove", commands::prove},
    {"diff", commands::diff},
    {"bisect", commands::bisect},
    {"lineage", commands::lineage},
    {"impact", commands::impact},
    {"replay", commands::replay},
    {"ledger export", commands::ledger_export},
    {"ledger prove", commands::ledger_prove},
    {"ledger prove-completeness", commands::ledger_prove_completeness},
    {"ledger prove-conservation", commands::ledger_prove_conservation},
    {"ledger key", commands::ledger_key},
    {"ledger key rotate", commands::ledger_rotate_key},
    {"ledger new-origin", commands::ledger_new_origin},
    {"ledger witness add", commands::ledger_witness_add},
    {"ledger witness remove", commands::ledger_witness_remove},
    {"ledger witness list", commands::ledger_witness_list},
    {"ledger witness collect", commands::ledger_witness_collect},
    {"ledger timestamp", commands::ledger_timestamp},
    {"serve-tiles", commands::serve_tiles},
    {"state", commands::state},
    {"log", commands::log},
    {"explain", commands::explain},
    {"sql", commands::sql},
    {"evidence", commands::evidence},
    {"verify", commands::verify},
    {"doctor", commands::doctor},
    {"completion", commands::completion},
    {"help", commands::help},
    {"version", commands::version},
    {"__generate", commands::generate},
};

}  // namespace

Handler handler_of(std::string_view path) {
  const auto* found =
      std::ranges::find(handlers, path, &std::pair<std::string_view, Handler>::first);
  return found == std::end(handlers) ? nullptr : found->second;
}

}  // namespace daybook
