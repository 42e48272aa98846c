#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "replay/words.h"
#include "runner/erasure.h"
#include "runner/service/erasure_requests.h"
#include "tools/daybook/held_records.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

// A value is never repeated on the terminal: what is wrong is said by its place.
std::expected<Subject, Problem> subject_of(const std::string& text, const std::string& where) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
    return usage("COLUMN=VALUE, for example email=ana@example.org", "{} is not COLUMN=VALUE",
                 where);
  return Subject{.column = text.substr(0, equals), .value = text.substr(equals + 1)};
}

std::expected<Subjects, Problem> subjects_of(const Arguments& args) {
  Subjects out;
  for (const std::string& text : args.all("subject")) {
    auto subject = subject_of(text, "--subject");
    if (!subject) return std::unexpected(subject.error());
    out.push_back(std::move(*subject));
  }
  if (!args.has("subjects")) return out;
  const auto text = whole_file(args.text("subjects"), 1U << 20);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto subject = subject_of(std::string(line), fmt::format("line {} of --subjects", number));
    if (!subject) return std::unexpected(subject.error());
    out.push_back(std::move(*subject));
  }
  return out;
}

std::expected<ErasureWish, Problem> wish_of(Invocation& in, const State& state) {
  const Arguments& args = in.arguments;
  if (!args.has("subject") && !args.has("subjects") && !args.has("record") && !args.has("run") &&
      !args.has("expired"))
    return usage("--subject COLUMN=VALUE, --record BATCH:RECORD, --run RUN or --expired",
                 "say what is to be erased");
  auto subjects = subjects_of(args);
  if (!subjects) return std::unexpected(subjects.error());
  ErasureWish wish{.subjects = std::move(*subjects),
                   .expired = args.has("expired"),
                   .now = args.has("as-of") ? state.now : in.output.now(),
                   .pipeline = args.text("pipeline"),
                   .quarantine = args.text("only") != "inputs",
                   .inputs = args.text("only") != "quarantine"};
  for (const std::string& text : args.all("record")) {
    const auto range = record_range(state, text);
    if (!range) return std::unexpected(range.error());
    wish.records.push_back({.batch = range->batch, .first = range->first, .last = range->last});
  }
  if (args.has("run")) {
    const auto run = find_run(state, args.text("run"));
    if (!run) return std::unexpected(run.error());
    wish.run = *run;
  }
  if (!wish.pipeline.empty() && !state.current_definition.contains(wish.pipeline))
    return not_found("daybook runs list shows what ran", "no pipeline {} has run in this book",
                     wish.pipeline);
  return wish;
}

std::string many(std::uint64_t n, std::string_view one) {
  return fmt::format("{} {}{}", grouped(n), one, n == 1 ? "" : "s");
}

std::string item_line(const Json& item) {
  std::string what = item["kind"].get<std::string>();
  if (what == "quarantine")
    what = fmt::format("batch {}, {}", item["batch"].get<std::string>(),
                       item["records"].is_string() ? std::string("all its records")
                                                   : many(item["records"].size(), "record"));
  else if (what == "amendment")
    what = fmt::format("amendment of {}:{}", item["batch"].get<std::string>(),
                       item["records"][0].get<std::uint32_t>());
  else
    what = "retained input";
  return fmt::format(
      "  {} {}  run {}  {}  {} bytes\n", printable(item["pipeline"].get<std::string>()),
      printable(item["partition"].get<std::string>()), item["run"].get<std::uint32_t>(), what,
      grouped(item["bytes"].get<std::uint64_t>()));
}

