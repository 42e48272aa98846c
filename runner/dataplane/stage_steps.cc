// What each step made of single rows: the levels of the steps' query, asked for these rows alone.
#include <algorithm>

#include "runner/dataplane/record_finder.h"
#include "runner/dataplane/stage_job.h"

namespace daybook {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A step as one would write it on a line.
struct Written {
  std::string operator()(const step::Derive& s) const { return assignments(s.columns); }
  std::string operator()(const step::Filter& s) const { return s.keep.sql; }
  std::string operator()(const step::Select& s) const { return joined(s.columns); }
  std::string operator()(const step::Rename& s) const {
    std::string text;
    for (const auto& [from, to] : s.from_to) {
      text += fmt::format("{}{} to {}", text.empty() ? "" : ", ", from, to);
    }
    return text;
  }
  std::string operator()(const step::Dedupe& s) const {
    return fmt::format("by {}, keep the {}{}", joined(s.key),
                       s.keep == step::Dedupe::Keep::last ? "last" : "first",
                       s.order_by ? " by " + s.order_by->sql : "");
  }
  std::string operator()(const step::Lookup& s) const {
    std::string on, take;
    for (const auto& [ours, theirs] : s.on) {
      on += fmt::format("{}{} = {}", on.empty() ? "" : " and ", ours, theirs);
    }
    for (const auto& [theirs, name] : s.take) {
      take += fmt::format("{}{} as {}", take.empty() ? "" : ", ", theirs, name);
    }
    return fmt::format("{} where {}, take {}", s.from.path, on, take);
  }
  std::string operator()(const step::Aggregate& s) const {
    return fmt::format("by {}: {}", s.by.empty() ? "nothing" : joined(s.by),
                       assignments(s.columns));
  }
  std::string operator()(const step::Mask& s) const { return joined(s.columns); }
  std::string operator()(const step::Flag& s) const {
    return fmt::format("{} when {}", s.column, s.when.sql);
  }
  std::string operator()(const step::Assert& s) const {
    return fmt::format("{}: {}", s.name, s.that.sql);
  }
  std::string operator()(const step::Sql& s) const { return s.query; }

  static std::string assignments(const std::vector<std::pair<std::string, Expression>>& columns) {
    std::string text;
    for (const auto& [name, expression] : columns) {
      text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, expression.sql);
    }
    return text;
  }
};

std::string_view word(RowOutcome outcome) {
  switch (outcome) {
    case RowOutcome::kept: return "";
    case RowOutcome::filtered: return "filtered";
    case RowOutcome::dropped: return "dropped";
    case RowOutcome::quarantined: return "quarantined";
    case RowOutcome::merged: return "merged";
    case RowOutcome::fails_run: return "fails the run";
  }
  return "";
}

}  // namespace

Staged<void> StageJob::tell_steps() {
  std::map<SourceRow, std::vector<RowTold*>> wanted;
  for (RowTold& told : request_.lineage->told) {
    const RecordTold* record = nullptr;
    if (!told.outputs.empty() && !told.outputs.front().records.empty()) {
      record = &told.outputs.front().records.front();
    } else if (told.quarantined && told.quarantined->source) {
      record = &*told.quarantined->source;
    } else if (told.record) {
      record = &*told.record;
    }
    if (record != nullptr) wanted[source_row(record->input, record->row)].push_back(&told);
  }
  if (wanted.empty()) return {};
  StageRun& run = begin_whole();
  if (query_.streams && !parquet_source()) {  // then these records alone are enough
    run.from_list = true;
    run.listed.clear();
    RecordFinder finder(context_);
    for (const auto& [row, into] : wanted) {
      auto found = finder.find(row);
      if (!found) {
        engine_->end(run);
        return std::unexpected(found.error());
      }
      run.listed.emplace_back(row, Replacement{std::move(found->bytes), is_waived(row)});
    }
  }
  // What the reader sets aside or drops never reaches a step.
  std::map<SourceRow, std::pair<std::string, std::vector<Violation>>> at_once;
  run.read.on_quarantined = [&](const QuarantinedRecord& bad) {
    at_once[source_row(bad.input, bad.row)] = {"quarantined", bad.violations};
  };
  run.read.on_dropped = [&](const QuarantinedRecord& bad) {
    at_once[source_row(bad.input, bad.row)] = {"dropped", bad.violations};
  };
  StepsOptions options = options_for(run, true, false);
  options.levels = true;
  auto steps = build_steps(pipeline_, options, database_->main());
  auto told = steps ? tell_steps_of(*steps, wanted) : std::unexpected(steps.error());
  const auto failure = run.failure;
  engine_->end(run);
  if (failure) return std::unexpected(*failure);
  if (!told) return told;
  for (const auto& [row, why] : at_once) {
    const auto found = wanted.find(row);
    if (found == wanted.end()) continue;
    std::string rules;
    for (const Violation& violation : why.second) {
      rules += (rules.empty() ? "" : ", ") + violation.rule;
    }
    for (RowTold* into : found->second) {
      into->steps.clear();
      into->steps.push_back({});
      into->steps.back().step = "the contract";
      into->steps.back().left = why.first;
      into->steps.back().rule = rules;
    }
  }
  return tell_rivals(wanted);
}

