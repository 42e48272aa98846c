#include "runner/dataplane/duck.h"

#include <algorithm>

namespace daybook {

bool DuckError::of_a_row() const {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
    case DUCKDB_ERROR_DECIMAL:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_INVALID_TYPE: return true;
    default: return false;
  }
}

StageFailure failure_of(const DuckError& error, std::string_view doing) {
  ErrorClass kind = ErrorClass::internal;
  std::string_view code = "engine";
  switch (error.type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY: kind = ErrorClass::transient, code = "engine.memory"; break;
    case DUCKDB_ERROR_IO: kind = ErrorClass::transient, code = "io"; break;
    case DUCKDB_ERROR_INTERRUPT: kind = ErrorClass::transient, code = "cancelled"; break;
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX: kind = ErrorClass::definition, code = "expression"; break;
    default:
      if (error.of_a_row()) kind = ErrorClass::data, code = "expression";
      break;
  }
  const std::string_view first(error.message.data(), error.message.find('\n') == std::string::npos
                                                         ? error.message.size()
                                                         : error.message.find('\n'));
  return stage_failure(kind, code, fmt::format("{}: {}", doing, printable(first, 500)), doing);
}

Staged<std::unique_ptr<DuckDatabase>> DuckDatabase::open(const Limits& limits) {
  std::unique_ptr<DuckDatabase> self(new DuckDatabase);
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  const auto set = [&](const char* name, const std::string& value) {
    duckdb_set_config(config, name, value.c_str());
  };
  set("threads", "1");  // our own threads call it, one part each
  set("autoload_known_extensions", "false");
  set("autoinstall_known_extensions", "false");
  set("allow_community_extensions", "false");
  set("allow_unsigned_extensions", "false");
  set("preserve_insertion_order", "true");
  set("temp_directory", limits.directory.empty() ? "" : (limits.directory / "spill").string());
  if (limits.memory_bytes != 0) {
    set("max_memory",
        fmt::format("{}KiB", std::max<std::uint64_t>(limits.memory_bytes >> 10, 65536)));
  }
  char* message = nullptr;
  const duckdb_state opened = duckdb_open_ext(nullptr, &self->database_, config, &message);
  duckdb_destroy_config(&config);
  if (opened != DuckDBSuccess) {
    const std::string text = message == nullptr ? "" : message;
    duckdb_free(message);
    return no_stage(ErrorClass::internal, "engine", "DuckDB does not start: {}", text);
  }
  if (duckdb_connect(self->database_, &self->main_) != DuckDBSuccess) {
    return no_stage(ErrorClass::internal, "engine", "DuckDB does not connect");
  }
  return self;
}

Staged<void> DuckDatabase::lock(const Limits& limits) {
  std::string files;
  for (const std::string& path : limits.readable) {
    files += (files.empty() ? "" : ", ") + quote_text(path);
  }
  for (const char* sql : {"SET TimeZone = 'UTC'", "SET Calendar = 'gregorian'"}) {
    (void)duck_run(main_, sql);  // settings of an extension that may not be there
  }
  std::vector<std::string> settings = {"SET enable_external_access = false",
                                       "SET lock_configuration = true"};
  if (!limits.directory.empty())
    settings.insert(settings.begin(), fmt::format("SET allowed_directories = [{}]",
                                                  quote_text(limits.directory.string() + "/")));
  if (!files.empty()) settings.insert(settings.begin(), "SET allowed_paths = [" + files + "]");
  for (const std::string& sql : settings) {
    if (auto done = duck_run(main_, sql); !done) {
      return std::unexpected(failure_of(done.error(), "locking the engine"));
    }
  }
  return {};
}

DuckDatabase::~DuckDatabase() {
  if (main_ != nullptr) duckdb_disconnect(&main_);
  if (database_ != nullptr) duckdb_close(&database_);
}

DuckResult::DuckResult(DuckResult&& other) noexcept
    : result_(other.result_), owned_(other.owned_), chunk_(other.chunk_) {
  other.owned_ = false;
  other.chunk_ = nullptr;
}
DuckResult::~DuckResult() {
  if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  if (owned_) duckdb_destroy_result(&result_);
}

