// The end of a stage: counts that must add up, digests, the physical form, gates.
#include <algorithm>
#include <charconv>
#include <fstream>

#include "runner/dataplane/gates.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/output_files.h"
#include "runner/dataplane/postgres_source.h"
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
          std::holds_alternative<PostgresSource>(pipeline_.source) ? captured_name : file.name;
      input.digest = file.digest;
      input.bytes = file.size;
      input.records = file.records;
      input.record_root = record_trees_[i].root();
      result.input_bytes += file.size;
      result.inputs.push_back(std::move(input));
    }
  } else {
    for (const FixedFile& fixed : fixed_) {
      if (auto same = fixed.unchanged(); !same) return std::unexpected(same.error());
      InputFile input = fixed.file;
      auto rows =
          duck_scalar(database_->main(),
                      fmt::format("SELECT count(*) FROM read_parquet({})", quote_text(fixed.path)));
      const char* const end = rows && *rows ? (*rows)->data() + (*rows)->size() : nullptr;
      if (end == nullptr || std::from_chars((*rows)->data(), end, input.records).ptr != end) {
        return no_stage(ErrorClass::data, "source.malformed", "{}: its records can not be counted",
                        input.name);
      }
      // The records of a Parquet file have no bytes of their own: the tree over them is one leaf,
      // the digest of the file, which binds every row at its number.
      const auto number = source_row(static_cast<std::uint32_t>(result.inputs.size()), 0);
      input.record_root = salted_leaf(
          record_context,
          LeafSalts(request_.salts, record_context).of(static_cast<std::uint64_t>(number)),
          std::as_bytes(std::span(input.digest)));
      result.input_bytes += input.bytes;
      result.inputs.push_back(std::move(input));
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
    counts.filtered += part.filtered;
    counts.merged += part.merged;
    elsewhere_good_ |= part.elsewhere_good;
    rows_to_output_ += part.rows_to_output;
    for (const auto& [rule, rows] : part.tally.rows) rules[rule] += rows;
    dropping_.insert(part.tally.dropping.begin(), part.tally.dropping.end());
    fatal.insert(part.tally.fatal.begin(), part.tally.fatal.end());
  }
  if (!fatal.empty()) {
    // A lookup that finds nothing is about the data of two sources; all else was agreed.
    const bool lookup = fatal.begin()->starts_with("step ");
    return std::unexpected(
        stage_failure(lookup ? ErrorClass::data : ErrorClass::contract, "rule",
                      fmt::format("{} records break the rule {}, which fails the run",
                                  rules[*fatal.begin()], *fatal.begin()),
                      *fatal.begin()));
  }
  // Read to the end, and once: where all records are wanted, as many as the files have.
  std::uint64_t there = 0;
  for (const InputFile& input : result.inputs) there += input.records;
  for (const LookupTable& lookup : lookups_) there -= lookup.file().records;
  if (request_.column_key.empty() && !request_.overlay_only && counts.read != there) {
    return no_stage(ErrorClass::internal, "conservation",
                    "the files have {} records and {} were read", there, counts.read);
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
        const std::string name = fmt::format("step {} {}", i + 1, step_name(step));
        rules[name] += counts.read - known;
        dropping_.insert(name);
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
  std::stable_partition(result.rules.begin(), result.rules.end(),
                        [&](const RuleCount& count) { return !dropping_.contains(count.rule); });
  return {};
}

Staged<void> StageJob::finish_quarantine(StageResult& result) {
  Frontier tree;
  LeafBatch batch(quarantine_context, request_.salts);
  std::vector<Digest> leaves;
  std::uint64_t number = 0;
  if (result.counts.quarantined == 0) {
    result.quarantine_root = tree.root();
    return {};
  }
  QuarantineWriter writer(request_.directory / "quarantine.jsonl");
  for (const PartDone& part : done_) {
    if (part.quarantine.empty()) continue;
    std::ifstream in(part.quarantine, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      batch.add(number++, line);
      writer.add_line(line + "\n");
      if (batch.size() == 256) {
        leaves.clear();
        batch.flush(leaves);
        tree.append(leaves);
        if (spools_) spools_->quarantine->append(leaves);
      }
    }
    in.close();
    std::error_code ignored;
    std::filesystem::remove(part.quarantine, ignored);
  }
  leaves.clear();
  batch.flush(leaves);
  tree.append(leaves);
  if (spools_) spools_->quarantine->append(leaves);
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

Staged<StageRun*> StageJob::open_current_jsonl(const std::vector<std::string>& files) {
  FileSource source;
  source.format = FileFormat::jsonl;
  ReadContext& context = current_context_;
  context.columns = query_.columns;
  auto parts = SourceParts::open(source, files, "", context.columns, progress_);
  if (!parts) return std::unexpected(parts.error());
  current_parts_ = std::move(*parts);
  context.parts = current_parts_.get();
  context.progress = &progress_;
  context.record_leaves = false;
  context.rules = std::make_unique<RuleSet>(context.columns, std::vector<RowRule>{});
  for (const Column& column : context.columns) context.parsers.emplace_back(column);
  current_engine_ = std::make_unique<Engine>(context, lookups_);
  if (auto added = current_engine_->register_scan(database_->main(), "daybook_scan_current");
      !added) {
    return std::unexpected(added.error());
  }
  return &current_engine_->begin(0, true);
}

// The rows of the current generation whose key no new row has, with the new rows, in key order.
Staged<void> StageJob::merge_current(StageResult& result) {
  std::vector<std::filesystem::path> fresh;
  std::string fresh_rows;  // with their numbers, where those are wanted
  std::uint64_t numbered = 0;
  for (const PartDone& part : done_) {
    fresh.push_back(part.file);
    fresh_rows += fmt::format(
        "{}SELECT * EXCLUDE (file_row_number), CAST(-1 - file_row_number - {} AS BIGINT) AS "
        "__from FROM read_parquet({}, file_row_number = true)",
        fresh_rows.empty() ? "(" : " UNION ALL ", numbered, quote_text(part.file.string()));
    numbered += part.rows_out;
  }
  fresh_rows += ")";
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
  std::vector<std::string> jsonl;
  for (const auto& path : request_.current_files) {
    std::string reader = fmt::format("read_parquet({})", quote_text(path.string()));
    // What a sink stores has no extension: it is of the form that is staged for it.
    const bool bare = !path.has_extension();
    if (path.extension() == ".csv" || (bare && request_.format == StagedFormat::csv)) {
      reader =
          fmt::format("read_csv({}, header = true, columns = {{{}}}, allow_quoted_nulls = false)",
                      quote_text(path.string()), text_columns);
    } else if (path.extension() == ".jsonl" || (bare && request_.format == StagedFormat::jsonl)) {
      jsonl.push_back(path.string());
      continue;
    }
    current +=
        fmt::format("{}SELECT {} FROM {}", current.empty() ? "" : " UNION ALL ", old_names, reader);
  }
  StageRun* current_run = nullptr;
  if (!jsonl.empty()) {
    auto opened = open_current_jsonl(jsonl);
    if (!opened) return std::unexpected(opened.error());
    current_run = *opened;
    current += fmt::format("{}SELECT {} FROM daybook_scan_current(CAST({} AS BIGINT))",
                           current.empty() ? "" : " UNION ALL ", names, current_run->id);
  }
  StageRun& run = engine_->begin(0, true);
  run.from_list = true;
  run.numbered_by_place = true;
  run.batch = std::make_unique<LeafBatch>(row_context, request_.salts, merged_row_label);
  const std::string sql = fmt::format(
      "SELECT {0} FROM (SELECT {0}, daybook_tap(CAST({1} AS BIGINT), CAST({2} AS BIGINT), __from, "
      "CAST(0 AS INTEGER){3}, {0}) AS __keep FROM (SELECT * FROM (SELECT {0}, {9} FROM {8} UNION "
      "ALL SELECT {0}, CAST(0 AS BIGINT) AS __from FROM ({5}) c WHERE NOT EXISTS (SELECT 1 FROM "
      "{4} n WHERE {6})) ORDER BY {7})) WHERE __keep",
      names, run.id, query_.taps.size() - 1,
      [&] {
        std::string none;
        for (std::size_t i = 0; i < query_.taps.back().extras.size(); ++i) none += ", false";
        return none;
      }(),
      read_parquet_list(fresh), current, match, keys,
      spools_ ? fresh_rows : read_parquet_list(fresh),
      spools_ ? "__from" : "CAST(0 AS BIGINT) AS __from");
  run.keep_sources = spools_ != nullptr;
  if (spools_) spools_->rows = std::make_unique<LeafSpool>(request_.directory / "leaves-merged");
  const auto file = request_.directory / "merged.parquet";
  auto copied = duck_run(database_->main(), copy_to_parquet(sql, file));
  if (!copied) {
    engine_->end(run);
    return std::unexpected(failure_of(copied.error(), "merging with the current rows"));
  }
  row_tree_ = Frontier{};
  row_tree_.append(run.leaves);
  if (spools_) {
    spools_->rows->append(run.leaves);
    spools_->merged = std::move(run.sources);
  }
  rows_out_ = run.rows_out;
  const bool lost =
      !run.set_aside.empty() || (current_run != nullptr && current_run->read.quarantined != 0);
  engine_->end(run);
  if (lost) {
    return no_stage(ErrorClass::contract, "merge.current",
                    "rows of the current generation can not be read as the output contract has it");
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

// Queries of the source contract are asked of the records its row rules let pass.
Staged<void> StageJob::ask_source_gates(StageResult& result) {
  if (!pipeline_.contract || pipeline_.contract->gates.empty()) return {};
  const std::vector<Gate>& gates = pipeline_.contract->gates;
  const GateSubject subject{&result.rules, result.counts.read, result.counts.read,
                            database_->main()};
  if (std::none_of(gates.begin(), gates.end(),
                   [](const Gate& gate) { return gate.kind == Gate::Kind::sql; })) {
    return ask_gates(*pipeline_.contract, subject, result.gates);
  }
  context_.record_leaves = false;
  StageRun& run = begin_whole();
  std::string names;
  for (const Column& column : context_.columns) {
    names += (names.empty() ? "" : ", ") + quote_name(column.name);
  }
  auto done = [&]() -> Staged<void> {
    if (auto viewed =
            duck_run(database_->main(),
                     fmt::format("CREATE OR REPLACE TEMP VIEW output AS SELECT {} FROM {}", names,
                                 source_relation(run)));
        !viewed) {
      return std::unexpected(failure_of(viewed.error(), "opening the source's records"));
    }
    return ask_gates(*pipeline_.contract, subject, result.gates);
  }();
  if (run.failure) done = std::unexpected(*run.failure);
  engine_->end(run);
  context_.record_leaves = true;
  return done;
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

  if (auto asked = ask_source_gates(result); !asked) return asked;
  if (pipeline_.output && !pipeline_.output->gates.empty()) {
    if (auto viewed =
            duck_run(database_->main(), "CREATE OR REPLACE TEMP VIEW output AS SELECT * FROM " +
                                            read_parquet_list(files));
        !viewed) {
      return std::unexpected(failure_of(viewed.error(), "opening the staged rows"));
    }
    const GateSubject output{&result.rules, result.output_rows, rows_to_output_, database_->main()};
    if (auto asked = ask_gates(*pipeline_.output, output, result.gates); !asked) return asked;
  }
  if (!request_.overlay_only || !pipeline_.quarantine_budget_percent.empty()) {
    ask_budget(pipeline_.quarantine_budget_percent,
               {.counts = result.counts,
                .part_of_source = !request_.column_key.empty(),
                .elsewhere_good = elsewhere_good_,
                .unkeyed = request_.column_key == PartitionKey::unkeyed},
               result.gates);
  }
  if (spools_) {
    std::vector<OutputFileRows> written;
    for (std::size_t i = 0; i < files.size(); ++i) written.push_back({files[i], rows[i]});
    if (auto told = tell(result, written); !told) return told;
  }

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
    const auto part = std::find_if(done_.begin(), done_.end(),
                                   [&](const PartDone& p) { return p.file == files[i]; });
    auto file = part != done_.end() && part->described
                    ? Staged<StagedFile>(std::move(*part->described))
                    : describe_file(files[i], rows[i]);
    if (!file) return std::unexpected(file.error());
    result.files.push_back(std::move(*file));
  }
  return {};
}

}  // namespace daybook