std::string plan_summary(const Json& plan) {
  constexpr std::size_t lines_max = 30;
  std::string text =
      fmt::format("{}: {} in {}, {} bytes\n", printable(plan["policy"].get<std::string>()),
                  many(plan["records"].get<std::uint64_t>(), "quarantined record"),
                  many(plan["payloads"].get<std::uint64_t>(), "payload"),
                  grouped(plan["bytes"].get<std::uint64_t>()));
  for (std::size_t i = 0; i < plan["items"].size() && i < lines_max; ++i)
    text += item_line(plan["items"][i]);
  if (plan["items"].size() > lines_max)
    text += fmt::format("  … and {} more; -o json shows all\n", plan["items"].size() - lines_max);
  if (const auto undecided = plan["undecided"].get<std::uint64_t>(); undecided > 0)
    text +=
        fmt::format("  {} nobody decided about will never be loaded\n", many(undecided, "record"));
  if (!plan["unreplayable_runs"].empty())
    text += fmt::format("  run{} {} can not be replayed afterwards: the input goes as a whole\n",
                        plan["unreplayable_runs"].size() == 1 ? "" : "s", [&] {
                          std::string out;
                          for (const Json& run : plan["unreplayable_runs"])
                            out += (out.empty() ? "" : ", ") + dump(run);
                          return out;
                        }());
  for (const Json& held : plan["held"])
    text += "  REFUSED: " + printable(held.get<std::string>()) + "\n";
  if (plan.contains("unsearched"))
    for (const Json& one : plan["unsearched"])
      text += "  not searched: " + printable(one.get<std::string>()) + "\n";
  return text;
}

nlohmann::json choice_json(const ErasureChoice& choice) {
  nlohmann::json batches = nlohmann::json::array(), inputs = nlohmann::json::array();
  for (const auto& [batch, records] : choice.records)
    batches.push_back({{"batch", static_cast<std::uint32_t>(batch)}, {"records", records}});
  for (const Digest& digest : choice.inputs) inputs.push_back(hex(digest));
  return {{"batches", std::move(batches)}, {"inputs", std::move(inputs)}};
}

Outcome plan_or_propose(Invocation& in, bool propose) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto wish = wish_of(in, book->state);
  if (!wish) return std::unexpected(wish.error());
  const auto found = find_for_erasure(book->with(*payloads), *wish);
  if (!found) return std::unexpected(problem_then(in.arguments, found.error()));
  if (found->choice.empty()) {
    std::string hint = "the value must stand in a record exactly so; other spellings are others";
    if (!found->unsearched.empty()) hint = found->unsearched.front();
    return not_found(wish->subjects.empty() ? std::string() : hint,
                     "the book keeps nothing readable of that kind ({})", found->policy);
  }
  Json plan;
  if (propose) {
    nlohmann::json arguments = choice_json(found->choice);
    arguments["policy"] = found->policy;
    arguments["reason"] = in.arguments.text("reason");
    auto answer = submit(book->paths, in.output, {"erasure-propose", std::move(arguments)});
    if (!answer) return std::unexpected(answer.error());
    plan = std::move(*answer);
  } else {
    const auto planned = plan_erasure(book->with(*payloads), found->choice, found->policy);
    if (!planned) return std::unexpected(problem_then(in.arguments, planned.error()));
    plan = Json::parse(json_of(book->state, *planned).dump());
  }
  plan["unsearched"] = found->unsearched;
  Document document{.kind = propose ? "Erasure" : "ErasurePlan",
                    .json = plan,
                    .text = plan_summary(plan),
                    .ledger_size = {}};
  if (propose)
    document.text =
        fmt::format("proposed erasure {}  plan sha256:{}\n", plan["erasure"].get<std::uint32_t>(),
                    plan["digest"].get<std::string>()) +
        document.text;
  if (const auto done = in.output.print(document); !done) return std::unexpected(done.error());
  if (!propose) {
    const bool proposable = plan["held"].empty() && !in.arguments.has("as-of");
    if (!in.output.machine() && proposable)
      in.output.say("nothing was changed; next  daybook erase propose … --reason …");
    return plan["held"].empty() ? Exit::good : Exit::not_allowed;
  }
  if (!in.output.machine())
    in.output.say(fmt::format(
        "next  daybook approvals approve {} --key …, by somebody else; then daybook erase start {}",
        plan["approval"].get<std::uint32_t>(), plan["erasure"].get<std::uint32_t>()));
  return Exit::pending;
}

