// A run done again in a sandbox: as it was recorded, or as it would have been under another
// definition. Nothing of the book, the sources or the sinks is touched.
#include <algorithm>

#include "replay/run_diff.h"
#include "replay/words.h"
#include "runner/decision_diff.h"
#include "runner/definition_files.h"
#include "runner/reexecution.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/row_changes.h"
#include "tools/daybook/scratch.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

constexpr std::uint64_t memory_bytes = std::uint64_t{1} << 30;
constexpr std::size_t contract_bytes_max = std::size_t{1} << 20;

Problem problem_of_replay(const std::string& partition, const ReexecutionFailure& failure) {
  using Kind = ReexecutionFailure::Kind;
  Problem problem{.exit = Exit::conflict,
                  .code = "DB-1005",
                  .message = fmt::format("{} can not be replayed: {}", printable(partition),
                                         printable(failure.detail)),
                  .hint = failure.hint};
  if (failure.kind == Kind::missing) problem.code = "DB-1004";
  if (failure.kind == Kind::changed) problem.exit = Exit::integrity, problem.code = "DB-1009";
  if (failure.kind == Kind::storage) problem.exit = Exit::bad, problem.code = "DB-1001";
  if (failure.kind == Kind::failed) problem.exit = Exit::bad, problem.code = "DB-1001";
  return problem;
}

// The definition that ran with one contract exchanged: the one of the same id, else the only one.
std::expected<std::shared_ptr<const Pipeline>, Problem> with_contract(const Pipeline& pipeline,
                                                                      const std::string& file) {
  const auto text = whole_file(file, contract_bytes_max);
  if (!text) return std::unexpected(text.error());
  Diagnostics diagnostics;
  const auto contract = read_contract(file, *text, diagnostics);
  if (!contract) return std::unexpected(problem_of(diagnostics));
  const auto same = [&](const std::optional<Contract>& c) {
    return c && (c->id == contract->id || c->name == contract->name);
  };
  const bool source = same(pipeline.contract), output = same(pipeline.output);
  const Contract* replaced = source && !output                       ? &*pipeline.contract
                             : output && !source                     ? &*pipeline.output
                             : source && output                      ? &*pipeline.contract
                             : pipeline.contract && !pipeline.output ? &*pipeline.contract
                             : pipeline.output && !pipeline.contract ? &*pipeline.output
                                                                     : nullptr;
  if (replaced == nullptr)
    return usage("its id or name must be that of a contract of the pipeline",
                 "{} is of no contract that pipeline {} has", printable(file),
                 printable(pipeline.name));
  DefinitionFiles files = definition_files(pipeline);
  for (auto& [path, bytes] : files.contracts)
    if (bytes == replaced->source) bytes = *text;
  auto made = read_pipeline(files, pipeline.project, diagnostics);
  if (!made) return std::unexpected(problem_of(diagnostics));
  return std::make_shared<const Pipeline>(std::move(*made));
}

Json differences_json(const std::vector<Difference>& differences) {
  Json out = Json::array();
  for (const Difference& d : differences)
    out.push_back({{"what", d.what}, {"recorded", d.recorded}, {"now", d.now}});
  return out;
}

Json counts_json(const RowCounts& c) {
  return {{"read", c.read},
          {"accepted", c.accepted},
          {"quarantined", c.quarantined},
          {"filtered", c.filtered},
          {"merged", c.merged}};
}

Json decisions_json(const DecisionDiff& diff) {
  Json out = {{"before", counts_json(diff.before)},
              {"after", counts_json(diff.after)},
              {"newlyQuarantined", diff.newly_quarantined},
              {"noLongerQuarantined", diff.no_longer_quarantined},
              {"forOtherRules", diff.for_other_rules},
              {"rules", Json::array()},
              {"records", Json::array()}};
  for (const DecisionDiff::Rule& rule : diff.rules)
    out["rules"].push_back({{"rule", rule.rule}, {"before", rule.before}, {"after", rule.after}});
  for (const DecisionChange& change : diff.sample)
    out["records"].push_back({{"source", change.source},
                              {"row", change.row},
                              {"bytes", change.bytes},
                              {"before", change.before},
                              {"after", change.after}});
  out["rows"] = rows_json(diff.rows);
  return out;
}

