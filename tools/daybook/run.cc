// run, rerun, and what they share with quickstart and releases.
#include "tools/daybook/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

#include "ledger/codec/event_codec.h"
#include "runner/entropy.h"
#include "statemachine/apply.h"
#include "tools/daybook/narrate.h"
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
    case RunProblem::Kind::nothing: out.exit = Exit::not_found, out.code = "DB-1004"; break;
  }
  return out;
}

namespace {

// The summary of design.md 8: what happened to each partition, and what holds the book.
std::string run_text(const Output& output, const State& state, RunId id, std::int64_t took) {
  const RunState& run = *state.find(id);
  const DefinitionState* definition = state.find_definition(run.definition);
  std::uint64_t rows = 0;
  std::vector<Json> items;
  std::size_t widest = 9;
  std::uint64_t unchanged = 0;
  for (const SlotId slot : run.slots) {
    Json item = run_slot_item(state, id, slot);
    const bool same = item["result"] == "unchanged";
    if (same) ++unchanged;
    if (!same && item["rows"].is_number()) rows += item["rows"].get<std::uint64_t>();
    widest = std::max(widest, columns(item["partition"].get<std::string>()));
    if (!same) items.push_back(std::move(item));
  }
  const std::string_view dot = output.out().utf8 ? " · " : ", ";
  std::string text =
      fmt::format("{} v{}  {} partition{}{}{} rows{}{}\n", run.pipeline,
                  definition == nullptr ? 0 : definition->version, run.slots.size(),
                  run.slots.size() == 1 ? "" : "s", dot, grouped(rows), dot, spell_seconds(took));
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
      line += fmt::format("  {:>11} rows", grouped(item["rows"].get<std::uint64_t>()));
    if (item["quarantined"].is_number() && item["quarantined"] != 0)
      line += fmt::format("  {:>7} quarantined", grouped(item["quarantined"].get<std::uint64_t>()));
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

}  // namespace

Outcome report_run(Output& output, Host& host, const RunReport& report, std::int64_t took) {
  const State& state = host.keeper().state();
  if (report.run == no_run || state.find(report.run) == nullptr)
    return std::unexpected(Problem{.code = "DB-1014", .message = "the run left no trace"});
  const RunState& run = *state.find(report.run);
  Document document{.kind = "Run",
                    .json = run_json(state, report.run),
                    .text = run_text(output, state, report.run, took),
                    .ledger_size = state.size};
  document.json["interrupted"] = report.interrupted;
  document.json["paused"] = report.paused;
  if (const auto printed = output.print(document); !printed)
    return std::unexpected(printed.error());
  const bool talk = !output.machine();
  if (talk && state.checkpoint)
    output.say(fmt::format("book  {} entries{}checkpoint {} signed{}sha256:{}", state.size,
                           output.err().utf8 ? " · " : ", ", state.checkpoint->size,
                           output.err().utf8 ? " · " : ", ", short_hex(state.checkpoint->root)));
  for (const auto& [slot, why] : host.runner().trouble())
    output.say(fmt::format("warning  {}: {}",
                           slot == no_slot ? std::string("checkpoint") : slot_name(state, slot),
                           printable(why)));
  if (report.interrupted) {
    output.say(
        fmt::format("stopped  run {} is open; the same command goes on from here", report.run));
    return host.signal() == SIGTERM ? Exit::terminated : Exit::interrupted;
  }
  if (report.paused) {
    output.say(fmt::format("paused  run {} is open; daybook resume, and the same command again",
                           report.run));
    return Exit::pending;
  }
  if (talk)
    for (const std::string& next : next_steps(state, run.pipeline)) output.say("next  " + next);
  return exit_of(state, report.run);
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
