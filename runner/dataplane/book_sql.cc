#include "runner/dataplane/book_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "ledger/codec/event_codec.h"
#include "replay/book_tables.h"
#include "runner/dataplane/duck.h"

namespace daybook {
namespace {

using Kind = ColumnType::Kind;

// --- the tables, as functions of the engine
// -------------------------------------------------------

struct Book {
  const State& state;
  const Ledger& ledger;
  std::optional<Error> failure;  // of reading the book, in its own words
};
struct TableOfBook {
  Book* book;
  std::size_t table;
};
struct TableScan {
  Book* book = nullptr;
  struct Place {
    idx_t output = 0;
    CellType type = CellType::text;
  };
  std::vector<Place> places;  // of the cells
  std::vector<Cell> cells;
  std::unique_ptr<BookRows> rows;
};

duckdb_type type_of(CellType type) {
  switch (type) {
    case CellType::number: return DUCKDB_TYPE_BIGINT;
    case CellType::boolean: return DUCKDB_TYPE_BOOLEAN;
    case CellType::text: return DUCKDB_TYPE_VARCHAR;
    case CellType::time: return DUCKDB_TYPE_TIMESTAMP;
  }
  return DUCKDB_TYPE_VARCHAR;
}

void bind_table(duckdb_bind_info info) {
  auto* table = static_cast<TableOfBook*>(duckdb_bind_get_extra_info(info));
  for (const BookColumn& column : book_tables()[table->table].columns) {
    duckdb_logical_type type = duckdb_create_logical_type(type_of(column.type));
    duckdb_bind_add_result_column(info, std::string(column.name).c_str(), type);
    duckdb_destroy_logical_type(&type);
  }
  duckdb_bind_set_bind_data(info, new TableOfBook(*table),
                            [](void* p) { delete static_cast<TableOfBook*>(p); });
}

void init_table(duckdb_init_info info) {
  duckdb_init_set_max_threads(info, 1);
  const auto* table = static_cast<TableOfBook*>(duckdb_init_get_bind_data(info));
  const auto& columns = book_tables()[table->table].columns;
  auto scan = std::make_unique<TableScan>();
  scan->book = table->book;
  std::vector<std::size_t> chosen;
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    const idx_t column = duckdb_init_get_column_index(info, i);
    if (column >= columns.size()) continue;  // the row number, where rows are only counted
    chosen.push_back(column);
    scan->places.push_back({i, columns[column].type});
  }
  scan->rows = open_table(table->table, chosen, table->book->state, table->book->ledger);
  duckdb_init_set_init_data(info, scan.release(),
                            [](void* p) { delete static_cast<TableScan*>(p); });
}

void put_cell(duckdb_vector vector, idx_t row, CellType type, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) {
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    return;
  }
  switch (type) {
    case CellType::number:
    case CellType::time:
      static_cast<std::int64_t*>(duckdb_vector_get_data(vector))[row] =
          std::get<std::int64_t>(cell);
      return;
    case CellType::boolean:
      static_cast<bool*>(duckdb_vector_get_data(vector))[row] = std::get<bool>(cell);
      return;
    case CellType::text: {
      const auto& text = std::get<std::string>(cell);
      // Texts of other writers may hold what is none: DuckDB takes nothing else.
      const std::string clean = is_text(text) ? text : printable(text, text.size() * 4);
      duckdb_vector_assign_string_element_len(vector, row, clean.data(), clean.size());
      return;
    }
  }
}

void scan_table(duckdb_function_info info, duckdb_data_chunk output) {
  auto* scan = static_cast<TableScan*>(duckdb_function_get_init_data(info));
  idx_t n = 0;
  const idx_t most = duckdb_vector_size();
  while (n < most) {
    const auto more = scan->rows->next(scan->cells);
    if (!more) {
      scan->book->failure = more.error();
      duckdb_function_set_error(info, more.error().detail.c_str());
      duckdb_data_chunk_set_size(output, 0);
      return;
    }
    if (!*more) break;
    for (std::size_t i = 0; i < scan->places.size(); ++i)
      put_cell(duckdb_data_chunk_get_vector(output, scan->places[i].output), n,
               scan->places[i].type, scan->cells[i]);
    ++n;
  }
  duckdb_data_chunk_set_size(output, n);
}

bool add_table(duckdb_connection connection, TableOfBook& table) {
  const std::string name(book_tables()[table.table].name);
  const std::string function_name = "daybook_" + name;
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, function_name.c_str());
  duckdb_table_function_set_extra_info(function, &table, nullptr);
  duckdb_table_function_set_bind(function, bind_table);
  duckdb_table_function_set_init(function, init_table);
  duckdb_table_function_set_function(function, scan_table);
  duckdb_table_function_supports_projection_pushdown(function, true);
  const bool registered = duckdb_register_table_function(connection, function) == DuckDBSuccess;
  duckdb_destroy_table_function(&function);
  return registered && duck_run(connection, fmt::format("CREATE VIEW {} AS SELECT * FROM {}()",
                                                        name, function_name));
}

