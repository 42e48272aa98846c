// run, rerun, and what they share with quickstart and releases.
#include "tools/daybook/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

#include "ledger/codec/event_codec.h"
#include "replay/words.h"
#include "runner/entropy.h"
#include "statemachine/apply.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/plan.h"
#include "tools/daybook/progress.h"
#include "tools/daybook/views.h"

namespace daybook {

std::expected<std::unique_ptr<Host>, Problem> become_keeper(const BookPaths& paths) {
  // RocksDB, DuckDB and the pool of workers: too few descriptors would show as odd failures later.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 128)
      return std::unexpected(
          Problem{.message = fmt::format("only {} files may be open at once", limit.rlim_cur),
                  .hint = "ulimit -n 1024"});
  }
  unsigned threads = usable_processors();
  if (const char* text = std::getenv("DAYBOOK_THREADS"); text != nullptr && *text != '\0') {
    const auto given = parse_number(text);
    if (!given || *given == 0 || *given > 1024)
      return usage("a number from 1 to 1024", "DAYBOOK_THREADS is \"{}\"", printable(text));
    threads = static_cast<unsigned>(*given);
  }
  auto host = Host::open(paths, threads);
  if (host) return std::move(*host);
  Problem problem = problem_of(host.error());
  if (host.error().code == Error::Code::conflict) {
    problem.message = "another process is the keeper of this book: " + host.error().detail;
    problem.hint =
        "let it finish, or stop it with Ctrl-C there; reading commands work beside it, and pause, "
        "cancel, quarantine and approvals reach it";
  }
  return std::unexpected(std::move(problem));
}

std::expected<std::shared_ptr<const Pipeline>, Problem> load_pipeline(Output& output,
                                                                      const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    return not_found("daybook run PIPELINE.pipeline.yaml", "{}: there is no such file",
                     printable(file));
  Diagnostics diagnostics;
  auto pipeline = read_pipeline(file, diagnostics);
  if (pipeline && !has_errors(diagnostics)) check_types(*pipeline, diagnostics);
  if (!pipeline || has_errors(diagnostics)) return std::unexpected(problem_of(diagnostics));
  for (const Diagnostic& warning : diagnostics) output.say(render(warning));
  return std::make_shared<const Pipeline>(std::move(*pipeline));
}

Problem problem_of(const RunProblem& problem) {
  if (problem.refusal) return problem_of(*problem.refusal);
  Problem out{.exit = Exit::bad,
              .code = "DB-1014",
              .message = problem.message,
              .hint = problem.hint,
              .diagnostics = problem.diagnostics};
  switch (problem.kind) {
    case RunProblem::Kind::refused: out.exit = Exit::conflict, out.code = "DB-1006"; break;
    case RunProblem::Kind::definition: out.exit = Exit::invalid, out.code = "DB-1008"; break;
    case RunProblem::Kind::source: out.exit = Exit::unreachable, out.code = "DB-1011"; break;
    case RunProblem::Kind::sink: out.exit = Exit::unreachable, out.code = "DB-1011"; break;
    case RunProblem::Kind::storage: out.code = "DB-1001"; break;
    case RunProblem::Kind::integrity: out.exit = Exit::integrity, out.code = "DB-1009"; break;
    case RunProblem::Kind::nothing: out.exit = Exit::not_found, out.code = "DB-1004"; break;
  }
  return out;
}