std::string rules_text(const std::vector<std::string>& rules) {
  std::string out;
  for (const std::string& rule : rules) out += (out.empty() ? "" : ", ") + printable(rule);
  return out.empty() ? "passes the rules" : "set aside by " + out;
}

std::string decisions_text(const Output& output, const DecisionDiff& diff) {
  std::string out;
  const auto count = [&](std::string_view what, std::uint64_t before, std::uint64_t after) {
    if (before != after)
      out += fmt::format("    {:<14} {} -> {}\n", what, grouped(before), grouped(after));
  };
  count("read", diff.before.read, diff.after.read);
  count("accepted", diff.before.accepted, diff.after.accepted);
  count("quarantined", diff.before.quarantined, diff.after.quarantined);
  count("filtered", diff.before.filtered, diff.after.filtered);
  count("merged", diff.before.merged, diff.after.merged);
  for (const DecisionDiff::Rule& rule : diff.rules)
    out += fmt::format("    rule {}  {} -> {}\n", printable(rule.rule), grouped(rule.before),
                       grouped(rule.after));
  if (diff.newly_quarantined + diff.no_longer_quarantined + diff.for_other_rules > 0)
    out += fmt::format("    {} records more set aside, {} fewer, {} for other rules\n",
                       grouped(diff.newly_quarantined), grouped(diff.no_longer_quarantined),
                       grouped(diff.for_other_rules));
  for (const DecisionChange& change : diff.sample)
    out += fmt::format("      {} row {}: {}\n        was: {}\n        now: {}\n",
                       printable(change.source), change.row, fit(printable(change.bytes), 60),
                       rules_text(change.before), rules_text(change.after));
  if (!diff.rows.same()) out += "    rows  " + rows_text(output, "      ", diff.rows);
  return out;
}

class Replaying {
 public:
  Replaying(Invocation& in, const ReadBook& book, const PayloadStore& payloads,
            const ScratchFolder& scratch)
      : in_(in),
        book_(book),
        view_(book.with(payloads)),
        scratch_(scratch),
        what_if_(in.arguments.has("with") || in.arguments.has("with-contract")) {}

  Outcome run(RunId run) {
    const auto facts = run_facts(book_.state, *book_.ledger, run);
    if (!facts) return std::unexpected(problem_of(facts.error()));
    const std::string wanted = in_.arguments.text("partition");
    if (!wanted.empty() && !facts->partitions.contains(wanted))
      return not_found("daybook runs show lists them", "run {} had no partition {}", run,
                       printable(wanted));
    document_.kind = what_if_ ? "WhatIf" : "Replay";
    document_.ledger_size = book_.state.size;
    document_.json = {{"run", static_cast<std::uint32_t>(run)}, {"partitions", Json::array()}};
    for (const auto& [key, partition] : facts->partitions) {
      if (!wanted.empty() && key != wanted) continue;
      if (const auto done = replay_partition(run, key, partition); !done)
        return std::unexpected(done.error());
    }
    return conclude(run);
  }

 private:
  std::expected<void, Problem> replay_partition(RunId run, const std::string& key,
                                                const PartitionFacts& facts) {
    Json one = {{"partition", key}};
    if (facts.staged() == nullptr) {
      one["result"] = "nothing was staged";
      one["outcome"] = facts.outcome();
      body_ +=
          fmt::format("  {}  nothing was staged: {}\n", printable(key), printable(facts.outcome()));
      document_.json["partitions"].push_back(std::move(one));
      return {};
    }
    const auto at = staged_at(view_, run, facts.slot);
    if (!at) return std::unexpected(problem_of(at.error()));
    const auto recorded = recorded_attempt(view_, *at);
    if (!recorded) return std::unexpected(problem_of(recorded.error()));
    one["entry"] = *at;
    const auto folder = scratch_.folder(fmt::format("partition-{}", replayed_ + unreplayable_));
    if (!folder) return std::unexpected(folder.error());
    StageProgress progress;
    ReexecutionOptions options;
    options.directory = *folder / "then";
    options.memory_limit_bytes = memory_bytes;
    if (what_if_) options.format = StagedFormat::parquet;
    const auto then = reexecute(view_, *recorded, options, progress);
    if (!then) return not_replayable(key, then.error(), std::move(one));
    ++replayed_;
    if (what_if_) return decide(key, *recorded, *then, *folder, std::move(one));
    return compare(key, *at, *then, *folder, std::move(one));
  }