std::expected<ErasureId, Problem> erasure_of(Invocation& in, const State& state) {
  const std::uint64_t id = *in.arguments.number("ERASURE");
  if (id >= state.erasures.size())
    return not_found("daybook erase list shows them", "there is no erasure {}", id);
  return ErasureId{static_cast<std::uint32_t>(id)};
}

struct Amount {
  std::uint64_t payloads = 0, bytes = 0;
};
Amount amount_of(const ErasureState& erasure) {
  std::set<PayloadRef> all;
  Amount out;
  for (const ErasureItem& item : erasure.items)
    if (all.insert(item.payload).second) out.bytes += item.payload.bytes;
  out.payloads = all.size();
  return out;
}

Json erasure_item(const State& state, ErasureId id) {
  const ErasureState& erasure = *state.find(id);
  const Amount amount = amount_of(erasure);
  const bool finished = erasure.phase == ErasureState::Phase::finished;
  return {
      {"erasure", static_cast<std::uint32_t>(id)},
      {"phase", word(erasure.phase)},
      {"policy", erasure.policy},
      {"payloads", amount.payloads},
      {"bytes", amount.bytes},
      {"approval", erasure.approval ? Json(static_cast<std::uint32_t>(*erasure.approval)) : Json()},
      {"approved", erasure.approval && state.find(*erasure.approval)->satisfied()},
      {"approvers",
       erasure.approval ? Json(state.find(*erasure.approval)->approvers) : Json(Json::array())},
      {"proposer", erasure.proposer},
      {"plan", hex(erasure.plan)},
      {"entry", erasure.at},
      {"started_entry", erasure.started == no_entry ? Json() : Json(erasure.started)},
      {"finished_entry", finished ? Json(erasure.finished) : Json()}};
}

std::expected<std::string, Problem> time_of(const ReadBook& book, EntryIndex index) {
  const auto entry = entry_at(*book.ledger, index);
  if (!entry) return std::unexpected(problem_of(entry.error()));
  return iso_time(entry->envelope.recorded_at);
}

}  // namespace

Outcome erase_plan(Invocation& in) { return plan_or_propose(in, false); }
Outcome erase_propose(Invocation& in) { return plan_or_propose(in, !in.arguments.has("dry-run")); }

Outcome erase_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "ErasureList",
                  .columns = {{.key = "erasure", .title = "ID", .right = true},
                              {.key = "phase", .title = "PHASE"},
                              {.key = "payloads", .title = "PAYLOADS", .right = true},
                              {.key = "approved", .title = "APPROVED"},
                              {.key = "proposer", .title = "BY"},
                              {.key = "entry", .title = "ENTRY", .right = true},
                              {.key = "policy", .title = "POLICY"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "no erasures",
                  .footer = {}};
  for (std::size_t i = book->state.erasures.size(); i-- > 0;) {
    const ErasureId id{static_cast<std::uint32_t>(i)};
    if (in.arguments.has("open") && !book->state.open_erasures.contains(id)) continue;
    listing.items.push_back(erasure_item(book->state, id));
  }
  return printed(in.output.print(listing));
}

