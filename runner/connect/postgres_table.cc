#include "runner/connect/postgres_table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "runner/connect/failure.h"

namespace daybook {
namespace {

constexpr std::string_view load_id_column = "_load_id", flag_column = "_compensated",
                           retired_column = "_retired_by";

struct ActualColumn {
  std::string name, type;
  bool not_null = false, filled = false;  // filled: default, identity or generated
  bool writable = true;
};

struct Relation {
  std::string oid, kind, persistence;
};

SinkResult<std::optional<Relation>> find_relation(PgConnection& pg, const std::string& schema,
                                                  const std::string& table) {
  auto found = pg.run(
      "SELECT c.oid, c.relkind, c.relpersistence FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
      {schema, table});
  if (!found) return std::unexpected(found.error());
  if (found->rows() == 0) return std::nullopt;
  return Relation{found->text(0, 0), found->text(0, 1), found->text(0, 2)};
}

SinkResult<std::vector<ActualColumn>> columns_of(PgConnection& pg, const std::string& oid) {
  auto found = pg.run(
      "SELECT attname, format_type(atttypid, atttypmod), attnotnull, "
      "atthasdef OR attidentity <> '', attgenerated = '' FROM pg_attribute "
      "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
      {oid});
  if (!found) return std::unexpected(found.error());
  std::vector<ActualColumn> columns;
  for (int row = 0; row < found->rows(); ++row) {
    columns.push_back({.name = found->text(row, 0),
                       .type = found->text(row, 1),
                       .not_null = found->text(row, 2) == "t",
                       .filled = found->text(row, 3) == "t",
                       .writable = found->text(row, 4) == "t"});
  }
  return columns;
}

SinkResult<void> check_relation(const TableName& name, const Relation& relation) {
  if (relation.kind != "r" && relation.kind != "p") {
    return sink_failure(ErrorClass::definition, "target", "the target is not a table",
                        fmt::format("{} is not a table", name.readable()), "pg.target");
  }
  if (relation.persistence != "p") {
    return sink_failure(ErrorClass::definition, "target.unlogged", "the target is UNLOGGED",
                        fmt::format("{} is UNLOGGED or temporary: what is committed there does not "
                                    "survive a crash (ALTER TABLE … SET LOGGED)",
                                    name.readable()),
                        "pg.target");
  }
  return {};
}

// Everything that keeps the output from going into the table as it is.
std::vector<std::string> differences(const std::vector<Column>& wanted,
                                     const std::vector<ActualColumn>& actual) {
  std::vector<std::string> found;
  for (const Column& column : wanted) {
    const auto at = std::ranges::find(actual, column.name, &ActualColumn::name);
    if (at == actual.end()) {
      found.push_back(
          fmt::format("column {} {} is missing", column.name, postgres_type(column.type)));
    } else if (!at->writable) {
      found.push_back(fmt::format("column {} is generated", column.name));
    } else if (!postgres_fits(column.type, at->type)) {
      found.push_back(fmt::format("column {} is {}, the output is {}", column.name, at->type,
                                  postgres_type(column.type)));
    } else if (at->not_null && !column.required) {
      found.push_back(
          fmt::format("column {} is NOT NULL, the output is not required there", column.name));
    }
  }
  const auto load_id = std::ranges::find(actual, load_id_column, &ActualColumn::name);
  if (load_id == actual.end()) {
    found.emplace_back(
        "column _load_id bytea is missing (ALTER TABLE … ADD COLUMN _load_id bytea)");
  } else if (load_id->type != "bytea") {
    found.push_back(fmt::format("column _load_id is {}, it must be bytea", load_id->type));
  }
  for (const ActualColumn& column : actual) {
    const bool ours = column.name == load_id_column || column.name == flag_column;
    const bool given = std::ranges::find(wanted, column.name, &Column::name) != wanted.end();
    if (!ours && !given && column.not_null && !column.filled && column.writable) {
      found.push_back(fmt::format("column {} is NOT NULL without a default, and not in the output",
                                  column.name));
    }
  }
  return found;
}

std::string twin_name(const TableName& name) {
  const std::string text = "retired:" + name.readable();
  if (text.size() <= sql_identifier_bytes_max) return text;
  return "retired:" + hex(sha256(bytes_of(name.readable()))).substr(0, 32);
}

PostgresTable describe(const TableName& name, const std::vector<ActualColumn>& actual) {
  std::vector<std::string> writable;
  for (const ActualColumn& column : actual) {
    if (column.writable) writable.push_back(column.name);
  }
  return {.name = name,
          .target = name.quoted(),
          .retired = "daybook." + quote_identifier(twin_name(name)),
          .all_columns = quoted_list(writable)};
}

SinkResult<void> execute(PgConnection& pg, const std::string& statement) {
  auto done = pg.run(statement);
  if (!done) return std::unexpected(done.error());
  return {};
}

SinkResult<void> create_target(PgConnection& pg, const TableName& name,
                               const std::vector<Column>& columns) {
  std::string sql = fmt::format("CREATE TABLE {} (", name.quoted());
  for (const Column& column : columns) {
    sql += fmt::format("{} {}{}, ", quote_identifier(column.name), postgres_type(column.type),
                       column.required ? " NOT NULL" : "");
  }
  return execute(pg, sql + "_load_id bytea NOT NULL)");
}

SinkResult<void> ensure_load_index(PgConnection& pg, const std::string& oid,
                                   const std::string& table) {
  auto found = pg.run(
      "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
      "AND a.attnum = i.indkey[0] WHERE i.indrelid = $1::oid AND a.attname = '_load_id' "
      "AND i.indisvalid AND i.indpred IS NULL",
      {oid});
  if (!found) return std::unexpected(found.error());
  if (found->rows() > 0) return {};
  return execute(pg, fmt::format("CREATE INDEX ON {} (_load_id)", table));
}

// Merge finds rows by key: exactly these columns must be unique, whoever made the index.
SinkResult<void> ensure_key_index(PgConnection& pg, const std::string& oid,
                                  const std::string& table, const std::vector<std::string>& key) {
  auto found = pg.run(
      "SELECT array_to_string(ARRAY(SELECT a.attname::text FROM pg_attribute a "
      "WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) "
      "ORDER BY 1), chr(1)) FROM pg_index i WHERE i.indrelid = $1::oid AND i.indisunique "
      "AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL",
      {oid});
  if (!found) return std::unexpected(found.error());
  const std::set<std::string> sorted(key.begin(), key.end());
  const std::string wanted = fmt::format("{}", fmt::join(sorted, "\x01"));
  for (int row = 0; row < found->rows(); ++row) {
    if (found->text(row, 0) == wanted) return {};
  }
  return execute(pg, fmt::format("CREATE UNIQUE INDEX ON {} ({})", table, quoted_list(key)));
}

// The twin takes rows as they are: every column of the target, and no constraint.
SinkResult<void> ensure_twin(PgConnection& pg, const PostgresTable& table,
                             const std::vector<ActualColumn>& actual) {
  auto found = find_relation(pg, "daybook", twin_name(table.name));
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    for (const std::string& sql :
         {fmt::format("CREATE TABLE {} AS SELECT {} FROM {} WITH NO DATA", table.retired,
                      table.all_columns, table.target),
          fmt::format("ALTER TABLE {} ADD COLUMN {} bytea NOT NULL", table.retired, retired_column),
          fmt::format("CREATE INDEX ON {} ({})", table.retired, retired_column),
          fmt::format("CREATE INDEX ON {} (_load_id)", table.retired)}) {
      if (auto done = execute(pg, sql); !done) return done;
    }
    return {};
  }
  auto there = columns_of(pg, (*found)->oid);
  if (!there) return std::unexpected(there.error());
  for (const ActualColumn& column : actual) {
    if (!column.writable) continue;
    if (std::ranges::find(*there, column.name, &ActualColumn::name) != there->end()) continue;
    auto added = execute(pg, fmt::format("ALTER TABLE {} ADD COLUMN {} {}", table.retired,
                                         quote_identifier(column.name), column.type));
    if (!added) return added;
  }
  return {};
}

SinkResult<void> check_names(const TableName& name, const std::vector<Column>& columns,
                             const std::vector<std::string>& key) {
  std::vector<std::string> faults;
  for (const Column& column : columns) {
    if (std::string fault = sql_identifier_fault(column.name); !fault.empty()) {
      faults.push_back(fmt::format("column name \"{}\" {}", column.name, fault));
    }
    if (column.name == load_id_column || column.name == flag_column ||
        column.name == retired_column) {
      faults.push_back(fmt::format("column name {} is ours", column.name));
    }
  }
  for (const std::string& each : key) {
    if (std::ranges::find(columns, each, &Column::name) == columns.end()) {
      faults.push_back(fmt::format("key column {} is not in the output", each));
    }
  }
  if (faults.empty()) return {};
  return sink_failure(ErrorClass::definition, "target.names", "the output has unfit column names",
                      fmt::format("{}: {}", name.readable(), fmt::join(faults, "; ")), "pg.target");
}

}  // namespace

