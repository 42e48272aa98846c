// What else is asked of the data plane: identity of inputs, keys of partitions, one record, types.
#include <algorithm>
#include <set>

#include "runner/dataplane/engine.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/parquet_frame.h"
#include "runner/dataplane/postgres_source.h"
#include "runner/dataplane/replacement.h"
#include "runner/definition/diagnostic_codes.h"
#include "runner/definition/partitions.h"

namespace daybook {

std::expected<Digest, StageFailure> inputs_digest_of(const Pipeline& pipeline,
                                                     const PartitionInput& input,
                                                     const std::string& column_key,
                                                     const std::vector<OverlayRecord>& overlay,
                                                     StageProgress& progress) {
  if (const std::string fault = partition_fault(pipeline, input); !fault.empty()) {
    return no_stage(ErrorClass::data, "partition", "{}", fault);
  }
  std::vector<InputFile> files;
  std::vector<std::string> paths = input.files;
  if (std::holds_alternative<PostgresSource>(pipeline.source)) {
    auto captured = digest_postgres(pipeline, input, progress);
    if (!captured) return std::unexpected(captured.error());
    files.push_back(std::move(*captured));
  }
  paths.insert(paths.end(), input.lookup_files.begin(), input.lookup_files.end());
  for (const std::string& path : paths) {
    auto file = hash_input(path, pipeline.project, progress);
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return inputs_digest(files, column_key, overlay);
}

namespace {

// Vectors of our own, where no DuckDB chunk is at hand.
struct OwnVectors {
  explicit OwnVectors(const std::vector<Column>& columns) {
    for (const Column& column : columns) {
      data.emplace_back(std::size_t{width_of(physical_of(column.type))} * vector_rows_max);
      validity.emplace_back(vector_rows_max / 64);
      views.push_back({data.back().data(), validity.back().data()});
    }
  }
  std::vector<std::vector<char>> data;
  std::vector<std::vector<std::uint64_t>> validity;
  std::vector<VectorView> views;
};

void prepare(ReadContext& context, const Pipeline& pipeline, StageProgress& progress) {
  context.progress = &progress;
  context.rules = std::make_unique<RuleSet>(
      context.columns, pipeline.contract ? pipeline.contract->row_rules : std::vector<RowRule>{});
  context.parsers.clear();
  for (const Column& column : context.columns) context.parsers.emplace_back(column);
}

std::unexpected<StageFailure> no_key_column(const Pipeline& pipeline) {
  return no_stage(ErrorClass::definition, "partition", "the source has no column \"{}\"",
                  pipeline.partition.name);
}

Staged<std::vector<std::string>> parquet_keys(const Pipeline& pipeline,
                                              const PartitionInput& whole) {
  std::vector<Column> columns;
  if (pipeline.contract) columns = pipeline.contract->columns;
  const DuckDatabase::Limits limits{"/nonexistent", whole.files, pipeline.memory_limit_bytes};
  auto database = DuckDatabase::open(limits);
  if (!database) return std::unexpected(database.error());
  if (auto locked = (*database)->lock(limits); !locked) return std::unexpected(locked.error());
  std::set<std::string> keys;
  for (const std::string& path : whole.files) {
    const auto malformed = [&](const DuckError& error) {
      return no_stage(ErrorClass::data, "source.malformed", "{}: {}",
                      input_name(path, pipeline.project), printable(error.said(), 300));
    };
    const auto sound = check_parquet_frame(path, input_name(path, pipeline.project));
    if (!sound) return std::unexpected(sound.error());
    if (columns.empty()) {
      auto described = duck_describe((*database)->main(),
                                     fmt::format("SELECT * FROM {}", read_parquet_source(path)));
      if (!described) return malformed(described.error());
      for (const DescribedColumn& column : *described) columns.push_back(column.column);
    }
    const PartitionKey key(pipeline.partition, columns);
    if (!key.by_column()) return no_key_column(pipeline);
    const Column& column = columns[key.column()];
    auto result =
        duck_query((*database)->main(),
                   fmt::format("SELECT TRY_CAST({} AS {}) FROM {}", quote_name(column.name),
                               sql_name(column.type), read_parquet_source(path)));
    if (!result) return malformed(result.error());
    std::vector<VectorView> views;
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) keys.insert(key.key_of(views[0], r));
    }
    DuckError error;
    if (result->failed(error)) return malformed(error);
  }
  return std::vector<std::string>(keys.begin(), keys.end());
}

}  // namespace