Outcome erase_show(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = erasure_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const ErasureState& erasure = *book->state.find(*id);
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto text = payloads->get(as_address(erasure.text));
  if (!text) return std::unexpected(problem_of(text.error()));
  Document document{.kind = "Erasure",
                    .json = erasure_item(book->state, *id),
                    .text = {},
                    .ledger_size = book->state.size};
  const auto proposed = entry_at(*book->ledger, erasure.at);
  if (!proposed) return std::unexpected(problem_of(proposed.error()));
  if (const auto* event = std::get_if<ErasureProposed>(&proposed->event))
    document.json["reason"] = event->reason;
  document.json["text"] = *text;
  const Amount amount = amount_of(erasure);
  std::string& out = document.text;
  out = fmt::format("erasure {}  {}  {}, {} bytes\n", *id, word(erasure.phase),
                    many(amount.payloads, "payload"), grouped(amount.bytes));
  out += fmt::format("  policy    {}\n", printable(erasure.policy));
  out += fmt::format("  reason    {}\n", printable(document.json.value("reason", "")));
  out += fmt::format("  proposed  {} by {} (entry {})\n", iso_time(proposed->envelope.recorded_at),
                     printable(erasure.proposer), erasure.at);
  if (erasure.approval) {
    const ApprovalState& approval = *book->state.find(*erasure.approval);
    out += fmt::format("  approval  {}: {} of {}", *erasure.approval, approval.approvers.size(),
                       approval.needed);
    for (std::size_t i = 0; i < approval.approvers.size(); ++i)
      out += fmt::format("{} {} with {}", i == 0 ? "," : " and", printable(approval.approvers[i]),
                         printable(approval.fingerprints[i]));
    out += '\n';
  }
  for (const auto& [key, title, index] :
       {std::tuple{"started_at", "started ", erasure.started},
        std::tuple{"finished_at",
                   erasure.phase == ErasureState::Phase::withdrawn ? "withdrawn" : "finished",
                   erasure.finished}}) {
    if (index == no_entry) continue;
    const auto at = time_of(*book, index);
    if (!at) return std::unexpected(at.error());
    document.json[key] = *at;
    out += fmt::format("  {:<9} {} (entry {})\n", title, *at, index);
  }
  out += fmt::format("  plan      sha256:{}\n\n", hex(erasure.plan));
  out += indented(*text);
  return printed(in.output.print(document));
}

Outcome erase_start(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = erasure_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const ErasureState& erasure = *book->state.find(*id);
  const Amount amount = amount_of(erasure);
  const std::string what =
      fmt::format("{} ({} bytes)", many(amount.payloads, "payload"), grouped(amount.bytes));
  if (in.arguments.has("dry-run")) {
    const Decision decision = decide(book->state, {.now = book->state.now, .actor = local_actor()},
                                     StartErasure{.erasure = *id, .plan = erasure.plan});
    if (!decision) return std::unexpected(problem_of(decision.error()));
    return printed(in.output.print(Document{
        .kind = "DryRun",
        .json = {{"dry_run", true}, {"payloads", amount.payloads}, {"bytes", amount.bytes}},
        .text = fmt::format("dry run: {} would become unreadable\n", what),
        .ledger_size = book->state.size}));
  }
  if (const auto sure = confirm(in, what + " will become unreadable for good."); !sure)
    return std::unexpected(sure.error());
  const auto receipt = submit(book->paths, in.output,
                              {"erasure-start", {{"erasure", static_cast<std::uint32_t>(*id)}}});
  if (!receipt) return std::unexpected(receipt.error());
  const auto done = in.output.print(Document{
      .kind = "ErasureReceipt",
      .json = *receipt,
      .text =
          fmt::format("erased {} under the policy {}\n  receipt: entry {} (began at entry {}, "
                      "proposed at entry {})\n",
                      what, printable(erasure.policy), dump((*receipt)["finished_at_entry"]),
                      dump((*receipt)["started_at_entry"]), dump((*receipt)["proposed_at_entry"])),
      .ledger_size = {}});
  if (!done) return std::unexpected(done.error());
  if (!in.output.machine())
    in.output.say(fmt::format("next  daybook erase show {}      daybook verify", *id));
  return Exit::good;
}

Outcome erase_withdraw(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = erasure_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  return decide_and_report(
      in, *book,
      {"erasure-withdraw",
       {{"erasure", static_cast<std::uint32_t>(*id)}, {"reason", in.arguments.text("reason")}}},
      fmt::format("withdrew erasure {}", *id));
}

}  // namespace daybook::commands