// --- the query
// ------------------------------------------------------------------------------------

std::unexpected<SqlFault> world_failed(std::string message) {
  return std::unexpected(SqlFault{.message = std::move(message), .of_query = false});
}

// "Parser Error: syntax error at or near "x"\n\nLINE 2: select x\n               ^": the place, as
// an offset into the query. Long lines are shown in part.
std::size_t place_of(std::string_view message, std::string_view sql) {
  const std::size_t at = message.rfind("\nLINE ");
  if (at == std::string_view::npos) return SqlFault::npos;
  std::string_view shown = message.substr(at + 6);
  std::size_t number = 0;
  const auto [rest, error] = std::from_chars(shown.data(), shown.data() + shown.size(), number);
  const auto prefix = static_cast<std::size_t>(rest - shown.data()) + 2;  // the number and ": "
  if (error != std::errc() || prefix > shown.size()) return SqlFault::npos;
  shown.remove_prefix(prefix);
  const std::size_t end = shown.find('\n');
  if (end == std::string_view::npos) return SqlFault::npos;
  const std::string_view line = shown.substr(0, end);
  const std::size_t caret = shown.find('^', end + 1);
  const std::size_t before = 6 - 1 + prefix;  // "LINE " and the number: as wide below as above
  if (caret == std::string_view::npos || caret - end - 1 < before) return SqlFault::npos;
  std::size_t column = caret - end - 1 - before;
  std::size_t begin = 0;
  for (; number > 1 && begin != std::string_view::npos; --number) {
    begin = sql.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return SqlFault::npos;
  // What is cut has "..." at that end.
  std::string_view part = line;
  if (part.starts_with("...") && column >= 3) part.remove_prefix(3), column -= 3;
  if (part.ends_with("...")) part.remove_suffix(3);
  const std::size_t found = sql.find(part, begin);
  if (found == std::string_view::npos) return SqlFault::npos;
  return std::min(found + column, sql.size());
}

SqlFault fault_of(const DuckError& error, std::string_view sql) {
  SqlFault fault{.message = std::string(error.said()), .offset = place_of(error.message, sql)};
  // "Did you mean …" and "Candidate bindings: …" are hints.
  for (const std::string_view word : {"Did you mean", "Candidate bindings", "Candidate functions"})
    if (const std::size_t at = error.message.find(word); at != std::string::npos) {
      const std::string_view rest = std::string_view(error.message).substr(at);
      fault.hint = rest.substr(0, rest.find('\n'));
    }
  const bool unknown_table = fault.message.find("Table with name") != std::string::npos;
  if (unknown_table) fault.hint = "daybook sql --tables lists tables and columns";
  if (fault.hint.empty() && fault.message.find("column") != std::string::npos)
    fault.hint = "daybook sql --tables lists tables and columns";
  if (error.type == DUCKDB_ERROR_OUT_OF_MEMORY || fault.message.starts_with("Out of Memory"))
    fault.hint = "ask for fewer rows or columns, or give more with --memory";
  if (fault.message.starts_with("Permission Error"))
    fault.message += "; a query sees the book and nothing else";
  return fault;
}

// One statement, and one that only reads.
std::expected<void, SqlFault> check_statement(duckdb_connection connection,
                                              const std::string& sql) {
  duckdb_extracted_statements all = nullptr;
  const idx_t count = duckdb_extract_statements(connection, sql.c_str(), &all);
  std::expected<void, SqlFault> out;
  if (count == 0) {
    const char* message = duckdb_extract_statements_error(all);
    out =
        std::unexpected(message == nullptr ? SqlFault{.message = "the query is empty",
                                                      .hint = "daybook sql \"select * from runs\""}
                                           : fault_of({message, DUCKDB_ERROR_PARSER}, sql));
  } else if (count > 1) {
    out = std::unexpected(SqlFault{.message = fmt::format("these are {} statements", count),
                                   .hint = "ask one question at a time"});
  } else {
    duckdb_prepared_statement statement = nullptr;
    if (duckdb_prepare_extracted_statement(connection, all, 0, &statement) != DuckDBSuccess) {
      const char* message = duckdb_prepare_error(statement);
      out = std::unexpected(
          fault_of({message == nullptr ? "unknown" : message, DUCKDB_ERROR_BINDER}, sql));
    } else if (duckdb_prepared_statement_type(statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
      out = std::unexpected(SqlFault{.message = "this is no SELECT: a book is only read here",
                                     .hint = "what changes a book has its own command"});
    } else if (duckdb_nparams(statement) > 0) {
      out = std::unexpected(SqlFault{.message = "the query has a parameter without a value",
                                     .hint = "write the value into the query"});
    }
    duckdb_destroy_prepare(&statement);
  }
  duckdb_destroy_extracted(&all);
  return out;
}

std::string without_end(std::string_view sql) {
  const std::size_t last = sql.find_last_not_of(" \t\r\n;");
  return std::string(sql.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

// What is wider than any number here comes as its digits.
std::string cast_to(const ColumnType& type) {
  return type.kind == Kind::decimal ? "VARCHAR" : sql_name(type);
}

// The query with every value in a form that is known here.
std::string in_known_types(const std::string& sql, const std::vector<DescribedColumn>& columns) {
  if (std::ranges::none_of(columns, &DescribedColumn::cast)) return sql;
  std::string names, values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += fmt::format("{}c{}", i == 0 ? "" : ", ", i);
    values += i == 0 ? "" : ", ";
    values += columns[i].cast ? fmt::format("CAST(c{} AS {})", i, cast_to(columns[i].column.type))
                              : fmt::format("c{}", i);
  }
  return fmt::format("SELECT {} FROM (\n{}\n) t({})", values, without_end(sql), names);
}

SqlValue number_of(std::string text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end) return number;
  return text;  // exact, whatever its size
}

SqlValue value_of(const VectorView& view, const DescribedColumn& column, std::uint32_t row) {
  if (!view.valid(row)) return {};
  const ColumnType& type = column.column.type;
  switch (type.kind) {
    case Kind::boolean: return view.at<bool>(row);
    case Kind::float64: return view.at<double>(row);
    case Kind::timestamp:
    case Kind::timestamp_tz: return iso_time(view.at<std::int64_t>(row));
    case Kind::int8:
    case Kind::int16:
    case Kind::int32:
    case Kind::int64:
    case Kind::uint8:
    case Kind::uint16:
    case Kind::uint32:
    case Kind::uint64:
    case Kind::decimal:
      return number_of(column.cast ? std::string(view.at<Text>(row).view())
                                   : value_text(view, type, row));
    default: return value_text(view, type, row);
  }
}

bool is_number(const ColumnType& type) {
  return type.kind != Kind::string && type.kind != Kind::boolean && type.kind != Kind::date &&
         type.kind != Kind::timestamp && type.kind != Kind::timestamp_tz && type.kind != Kind::time;
}

std::vector<SqlColumn> named(const std::vector<DescribedColumn>& columns) {
  std::vector<SqlColumn> out;
  for (const DescribedColumn& described : columns) {
    std::string name = described.column.name;
    for (int n = 2; std::ranges::find(out, name, &SqlColumn::name) != out.end(); ++n)
      name = fmt::format("{}_{}", described.column.name, n);
    out.push_back({.name = std::move(name), .is_number = is_number(described.column.type)});
  }
  return out;
}

}  // namespace

std::expected<void, SqlFault> query_book(const State& state, const Ledger& ledger,
                                         const std::string& sql, std::uint64_t memory_bytes,
                                         const SqlRows& rows) {
  Book book{.state = state, .ledger = ledger, .failure = {}};
  std::vector<TableOfBook> tables;
  for (std::size_t i = 0; i < book_tables().size(); ++i) tables.push_back({&book, i});
  const DuckDatabase::Limits limits{.directory = {}, .readable = {}, .memory_bytes = memory_bytes};
  const auto database = DuckDatabase::open(limits);
  if (!database) return world_failed(database.error().detail);
  const duckdb_connection connection = (*database)->main();
  for (TableOfBook& table : tables)
    if (!add_table(connection, table)) return world_failed("the tables can not be registered");
  if (const auto locked = (*database)->lock(limits); !locked)
    return world_failed(locked.error().detail);

  if (const auto good = check_statement(connection, sql); !good) return good;
  const auto columns = duck_describe(connection, sql);
  if (!columns) return std::unexpected(fault_of(columns.error(), sql));
  auto result = duck_query(connection, in_known_types(sql, *columns));
  const auto broken = [&](const DuckError& error) -> std::unexpected<SqlFault> {
    if (book.failure) return world_failed(book.failure->detail);
    return std::unexpected(fault_of(error, sql));
  };
  if (!result) return broken(result.error());
  rows.columns(named(*columns));
  std::vector<VectorView> views;
  std::vector<SqlValue> values(columns->size());
  while (const std::uint32_t n = result->next(views)) {
    for (std::uint32_t row = 0; row < n; ++row) {
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = value_of(views[i], (*columns)[i], row);
      if (!rows.row(values)) return {};
    }
  }
  if (DuckError error; result->failed(error)) return broken(error);
  return {};
}

}  // namespace daybook
