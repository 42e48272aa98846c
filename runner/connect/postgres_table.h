// The table a PostgreSQL sink loads into, and its twin of retired rows.
#pragma once

#include <string>
#include <vector>

#include "runner/connect/pg.h"
#include "runner/connect/sql_identifier.h"

namespace daybook {

// The type a column is created with, e.g. "numeric(12,2)", as format_type() spells it.
std::string postgres_type(const ColumnType& type);
// Whether values of `type` go into a column of this declared type without loss of any kind.
bool postgres_fits(const ColumnType& type, std::string_view declared);

struct PostgresTable {
  TableName name;
  std::string target;   // quoted
  std::string retired;  // quoted: daybook."retired:schema.table"
  // Every column of the target that can be written, quoted and joined: what moves when a row is
  // retired or restored, columns of others included.
  std::string all_columns;
};

// Creates what is missing (target, `_load_id`, twin, indexes) and refuses a target that does not
// fit, naming every difference. Inside the caller's transaction.
SinkResult<PostgresTable> prepare_table(PgConnection& pg, const TableName& name,
                                        const std::vector<Column>& columns, LoadMode mode,
                                        const std::vector<std::string>& key);

// The target as it is, for loads and compensations: refused where it is not prepared.
SinkResult<PostgresTable> read_table(PgConnection& pg, const TableName& name);

// Adds the boolean column `_compensated` to target and twin where it is missing.
SinkResult<void> add_flag_column(PgConnection& pg, const PostgresTable& table);

// "a", "b"
std::string quoted_list(const std::vector<std::string>& names);
std::vector<std::string> names_of(const std::vector<Column>& columns);

}  // namespace daybook