namespace {

// Why a partition came to nothing, from the entry that says so; empty where there is none.
std::string reason_of(const Keeper& keeper, SlotId id) {
  const EntryIndex story = keeper.state().find(id)->story;
  // What is set aside follows the failure that was one too many.
  for (EntryIndex at = story; at != no_entry && at + 1 >= story; --at) {
    const auto entry = entry_at(keeper.ledger(), at);
    if (!entry || !is_about(keeper.state(), entry->event, id)) return {};
    if (const auto* failed = std::get_if<AttemptFailed>(&entry->event)) return failed->detail;
    if (const auto* held = std::get_if<SlotHeld>(&entry->event)) return held->reason;
    if (at == 0) break;
  }
  return {};
}

// The summary of a run, or of the part of it that was done now: what happened to each partition.
std::string run_text(const Output& output, const Keeper& keeper, RunId id,
                     const std::vector<SlotId>& slots, const std::string& took) {
  const State& state = keeper.state();
  const RunState& run = *state.find(id);
  const DefinitionState* definition = state.find_definition(run.definition);
  std::uint64_t rows = 0;
  std::vector<Json> items;
  std::size_t widest = 9;
  std::uint64_t unchanged = 0;
  for (const SlotId slot : slots) {
    Json item = run_slot_item(state, id, slot);
    const bool same = item["result"] == "unchanged";
    if (same) ++unchanged;
    if (!same && item["rows"].is_number()) rows += item["rows"].get<std::uint64_t>();
    widest = std::max(widest, columns(item["partition"].get<std::string>()));
    if (!same) items.push_back(std::move(item));
  }
  const std::string_view dot = output.out().utf8 ? " · " : ", ";
  std::string text = fmt::format("{} v{}  {} partition{}{}{} row{}{}{}\n", run.pipeline,
                                 definition == nullptr ? 0 : definition->version, slots.size(),
                                 slots.size() == 1 ? "" : "s", dot, grouped(rows),
                                 rows == 1 ? "" : "s", took.empty() ? "" : dot, took);
  constexpr std::size_t shown_max = 40;
  std::size_t shown = 0, hidden = 0;
  for (const Json& item : items) {
    const std::string result = item["result"].get<std::string>();
    const bool bad = phase_style(result) != Style::good;
    // Failures are never folded away.
    if (!bad && shown >= shown_max) {
      ++hidden;
      continue;
    }
    ++shown;
    std::string partition = item["partition"].get<std::string>();
    partition.resize(widest, ' ');
    std::string line = fmt::format(
        "  {}  {}", partition, output.style(phase_style(result), fmt::format("{:<10}", result)));
    if (item["rows"].is_number())
      line += fmt::format("  {:>11} row{}", grouped(item["rows"].get<std::uint64_t>()),
                          item["rows"] == 1 ? " " : "s");
    if (item["quarantined"].is_number() && item["quarantined"] != 0)
      line += fmt::format("  {:>7} quarantined", grouped(item["quarantined"].get<std::uint64_t>()));
    if (bad || result == name(SlotPhase::held))
      if (const auto slot = state.slot(run.pipeline, item["sink"].get<std::string>(),
                                       item["partition"].get<std::string>());
          slot && state.find(*slot)->run == id)
        if (const std::string why = reason_of(keeper, *slot); !why.empty())
          line += "  " + printable(why);
    if (item.contains("since_run"))
      line +=
          fmt::format("  since run {}: daybook explain {}", item["since_run"].get<std::uint32_t>(),
                      item["partition"].get<std::string>());
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  if (hidden > 0) text += fmt::format("  and {} more: daybook runs show {}\n", hidden, id);
  if (unchanged > 0) text += fmt::format("  {} unchanged, not loaded again\n", grouped(unchanged));
  return text;
}

Json run_json(const State& state, RunId id) {
  Json out = run_item(state, id);
  out["slots"] = Json::array();
  for (const SlotId slot : state.find(id)->slots)
    out["slots"].push_back(run_slot_item(state, id, slot));
  if (state.checkpoint)
    out["checkpoint"] = {{"size", state.checkpoint->size}, {"root", hex(state.checkpoint->root)}};
  return out;
}

Exit worse(Exit a, Exit b) {
  constexpr Exit order[] = {Exit::bad, Exit::gate, Exit::pending};
  for (const Exit one : order)
    if (a == one || b == one) return one;
  return Exit::good;
}

}  // namespace

Outcome report_run(Output& output, Host& host, const RunReport& report, std::int64_t took) {
  const State& state = host.keeper().state();
  if (report.run == no_run || state.find(report.run) == nullptr)
    return std::unexpected(Problem{.code = "DB-1014", .message = "the run left no trace"});
  const RunState& run = *state.find(report.run);
  Document document{
      .kind = "Run", .json = run_json(state, report.run), .text = {}, .ledger_size = state.size};
  document.json["resumed"] = Json::array();
  for (const ResumedRun& resumed : report.resumed) {
    Json item = run_item(state, resumed.run);
    item["slots"] = Json::array();
    for (const SlotId slot : resumed.slots)
      item["slots"].push_back(run_slot_item(state, resumed.run, slot));
    document.json["resumed"].push_back(std::move(item));
    document.text += fmt::format(
        fmt::runtime(resumed.release ? "run {} for what had been released: {}\n"
                                     : "resumed run {}, which had been left open: {}\n"),
        resumed.run, word(state.find(resumed.run)->outcome));
    document.text += run_text(output, host.keeper(), resumed.run, resumed.slots, {});
  }
  if (!report.resumed.empty()) document.text += fmt::format("then run {}\n", report.run);
  document.text +=
      run_text(output, host.keeper(), report.run, run.slots,
               spell_seconds(report.resumed.empty() ? took : run.finished_at - run.started_at));
  document.json["interrupted"] = report.interrupted;
  document.json["paused"] = report.paused;
  document.json["unsettled"] = report.unsettled != Unsettled::none;
  if (const auto printed = output.print(document); !printed)
    return std::unexpected(printed.error());
  const bool talk = !output.machine();
  if (talk && state.checkpoint)
    output.say(fmt::format("book  {} entries{}checkpoint {} signed{}sha256:{}", state.size,
                           output.err().utf8 ? " · " : ", ", state.checkpoint->size,
                           output.err().utf8 ? " · " : ", ", short_hex(state.checkpoint->root)));
  for (const auto& [slot, why] : host.runner().trouble())
    output.say(fmt::format("warning  {}: {}",
                           slot == no_slot ? std::string("checkpoint") : slot_title(state, slot),
                           printable(why)));
  if (report.interrupted) {
    output.say(
        fmt::format("stopped  run {} is open; the same command goes on from here", report.run));
    return host.signal() == SIGINT ? Exit::interrupted : Exit::terminated;
  }
  if (report.unsettled != Unsettled::none) {
    const bool person = report.unsettled == Unsettled::person;
    output.say(fmt::format(
        "stopped  run {} is open: {}", report.run,
        person
            ? "what the warning names is to be put right first; the same command goes on then"
            : "the sink did not say in time what became of a load; the same command asks again"));
    return person ? Exit::pending : Exit::unreachable;
  }
  if (report.paused) {
    output.say(fmt::format("paused  run {} is open; daybook resume, and the same command again",
                           report.run));
    return Exit::pending;
  }
  if (talk)
    for (const std::string& next : next_steps(state, run.pipeline)) output.say("next  " + next);
  // What was left open and ended badly now is not made good by the run that followed. One that a
  // person had cancelled ended as was asked.
  Exit worst = exit_of(state, report.run);
  for (const ResumedRun& resumed : report.resumed)
    if (state.find(resumed.run)->outcome != RunOutcome::cancelled)
      worst = worse(worst, exit_of(state, resumed.run));
  return worst;
}

Outcome perform_run(Invocation& in, Host& host, RunRequest request) {
  const std::string name = request.pipeline->name;
  RunProgress progress(in.output, name);
  Watch watch;
  watch.tick_ms = 100;
  watch.tick = [&](Runner& runner) { progress.show(runner, host.keeper().state()); };
  watch.interrupted = [&](int) {
    progress.clear();
    in.output.say("stopping: what is being loaded is finished; again to stop at once");
  };
  const Monotonic begun = host.keeper().clock().mono();
  const bool only_failed = request.only_failed;
  const bool named = !request.partitions.empty();
  const auto report = host.run(std::move(request), watch);
  progress.clear();
  const Monotonic took = host.keeper().clock().mono() - begun;
  if (!report) {
    // A rerun with nothing to do has done what was asked.
    if (only_failed && !named && report.error().kind == RunProblem::Kind::nothing) {
      if (const auto printed =
              in.output.print(Document{.kind = "Run",
                                       .json = {{"run", nullptr}, {"state", "nothing to do"}},
                                       .text = report.error().message + "\n",
                                       .ledger_size = host.keeper().state().size});
          !printed)
        return std::unexpected(printed.error());
      return Exit::good;
    }
    return std::unexpected(problem_of(report.error()));
  }
  return report_run(in.output, host, *report, took);
}

namespace commands {

namespace {

Outcome run_or_rerun(Invocation& in, RunKind kind) {
  const auto pipeline = load_pipeline(in.output, in.arguments.text("PIPELINE"));
  if (!pipeline) return std::unexpected(pipeline.error());
  const bool failed = kind == RunKind::rerun && !in.arguments.has("partition");
  if (in.arguments.has("dry-run"))
    return show_plan(in, *pipeline,
                     {.force = in.arguments.has("force") || (kind == RunKind::rerun && !failed),
                      .only_failed = failed,
                      .exit_code = false});
  const auto paths = find_book_of(in.arguments);
  if (!paths) return std::unexpected(paths.error());
  auto host = become_keeper(*paths);
  if (!host) return std::unexpected(host.error());
  return perform_run(in, **host,
                     {.pipeline = *pipeline,
                      .kind = kind,
                      .actor = local_actor(),
                      .partitions = in.arguments.all("partition"),
                      .only_failed = failed || in.arguments.has("failed"),
                      .force = in.arguments.has("force"),
                      .idempotency_key = in.arguments.text("idempotency-key"),
                      .reason = in.arguments.text("reason")});
}

}  // namespace

Outcome run(Invocation& in) { return run_or_rerun(in, RunKind::normal); }
Outcome rerun(Invocation& in) { return run_or_rerun(in, RunKind::rerun); }

}  // namespace commands
}  // namespace daybook
