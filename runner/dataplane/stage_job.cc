#include "runner/dataplane/stage_job.h"

#include <algorithm>
#include <thread>

#include "ledger/assertion.h"
#include "runner/dataplane/gates.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/output_files.h"
#include "runner/dataplane/parquet_frame.h"
#include "runner/dataplane/postgres_source.h"
#include "runner/definition/partitions.h"

namespace daybook {

std::expected<StageResult, StageFailure> stage(const StageRequest& request,
                                               StageProgress& progress) {
  if (const std::string fault = partition_fault(*request.pipeline, request.input); !fault.empty()) {
    return no_stage(ErrorClass::data, "partition", "{}", fault);
  }
  return StageJob(request, progress).run();
}

bool StageJob::parquet_source() const { return source_.format == FileFormat::parquet; }

Staged<StageResult> StageJob::run() {
  for (const auto& next :
       {&StageJob::open_inputs, &StageJob::open_engine, &StageJob::take_overlay,
        &StageJob::find_duplicates, &StageJob::find_losers, &StageJob::run_parts}) {
    if (auto done = (this->*next)(); !done) return std::unexpected(done.error());
  }
  return finish();
}

Staged<void> StageJob::open_inputs() {
  if (const auto* file = std::get_if<FileSource>(&pipeline_.source)) {
    source_ = *file;
    files_ = request_.input.files;
  } else {
    source_ = FileSource{};
    files_ = {request_.captured};
    if (request_.captured.empty()) {
      const auto to = request_.directory / captured_name;
      if (auto done = capture_postgres(pipeline_, request_.input, to, progress_); !done)
        return done;
      files_ = {to.string()};
    }
  }
  if (pipeline_.contract) context_.columns = pipeline_.contract->columns;
  if (parquet_source()) {
    for (const std::string& path : files_) {
      auto fixed = fix_input(path, pipeline_.project, progress_);
      if (!fixed) return std::unexpected(fixed.error());
      if (auto sound = check_parquet_frame(path, fixed->file.name); !sound) return sound;
      fixed_.push_back(std::move(*fixed));
    }
  } else {
    if (source_.format == FileFormat::jsonl && context_.columns.empty()) {
      return no_stage(ErrorClass::definition, "source.contract", "a JSONL source needs a contract");
    }
    auto opened =
        SourceParts::open(source_, files_, pipeline_.project, context_.columns, progress_);
    if (!opened) return std::unexpected(opened.error());
    parts_ = std::move(*opened);
    context_.parts = parts_.get();
  }
  context_.progress = &progress_;
  context_.salts = request_.salts;
  limits_ = {request_.directory, {}, request_.memory_limit_bytes};
  if (parquet_source()) limits_.readable = files_;
  for (const std::string& path : request_.input.lookup_files) limits_.readable.push_back(path);
  for (const auto& path : request_.current_files) limits_.readable.push_back(path.string());
  return {};
}

Staged<void> StageJob::open_engine() {
  auto opened = DuckDatabase::open(limits_);
  if (!opened) return std::unexpected(opened.error());
  database_ = std::move(*opened);
  engine_ = std::make_unique<Engine>(context_, lookups_);
  if (auto done = engine_->register_functions(database_->main()); !done) return done;
  if (auto done = database_->lock(limits_); !done) return done;
  if (parquet_source()) {
    if (auto matched = match_parquet_columns(); !matched) return matched;
  }
  if (context_.columns.empty()) {
    return no_stage(ErrorClass::data, "source.empty", "{} is empty: it has not even a header",
                    input_name(files_.at(0), pipeline_.project));
  }
  context_.rules =
      std::make_unique<RuleSet>(context_.columns, pipeline_.contract ? pipeline_.contract->row_rules
                                                                     : std::vector<RowRule>{});
  for (const Column& column : context_.columns) context_.parsers.emplace_back(column);
  context_.partition = PartitionKey(pipeline_.partition, context_.columns);
  context_.column_key = request_.column_key;

  std::size_t number = 0;
  for (const Step& step : pipeline_.steps) {
    const auto* lookup = std::get_if<step::Lookup>(&step);
    if (lookup == nullptr) continue;
    if (number >= request_.input.lookup_files.size()) {
      return no_stage(ErrorClass::data, "source.missing", "no file is given for the lookup in {}",
                      lookup->from.path);
    }
    auto table =
        LookupTable::load(*lookup, request_.input.lookup_files[number++], pipeline_.project,
                          database_->main(), request_.memory_limit_bytes);
    if (!table) return std::unexpected(table.error());
    lookups_.push_back(std::move(*table));
  }
  if (request_.lineage != nullptr) {
    spools_ = std::make_unique<Spools>();
    restart_spools();
  }
  context_.rows_at_once = rows_at_once(pipeline_);
  whole_ = !steps_stream(pipeline_) || parquet_source() || request_.overlay_only;
  return {};
}

// Every file has the contract's columns, or those of the first file where there is no contract.
Staged<void> StageJob::match_parquet_columns() {
  if (files_.empty()) return no_stage(ErrorClass::data, "source.missing", "the source has no file");
  for (const std::string& path : files_) {
    const std::string name = input_name(path, pipeline_.project);
    auto described = duck_describe(database_->main(),
                                   fmt::format("SELECT * FROM {}", read_parquet_source(path)));
    if (!described) {
      return no_stage(ErrorClass::data, "source.malformed", "{}: {}", name,
                      printable(described.error().said(), 300));
    }
    if (context_.columns.empty()) {
      for (const DescribedColumn& column : *described) context_.columns.push_back(column.column);
    }
    const auto has = [](const auto& list, const std::string& wanted, auto name_of) {
      return std::any_of(list.begin(), list.end(),
                         [&](const auto& item) { return name_of(item) == wanted; });
    };
    for (const Column& column : context_.columns) {
      if (!has(*described, column.name, [](const auto& d) { return d.column.name; })) {
        return no_stage(ErrorClass::contract, "source.columns", "{}: column \"{}\" is missing",
                        name, column.name);
      }
    }
    for (const DescribedColumn& column : *described) {
      if (!has(context_.columns, column.column.name, [](const auto& c) { return c.name; })) {
        return no_stage(ErrorClass::contract, "source.columns",
                        "{}: column \"{}\" is not in the contract", name,
                        printable(column.column.name));
      }
    }
  }
  return {};
}

Staged<void> StageJob::take_overlay() {
  if (request_.overlay.empty()) return {};
  // Replacements name their source by digest: every file must be known before the first row.
  std::vector<Digest> sources;
  if (parquet_source()) {
    for (const FixedFile& fixed : fixed_) sources.push_back(fixed.file.digest);
    // They are JSON, as the records they replace were set aside.
    FileSource json;
    json.format = FileFormat::jsonl;
    auto parts = SourceParts::of_header(json, "", context_.columns, progress_);
    if (!parts) return std::unexpected(parts.error());
    replacement_parts_ = std::move(*parts);
    context_.parts = replacement_parts_.get();
  } else {
    if (auto done = parts_->finish(); !done) return done;
    for (const SourceFile& file : parts_->files()) sources.push_back(file.digest);
  }
  for (const OverlayRecord& record : request_.overlay) {
    const auto found = std::find(sources.begin(), sources.end(), record.source);
    if (found == sources.end()) {
      return no_stage(ErrorClass::data, "overlay.source",
                      "a released record belongs to a source that is not here any more: {}",
                      hex(record.source));
    }
    context_.overlay.emplace(
        source_row(static_cast<std::uint32_t>(found - sources.begin()), record.row),
        Replacement{record.bytes, record.waive_rules});
  }
  return {};
}

// Every record of the files: __src, the columns cast to the contract's types, and for each the text
// that the cast lost.
std::string StageJob::parquet_rows(std::string_view condition) const {
  std::string names, casts, lost, files;
  for (const Column& column : context_.columns) {
    const std::string name = quote_name(column.name);
    names += name + ", ";
    casts += fmt::format(", TRY_CAST({0} AS {1}) AS {0}", name, sql_name(column.type));
    lost += fmt::format(
        ", CASE WHEN {0} IS NOT NULL AND TRY_CAST({0} AS {1}) IS NULL THEN CAST({0} AS VARCHAR) "
        "END AS {2}",
        name, sql_name(column.type), quote_name("__lost " + column.name));
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    files += fmt::format("{}SELECT {}CAST({} AS BIGINT) + __row + 1 AS __src FROM {}",
                         i == 0 ? "" : " UNION ALL ", names,
                         source_row(static_cast<std::uint32_t>(i), 0),
                         read_parquet_rows(files_[i], context_.columns));
  }
  return fmt::format("(SELECT __src{}{} FROM ({}){})", casts, lost, files, condition);
}

std::string StageJob::source_relation(const StageRun& run) const {
  if (!parquet_source()) return fmt::format("daybook_scan(CAST({} AS BIGINT))", run.id);
  std::string names, lost;
  for (const Column& column : context_.columns) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", quote_name(column.name));
    lost += ", " + quote_name("__lost " + column.name);
  }
  const std::string scan =
      fmt::format("SELECT {}, __src FROM daybook_scan(CAST({} AS BIGINT))", names, run.id);
  if (request_.overlay_only) return "(" + scan + ")";
  const bool replaced = !context_.overlay.empty();
  return fmt::format(
      "(SELECT {0}, __src FROM (SELECT {0}, __src, daybook_check(CAST({1} AS BIGINT), __src, "
      "{0}{2}) AS __good FROM {3}) WHERE __good{4})",
      names, run.id, lost, parquet_rows(replaced ? " WHERE NOT daybook_replaced(__src)" : ""),
      // What stands for a record comes after all of those that were left as they are.
      replaced ? " UNION ALL " + scan : "");
}

