#include "runner/connect/postgres_retired.h"

#include <algorithm>

#include "runner/connect/crash_point.h"
#include "runner/connect/postgres_copy.h"
#include "runner/connect/postgres_rows.h"

namespace daybook {

// Replace: what the slot's earlier loads still have in the target moves to the twin.
SinkResult<std::uint64_t> retire_earlier(PgConnection& pg, const PostgresTable& table,
                                         const LoadPlan& plan,
                                         const std::vector<PostgresMarker>& markers) {
  std::vector<Digest> earlier;
  for (const PostgresMarker& marker : markers) {
    if (!marker.tombstone && marker.generation < plan.generation) earlier.push_back(marker.load_id);
  }
  if (earlier.empty()) return 0;
  auto moved = pg.run(
      fmt::format("WITH gone AS (DELETE FROM {} WHERE _load_id = ANY ($1::bytea[]) RETURNING {}) "
                  "INSERT INTO {} ({}, _retired_by) SELECT {}, $2::bytea FROM gone",
                  table.target, table.all_columns, table.retired, table.all_columns,
                  table.all_columns),
      {bytea_array(earlier), bytea(plan.load_id)});
  if (!moved) return std::unexpected(moved.error());
  return moved->affected();
}

// Merge: new rows wait in a temporary table, rows of the same key (of whatever load) are retired,
// then the new ones go in. Gives the number of rows retired.
SinkResult<std::uint64_t> merge_staged(PgConnection& pg, const PostgresTable& table,
                                       const LoadPlan& plan) {
  const std::string columns = quoted_list(names_of(plan.columns));
  const std::string incoming = "pg_temp.daybook_incoming";
  auto made = pg.run(fmt::format(
      "CREATE TEMPORARY TABLE daybook_incoming ON COMMIT DROP AS SELECT {}, _load_id FROM {} WITH "
      "NO DATA",
      columns, table.target));
  if (!made) return std::unexpected(made.error());
  auto rows = copy_staged(pg, incoming, columns, plan.load_id, plan.staged, plan.files);
  if (!rows) return rows;
  if (auto seen = pg.run("ANALYZE pg_temp.daybook_incoming"); !seen) {
    return std::unexpected(seen.error());
  }
  std::string same, returned;
  for (const std::string& key : plan.key) {
    same += fmt::format("{}t.{} = i.{}", same.empty() ? "" : " AND ", quote_identifier(key),
                        quote_identifier(key));
  }
  // RETURNING needs the target's columns by name, since the temporary table has the same.
  auto moved = pg.run(
      fmt::format("WITH gone AS (DELETE FROM {} AS t WHERE EXISTS (SELECT 1 FROM {} AS i WHERE {}) "
                  "RETURNING {}) INSERT INTO {} ({}, _retired_by) SELECT {}, $1::bytea FROM gone",
                  table.target, incoming, same, table.all_columns, table.retired, table.all_columns,
                  table.all_columns),
      {bytea(plan.load_id)});
  if (!moved) return std::unexpected(moved.error());
  DAYBOOK_CRASH_POINT("pg.retired");
  auto inserted = pg.run(fmt::format("INSERT INTO {} ({}, _load_id) SELECT {}, _load_id FROM {}",
                                     table.target, columns, columns, incoming));
  if (!inserted) return std::unexpected(inserted.error());
  return moved->affected();
}

SinkResult<void> set_lost_aside(PgConnection& pg, const PostgresTable& table,
                                const std::vector<LostLoad>& lost) {
  std::vector<Digest> ids;
  for (const LostLoad& load : lost) ids.push_back(load.load_id);
  if (ids.empty()) return {};
  auto moved = pg.run(
      fmt::format("WITH gone AS (DELETE FROM {} WHERE _load_id = ANY ($1::bytea[]) RETURNING {}) "
                  "INSERT INTO {} ({}, _retired_by) SELECT {}, _load_id FROM gone",
                  table.target, table.all_columns, table.retired, table.all_columns,
                  table.all_columns),
      {bytea_array(ids)});
  if (!moved) return std::unexpected(moved.error());
  return {};
}

SinkResult<void> remove_retired(PgConnection& pg, const PostgresTable& table,
                                const std::vector<PostgresMarker>& markers, std::size_t kept) {
  const std::vector<Generation> stand = standing(marks(markers));
  std::vector<Digest> superseded, old;
  std::size_t newer = 0;
  for (auto marker = markers.rbegin(); marker != markers.rend(); ++marker) {
    if (marker->tombstone) continue;
    if (std::ranges::find(stand, marker->generation) == stand.end())
      superseded.push_back(marker->load_id);
    if (newer++ >= kept) old.push_back(marker->load_id);
  }
  if (superseded.empty() || old.empty()) return {};
  auto removed =
      pg.run(fmt::format("WITH gone AS (DELETE FROM {} WHERE _retired_by = ANY ($1::bytea[]) AND "
                         "_load_id = ANY ($2::bytea[]) RETURNING _load_id, _retired_by) "
                         "INSERT INTO daybook.retired_removed (load_id, retired_by, row_count) "
                         "SELECT _load_id, _retired_by, count(*) FROM gone GROUP BY 1, 2",
                         table.retired),
             {bytea_array(old), bytea_array(superseded)});
  if (!removed) return std::unexpected(removed.error());
  DAYBOOK_CRASH_POINT("tidy.pg_removed");
  return {};
}

SinkResult<std::uint64_t> rows_removed_for_good(PgConnection& pg, const Digest& load_id) {
  auto found = pg.run(
      "SELECT coalesce(sum(row_count), 0) FROM daybook.retired_removed WHERE load_id = $1::bytea",
      {bytea(load_id)});
  if (!found) return std::unexpected(found.error());
  return found->number(0, 0);
}

}  // namespace daybook
