#include <algorithm>

#include "replay/words.h"
#include "runner/compensation.h"
#include "tools/daybook/submit.h"

namespace daybook::commands {

namespace {

// The slots a person wants taken back, by run or by name.
std::expected<std::vector<std::uint32_t>, Problem> slots_to_take_back(Invocation& in,
                                                                      const State& state) {
  const Arguments& args = in.arguments;
  if (args.has("run") == args.has("partition"))
    return usage("--run RUN, or --partition KEY", "say what to take back: a run, or partitions");
  std::vector<std::uint32_t> out;
  if (args.has("run")) {
    const auto run = find_run(state, args.text("run"));
    if (!run) return std::unexpected(run.error());
    for (const SlotId slot : slots_loaded_by(state, *run)) {
      if (args.has("pipeline") && state.find(slot)->pipeline != args.text("pipeline")) continue;
      out.push_back(static_cast<std::uint32_t>(slot));
    }
    if (out.empty())
      return not_found("what a later run replaced is not taken back with this one",
                       "nothing that run {} loaded stands now", *run);
    return out;
  }
  for (const std::string& key : args.all("partition")) {
    const auto slot = find_slot(state, key, args.text("pipeline"));
    if (!slot) return std::unexpected(slot.error());
    out.push_back(static_cast<std::uint32_t>(*slot));
  }
  return out;
}

std::string plan_text(const Json& plan) {
  std::uint64_t removed = 0, restored = 0;
  std::string text;
  for (const Json& step : plan["steps"]) {
    removed += step["rows_removed"].get<std::uint64_t>();
    restored += step["rows_restored"].get<std::uint64_t>();
    text += fmt::format(
        "  {} {}  generation {}{}  {} rows go, {} come back{}\n",
        printable(step["pipeline"].get<std::string>()),
        printable(step["partition"].get<std::string>()), step["generation"].get<std::uint32_t>(),
        step["restores"] == 0 ? ""
                              : fmt::format(", back to {}", step["restores"].get<std::uint32_t>()),
        grouped(step["rows_removed"].get<std::uint64_t>()),
        grouped(step["rows_restored"].get<std::uint64_t>()),
        step["note"] == "" ? "" : "  NOT POSSIBLE: " + printable(step["note"].get<std::string>()));
  }
  return fmt::format(
      "{}: {} load{}, {} rows go, {} come back; {} approval{} needed\n{}  plan sha256:{}\n",
      plan["action"].get<std::string>(), plan["steps"].size(), plan["steps"].size() == 1 ? "" : "s",
      grouped(removed), grouped(restored), plan["approvals"].get<std::uint32_t>(),
      plan["approvals"] == 1 ? "" : "s", text, plan["digest"].get<std::string>());
}

Outcome plan_or_propose(Invocation& in, bool propose) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto slots = slots_to_take_back(in, book->state);
  if (!slots) return std::unexpected(slots.error());
  in.output.judges_present("the sinks, which count the rows and say what is possible");
  nlohmann::json arguments = {{"slots", *slots}};
  if (propose) arguments["reason"] = in.arguments.text("reason");
  const auto plan =
      propose ? submit(book->paths, in.output, {"compensation-propose", std::move(arguments)})
              : ask_reading(*book, {"compensation-plan", std::move(arguments)});
  if (!plan) return std::unexpected(plan.error());
  Document document{.kind = propose ? "Compensation" : "CompensationPlan",
                    .json = *plan,
                    .text = plan_text(*plan),
                    .ledger_size = {}};
  if (plan->contains("compensation"))
    document.text =
        fmt::format("proposed compensation {}\n", (*plan)["compensation"].get<std::uint32_t>()) +
        document.text;
  if (const auto printed = in.output.print(document); !printed)
    return std::unexpected(printed.error());
  if (!propose) return (*plan)["possible"] == true ? Exit::good : Exit::conflict;
  const std::uint32_t id = (*plan)["compensation"].get<std::uint32_t>();
  if (plan->contains("approval")) {
    const std::uint32_t approval = (*plan)["approval"].get<std::uint32_t>();
    if (!in.output.machine())
      in.output.say(
          fmt::format("next  daybook approvals approve {} --key …, by somebody else; then "
                      "daybook compensate start {}",
                      approval, id));
    return Exit::pending;
  }
  if (!in.output.machine()) in.output.say(fmt::format("next  daybook compensate start {}", id));
  return Exit::good;
}

Json compensation_item(const State& state, CompensationId id) {
  const CompensationState& c = *state.find(id);
  Json steps = Json::array();
  for (std::size_t i = 0; i < c.steps.size(); ++i)
    steps.push_back({{"partition", state.find(c.steps[i].slot)->partition},
                     {"pipeline", state.find(c.steps[i].slot)->pipeline},
                     {"generation", c.steps[i].generation},
                     {"restores", c.steps[i].restores},
                     {"done", i < c.done}});
  return {{"compensation", static_cast<std::uint32_t>(id)},
          {"phase", word(c.phase)},
          {"action", word(c.action)},
          {"steps_total", c.steps.size()},
          {"done", c.done},
          {"approval", c.approval ? Json(static_cast<std::uint32_t>(*c.approval)) : Json()},
          {"approved", !c.approval || state.find(*c.approval)->satisfied()},
          {"proposer", c.proposer},
          {"last_failure", c.last_failure.empty() ? Json() : Json(c.last_failure)},
          {"plan", hex(c.plan)},
          {"entry", c.at},
          {"steps", std::move(steps)}};
}

std::expected<CompensationId, Problem> compensation_of(Invocation& in, const State& state) {
  const std::uint64_t id = *in.arguments.number("COMPENSATION");
  if (id >= state.compensations.size())
    return not_found("daybook compensate list shows them", "there is no compensation {}", id);
  return CompensationId{static_cast<std::uint32_t>(id)};
}

}  // namespace