// A run over everything: all parts, or the released records alone.
StageRun& StageJob::begin_whole() {
  StageRun& run = engine_->begin(0, true);
  if (request_.overlay_only || (parquet_source() && !context_.overlay.empty())) {
    run.from_list = true;
    for (const auto& [row, replacement] : context_.overlay) {
      run.listed.emplace_back(row, replacement);
    }
    std::sort(run.listed.begin(), run.listed.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  return run;
}

StepsOptions StageJob::options_for(const StageRun& run, bool careful, bool taps) const {
  StepsOptions options;
  options.source = source_relation(run);
  options.columns = context_.columns;
  options.run = run.id;
  options.careful = careful;
  options.taps = taps;
  options.has_waived = std::any_of(context_.overlay.begin(), context_.overlay.end(),
                                   [](const auto& item) { return item.second.waive_rules; });
  return options;
}

Staged<RowSet> StageJob::losers_of(const std::string& query) {
  auto result = duck_query(database_->main(), query);
  if (!result) return std::unexpected(failure_of(result.error(), "finding repeated keys"));
  RowSet rows;
  std::vector<VectorView> views;
  while (const std::uint32_t n = result->next(views)) {
    for (std::uint32_t r = 0; r < n; ++r) rows.add(views[0].at<std::int64_t>(r));
  }
  DuckError error;
  if (result->failed(error)) return std::unexpected(failure_of(error, "finding repeated keys"));
  return rows;
}

// Unique rules of the source contract: the rows that are good otherwise, and come later.
Staged<void> StageJob::find_duplicates() {
  if (!pipeline_.contract) return {};
  std::vector<Duplicates> found;
  for (const RowRule& rule : pipeline_.contract->row_rules) {
    if (rule.kind != RowRule::Kind::unique) continue;
    const std::vector<std::string> key =
        rule.values.empty() ? std::vector<std::string>{rule.column} : rule.values;
    std::string keys, present;
    for (const std::string& name : key) {
      keys += (keys.empty() ? "" : ", ") + quote_name(name);
      present += (present.empty() ? "" : " AND ") + quote_name(name) + " IS NOT NULL";
    }
    context_.record_leaves = false;
    StageRun& run = begin_whole();
    auto rows = losers_of(fmt::format(
        "SELECT __src FROM (SELECT __src, row_number() OVER (PARTITION BY {} ORDER BY __src) AS "
        "__n FROM {} WHERE {}) WHERE __n > 1 ORDER BY __src",
        keys, source_relation(run), present));
    const auto failure = run.failure;
    engine_->end(run);
    context_.record_leaves = true;
    if (failure) return std::unexpected(*failure);
    if (!rows) return std::unexpected(rows.error());
    if (!rows->empty()) {
      found.push_back({std::move(*rows),
                       rule.on_violation,
                       {rule.id, rule.column, "repeats the key of an earlier record"}});
    }
  }
  context_.duplicates = std::move(found);
  return {};
}

Staged<void> StageJob::find_losers() {
  context_.record_leaves = false;
  for (std::size_t pass = 0;; ++pass) {
    bool careful = false;
    for (;;) {
      StageRun& run = begin_whole();
      auto query = build_steps(pipeline_, options_for(run, careful, false), database_->main());
      if (!query) return std::unexpected(query.error());
      if (pass == 0) {
        const Contract* output = pipeline_.output ? &*pipeline_.output : nullptr;
        if (auto set = engine_->set_output(*query, output); !set) return set;
        query_ = *query;
      }
      if (pass >= query->passes.size()) {
        engine_->end(run);
        context_.record_leaves = true;
        progress_.bytes_read = 0;
        progress_.rows_read = 0;
        return {};
      }
      auto rows = losers_of(query->passes[pass].query);
      const auto failure = run.failure;
      engine_->end(run);
      if (failure) return std::unexpected(*failure);
      if (rows) {
        engine_->add_losers(std::move(*rows));
        break;
      }
      if (careful) return std::unexpected(rows.error());
      careful = true;
    }
  }
}

Staged<bool> StageJob::try_part(std::size_t part, bool careful, duckdb_connection connection,
                                PartDone& done) {
  StageRun& run = whole_ ? begin_whole() : engine_->begin(part, false);
  run.keep_sources = spools_ != nullptr;
  if (whole_ && spools_) restart_spools();
  struct Ender {
    Engine& engine;
    StageRun& run;
    ~Ender() { engine.end(run); }
  } const ender{*engine_, run};
  if (!whole_) {  // exact sizes: these are the largest things a part holds
    std::size_t rows = 0;
    const auto planned = parts_->part(part);
    if (planned && *planned != nullptr) {
      for (const RecordRange& range : (*planned)->ranges) rows += range.rows;
    }
    run.read.leaves.reserve(rows);
    run.leaves.reserve(rows);
  } else {  // nothing grows with the source
    run.read.on_leaves = [this, &done](std::uint32_t input, std::vector<Digest>& leaves) {
      if (spools_) record_spool(input).append(leaves);
      if (done.record_trees.size() <= input) done.record_trees.resize(input + 1);
      done.record_trees[input].append(leaves);
    };
    run.on_leaves = [this, &done](std::vector<Digest>& leaves) {
      if (spools_) spools_->rows->append(leaves);
      done.row_tree.append(leaves);
    };
  }
  run.quarantine = std::make_unique<QuarantineWriter>(request_.directory /
                                                      fmt::format("set-aside-{:05}.jsonl", part));
  run.read.quarantine = run.quarantine.get();
  if (parquet_source()) {
    // Replacements are read after the other records; what is bad of them is put where it belongs.
    run.read.quarantine = nullptr;
    run.read.on_quarantined = [&run](const QuarantinedRecord& bad) {
      run.set_aside.add({source_row(bad.input, bad.row), bad.violations, bad.bytes});
      --run.read.quarantined;
      ++run.read.replaced_bad;
    };
  }
  run.set_aside.spill_to(request_.directory / fmt::format("aside-{:05}", part));
  auto query = build_steps(pipeline_, options_for(run, careful, true), connection);
  if (!query) return std::unexpected(query.error());
  done.file = request_.directory / fmt::format("part-{:05}.parquet", part);
  const auto compute = [&]() -> Ducked<void> {
    for (const std::string& fill : query->tables) {
      if (auto filled = duck_run(connection, fill); !filled) return filled;
    }
    return duck_run(connection, copy_to_parquet(query->sql, done.file));
  };
  if (auto copied = compute(); !copied) {
    std::error_code ignored;
    std::filesystem::remove(done.file, ignored);
    (void)run.quarantine->close();
    std::filesystem::remove(run.quarantine->path(), ignored);
    if (run.failure) return std::unexpected(*run.failure);
    if (copied.error().of_a_row() && !careful) return false;
    if (parquet_source() && copied.error().of_a_row()) {
      return no_stage(ErrorClass::data, "source.malformed", "{}",
                      printable(copied.error().said(), 300));
    }
    return std::unexpected(failure_of(copied.error(), "the steps"));
  }
  if (run.failure) return std::unexpected(*run.failure);
  // Whatever the optimiser made of the query: every row that was read went through it once.
  const std::uint64_t left = run.read.quarantined + run.read.replaced_bad + run.read.filtered;
  if (run.rows_tapped + left != run.read.read) {
    return no_stage(ErrorClass::internal, "conservation",
                    "{} records were read, {} left at once and {} went into the steps",
                    run.read.read, left, run.rows_tapped);
  }
  if (auto written = write_quarantine_of(run, done); !written) {
    return std::unexpected(written.error());
  }
  done.read = run.read.read;
  done.quarantined = run.read.quarantined + run.set_aside.size();
  done.filtered = run.read.filtered + run.filtered;
  done.elsewhere_good = run.read.elsewhere_good;
  done.merged = run.merged;
  done.rows_out = run.rows_out;
  done.rows_to_output = run.rows_to_output;
  done.record_leaves = std::move(run.read.leaves);
  done.row_leaves = std::move(run.leaves);
  done.sources = std::move(run.sources);
  done.tally = std::move(run.tally);
  done.tally.add(run.read.tally);
  if (request_.format == StagedFormat::parquet && run.rows_out != 0) {  // beside the other parts
    auto described = describe_file(done.file, run.rows_out);
    if (!described) return std::unexpected(described.error());
    done.described = std::move(*described);
  }
  return true;
}

Staged<StageJob::PartDone> StageJob::run_part(std::size_t part, duckdb_connection connection) {
  for (const bool careful : {false, true}) {
    PartDone done;
    const auto tried = try_part(part, careful, connection, done);
    if (!tried) return std::unexpected(tried.error());
    if (*tried) return done;
  }
  return no_stage(ErrorClass::internal, "expression", "a part can not be computed");
}

// The tree keeps a copy of what it is given at once: a piece of that size stays in the cache.
void StageJob::append_by_pieces(Frontier& tree, std::span<const Digest> leaves) {
  constexpr std::size_t piece = 4096;
  for (; !leaves.empty(); leaves = leaves.subspan(std::min(piece, leaves.size()))) {
    tree.append(leaves.first(std::min(piece, leaves.size())));
  }
}

void StageJob::add_leaves(std::size_t index, PartDone& part) {
  std::span<const Digest> leaves(part.record_leaves);
  const auto planned = parts_->part(index);
  if (planned && *planned != nullptr) {
    record_trees_.resize(parts_->files().size());
    for (const RecordRange& range : (*planned)->ranges) {
      const auto count = std::min<std::size_t>(range.rows, leaves.size());
      append_by_pieces(record_trees_[range.input], leaves.first(count));
      if (spools_) record_spool(range.input).append(leaves.first(count));
      leaves = leaves.subspan(count);
    }
  }
  append_by_pieces(row_tree_, part.row_leaves);
  if (spools_) spools_->rows->append(part.row_leaves);
  part.record_leaves = std::vector<Digest>();  // {} would keep the memory
  part.row_leaves = std::vector<Digest>();
}

void StageJob::commit(std::size_t index, PartDone done) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(index, std::move(done));
  for (auto next = waiting_.find(committed_); next != waiting_.end();
       next = waiting_.find(committed_)) {
    PartDone& part = next->second;
    if (whole_) {
      record_trees_ = std::move(part.record_trees);
      row_tree_ = std::move(part.row_tree);
    } else {
      add_leaves(committed_, part);
    }
    rows_out_ += part.rows_out;
    if (spools_) {
      spools_->sources.insert(spools_->sources.end(), part.sources.begin(), part.sources.end());
      part.sources = std::vector<SourceRow>();
    }
    done_.push_back(std::move(part));
    waiting_.erase(next);
    ++committed_;
  }
  committed_changed_.notify_all();
}

Staged<void> StageJob::run_parts() {
  if (whole_) {
    auto done = run_part(0, database_->main());
    if (!done) return std::unexpected(done.error());
    commit(0, std::move(*done));
    return {};
  }
  const unsigned threads = std::max(1U, request_.threads);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::optional<StageFailure> failure;
  const auto fail_with = [&](const StageFailure& what) {
    const std::lock_guard lock(mutex_);
    if (!failure) failure = what;
    stop = true;
    committed_changed_.notify_all();
  };
  const auto work = [&] {
    const DuckConnection connection(database_->handle());
    while (!stop) {
      const std::size_t index = next++;
      {  // Not too far ahead: what waits for its turn holds memory.
        std::unique_lock lock(mutex_);
        committed_changed_.wait(lock, [&] { return stop || index < committed_ + threads + 1; });
      }
      if (stop) return;
      const auto part = parts_->part(index);
      if (!part) return fail_with(part.error());
      if (*part == nullptr) return;
      auto done = run_part(index, connection.get());
      if (!done) return fail_with(done.error());
      commit(index, std::move(*done));
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  if (failure) return std::unexpected(*failure);
  if (done_.empty()) {  // no records at all: the output is there, and empty
    auto done = run_part(0, database_->main());
    if (!done) return std::unexpected(done.error());
    commit(0, std::move(*done));
  }
  return {};
}

}  // namespace daybook
