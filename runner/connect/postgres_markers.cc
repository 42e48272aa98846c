#include "runner/connect/postgres_markers.h"

#include <fmt/ranges.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/connect/manifest.h"

namespace daybook {
namespace {

constexpr const char* definition = R"(
CREATE SCHEMA IF NOT EXISTS daybook;
CREATE TABLE IF NOT EXISTS daybook.fence (
  target text, origin text, pipeline text, partition_key text,
  fence bigint NOT NULL,
  PRIMARY KEY (target, origin, pipeline, partition_key));
CREATE TABLE IF NOT EXISTS daybook.load_marker (
  target text, origin text, pipeline text, partition_key text, generation bigint,
  kind text CHECK (kind IN ('load', 'tombstone')),
  load_id bytea NOT NULL UNIQUE CHECK (octet_length(load_id) = 32),
  of_load_id bytea CHECK (octet_length(of_load_id) = 32),
  content bytea NOT NULL CHECK (octet_length(content) = 32),
  row_count bigint NOT NULL,
  fence bigint NOT NULL,
  act text NOT NULL,
  restores bigint NOT NULL DEFAULT 0,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (target, origin, pipeline, partition_key, generation, kind));
CREATE TABLE IF NOT EXISTS daybook.load_outcome (
  load_id bytea PRIMARY KEY,
  xid text NOT NULL,
  rows_removed bigint NOT NULL, rows_restored bigint NOT NULL,
  rows_digest text NOT NULL,
  columns text NOT NULL);
CREATE TABLE IF NOT EXISTS daybook.retired_removed (
  load_id bytea, retired_by bytea,
  row_count bigint NOT NULL,
  removed_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS retired_removed_load ON daybook.retired_removed (load_id);
ALTER TABLE daybook.load_marker ADD COLUMN IF NOT EXISTS lost bigint[] NOT NULL DEFAULT '{}';
)";

constexpr const char* marker_columns =
    "origin, pipeline, partition_key, generation, kind, load_id, of_load_id, content, row_count, "
    "fence, act, restores, target, lost";

SinkResult<std::vector<PostgresMarker>> markers_of(const PgResult& result) {
  std::vector<PostgresMarker> markers;
  for (int row = 0; row < result.rows(); ++row) {
    PostgresMarker marker;
    marker.slot = {.target = result.text(row, 12),
                   .origin = result.text(row, 0),
                   .pipeline = result.text(row, 1),
                   .partition = result.text(row, 2)};
    marker.generation = static_cast<Generation>(result.number(row, 3));
    marker.tombstone = result.text(row, 4) == "tombstone";
    const auto load_id = digest_from_bytea(result.text(row, 5));
    const auto of_load_id = digest_from_bytea(result.text(row, 6));
    const auto content = digest_from_bytea(result.text(row, 7));
    marker.rows = result.number(row, 8);
    marker.fence = result.number(row, 9);
    const auto mode = load_mode(result.text(row, 10));
    const auto action = compensation_action(result.text(row, 10));
    if (!load_id || !content || (marker.tombstone ? !action || !of_load_id : !mode)) {
      return sink_conflict(
          "a marker of the sink is unreadable",
          fmt::format("daybook.load_marker: generation {} of {} {}", marker.generation,
                      marker.slot.pipeline, marker.slot.partition));
    }
    marker.load_id = *load_id;
    marker.content = *content;
    if (of_load_id) marker.of_load_id = *of_load_id;
    if (mode) marker.mode = *mode;
    if (action) marker.action = *action;
    marker.restores = static_cast<Generation>(result.number(row, 11));
    const std::string lost = result.text(row, 13);  // "{1,2}"
    for (std::size_t at = 1; at + 1 < lost.size(); ++at) {
      Generation number = 0;
      const auto [end, error] =
          std::from_chars(lost.data() + at, lost.data() + lost.size(), number);
      if (error != std::errc()) break;
      marker.lost.push_back(number);
      at = static_cast<std::size_t>(end - lost.data());
    }
    markers.push_back(std::move(marker));
  }
  return markers;
}

}  // namespace

SinkResult<void> ensure_markers(PgConnection& pg) {
  auto there = pg.run(
      "SELECT to_regclass('daybook.fence') IS NOT NULL AND to_regclass('daybook.load_marker') IS "
      "NOT NULL AND to_regclass('daybook.load_outcome') IS NOT NULL AND "
      "to_regclass('daybook.retired_removed') IS NOT NULL AND EXISTS (SELECT 1 FROM pg_attribute "
      "WHERE attrelid = to_regclass('daybook.load_marker') AND attname = 'lost')");
  if (!there) return std::unexpected(there.error());
  if (there->text(0, 0) == "t") return {};
  auto made = pg.run(definition);
  if (!made) return std::unexpected(made.error());
  return {};
}

SinkResult<void> take_fence(PgConnection& pg, const MarkerSlot& slot, EntryIndex fence) {
  auto taken = pg.run(
      "INSERT INTO daybook.fence AS f (target, origin, pipeline, partition_key, fence) "
      "VALUES ($1, $2, $3, $4, $5::bigint) "
      "ON CONFLICT (target, origin, pipeline, partition_key) DO UPDATE SET fence = excluded.fence "
      "WHERE f.fence <= excluded.fence RETURNING f.fence",
      {slot.target, slot.origin, slot.pipeline, slot.partition, fmt::format("{}", fence)});
  if (!taken) return std::unexpected(taken.error());
  if (taken->rows() == 0) {
    auto held = pg.run(
        "SELECT fence FROM daybook.fence WHERE target = $1 AND origin = $2 AND pipeline = $3 AND "
        "partition_key = $4",
        {slot.target, slot.origin, slot.pipeline, slot.partition});
    return sink_fenced(held && held->rows() == 1 ? held->number(0, 0) : fence, fence);
  }
  DAYBOOK_CRASH_POINT("pg.fenced");
  return {};
}

SinkResult<bool> insert_marker(PgConnection& pg, const PostgresMarker& m) {
  const MarkerSlot& slot = m.slot;
  auto inserted = pg.run(
      "INSERT INTO daybook.load_marker (target, origin, pipeline, partition_key, generation, kind, "
      "load_id, of_load_id, content, row_count, fence, act, restores, lost) VALUES ($1, $2, $3, "
      "$4, "
      "$5::bigint, $6, $7::bytea, nullif($8, '')::bytea, $9::bytea, $10::bigint, $11::bigint, $12, "
      "$13::bigint, $14::bigint[]) ON CONFLICT DO NOTHING",
      {slot.target, slot.origin, slot.pipeline, slot.partition, fmt::format("{}", m.generation),
       m.tombstone ? "tombstone" : "load", bytea(m.load_id),
       m.tombstone ? bytea(m.of_load_id) : std::string(), bytea(m.content),
       fmt::format("{}", m.rows), fmt::format("{}", m.fence),
       std::string(m.tombstone ? name_of(m.action) : name_of(m.mode)),
       fmt::format("{}", m.restores), fmt::format("{{{}}}", fmt::join(m.lost, ","))});
  if (!inserted) return std::unexpected(inserted.error());
  return inserted->affected() == 1;
}

SinkResult<void> insert_outcome(PgConnection& pg, const Digest& load_id,
                                const PostgresOutcome& outcome) {
  auto inserted = pg.run(
      "INSERT INTO daybook.load_outcome (load_id, xid, rows_removed, rows_restored, rows_digest, "
      "columns) VALUES ($1::bytea, $2, $3::bigint, $4::bigint, $5, $6)",
      {bytea(load_id), outcome.xid, fmt::format("{}", outcome.removed),
       fmt::format("{}", outcome.restored), outcome.rows_digest,
       nlohmann::json(outcome.columns).dump()});
  if (!inserted) return std::unexpected(inserted.error());
  return {};
}

SinkResult<std::optional<PostgresOutcome>> read_outcome(PgConnection& pg, const Digest& load_id) {
  auto found = pg.run(
      "SELECT xid, rows_removed, rows_restored, rows_digest, columns FROM daybook.load_outcome "
      "WHERE load_id = $1::bytea",
      {bytea(load_id)});
  if (!found) return std::unexpected(found.error());
  if (found->rows() == 0) return std::nullopt;
  PostgresOutcome outcome{.xid = found->text(0, 0),
                          .removed = found->number(0, 1),
                          .restored = found->number(0, 2),
                          .rows_digest = found->text(0, 3),
                          .columns = {}};
  const auto names = nlohmann::json::parse(found->text(0, 4), nullptr, false);
  if (!names.is_array()) {
    return sink_conflict("an outcome of the sink is unreadable", "daybook.load_outcome: columns");
  }
  for (const auto& name : names) {
    if (name.is_string()) outcome.columns.push_back(name.get<std::string>());
  }
  return outcome;
}

SinkResult<bool> holds_marker(PgConnection& pg, const Digest& load_id) {
  auto there = pg.run("SELECT to_regclass('daybook.load_marker') IS NOT NULL");
  if (!there) return std::unexpected(there.error());
  if (there->text(0, 0) != "t") return false;
  auto found =
      pg.run("SELECT 1 FROM daybook.load_marker WHERE load_id = $1::bytea", {bytea(load_id)});
  if (!found) return std::unexpected(found.error());
  return found->rows() == 1;
}

SinkResult<std::vector<PostgresMarker>> read_markers(PgConnection& pg, const MarkerSlot& slot) {
  auto found =
      pg.run(fmt::format("SELECT {} FROM daybook.load_marker WHERE target = $1 AND origin = $2 AND "
                         "pipeline = $3 AND partition_key = $4 ORDER BY generation, kind",
                         marker_columns),
             {slot.target, slot.origin, slot.pipeline, slot.partition});
  if (!found) return std::unexpected(found.error());
  return markers_of(*found);
}

SinkResult<std::vector<PostgresMarker>> read_all_markers(PgConnection& pg,
                                                         const std::string& target) {
  auto found = pg.run(fmt::format("SELECT {} FROM daybook.load_marker WHERE target = $1 "
                                  "ORDER BY origin, pipeline, partition_key, generation, kind",
                                  marker_columns),
                      {target});
  if (!found) return std::unexpected(found.error());
  return markers_of(*found);
}

std::vector<MarkedGeneration> marks(const std::vector<PostgresMarker>& markers) {
  std::vector<MarkedGeneration> history;
  for (const PostgresMarker& marker : markers) {
    if (!marker.tombstone) {
      history.push_back(
          {marker.generation, marker.load_id, marker.mode, std::nullopt, marker.lost});
    } else if (!history.empty() && history.back().generation == marker.generation) {
      history.back().taken_back = {marker.action, marker.load_id};
    }
  }
  return history;
}

}  // namespace daybook