Outcome compensate_plan(Invocation& in) { return plan_or_propose(in, false); }
Outcome compensate_propose(Invocation& in) {
  return plan_or_propose(in, !in.arguments.has("dry-run"));
}

Outcome compensate_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "CompensationList",
                  .columns = {{.key = "compensation", .title = "ID", .right = true},
                              {.key = "phase", .title = "PHASE"},
                              {.key = "action", .title = "ACTION"},
                              {.key = "steps_total", .title = "LOADS", .right = true},
                              {.key = "done", .title = "DONE", .right = true},
                              {.key = "approved", .title = "APPROVED"},
                              {.key = "proposer", .title = "BY"},
                              {.key = "last_failure", .title = "LAST FAILURE"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "no compensations",
                  .footer = {}};
  for (std::size_t i = book->state.compensations.size(); i-- > 0;) {
    const CompensationId id{static_cast<std::uint32_t>(i)};
    if (in.arguments.has("open") && !book->state.open_compensations.contains(id)) continue;
    listing.items.push_back(compensation_item(book->state, id));
  }
  return printed(in.output.print(listing));
}

Outcome compensate_show(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = compensation_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const CompensationState& c = *book->state.find(*id);
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto text = payloads->get(as_address(c.text));
  if (!text) return std::unexpected(problem_of(text.error()));
  Document document{.kind = "Compensation",
                    .json = compensation_item(book->state, *id),
                    .text = {},
                    .ledger_size = book->state.size};
  document.json["text"] = *text;
  document.text = fmt::format("compensation {}  {}  {} of {} loads taken back  by {}\n", *id,
                              word(c.phase), c.done, c.steps.size(), printable(c.proposer));
  if (c.approval) {
    const ApprovalState& a = *book->state.find(*c.approval);
    document.text += fmt::format("  approval {}: {} of {} signatures\n", *c.approval,
                                 a.approvers.size(), a.needed);
  }
  if (!c.last_failure.empty())
    document.text += fmt::format("  last failure: {}\n", printable(c.last_failure));
  document.text += fmt::format("  plan sha256:{}\n\n", hex(c.plan));
  document.text += indented(*text);
  return printed(in.output.print(document));
}

Outcome compensate_start(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = compensation_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const CompensationState& c = *book->state.find(*id);
  const std::size_t left = c.steps.size() - c.done;
  if (in.arguments.has("dry-run")) {
    if (c.phase == CompensationState::Phase::proposed) {
      const Decision decision =
          decide(book->state, {.now = book->state.now, .actor = local_actor()},
                 StartCompensation{.compensation = *id, .plan = c.plan});
      if (!decision) return std::unexpected(problem_of(decision.error()));
    }
    const Document document{
        .kind = "DryRun",
        .json = {{"dry_run", true}, {"left", left}},
        .text = fmt::format("dry run: {} load{} would be taken back\n", left, left == 1 ? "" : "s"),
        .ledger_size = book->state.size};
    return printed(in.output.print(document));
  }
  if (const auto sure =
          confirm(in, fmt::format("{} load{} will be taken back.", left, left == 1 ? "" : "s"));
      !sure)
    return std::unexpected(sure.error());
  const auto answer =
      submit(book->paths, in.output,
             {"compensation-start", {{"compensation", static_cast<std::uint32_t>(*id)}}});
  if (!answer) return std::unexpected(answer.error());
  const Document document{.kind = "Compensation",
                          .json = *answer,
                          .text = fmt::format("compensation {}: {} of {} loads taken back\n", *id,
                                              (*answer)["done"].get<std::uint32_t>(),
                                              (*answer)["steps"].get<std::uint32_t>()),
                          .ledger_size = {}};
  return printed(in.output.print(document));
}

Outcome compensate_withdraw(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = compensation_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  return decide_and_report(in, *book,
                           {"compensation-withdraw",
                            {{"compensation", static_cast<std::uint32_t>(*id)},
                             {"reason", in.arguments.text("reason")}}},
                           fmt::format("withdrew compensation {}", *id));
}

}  // namespace daybook::commands