std::string postgres_type(const ColumnType& type) {
  using enum ColumnType::Kind;
  switch (type.kind) {
    case string: return "text";
    case int8:
    case int16:
    case uint8: return "smallint";
    case int32:
    case uint16: return "integer";
    case int64:
    case uint32: return "bigint";
    case uint64: return "numeric(20,0)";
    case decimal:
      return fmt::format("numeric({},{})", static_cast<int>(type.precision),
                         static_cast<int>(type.scale));
    case float64: return "double precision";
    case boolean: return "boolean";
    case date: return "date";
    case timestamp: return "timestamp without time zone";
    case timestamp_tz: return "timestamp with time zone";
    case time: return "time without time zone";
  }
  return "text";
}

bool postgres_fits(const ColumnType& type, std::string_view declared) {
  const std::string exact = postgres_type(type);
  if (declared == exact) return true;
  if (type.kind == ColumnType::Kind::string) {
    return declared == "character varying" || declared.starts_with("character varying(") ||
           declared == "uuid" || declared == "json" || declared == "jsonb";
  }
  if (exact == "smallint" && (declared == "integer" || declared == "bigint")) return true;
  if (exact == "integer" && declared == "bigint") return true;
  const bool whole = exact == "smallint" || exact == "integer" || exact == "bigint";
  return declared == "numeric" && (whole || exact.starts_with("numeric("));
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote_identifier(name);
  return list;
}