std::expected<std::vector<std::string>, StageFailure> discover_partitions(
    const Pipeline& pipeline, const PartitionInput& whole, StageProgress& progress) {
  const auto* source = std::get_if<FileSource>(&pipeline.source);
  if (source == nullptr) {
    return no_stage(ErrorClass::definition, "partition",
                    "partitions by column are read from files");
  }
  if (source->format == FileFormat::parquet) return parquet_keys(pipeline, whole);
  ReadContext context;
  if (pipeline.contract) context.columns = pipeline.contract->columns;
  auto parts = SourceParts::open(*source, whole.files, pipeline.project, context.columns, progress);
  if (!parts) return std::unexpected(parts.error());
  context.parts = parts->get();
  context.record_leaves = false;
  prepare(context, pipeline, progress);
  context.partition = PartitionKey(pipeline.partition, context.columns);
  if (!context.partition.by_column()) return no_key_column(pipeline);
  // The reader itself tells the key of every record, before it decides anything about it: what is
  // found here is what staging will find.
  std::set<std::string> keys;
  context.keys = &keys;
  OwnVectors vectors(context.columns);
  std::vector<SourceRow> rows(vector_rows_max);
  for (std::size_t i = 0;; ++i) {
    const auto part = context.parts->part(i);
    if (!part) return std::unexpected(part.error());
    if (*part == nullptr) break;
    PartRead read;
    const auto reader = RecordReader::open(context, **part, read);
    for (;;) {
      const auto n = reader->read(vectors.views, rows.data());
      if (!n) return std::unexpected(n.error());
      if (*n == 0) break;
    }
  }
  if (auto same = context.parts->finish(); !same) return std::unexpected(same.error());
  return std::vector<std::string>(keys.begin(), keys.end());
}

std::string header_in(const FileSource& source, std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  CsvBoundary boundary;
  advance_boundary(head.data(), head.size(), {source.csv.delimiter, source.csv.quote},
                   SimdPath::portable, 1, boundary);
  if (boundary.records != 0) head = head.substr(0, boundary.last_end);
  if (head.ends_with('\n')) head.remove_suffix(1);
  if (head.ends_with('\r')) head.remove_suffix(1);
  return std::string(head);
}

std::vector<Violation> validate_record(const Pipeline& pipeline, const std::string& file_header,
                                       const std::string& record) {
  return validate_replacement(pipeline, file_header, record, Waive::nothing);
}

std::vector<Violation> validate_replacement(const Pipeline& pipeline,
                                            const std::string& file_header,
                                            const std::string& record, Waive waive) {
  const auto* source = std::get_if<FileSource>(&pipeline.source);
  const FileSource captured;
  if (source == nullptr) source = &captured;
  FileSource json;  // as records of Parquet are set aside
  json.format = FileFormat::jsonl;
  if (source->format == FileFormat::parquet) source = &json;
  StageProgress progress;
  ReadContext context;
  if (pipeline.contract) context.columns = pipeline.contract->columns;
  if (source->format == FileFormat::jsonl && context.columns.empty())
    return {};  // in the file alone
  auto parts = SourceParts::of_header(*source, file_header, context.columns, progress);
  if (!parts) return {{"structure", "", parts.error().detail}};
  context.parts = parts->get();
  context.record_leaves = false;
  prepare(context, pipeline, progress);
  PartRead read;
  QuarantineWriter none("/dev/null");
  std::vector<Violation> violations;
  read.on_quarantined = [&](const QuarantinedRecord& bad) {
    violations.insert(violations.end(), bad.violations.begin(), bad.violations.end());
  };
  const auto reader = RecordReader::open(
      context, {{source_row(0, 1), Replacement{record, waive == Waive::rules}}}, read);
  OwnVectors vectors(context.columns);
  std::vector<SourceRow> rows(vector_rows_max);
  for (;;) {
    const auto n = reader->read(vectors.views, rows.data());
    if (!n) return {{"structure", "", n.error().detail}};
    if (*n == 0) break;
  }
  return violations;
}