std::uint32_t DuckResult::next(std::vector<VectorView>& views) {
  if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  chunk_ = duckdb_fetch_chunk(result_);
  if (chunk_ == nullptr) return 0;
  const idx_t columns = duckdb_data_chunk_get_column_count(chunk_);
  views.clear();
  for (idx_t i = 0; i < columns; ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk_, i);
    views.push_back({duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)});
  }
  return static_cast<std::uint32_t>(duckdb_data_chunk_get_size(chunk_));
}

bool DuckResult::failed(DuckError& error) {
  const char* message = duckdb_result_error(&result_);
  if (message == nullptr) return false;
  error = {message, duckdb_result_error_type(&result_)};
  return true;
}

namespace {

// For the caller to destroy.
Ducked<duckdb_prepared_statement> prepare(duckdb_connection connection, const std::string& sql) {
  duckdb_prepared_statement statement = nullptr;
  if (duckdb_prepare(connection, sql.c_str(), &statement) != DuckDBSuccess) {
    const char* message = duckdb_prepare_error(statement);
    DuckError error{message == nullptr ? "" : message, DUCKDB_ERROR_BINDER};
    duckdb_destroy_prepare(&statement);
    return std::unexpected(error);
  }
  return statement;
}

}  // namespace

Ducked<DuckResult> duck_query(duckdb_connection connection, const std::string& sql) {
  DuckResult out;
  const auto prepared = prepare(connection, sql);
  if (!prepared) return std::unexpected(prepared.error());
  duckdb_prepared_statement statement = *prepared;
  duckdb_pending_result pending = nullptr;
  duckdb_state state = duckdb_pending_prepared_streaming(statement, &pending);
  if (state == DuckDBSuccess) state = duckdb_execute_pending(pending, &out.result_);
  out.owned_ = true;
  DuckError error;
  if (state != DuckDBSuccess) {
    if (!out.failed(error)) {
      const char* message = duckdb_pending_error(pending);
      error = {message == nullptr ? "unknown" : message, DUCKDB_ERROR_INVALID};
    }
  }
  duckdb_destroy_pending(&pending);
  duckdb_destroy_prepare(&statement);
  if (state != DuckDBSuccess) return std::unexpected(error);
  return out;
}

Ducked<void> duck_run(duckdb_connection connection, const std::string& sql) {
  duckdb_result result{};
  if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) {
    const char* message = duckdb_result_error(&result);
    DuckError error{message == nullptr ? "unknown" : message, duckdb_result_error_type(&result)};
    duckdb_destroy_result(&result);
    return std::unexpected(error);
  }
  duckdb_destroy_result(&result);
  return {};
}

Ducked<std::optional<std::string>> duck_scalar(duckdb_connection connection,
                                               const std::string& sql) {
  auto result =
      duck_query(connection, fmt::format("SELECT CAST(v AS VARCHAR) FROM ({}) t(v)", sql));
  if (!result) return std::unexpected(result.error());
  std::vector<VectorView> views;
  DuckError error;
  if (result->next(views) == 0) {
    if (result->failed(error)) return std::unexpected(error);
    return std::nullopt;
  }
  if (!views[0].valid(0)) return std::nullopt;
  return std::string(views[0].at<Text>(0).view());
}

