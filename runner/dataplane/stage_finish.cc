// The end of a stage: counts that must add up, digests, the physical form, gates.
#include <algorithm>
#include <fstream>

#include "runner/dataplane/gates.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/output_files.h"
#include "runner/dataplane/stage_job.h"

namespace daybook {

Staged<StageResult> StageJob::finish() {
  StageResult result;
  // What was read is what is there: else nothing of this counts.
  if (parts_) {
    if (auto same = parts_->finish(); !same) return std::unexpected(same.error());
    record_trees_.resize(parts_->files().size());
    for (std::size_t i = 0; i < parts_->files().size(); ++i) {
      const SourceFile& file = parts_->files()[i];
      InputFile input;
      input.name =
          std::holds_alternative<PostgresSource>(pipeline_.source) ? "captured.csv" : file.name;
      input.digest = file.digest;
      input.bytes = file.size;
      input.records = file.records;
      input.record_root = record_trees_[i].root();
      result.input_bytes += file.size;
      result.inputs.push_back(std::move(input));
    }
  } else {
    for (const std::string& path : files_) {
      auto input = hash_input(path, pipeline_.project, progress_);
      if (!input) return std::unexpected(input.error());
      auto rows =
          duck_scalar(database_->main(),
                      fmt::format("SELECT count(*) FROM read_parquet({})", quote_text(path)));
      if (rows && *rows) input->records = std::stoull(**rows);
      result.input_bytes += input->bytes;
      result.inputs.push_back(std::move(*input));
    }
  }
  for (const LookupTable& lookup : lookups_) result.inputs.push_back(lookup.file());
  result.inputs_digest = inputs_digest(result.inputs, request_.column_key, request_.overlay);
  if (auto done = finish_counts(result); !done) return std::unexpected(done.error());
  if (auto done = finish_quarantine(result); !done) return std::unexpected(done.error());
  result.columns = query_.columns;
  if (auto done = finish_output(result); !done) return std::unexpected(done.error());
  database_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(request_.directory / "spill", ignored);
  return result;
}

Staged<void> StageJob::finish_counts(StageResult& result) {
  RowCounts& counts = result.counts;
  std::map<std::string, std::uint64_t> rules;
  std::set<std::string> fatal;
  for (const PartDone& part : done_) {
    counts.read += part.read;
    counts.accepted += part.rows_out;
    counts.quarantined += part.quarantined;
    for (std::size_t code = 0; code < part.by_status.size(); ++code) {
      const RowOutcome outcome = query_.statuses[code].outcome;
      if (outcome == RowOutcome::filtered) counts.filtered += part.by_status[code];
      if (outcome == RowOutcome::merged) counts.merged += part.by_status[code];
    }
    for (const auto& [rule, rows] : part.tally.rows) rules[rule] += rows;
    fatal.insert(part.tally.fatal.begin(), part.tally.fatal.end());
  }
  if (!fatal.empty()) {
    return std::unexpected(stage_failure(
        ErrorClass::data, "rule",
        "a record breaks the rule " + *fatal.begin() + ", which fails the run", *fatal.begin()));
  }
  if (counts.read == 0 && !pipeline_.allow_empty && !request_.overlay_only) {
    return no_stage(ErrorClass::data, "source.empty",
                    "the source has no records; allow_empty would make that an outcome");
  }
  const std::uint64_t known =
      counts.accepted + counts.quarantined + counts.filtered + counts.merged;
  if (!query_.streams && known <= counts.read) {
    // Rows that became part of a group, or that a query did not give.
    if (counts.read != known) {
      for (std::size_t i = 0; i < pipeline_.steps.size(); ++i) {
        const Step& step = pipeline_.steps[i];
        if (!std::holds_alternative<step::Aggregate>(step) &&
            !std::holds_alternative<step::Sql>(step)) {
          continue;
        }
        rules[fmt::format("step {} {}", i + 1, step_name(step))] += counts.read - known;
        break;
      }
    }
    counts.merged += counts.read - known;
  } else if (!query_.streams) {
    return no_stage(
        ErrorClass::definition, "sql.more_rows",
        "the steps give more rows than they were given: their rows can not be accounted "
        "for");
  } else if (known != counts.read) {
    return no_stage(ErrorClass::internal, "conservation",
                    "{} records were read and {} are accounted for", counts.read, known);
  }
  for (const auto& [rule, rows] : rules) result.rules.push_back({rule, rows});
  // Quarantined per rule first, then filtered and merged per step.
  std::stable_partition(result.rules.begin(), result.rules.end(), [&](const RuleCount& count) {
    return std::none_of(query_.statuses.begin(), query_.statuses.end(), [&](const RowStatus& s) {
      return s.rule == count.rule &&
             (s.outcome == RowOutcome::filtered || s.outcome == RowOutcome::merged);
    });
  });
  return {};
}

Staged<void> StageJob::finish_quarantine(StageResult& result) {
  Frontier tree;
  LeafBatch batch(quarantine_context);
  std::vector<Digest> leaves;
  if (result.counts.quarantined == 0) {
    result.quarantine_root = tree.root();
    return {};
  }
  QuarantineWriter writer(request_.directory / "quarantine.jsonl");
  for (const PartDone& part : done_) {
    if (part.quarantine.empty()) continue;
    std::ifstream in(part.quarantine, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      batch.add(line);
      writer.add_line(line + "\n");
      if (batch.size() == 256) {
        leaves.clear();
        batch.flush(leaves);
        tree.append(leaves);
      }
    }
    in.close();
    std::error_code ignored;
    std::filesystem::remove(part.quarantine, ignored);
  }
  leaves.clear();
  batch.flush(leaves);
  tree.append(leaves);
  if (auto closed = writer.close(); !closed) {
    return std::unexpected(stage_failure(ErrorClass::transient, "io", closed.error().detail));
  }
  if (writer.records() != result.counts.quarantined) {
    return no_stage(ErrorClass::internal, "conservation",
                    "{} records are set aside, {} were written", result.counts.quarantined,
                    writer.records());
  }
  result.quarantine_file = writer.path();
  result.quarantine_bytes = writer.bytes();
  result.quarantine_root = tree.root();
  return {};
}

// The rows of the current generation whose key no new row has, with the new rows, in key order.
Staged<void> StageJob::merge_current(StageResult& result) {
  std::vector<std::filesystem::path> fresh;
  for (const PartDone& part : done_) fresh.push_back(part.file);
  std::string keys, match, names, old_names;
  for (const std::string& key : pipeline_.sink.key) {
    const std::string name = quote_name(key);
    keys += (keys.empty() ? "" : ", ") + name;
    match +=
        fmt::format("{}n.{} IS NOT DISTINCT FROM c.{}", match.empty() ? "" : " AND ", name, name);
  }
  std::string text_columns;
  for (const Column& column : query_.columns) {
    const std::string name = quote_name(column.name);
    names += (names.empty() ? "" : ", ") + name;
    old_names += fmt::format("{}CAST({} AS {}) AS {}", old_names.empty() ? "" : ", ", name,
                             sql_name(column.type), name);
    text_columns +=
        fmt::format("{}{}: 'VARCHAR'", text_columns.empty() ? "" : ", ", quote_text(column.name));
  }
  std::string current;
  for (const auto& path : request_.current_files) {
    std::string reader = fmt::format("read_parquet({})", quote_text(path.string()));
    if (path.extension() == ".csv") {
      reader =
          fmt::format("read_csv({}, header = true, columns = {{{}}}, allow_quoted_nulls = false)",
                      quote_text(path.string()), text_columns);
    } else if (path.extension() == ".jsonl") {
      reader = fmt::format("read_json({}, format = 'newline_delimited', columns = {{{}}})",
                           quote_text(path.string()), text_columns);
    }
    current +=
        fmt::format("{}SELECT {} FROM {}", current.empty() ? "" : " UNION ALL ", old_names, reader);
  }
  StageRun& run = engine_->begin(0, true);
  run.from_list = true;
  const std::string sql = fmt::format(
      "SELECT {0} FROM (SELECT {0}, daybook_tap(CAST({1} AS BIGINT), CAST({2} AS BIGINT), CAST(0 "
      "AS "
      "BIGINT), CAST(0 AS INTEGER){3}, {0}) AS __keep FROM (SELECT * FROM (SELECT {0} FROM {4} "
      "UNION "
      "ALL SELECT {0} FROM ({5}) c WHERE NOT EXISTS (SELECT 1 FROM {4} n WHERE {6})) ORDER BY "
      "{7})) "
      "WHERE __keep",
      names, run.id, query_.taps.size() - 1,
      [&] {
        std::string none;
        for (std::size_t i = 0; i < query_.taps.back().extras.size(); ++i) none += ", false";
        return none;
      }(),
      read_parquet_list(fresh), current, match, keys);
  const auto file = request_.directory / "merged.parquet";
  auto copied = duck_run(database_->main(), copy_to_parquet(sql, file));
  if (!copied) {
    engine_->end(run);
    return std::unexpected(failure_of(copied.error(), "merging with the current rows"));
  }
  row_tree_ = Frontier{};
  row_tree_.append(run.leaves);
  rows_out_ = run.rows_out;
  const bool lost = !run.set_aside.empty();
  engine_->end(run);
  if (lost) {
    return no_stage(ErrorClass::contract, "merge.current",
                    "rows of the current generation break the output contract");
  }
  PartDone merged;
  merged.rows_out = rows_out_;
  merged.file = file;
  for (const auto& path : fresh) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  done_.clear();
  done_.push_back(std::move(merged));
  (void)result;
  return {};
}

Staged<void> StageJob::finish_output(StageResult& result) {
  if (!request_.current_files.empty() && pipeline_.sink.mode == LoadMode::merge &&
      !pipeline_.sink.key.empty()) {
    if (auto merged = merge_current(result); !merged) return merged;
  }
  std::vector<std::filesystem::path> files;
  std::vector<std::uint64_t> rows;
  for (const PartDone& part : done_) {
    if (part.rows_out == 0 && (rows_out_ != 0 || !files.empty())) {
      std::error_code ignored;
      std::filesystem::remove(part.file, ignored);
      continue;
    }
    files.push_back(part.file);
    rows.push_back(part.rows_out);
  }
  result.output_rows = rows_out_;
  result.output_root = row_tree_.root();
  result.content = content_digest(result.output_root, result.output_rows, result.columns);

  const GateSubject source{&result.counts, &result.rules, result.counts.read, database_->main()};
  const GateSubject output{&result.counts, &result.rules, result.output_rows, database_->main()};
  if (pipeline_.contract) {
    if (auto asked = ask_gates(*pipeline_.contract, source, false, result.gates); !asked) {
      return asked;
    }
  }
  if (pipeline_.output && !pipeline_.output->gates.empty()) {
    if (auto viewed =
            duck_run(database_->main(), "CREATE OR REPLACE TEMP VIEW output AS SELECT * FROM " +
                                            read_parquet_list(files));
        !viewed) {
      return std::unexpected(failure_of(viewed.error(), "opening the staged rows"));
    }
    if (auto asked = ask_gates(*pipeline_.output, output, true, result.gates); !asked) return asked;
  }
  ask_budget(pipeline_.quarantine_budget_percent, result.counts, result.gates);

  if (request_.format != StagedFormat::parquet) {
    const char* name = request_.format == StagedFormat::csv     ? "part-00000.csv"
                       : request_.format == StagedFormat::jsonl ? "part-00000.jsonl"
                                                                : "part-00000.copy";
    const auto to = request_.directory / name;
    if (auto written = write_text(database_->main(), files, result.columns, request_.format, to);
        !written) {
      return written;
    }
    for (const auto& file : files) {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
    }
    files = {to};
    rows = {result.output_rows};
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto file = describe_file(files[i], rows[i]);
    if (!file) return std::unexpected(file.error());
    result.files.push_back(std::move(*file));
  }
  return {};
}

}  // namespace daybook
