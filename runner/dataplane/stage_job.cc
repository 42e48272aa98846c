#include "runner/dataplane/stage_job.h"

#include <algorithm>
#include <thread>

#include "ledger/assertion.h"
#include "runner/dataplane/gates.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/output_files.h"
#include "runner/dataplane/record_finder.h"

namespace daybook {

std::expected<StageResult, StageFailure> stage(const StageRequest& request,
                                               StageProgress& progress) {
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
    const auto to = request_.directory / "captured.csv";
    if (auto done = capture_postgres(std::get<PostgresSource>(pipeline_.source), request_.input,
                                     pipeline_.project, to, progress_);
        !done) {
      return done;
    }
    files_ = {to.string()};
  }
  if (pipeline_.contract) context_.columns = pipeline_.contract->columns;
  if (!parquet_source()) {
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
  if (parquet_source() && context_.columns.empty()) {
    auto described = duck_describe(
        database_->main(), fmt::format("SELECT * FROM read_parquet({})", quote_text(files_.at(0))));
    if (!described) {
      return no_stage(ErrorClass::data, "source.malformed", "{}",
                      printable(described.error().message, 300));
    }
    for (const DescribedColumn& column : *described) context_.columns.push_back(column.column);
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
    auto table = LookupTable::load(*lookup, request_.input.lookup_files[number++],
                                   pipeline_.project, database_->main());
    if (!table) return std::unexpected(table.error());
    lookups_.push_back(std::move(*table));
  }
  whole_ = !steps_stream(pipeline_) || parquet_source() || request_.overlay_only;
  return {};
}

Staged<void> StageJob::take_overlay() {
  if (request_.overlay.empty()) return {};
  if (parquet_source()) {
    return no_stage(ErrorClass::definition, "overlay", "records of Parquet files are not replaced");
  }
  // Replacements name their source by digest: every file must be known before the first row.
  if (auto done = parts_->finish(); !done) return done;
  for (const OverlayRecord& record : request_.overlay) {
    const auto& files = parts_->files();
    const auto found = std::find_if(files.begin(), files.end(), [&](const SourceFile& file) {
      return file.digest == record.source;
    });
    if (found == files.end()) {
      return no_stage(ErrorClass::data, "overlay.source",
                      "a released record belongs to a source that is not here any more: {}",
                      hex(record.source));
    }
    context_.overlay.emplace(
        source_row(static_cast<std::uint32_t>(found - files.begin()), record.row),
        Replacement{record.bytes, record.waive_rules});
  }
  return {};
}

std::string StageJob::source_relation(const StageRun& run) const {
  if (!parquet_source()) return fmt::format("daybook_scan(CAST({} AS BIGINT))", run.id);
  std::string names, casts, lost, files;
  for (const Column& column : context_.columns) {
    const std::string name = quote_name(column.name);
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    casts += fmt::format(
        "TRY_CAST({0} AS {1}) AS {0}, ({0} IS NOT NULL AND TRY_CAST({0} AS {1}) IS "
        "NULL) AS {2}, ",
        name, sql_name(column.type), quote_name("__lost " + column.name));
    lost += ", " + quote_name("__lost " + column.name);
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    files += fmt::format(
        "{}SELECT *, CAST({} AS BIGINT) + file_row_number + 1 AS __src FROM read_parquet({}, "
        "file_row_number = true)",
        i == 0 ? "" : " UNION ALL ", source_row(static_cast<std::uint32_t>(i), 0),
        quote_text(files_[i]));
  }
  return fmt::format(
      "(SELECT {0}, __src FROM (SELECT {0}, __src, daybook_check(CAST({1} AS BIGINT), __src, "
      "{0}{2}) AS __good FROM (SELECT {3}__src FROM ({4}))) WHERE __good)",
      names, run.id, lost, casts, files);
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

Staged<std::vector<SourceRow>> StageJob::losers_of(const std::string& query) {
  auto result = duck_query(database_->main(), query);
  if (!result) return std::unexpected(failure_of(result.error(), "finding repeated keys"));
  std::vector<SourceRow> rows;
  std::vector<VectorView> views;
  while (const std::uint32_t n = result->next(views)) {
    for (std::uint32_t r = 0; r < n; ++r) rows.push_back(views[0].at<std::int64_t>(r));
  }
  DuckError error;
  if (result->failed(error)) return std::unexpected(failure_of(error, "finding repeated keys"));
  return rows;
}

// Unique rules of the source contract: the rows that are good otherwise, and come later.
Staged<void> StageJob::find_duplicates() {
  if (!pipeline_.contract) return {};
  std::unordered_map<SourceRow, std::vector<Violation>> found;
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
    StageRun& run = engine_->begin(0, true);
    if (request_.overlay_only) {
      run.from_list = true;
      for (const auto& [row, replacement] : context_.overlay)
        run.listed.emplace_back(row, replacement);
      std::sort(run.listed.begin(), run.listed.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    auto rows = losers_of(fmt::format(
        "SELECT __src FROM (SELECT __src, row_number() OVER (PARTITION BY {} ORDER BY __src) AS "
        "__n FROM {} WHERE {}) WHERE __n > 1 ORDER BY __src",
        keys, source_relation(run), present));
    const auto failure = run.failure;
    engine_->end(run);
    context_.record_leaves = true;
    if (failure) return std::unexpected(*failure);
    if (!rows) return std::unexpected(rows.error());
    for (const SourceRow row : *rows) {
      found[row].push_back({rule.id, rule.column, "repeats the key of an earlier record"});
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
      StageRun& run = engine_->begin(0, true);
      if (request_.overlay_only) {
        run.from_list = true;
        for (const auto& [row, replacement] : context_.overlay) {
          run.listed.emplace_back(row, replacement);
        }
        std::sort(run.listed.begin(), run.listed.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
      }
      auto query = build_steps(pipeline_, options_for(run, careful, false), database_->main());
      if (!query) return std::unexpected(query.error());
      if (pass == 0) {
        engine_->set_output(*query, pipeline_.output ? &*pipeline_.output : nullptr);
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
  StageRun& run = engine_->begin(part, whole_);
  struct Ender {
    Engine& engine;
    StageRun& run;
    ~Ender() { engine.end(run); }
  } const ender{*engine_, run};
  if (request_.overlay_only) {
    run.from_list = true;
    for (const auto& [row, replacement] : context_.overlay)
      run.listed.emplace_back(row, replacement);
    std::sort(run.listed.begin(), run.listed.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  if (!whole_) {  // exact sizes: these are the largest things a part holds
    std::size_t rows = 0;
    const auto planned = parts_->part(part);
    if (planned && *planned != nullptr) {
      for (const RecordRange& range : (*planned)->ranges) rows += range.rows;
    }
    run.read.leaves.reserve(rows);
    run.leaves.reserve(rows);
  }
  run.quarantine = std::make_unique<QuarantineWriter>(request_.directory /
                                                      fmt::format("set-aside-{:05}.jsonl", part));
  run.read.quarantine = run.quarantine.get();
  auto query = build_steps(pipeline_, options_for(run, careful, true), connection);
  if (!query) return std::unexpected(query.error());
  done.file = request_.directory / fmt::format("part-{:05}.parquet", part);
  if (auto copied = duck_run(connection, copy_to_parquet(query->sql, done.file)); !copied) {
    std::error_code ignored;
    std::filesystem::remove(done.file, ignored);
    (void)run.quarantine->close();
    std::filesystem::remove(run.quarantine->path(), ignored);
    if (run.failure) return std::unexpected(*run.failure);
    if (copied.error().of_a_row() && !careful) return false;
    if (parquet_source() && copied.error().of_a_row()) {
      return no_stage(ErrorClass::data, "source.malformed", "{}",
                      printable(copied.error().message, 300));
    }
    return std::unexpected(failure_of(copied.error(), "the steps"));
  }
  if (run.failure) return std::unexpected(*run.failure);
  if (auto written = write_quarantine_of(run, done); !written) {
    return std::unexpected(written.error());
  }
  done.read = run.read.read;
  done.quarantined = run.read.quarantined + run.set_aside.size();
  done.rows_out = run.rows_out;
  done.by_status = std::move(run.by_status);
  done.record_leaves = std::move(run.read.leaves);
  done.row_leaves = std::move(run.leaves);
  done.tally = std::move(run.tally);
  for (const auto& [rule, rows] : run.read.tally.rows) done.tally.rows[rule] += rows;
  done.tally.fatal.insert(run.read.tally.fatal.begin(), run.read.tally.fatal.end());
  return true;
}

// The reader's set-asides are in order already; those of the steps are put between them.
Staged<void> StageJob::write_quarantine_of(StageRun& run, PartDone& done) {
  const auto io = [](const Error& error) {
    return std::unexpected(stage_failure(ErrorClass::transient, "io", error.detail));
  };
  if (auto closed = run.quarantine->close(); !closed) return io(closed.error());
  if (run.quarantine->records() != 0) done.quarantine = run.quarantine->path();
  if (run.set_aside.empty()) return {};
  std::stable_sort(run.set_aside.begin(), run.set_aside.end(),
                   [](const SetAside& a, const SetAside& b) { return a.row < b.row; });
  auto earlier = read_quarantine(done.quarantine);
  if (!earlier) return io(earlier.error());
  QuarantineWriter writer(run.quarantine->path().string() + ".all");
  RecordFinder finder(context_);
  std::size_t next = 0;
  for (const SetAside& aside : run.set_aside) {
    while (next < earlier->size() &&
           source_row((*earlier)[next].input, (*earlier)[next].row) < aside.row) {
      writer.add((*earlier)[next++]);
    }
    auto found = finder.find(aside.row);
    if (!found) return std::unexpected(found.error());
    QuarantinedRecord record;
    const bool derived = aside.row >= (SourceRow{1} << 62);
    record.input = derived ? 0 : input_of(aside.row);
    record.row =
        derived ? static_cast<std::uint64_t>(aside.row - (SourceRow{1} << 62)) : row_of(aside.row);
    record.byte_offset = found->offset;
    record.bytes = std::move(found->bytes);
    record.violations = aside.violations;
    writer.add(record);
  }
  while (next < earlier->size()) writer.add((*earlier)[next++]);
  if (auto closed = writer.close(); !closed) return io(closed.error());
  std::error_code ignored;
  std::filesystem::remove(done.quarantine, ignored);
  done.quarantine = writer.path();
  return {};
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

void StageJob::commit(std::size_t index, PartDone done) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(index, std::move(done));
  for (auto next = waiting_.find(committed_); next != waiting_.end();
       next = waiting_.find(committed_)) {
    PartDone& part = next->second;
    std::span<const Digest> leaves(part.record_leaves);
    if (!leaves.empty()) {
      record_trees_.resize(parts_->files().size());
      for (std::size_t i = whole_ ? 0 : committed_;; ++i) {
        const auto planned = parts_->part(i);
        if (!planned || *planned == nullptr) break;
        for (const RecordRange& range : (*planned)->ranges) {
          const auto count = std::min<std::size_t>(range.rows, leaves.size());
          record_trees_[range.input].append(leaves.first(count));
          leaves = leaves.subspan(count);
        }
        if (!whole_) break;
      }
    }
    row_tree_.append(part.row_leaves);
    part.record_leaves = {};
    part.row_leaves = {};
    rows_out_ += part.rows_out;
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