std::vector<std::string> names_of(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

SinkResult<PostgresTable> prepare_table(PgConnection& pg, const TableName& name,
                                        const std::vector<Column>& columns, LoadMode mode,
                                        const std::vector<std::string>& key) {
  if (auto fit = check_names(name, columns, key); !fit) return std::unexpected(fit.error());
  auto found = find_relation(pg, name.schema, name.table);
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    auto made = create_target(pg, name, columns);
    if (!made) return std::unexpected(made.error());
    found = find_relation(pg, name.schema, name.table);
    if (!found) return std::unexpected(found.error());
  }
  const Relation relation = found->value();
  if (auto fit = check_relation(name, relation); !fit) return std::unexpected(fit.error());
  auto actual = columns_of(pg, relation.oid);
  if (!actual) return std::unexpected(actual.error());
  if (const auto differ = differences(columns, *actual); !differ.empty()) {
    return sink_failure(
        ErrorClass::definition, "target.columns", "the target's columns do not fit the output",
        fmt::format("{}: {}", name.readable(), fmt::join(differ, "; ")), "pg.target");
  }
  const PostgresTable table = describe(name, *actual);
  if (auto done = ensure_load_index(pg, relation.oid, table.target); !done) {
    return std::unexpected(done.error());
  }
  if (mode == LoadMode::merge) {
    auto done = ensure_key_index(pg, relation.oid, table.target, key);
    if (!done) return std::unexpected(done.error());
  }
  if (auto done = ensure_twin(pg, table, *actual); !done) return std::unexpected(done.error());
  return table;
}

SinkResult<PostgresTable> read_table(PgConnection& pg, const TableName& name) {
  auto found = find_relation(pg, name.schema, name.table);
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    return sink_failure(ErrorClass::definition, "target", "the target is not there",
                        fmt::format("table {} does not exist", name.readable()), "pg.target");
  }
  if (auto fit = check_relation(name, **found); !fit) return std::unexpected(fit.error());
  auto actual = columns_of(pg, (*found)->oid);
  if (!actual) return std::unexpected(actual.error());
  return describe(name, *actual);
}

SinkResult<void> add_flag_column(PgConnection& pg, const PostgresTable& table) {
  auto found = find_relation(pg, table.name.schema, table.name.table);
  if (!found) return std::unexpected(found.error());
  auto actual = columns_of(pg, found->value().oid);
  if (!actual) return std::unexpected(actual.error());
  if (std::ranges::find(*actual, flag_column, &ActualColumn::name) != actual->end()) return {};
  for (const std::string& each : {table.target, table.retired}) {
    auto added = execute(
        pg, fmt::format("ALTER TABLE {} ADD COLUMN IF NOT EXISTS _compensated boolean NOT NULL "
                        "DEFAULT false",
                        each));
    if (!added) return added;
  }
  return {};
}

}  // namespace daybook