namespace {

// The line as it is shown above a caret.
std::string line_of(const std::string& text, std::uint32_t number) {
  std::size_t begin = 0;
  for (; number > 1 && begin != std::string::npos; --number) {
    begin = text.find('\n', begin);
    if (begin != std::string::npos) ++begin;
  }
  if (begin == std::string::npos || number == 0) return {};
  std::string line = text.substr(begin, text.find('\n', begin) - begin);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

// Where the list `steps` has its item `index`, in a file written line by line.
Span span_of_step(const std::string& text, std::size_t index) {
  std::uint32_t number = 0, steps_line = 0;
  std::size_t indent = std::string::npos, seen = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (steps_line == 0) {
      if (line.starts_with("steps:")) steps_line = number;
      continue;
    }
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string_view::npos || line[first] == '#') continue;
    if (line[first] != '-') {
      if (first == 0) break;
      continue;
    }
    if (indent == std::string::npos) indent = first;
    if (first != indent || seen++ != index) continue;
    const std::size_t name = std::min(line.find_first_not_of("- ", first), line.size() - 1);
    const std::size_t past = std::min(line.find(':', name), line.size());
    return {number, static_cast<std::uint32_t>(name + 1), static_cast<std::uint32_t>(past - name)};
  }
  return {steps_line, 1, steps_line == 0 ? 1U : 5U};
}

// Asks DuckDB what it makes of the steps over tables without rows.
class TypeCheck {
 public:
  TypeCheck(const Pipeline& pipeline, Diagnostics& diagnostics)
      : pipeline_(pipeline), diagnostics_(diagnostics) {}
  void run();

 private:
  // What is said against it; empty where nothing is.
  std::string complaint(const Pipeline& part);
  void contract_rules(Pipeline& part);
  bool step(Pipeline& part, std::size_t index);
  void report(Span span, std::string message);

  const Pipeline& pipeline_;
  Diagnostics& diagnostics_;
  ReadContext context_;
  std::vector<LookupTable> lookups_;
  std::unique_ptr<DuckDatabase> database_;
  StepsOptions options_;
};

std::string TypeCheck::complaint(const Pipeline& part) {
  const auto built = build_steps(part, options_, database_->main());
  if (!built) return built.error().detail;
  const auto described = duck_describe(database_->main(), built->sql);
  return described ? "" : failure_of(described.error(), "the steps").detail;
}

void TypeCheck::report(Span span, std::string message) {
  Diagnostic diagnostic;
  diagnostic.code = code::engine_refuses.id;
  diagnostic.file = pipeline_.file;
  diagnostic.span = span;
  diagnostic.message = std::move(message);
  diagnostic.source_line = line_of(pipeline_.source_text, span.line);
  diagnostics_.push_back(std::move(diagnostic));
}

// Expressions of a contract have no place in the pipeline's file: they are named.
void TypeCheck::contract_rules(Pipeline& part) {
  if (!pipeline_.contract) return;
  for (const RowRule& rule : pipeline_.contract->row_rules) {
    if (rule.kind != RowRule::Kind::expression) continue;
    part.contract->row_rules = {rule};
    const std::string said = complaint(part);
    if (said.empty()) continue;
    report({}, fmt::format("the rule \"{}\": {}", rule.id, said));
    diagnostics_.back().file = pipeline_.contract->file;
  }
  part.contract->row_rules.clear();
}