Staged<void> StageJob::tell_steps_of(const StepsQuery& steps,
                                     const std::map<SourceRow, std::vector<RowTold*>>& wanted) {
  std::set<SourceRow> rows;
  for (const auto& [row, into] : wanted) rows.insert(row);
  std::set<SourceRow> out;  // left at an earlier level
  std::size_t lookup = 0;
  for (std::size_t k = 0; k < steps.levels.size(); ++k) {
    const StepLevel& level = steps.levels[k];
    std::string names;
    for (const std::string& name : level.columns) {
      names += fmt::format(", CAST({} AS VARCHAR)", quote_name(name));
    }
    Members found;
    if (!level.found.empty()) {
      auto pairs = pairs_of(fmt::format("SELECT __src, coalesce(__f, -1) FROM {} WHERE __src IN {}",
                                        level.found, list_of(rows)));
      if (!pairs) return std::unexpected(pairs.error());
      found = std::move(*pairs);
    }
    auto result =
        duck_query(database_->main(), fmt::format("SELECT __src, __s{} FROM {} WHERE __src IN {}",
                                                  names, level.relation, list_of(rows)));
    if (!result) return std::unexpected(failure_of(result.error(), "following the row"));
    std::vector<VectorView> views;
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) {
        const SourceRow row = views[0].at<std::int64_t>(r);
        const auto into = wanted.find(row);
        if (into == wanted.end() || out.contains(row)) continue;
        const RowStatus& status =
            steps.statuses[static_cast<std::size_t>(views[1].at<std::int32_t>(r))];
        StepTold step;
        step.step = level.step.empty() ? "the contract" : level.step;
        if (level.step == "output") step.step = "the output contract";
        if (k > 0 && k <= pipeline_.steps.size()) {
          step.definition = std::visit(Written{}, pipeline_.steps[k - 1]);
        }
        step.columns = level.columns;
        step.left = word(status.outcome);
        step.rule = status.rule;
        for (std::size_t c = 0; c < level.columns.size(); ++c) {
          const VectorView& view = views[2 + c];
          step.values.emplace_back();
          if (view.valid(r)) step.values.back() = std::string(view.at<Text>(r).view());
        }
        if (const auto hit = found.find(row); hit != found.end()) {
          step.lookup_file = lookups_[lookup].file().name;
          const std::int64_t at = hit->second.front();
          step.lookup_row = at < 0 ? 0 : lookups_[lookup].record(at);
        }
        if (!step.left.empty()) out.insert(row);
        for (RowTold* told : into->second) told->steps.push_back(step);
      }
    }
    DuckError error;
    if (result->failed(error)) return std::unexpected(failure_of(error, "following the row"));
    if (!level.found.empty()) ++lookup;
  }
  return {};
}

// Rows with the same key at each step that keeps one of them. They may be anywhere in the source:
// this reads all of it once for each such step.
Staged<void> StageJob::tell_rivals(const std::map<SourceRow, std::vector<RowTold*>>& wanted) {
  std::set<SourceRow> rows;
  for (const auto& [row, into] : wanted) rows.insert(row);
  const std::size_t last = pipeline_.steps.size() + 1;
  for (std::size_t k = 1; k <= last; ++k) {
    std::vector<std::string> key;
    if (k == last) {
      if (pipeline_.sink.mode == LoadMode::merge) key = pipeline_.sink.key;
    } else if (const auto* dedupe = std::get_if<step::Dedupe>(&pipeline_.steps[k - 1])) {
      key = dedupe->key;
    }
    if (key.empty()) continue;
    StageRun& run = begin_whole();
    StepsOptions options = options_for(run, true, false);
    options.levels = true;
    auto steps = build_steps(pipeline_, options, database_->main());
    if (!steps) {
      engine_->end(run);
      return std::unexpected(steps.error());
    }
    const StepLevel& level = steps->levels.at(k);
    const std::string rule = k == last ? "merge key" : level.step;
    std::string in = "0", keys, match;
    for (std::size_t code = 0; code < steps->statuses.size(); ++code) {
      if (steps->statuses[code].outcome == RowOutcome::merged &&
          steps->statuses[code].rule == rule) {
        in += fmt::format(", {}", code);
      }
    }
    for (const std::string& name : key) {
      keys += quote_name(name) + ", ";
      match += fmt::format("w.{0} IS NOT DISTINCT FROM x.{0} AND ", quote_name(name));
    }
    auto pairs = pairs_of(fmt::format(
        "WITH o AS MATERIALIZED (SELECT {}__src FROM {} WHERE __s IN ({})) SELECT w.__src, x.__src "
        "FROM o w JOIN o x ON {}x.__src <> w.__src WHERE w.__src IN {} ORDER BY 1, 2",
        keys, level.relation, in, match, list_of(rows)));
    const auto failure = run.failure;
    engine_->end(run);
    if (failure) return std::unexpected(*failure);
    if (!pairs) return std::unexpected(pairs.error());
    const std::string shown = k == last ? "the output contract" : level.step;
    for (const auto& [row, rivals] : *pairs) {
      for (RowTold* told : wanted.at(row)) {
        for (StepTold& step : told->steps) {
          if (step.step != shown) continue;
          step.won = step.left.empty();
          for (const SourceRow rival : rivals) {
            if (step.rivals.size() == members_told_max) break;
            step.rivals.emplace_back(input_of(rival), row_of(rival));
          }
        }
      }
    }
  }
  return {};
}

bool StageJob::is_waived(SourceRow row) const {
  const auto found = context_.overlay.find(row);
  return found != context_.overlay.end() && found->second.waive_rules;
}

}  // namespace daybook
