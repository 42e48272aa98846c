// pause, resume, cancel, hold, reconcile, and releasing a partition that was set aside.
#include <algorithm>

#include "replay/words.h"
#include "tools/daybook/run.h"
#include "tools/daybook/scope.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/views.h"

namespace daybook::commands {

namespace {

Outcome on_slot(Invocation& in, const std::string& verb, nlohmann::json arguments,
                const std::string& done, bool rerun_next) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto slot =
      find_slot(book->state, in.arguments.text("PARTITION"), in.arguments.text("pipeline"));
  if (!slot) return std::unexpected(slot.error());
  arguments["slot"] = static_cast<std::uint32_t>(*slot);
  arguments["reason"] = in.arguments.text("reason");
  std::vector<std::string> next;
  if (rerun_next) next.push_back("daybook run PIPELINE");
  return decide_and_report(in, *book, {verb, std::move(arguments)},
                           fmt::format("{} {}", done, slot_title(book->state, *slot)),
                           std::move(next));
}

}  // namespace

Outcome pause(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  auto where = named_scope(in, book->state);
  if (!where) return std::unexpected(where.error());
  where->first["reason"] = in.arguments.text("reason");
  return decide_and_report(in, *book, {"pause", where->first}, "paused " + where->second,
                           {"daybook resume takes it back"});
}

Outcome resume(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  auto where = named_scope(in, book->state);
  if (!where) return std::unexpected(where.error());
  where->first["reason"] = in.arguments.text("reason");
  return decide_and_report(in, *book, {"resume", where->first}, "resumed " + where->second,
                           {"daybook run PIPELINE does what waited"});
}

Outcome cancel(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const Arguments& args = in.arguments;
  const bool narrowed = args.has("pipeline") || args.has("partition");
  if (args.has("RUN") + args.has("all") + narrowed != 1)
    return usage("a RUN, --pipeline, --partition or --all", "one scope is needed, and only one");
  if (args.has("RUN")) {
    const auto run = find_run(book->state, args.text("RUN"));
    if (!run) return std::unexpected(run.error());
    const nlohmann::json arguments = {{"run", static_cast<std::uint32_t>(*run)},
                                      {"reason", args.text("reason")}};
    return decide_and_report(in, *book, {"cancel", arguments},
                             fmt::format("cancelled run {}", *run),
                             {fmt::format("daybook runs show {}", *run)});
  }
  auto where = named_scope(in, book->state);
  if (!where) return std::unexpected(where.error());
  where->first["reason"] = args.text("reason");
  const std::string what = args.has("partition") ? "" : "every open run of ";
  return decide_and_report(in, *book, {"cancel", where->first}, "cancelled " + what + where->second,
                           {"daybook runs list"});
}

Outcome hold_load(Invocation& in) {
  return on_slot(in, "hold", {{"decision", "load_anyway"}}, "will load", true);
}
Outcome hold_discard(Invocation& in) {
  return on_slot(in, "hold", {{"decision", "discard"}}, "discarded what was staged of", false);
}
Outcome quarantine_release_partition(Invocation& in) {
  return on_slot(in, "slot-release", nlohmann::json::object(), "released", true);
}

Outcome reconcile(Invocation& in) {
  Json arguments = {{"deep", in.arguments.has("deep")}};
  if (in.arguments.has("PIPELINE")) {
    const auto pipeline = load_pipeline(in.output, in.arguments.text("PIPELINE"));
    if (!pipeline) return std::unexpected(pipeline.error());
    arguments["pipeline"] = (*pipeline)->name;
  }
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const bool record = !in.arguments.has("dry-run");
  arguments["record"] = record;
  const Request request{"reconcile", std::move(arguments)};
  const auto answer =
      record ? submit(book->paths, in.output, request) : ask_reading(*book, request);
  if (!answer) return std::unexpected(answer.error());
  const Json& findings = (*answer)["findings"];
  Document document{.kind = "Reconciliation", .json = *answer, .text = {}, .ledger_size = {}};
  document.text = fmt::format(
      "{} loads checked in {} sink{}: {}\n", (*answer)["checked"].get<std::uint64_t>(),
      (*answer)["sinks"].get<std::uint64_t>(), (*answer)["sinks"] == 1 ? "" : "s",
      findings.empty() ? "all as the book says" : fmt::format("{} findings", findings.size()));
  bool again = false, damaged = false, added = false;
  for (const Json& finding : findings) {
    const std::string kind = finding["kind"].get<std::string>();
    again = again || finding["loads_again"].get<bool>();
    damaged = damaged || (kind == "damaged" && !finding["loads_again"].get<bool>());
    added = added || kind == "added";
    document.text += fmt::format("  {}  {} {}  generation {}: {}\n",
                                 in.output.style(Style::bad, fmt::format("{:<8}", kind)),
                                 printable(finding["pipeline"].get<std::string>()),
                                 printable(finding["partition"].get<std::string>()),
                                 finding["generation"].get<std::uint32_t>(),
                                 printable(finding["detail"].get<std::string>()));
  }
  if (const auto printed = in.output.print(document); !printed)
    return std::unexpected(printed.error());
  if (again && record && !in.output.machine())
    in.output.say("next  daybook run PIPELINE loads again what was lost");
  if (damaged && !in.output.machine())
    in.output.say(
        "next  no run loads what is damaged there: repair the target, or take the load "
        "back (daybook compensate plan)");
  if (added && !in.output.machine())
    in.output.say("next  remove by hand what was added, or let it be: no run touches it");
  return findings.empty() ? Exit::good : Exit::integrity;
}

}  // namespace daybook::commands