// Adds the step to `part`; false where the engine refuses it.
bool TypeCheck::step(Pipeline& part, std::size_t index) {
  const Step& step = pipeline_.steps[index];
  part.steps.push_back(step);
  std::string said = complaint(part);
  if (said.empty()) return true;
  const std::size_t before = diagnostics_.size();
  // Of several expressions those that are refused on their own.
  const auto each = [&](const auto& whole) {
    for (const auto& column : whole.columns) {
      auto one = whole;
      one.columns = {column};
      part.steps.back() = std::move(one);
      if (std::string why = complaint(part); !why.empty()) {
        report(column.second.span, std::move(why));
      }
    }
  };
  if (const auto* derive = std::get_if<step::Derive>(&step)) each(*derive);
  if (const auto* aggregate = std::get_if<step::Aggregate>(&step)) each(*aggregate);
  if (diagnostics_.size() != before) return false;
  Span span = span_of_step(pipeline_.source_text, index);
  if (const auto* filter = std::get_if<step::Filter>(&step)) span = filter->keep.span;
  if (const auto* flag = std::get_if<step::Flag>(&step)) span = flag->when.span;
  if (const auto* check = std::get_if<step::Assert>(&step)) span = check->that.span;
  if (const auto* sql = std::get_if<step::Sql>(&step)) span = sql->span;
  if (const auto* dedupe = std::get_if<step::Dedupe>(&step); dedupe && dedupe->order_by) {
    span = dedupe->order_by->span;
  }
  report(span, std::move(said));
  return false;
}

void TypeCheck::run() {
  context_.columns = pipeline_.schema[0];
  const DuckDatabase::Limits limits{"/nonexistent", {}, 256ULL << 20};
  auto database = DuckDatabase::open(limits);
  if (!database) return;
  database_ = std::move(*database);
  Engine engine(context_, lookups_);
  if (!engine.register_functions(database_->main()) || !database_->lock(limits)) return;
  StageRun& run = engine.begin(0, true);
  options_.source = fmt::format("daybook_scan(CAST({} AS BIGINT))", run.id);
  options_.columns = context_.columns;
  options_.taps = false;
  Pipeline part = pipeline_;
  part.output.reset();
  part.sink.mode = LoadMode::replace;
  part.steps.clear();
  contract_rules(part);
  if (std::string said = complaint(part); !said.empty()) return report({}, std::move(said));
  for (std::size_t i = 0; i < pipeline_.steps.size(); ++i) {
    if (!step(part, i)) return;
  }
  part.output = pipeline_.output;
  part.sink.mode = pipeline_.sink.mode;
  if (std::string said = complaint(part); !said.empty()) {
    report({}, std::move(said));
    if (pipeline_.output) diagnostics_.back().file = pipeline_.output->file;
  }
  database_.reset();
}

}  // namespace

void check_types(const Pipeline& pipeline, Diagnostics& diagnostics) {
  if (const auto* postgres = std::get_if<PostgresSource>(&pipeline.source);
      postgres != nullptr && !is_ordered(postgres->query)) {
    Diagnostic diagnostic;
    diagnostic.severity = Severity::warning;
    diagnostic.code = code::unordered_query.id;
    diagnostic.file = pipeline.file;
    diagnostic.message =
        "the query has no ORDER BY: its rows may come in another order and be loaded again";
    diagnostic.hint = "order by a unique key";
    const std::size_t at = pipeline.source_text.find("query:");
    if (at != std::string::npos) {
      const std::size_t line = pipeline.source_text.rfind('\n', at);
      const std::size_t begin = line == std::string::npos ? 0 : line + 1;
      diagnostic.span = {
          static_cast<std::uint32_t>(
              1 + std::count(pipeline.source_text.begin(),
                             pipeline.source_text.begin() + static_cast<std::ptrdiff_t>(begin),
                             '\n')),
          static_cast<std::uint32_t>(at - begin + 1), 5};
      diagnostic.source_line = line_of(pipeline.source_text, diagnostic.span.line);
    }
    diagnostics.push_back(std::move(diagnostic));
  }
  if (pipeline.schema.empty() || pipeline.schema[0].empty()) return;
  TypeCheck(pipeline, diagnostics).run();
}

EngineVersion engine_version() {
  EngineVersion version;
  version.text =
      fmt::format("daybook 0.1.0, duckdb {}, components 2, rows 2", duckdb_library_version());
  version.digest = sha256(bytes_of(version.text));
  return version;
}

}  // namespace daybook
