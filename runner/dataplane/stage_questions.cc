// What else is asked of the data plane: identity of inputs, keys of partitions, one record, types.
#include <algorithm>
#include <set>

#include "runner/dataplane/engine.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/postgres_source.h"

namespace daybook {

std::expected<Digest, StageFailure> inputs_digest_of(const Pipeline& pipeline,
                                                     const PartitionInput& input,
                                                     const std::string& column_key,
                                                     const std::vector<OverlayRecord>& overlay,
                                                     StageProgress& progress) {
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
                      input_name(path, pipeline.project), printable(error.message, 300));
    };
    if (columns.empty()) {
      auto described = duck_describe(
          (*database)->main(),
          fmt::format("SELECT * EXCLUDE (file_row_number) FROM {}", read_parquet_rows(path)));
      if (!described) return malformed(described.error());
      for (const DescribedColumn& column : *described) columns.push_back(column.column);
    }
    const PartitionKey key(pipeline.partition, columns);
    if (!key.by_column()) return no_key_column(pipeline);
    const Column& column = columns[key.column()];
    auto result =
        duck_query((*database)->main(),
                   fmt::format("SELECT TRY_CAST({} AS {}) FROM {}", quote_name(column.name),
                               sql_name(column.type), read_parquet_rows(path)));
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

std::vector<Violation> validate_record(const Pipeline& pipeline, const std::string& file_header,
                                       const std::string& record) {
  const auto* source = std::get_if<FileSource>(&pipeline.source);
  const FileSource captured;
  if (source == nullptr) source = &captured;
  if (source->format == FileFormat::parquet) return {};
  StageProgress progress;
  ReadContext context;
  if (pipeline.contract) context.columns = pipeline.contract->columns;
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
  const auto reader =
      RecordReader::open(context, {{source_row(0, 1), Replacement{record, false}}}, read);
  OwnVectors vectors(context.columns);
  std::vector<SourceRow> rows(vector_rows_max);
  for (;;) {
    const auto n = reader->read(vectors.views, rows.data());
    if (!n) return {{"structure", "", n.error().detail}};
    if (*n == 0) break;
  }
  return violations;
}

void check_types(const Pipeline& pipeline, Diagnostics& diagnostics) {
  if (pipeline.schema.empty() || pipeline.schema[0].empty()) return;
  ReadContext context;
  context.columns = pipeline.schema[0];
  std::vector<LookupTable> lookups;
  const DuckDatabase::Limits limits{"/nonexistent", {}, 256ULL << 20};
  auto database = DuckDatabase::open(limits);
  if (!database) return;
  Engine engine(context, lookups);
  if (!engine.register_functions((*database)->main()) || !(*database)->lock(limits)) return;
  StageRun& run = engine.begin(0, true);
  StepsOptions options;
  options.source = fmt::format("daybook_scan(CAST({} AS BIGINT))", run.id);
  options.columns = context.columns;
  options.taps = false;
  // The first step at which it fails is the one that is wrong.
  Pipeline prefix = pipeline;
  prefix.output.reset();
  for (std::size_t steps = 0; steps <= pipeline.steps.size(); ++steps) {
    prefix.steps.assign(pipeline.steps.begin(),
                        pipeline.steps.begin() + static_cast<std::ptrdiff_t>(steps));
    const bool whole = steps == pipeline.steps.size();
    if (whole) prefix.output = pipeline.output;
    const auto built = build_steps(prefix, options, (*database)->main());
    const auto described = built ? duck_describe((*database)->main(), built->sql)
                                 : Ducked<std::vector<DescribedColumn>>{};
    if (built && described) continue;
    Diagnostic diagnostic;
    diagnostic.code = "DB-2090";
    diagnostic.file = pipeline.file;
    diagnostic.message =
        built ? failure_of(described.error(), "the steps").detail : built.error().detail;
    if (steps != 0) {
      const Step& step = pipeline.steps[steps - 1];
      if (const auto* derive = std::get_if<step::Derive>(&step);
          derive && !derive->columns.empty()) {
        diagnostic.span = derive->columns[0].second.span;
      } else if (const auto* filter = std::get_if<step::Filter>(&step)) {
        diagnostic.span = filter->keep.span;
      } else if (const auto* flag = std::get_if<step::Flag>(&step)) {
        diagnostic.span = flag->when.span;
      } else if (const auto* check = std::get_if<step::Assert>(&step)) {
        diagnostic.span = check->that.span;
      } else if (const auto* sql = std::get_if<step::Sql>(&step)) {
        diagnostic.span = sql->span;
      } else if (const auto* aggregate = std::get_if<step::Aggregate>(&step);
                 aggregate && !aggregate->columns.empty()) {
        diagnostic.span = aggregate->columns[0].second.span;
      }
    }
    diagnostics.push_back(std::move(diagnostic));
    return;
  }
}

EngineVersion engine_version() {
  EngineVersion version;
  version.text =
      fmt::format("daybook 0.1.0, duckdb {}, components 1, rows 1", duckdb_library_version());
  version.digest = sha256(bytes_of(version.text));
  return version;
}

}  // namespace daybook