  std::expected<void, Problem> not_replayable(const std::string& key,
                                              const ReexecutionFailure& failure, Json one) {
    const Problem problem = problem_of_replay(key, failure);
    ++unreplayable_;
    if (worst_ == Exit::good || problem.exit == Exit::integrity) worst_ = problem.exit;
    one["result"] =
        failure.kind == ReexecutionFailure::Kind::changed ? "input changed" : "not replayable";
    one["what"] = failure.what;
    one["detail"] = failure.detail;
    body_ += fmt::format("  {}  {}\n    {}\n", printable(key),
                         in_.output.style(Style::bad, one["result"].get<std::string>()),
                         printable(failure.detail));
    if (!failure.hint.empty()) body_ += fmt::format("    {}\n", printable(failure.hint));
    document_.json["partitions"].push_back(std::move(one));
    return {};
  }

  std::expected<void, Problem> compare(const std::string& key, EntryIndex at,
                                       const Reexecution& again,
                                       const std::filesystem::path& folder, Json one) {
    one["differences"] = differences_json(again.differences);
    one["rows"] = again.result.output_rows;
    if (again.identical()) {
      one["result"] = "identical";
      body_ += fmt::format("  {}  {}  {} rows, every leaf as entry {} commits to it\n",
                           printable(key), in_.output.style(Style::good, "identical"),
                           grouped(again.result.output_rows), at);
    } else {
      ++diverged_;
      one["result"] = "diverges";
      const Difference& first = again.differences.front();
      one["first"] = {
          {"entry", at}, {"what", first.what}, {"recorded", first.recorded}, {"now", first.now}};
      body_ += fmt::format("  {}  {}  entry {}, first: {}\n", printable(key),
                           in_.output.style(Style::bad, "diverges"), at, printable(first.what));
      for (const Difference& d : again.differences)
        body_ += fmt::format("    {}\n      recorded {}\n      now      {}\n", printable(d.what),
                             printable(d.recorded), printable(d.now));
    }
    document_.json["partitions"].push_back(std::move(one));
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);  // as large as the partition
    return {};
  }

  std::expected<std::shared_ptr<const Pipeline>, Problem> instead(const Pipeline& recorded) {
    std::shared_ptr<const Pipeline> pipeline;
    if (const std::string file = in_.arguments.text("with"); !file.empty()) {
      Diagnostics diagnostics;
      auto read = read_pipeline(file, diagnostics);
      if (!read) return std::unexpected(problem_of(diagnostics));
      if (read->project != recorded.project)
        return usage("copy it into the project: its inputs are looked up from there",
                     "{} is not in the project that ran, {}", printable(file),
                     printable(recorded.project));
      pipeline = std::make_shared<const Pipeline>(std::move(*read));
    }
    for (const std::string& file : in_.arguments.all("with-contract")) {
      auto made = with_contract(pipeline ? *pipeline : recorded, file);
      if (!made) return std::unexpected(made.error());
      pipeline = std::move(*made);
    }
    return pipeline;
  }

  std::expected<void, Problem> decide(const std::string& key, const RecordedAttempt& recorded,
                                      const Reexecution& then, const std::filesystem::path& folder,
                                      Json one) {
    if (!instead_) {
      auto made = instead(*then.pipeline);
      if (!made) return std::unexpected(made.error());
      instead_ = std::move(*made);
    }
    StageProgress progress;
    ReexecutionOptions options;
    options.directory = folder / "instead";
    options.memory_limit_bytes = memory_bytes;
    options.instead = instead_;
    options.format = StagedFormat::parquet;
    const auto now = reexecute(view_, recorded, options, progress);
    one["reproduced"] = then.identical();
    if (!then.identical())
      body_ += fmt::format("  {}  what ran is not reproduced either: {}\n", printable(key),
                           printable(then.differences.front().what));
    if (!now) {
      ++different_;
      one["result"] = "would fail";
      one["what"] = now.error().what;
      one["detail"] = now.error().detail;
      body_ +=
          fmt::format("  {}  {}: {}\n", printable(key), in_.output.style(Style::bad, "would fail"),
                      printable(now.error().detail));
      document_.json["partitions"].push_back(std::move(one));
      return {};
    }
    const auto scratch = scratch_.folder(fmt::format("rows-{}", replayed_));
    if (!scratch) return std::unexpected(scratch.error());
    std::vector<std::string> keys = in_.arguments.all("key");
    if (keys.empty()) keys = row_key(*then.pipeline);
    const auto diff =
        diff_decisions({&then.result, then.directory / "output", FileFormat::parquet},
                       {&now->result, now->directory / "output", FileFormat::parquet}, keys,
                       in_.arguments.number("limit").value_or(10), *scratch, memory_bytes);
    if (!diff) return std::unexpected(problem_of(diff.error()));
    one["result"] = diff->same() ? "the same" : "different";
    one.update(decisions_json(*diff));
    body_ += fmt::format("  {}  {}\n", printable(key), one["result"].get<std::string>()) +
             decisions_text(in_.output, *diff);
    if (!diff->same()) ++different_;
    document_.json["partitions"].push_back(std::move(one));
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    std::filesystem::remove_all(*scratch, ignored);
    return {};
  }

  Outcome conclude(RunId run) {
    const std::string verdict =
        unreplayable_ > 0 ? fmt::format("{} of {} partitions can not be replayed", unreplayable_,
                                        unreplayable_ + replayed_)
        : replayed_ == 0  ? "nothing was staged, so there is nothing to replay"
        : what_if_        ? different_ == 0 ? "the same decisions and rows"
                                            : fmt::format("{} of {} partition{} would be different",
                                                          different_, replayed_, replayed_ == 1 ? "" : "s")
               : diverged_ == 0 ? "identical"
                          : fmt::format("{} of {} partition{} diverge{}", diverged_, replayed_,
                                       replayed_ == 1 ? "" : "s", diverged_ == 1 ? "s" : "");
    document_.json["verdict"] = verdict;
    document_.json["identical"] =
        !what_if_ && diverged_ == 0 && unreplayable_ == 0 && replayed_ > 0;
    document_.text = fmt::format("run {} of {}: {}\n", run,
                                 printable(book_.state.find(run)->pipeline), verdict) +
                     body_;
    if (const auto done = in_.output.print(document_); !done) return std::unexpected(done.error());
    if (diverged_ > 0) return Exit::integrity;
    if (worst_ != Exit::good) return worst_;
    return what_if_ && different_ > 0 && in_.arguments.has("exit-code") ? Exit::differs
                                                                        : Exit::good;
  }

  Invocation& in_;
  const ReadBook& book_;
  BookView view_;
  const ScratchFolder& scratch_;
  const bool what_if_;
  std::shared_ptr<const Pipeline> instead_;
  std::size_t replayed_ = 0, diverged_ = 0, different_ = 0, unreplayable_ = 0;
  Exit worst_ = Exit::good;
  Document document_;
  std::string body_;
};

}  // namespace

Outcome replay(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto run = find_run(book->state, in.arguments.text("RUN"));
  if (!run) return std::unexpected(run.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto scratch = ScratchFolder::make();
  if (!scratch) return std::unexpected(scratch.error());
  return Replaying(in, *book, *payloads, *scratch).run(*run);
}

}  // namespace daybook::commands