namespace {
bool known_type(duckdb_logical_type type, ColumnType& out) {
  using Kind = ColumnType::Kind;
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_VARCHAR: out.kind = Kind::string; return true;
    case DUCKDB_TYPE_TINYINT: out.kind = Kind::int8; return true;
    case DUCKDB_TYPE_SMALLINT: out.kind = Kind::int16; return true;
    case DUCKDB_TYPE_INTEGER: out.kind = Kind::int32; return true;
    case DUCKDB_TYPE_BIGINT: out.kind = Kind::int64; return true;
    case DUCKDB_TYPE_UTINYINT: out.kind = Kind::uint8; return true;
    case DUCKDB_TYPE_USMALLINT: out.kind = Kind::uint16; return true;
    case DUCKDB_TYPE_UINTEGER: out.kind = Kind::uint32; return true;
    case DUCKDB_TYPE_UBIGINT: out.kind = Kind::uint64; return true;
    case DUCKDB_TYPE_DOUBLE: out.kind = Kind::float64; return true;
    case DUCKDB_TYPE_BOOLEAN: out.kind = Kind::boolean; return true;
    case DUCKDB_TYPE_DATE: out.kind = Kind::date; return true;
    case DUCKDB_TYPE_TIMESTAMP: out.kind = Kind::timestamp; return true;
    case DUCKDB_TYPE_TIMESTAMP_TZ: out.kind = Kind::timestamp_tz; return true;
    case DUCKDB_TYPE_TIME: out.kind = Kind::time; return true;
    case DUCKDB_TYPE_DECIMAL:
      out = {Kind::decimal, duckdb_decimal_width(type), duckdb_decimal_scale(type)};
      return true;
    // What has no place in a contract becomes the nearest that holds every value.
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: out = {Kind::decimal, 38, 0}; return false;
    case DUCKDB_TYPE_FLOAT: out.kind = Kind::float64; return false;
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS: out.kind = Kind::timestamp; return false;
    default: out.kind = Kind::string; return false;
  }
}
}  // namespace

Ducked<std::vector<DescribedColumn>> duck_describe(duckdb_connection connection,
                                                   const std::string& sql) {
  const auto prepared = prepare(connection, sql);
  if (!prepared) return std::unexpected(prepared.error());
  duckdb_prepared_statement statement = *prepared;
  std::vector<DescribedColumn> columns;
  const idx_t count = duckdb_prepared_statement_column_count(statement);
  for (idx_t i = 0; i < count; ++i) {
    DescribedColumn described;
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    described.column.name = name == nullptr ? "" : name;
    duckdb_free(const_cast<char*>(name));
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
    described.cast = !known_type(type, described.column.type);
    duckdb_destroy_logical_type(&type);
    columns.push_back(std::move(described));
  }
  duckdb_destroy_prepare(&statement);
  return columns;
}

duckdb_logical_type duck_type(const ColumnType& type) {
  using Kind = ColumnType::Kind;
  duckdb_type id = DUCKDB_TYPE_VARCHAR;
  switch (type.kind) {
    case Kind::string: id = DUCKDB_TYPE_VARCHAR; break;
    case Kind::int8: id = DUCKDB_TYPE_TINYINT; break;
    case Kind::int16: id = DUCKDB_TYPE_SMALLINT; break;
    case Kind::int32: id = DUCKDB_TYPE_INTEGER; break;
    case Kind::int64: id = DUCKDB_TYPE_BIGINT; break;
    case Kind::uint8: id = DUCKDB_TYPE_UTINYINT; break;
    case Kind::uint16: id = DUCKDB_TYPE_USMALLINT; break;
    case Kind::uint32: id = DUCKDB_TYPE_UINTEGER; break;
    case Kind::uint64: id = DUCKDB_TYPE_UBIGINT; break;
    case Kind::decimal: return duckdb_create_decimal_type(type.precision, type.scale);
    case Kind::float64: id = DUCKDB_TYPE_DOUBLE; break;
    case Kind::boolean: id = DUCKDB_TYPE_BOOLEAN; break;
    case Kind::date: id = DUCKDB_TYPE_DATE; break;
    case Kind::timestamp: id = DUCKDB_TYPE_TIMESTAMP; break;
    case Kind::timestamp_tz: id = DUCKDB_TYPE_TIMESTAMP_TZ; break;
    case Kind::time: id = DUCKDB_TYPE_TIME; break;
  }
  return duckdb_create_logical_type(id);
}

namespace {
std::string doubled(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    out.push_back(c);
    if (c == mark) out.push_back(c);
  }
  out.push_back(mark);
  return out;
}
}  // namespace

std::string quote_name(std::string_view name) { return doubled(name, '"'); }
std::string quote_text(std::string_view text) { return doubled(text, '\''); }

}  // namespace daybook
