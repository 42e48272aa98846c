// The protocol, step by step (crash points in brackets):
//
//   load        connect [connected] → BEGIN [begun] → fence [fenced] → marker [after_marker] →
//               rows retired [retired] → COPY [mid_copy, copied] → counts, constraints [checked] →
//               COMMIT [commit_sent, committed]
//   compensate  … fence → tombstone [tombstone_inserted] → rows removed or flagged [rows_removed] →
//               rows restored [rows_restored] → COMMIT
//
// The marker comes before the data: a rival that is in flight makes its insertion wait until the
// rival has ended, so its answer is final. Anything that ends before COMMIT is rolled back by the
// server; a COMMIT without an answer is settled by whoever takes the fence next.
#include "runner/connect/postgres_sink.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/connect/postgres_copy.h"
#include "runner/connect/postgres_markers.h"
#include "runner/connect/postgres_retired.h"
#include "runner/connect/postgres_rows.h"
#include "runner/connect/postgres_table.h"

namespace daybook {
namespace {

const PostgresMarker* find_load(const std::vector<PostgresMarker>& markers, Generation generation) {
  const auto at = std::ranges::find_if(markers, [&](const PostgresMarker& each) {
    return !each.tombstone && each.generation == generation;
  });
  return at == markers.end() ? nullptr : &*at;
}

const PostgresMarker* find_tombstone(const std::vector<PostgresMarker>& markers,
                                     Generation generation) {
  const auto at = std::ranges::find_if(markers, [&](const PostgresMarker& each) {
    return each.tombstone && each.generation == generation;
  });
  return at == markers.end() ? nullptr : &*at;
}

class Driver : public SinkDriver {
 public:
  Driver(PostgresSink sink, TableName name, std::chrono::milliseconds timeout, SinkMemory memory)
      : connection_(std::move(sink.connection)),
        name_(std::move(name)),
        timeout_(timeout),
        memory_(std::move(memory)) {}

  SinkResult<void> prepare(const std::vector<Column>& columns, LoadMode mode,
                           const std::vector<std::string>& key, std::uint64_t token) override;
  SinkResult<LoadEvidence> load(const LoadPlan& plan) override;
  SinkResult<std::optional<LoadEvidence>> settle(const LoadPlan& plan) override;
  SinkResult<std::uint64_t> verify(const LoadPlan& plan) override;
  SinkResult<CompensationEvidence> dry_run(const CompensationPlan& plan) override;
  SinkResult<CompensationEvidence> compensate(const CompensationPlan& plan) override;
  SinkResult<std::vector<SinkGeneration>> inventory(bool deep) override;
  SinkResult<std::vector<std::filesystem::path>> current_files(const MergeBase&) override {
    return std::vector<std::filesystem::path>();
  }
  SinkResult<void> tidy(const LoadPlan& plan) override;
  StagedFormat staged_format() const override { return StagedFormat::postgres_copy; }

 private:
  SinkResult<PgConnection> connect();
  MarkerSlot slot_of(const std::string& origin, const std::string& pipeline,
                     const std::string& partition) const {
    return {
        .target = name_.readable(), .origin = origin, .pipeline = pipeline, .partition = partition};
  }
  SinkResult<LoadEvidence> committed(PgConnection& pg, const LoadPlan& plan,
                                     const std::vector<PostgresMarker>& markers);
  SinkResult<PostgresOutcome> effect(PgConnection& pg, const LoadPlan& plan,
                                     const std::vector<PostgresMarker>& markers);
  SinkResult<CompensationEvidence> weigh(PgConnection& pg, const PostgresTable& table,
                                         const CompensationPlan& plan,
                                         const std::vector<PostgresMarker>& markers);
  SinkResult<std::string> overwriter(PgConnection& pg, const PostgresTable& table,
                                     const Digest& load_id);
  SinkResult<std::string> damage(PgConnection& pg, const PostgresTable& table,
                                 const PostgresMarker& load, bool taken_back);
  SinkResult<LoadEvidence> load_here(PgConnection& pg, PgTransaction& transaction,
                                     const MarkerSlot& slot, const LoadPlan& plan);
  SinkResult<CompensationEvidence> compensate_here(PgConnection& pg, PgTransaction& transaction,
                                                   const MarkerSlot& slot,
                                                   const CompensationPlan& plan);

  // Connects, begins and takes the slot's fence: act(connection, transaction) has the slot alone.
  template <typename Act>
  auto under_fence(const MarkerSlot& slot, EntryIndex fence, Act act)
      -> std::invoke_result_t<Act, PgConnection&, PgTransaction&>;

  std::string connection_;
  TableName name_;
  std::chrono::milliseconds timeout_;
  SinkMemory memory_;
  std::optional<PgIdentity> cluster_;
};

SinkResult<PgConnection> Driver::connect() {
  auto pg = PgConnection::open(connection_, timeout_);
  if (!pg) return pg;
  const std::string& system = pg->identity().system;
  if (cluster_ && *cluster_ != pg->identity()) {
    return sink_conflict("another cluster answers",
                         fmt::format("{}: cluster {} answers, it was {}", name_.readable(), system,
                                     cluster_->system));
  }
  // A cluster that was dumped and restored elsewhere brings its markers along; any other is not the
  // one the book speaks of, and what it does not hold was never lost.
  if (!cluster_ && !memory_.cluster.empty() && memory_.cluster != system) {
    auto same = holds_marker(*pg, memory_.load_id);
    if (!same) return std::unexpected(same.error());
    if (!*same) {
      return sink_conflict(
          "another cluster answers",
          fmt::format("{}: cluster {} answers, the last load went into {}, and load {} is not here",
                      name_.readable(), system, memory_.cluster, hex(memory_.load_id)));
    }
  }
  cluster_ = pg->identity();
  return pg;
}

template <typename Act>
auto Driver::under_fence(const MarkerSlot& slot, EntryIndex fence, Act act)
    -> std::invoke_result_t<Act, PgConnection&, PgTransaction&> {
  auto pg = connect();
  if (!pg) return std::unexpected(pg.error());
  auto transaction = PgTransaction::begin(*pg);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto ours = take_fence(*pg, slot, fence); !ours) return std::unexpected(ours.error());
  return act(*pg, *transaction);
}

SinkResult<void> Driver::prepare(const std::vector<Column>& columns, LoadMode mode,
                                 const std::vector<std::string>& key, std::uint64_t) {
  auto pg = connect();
  if (!pg) return std::unexpected(pg.error());
  auto transaction = PgTransaction::begin(*pg);
  if (!transaction) return std::unexpected(transaction.error());
  // Two books preparing one database at a time would trip over each other's CREATE.
  auto alone = pg->run("SELECT pg_advisory_xact_lock(hashtextextended('daybook.prepare', 0))");
  if (!alone) return std::unexpected(alone.error());
  if (auto made = ensure_markers(*pg); !made) return made;
  if (auto made = prepare_table(*pg, name_, columns, mode, key); !made) {
    return std::unexpected(made.error());
  }
  auto done = transaction->commit();
  // Creating what is missing may be repeated: nothing is ambiguous about it.
  if (!done) done.error().ambiguous = false;
  return done;
}

// The answer for a load whose marker is there.
SinkResult<LoadEvidence> Driver::committed(PgConnection& pg, const LoadPlan& plan,
                                           const std::vector<PostgresMarker>& markers) {
  const PostgresMarker* marker = find_load(markers, plan.generation);
  if (marker == nullptr || marker->load_id != plan.load_id || marker->content != plan.content ||
      marker->rows != plan.rows) {
    return sink_conflict(
        "the generation holds another load",
        fmt::format("generation {} of {} holds load {}, not {}", plan.generation, plan.partition,
                    marker != nullptr ? hex(marker->load_id) : "of another slot",
                    hex(plan.load_id)));
  }
  if (const PostgresMarker* undone = find_tombstone(markers, plan.generation)) {
    return sink_conflict(
        "the load has been compensated",
        fmt::format("generation {} was taken back by {}", plan.generation, hex(undone->load_id)));
  }
  auto outcome = read_outcome(pg, plan.load_id);
  if (!outcome) return std::unexpected(outcome.error());
  return LoadEvidence{
      .recovered = true,
      .rows = marker->rows,
      .evidence = fmt::format("xid {} {}", *outcome ? (*outcome)->xid : "?", pg.position()),
      .files = {}};
}

// Moves the rows and checks them, inside the transaction.
SinkResult<PostgresOutcome> Driver::effect(PgConnection& pg, const LoadPlan& plan,
                                           const std::vector<PostgresMarker>& markers) {
  auto table = read_table(pg, name_);
  if (!table) return std::unexpected(table.error());
  PostgresOutcome outcome;
  outcome.columns = names_of(plan.columns);
  if (auto aside = set_lost_aside(pg, *table, plan.lost); !aside) {
    return std::unexpected(aside.error());
  }
  if (plan.mode == LoadMode::merge) {
    auto retired = merge_staged(pg, *table, plan);
    if (!retired) return std::unexpected(retired.error());
    outcome.removed = *retired;
  } else {
    if (plan.mode == LoadMode::replace) {
      auto retired = retire_earlier(pg, *table, plan, markers);
      if (!retired) return std::unexpected(retired.error());
      outcome.removed = *retired;
      DAYBOOK_CRASH_POINT("pg.retired");
    }
    auto rows = copy_staged(pg, table->target, quoted_list(outcome.columns), plan.load_id,
                            plan.staged, plan.files);
    if (!rows) return std::unexpected(rows.error());
  }
  if (auto checked = pg.run("SET CONSTRAINTS ALL IMMEDIATE"); !checked) {
    return std::unexpected(checked.error());
  }
  auto loaded = digest_rows(pg, {table->target}, outcome.columns, plan.load_id);
  if (!loaded) return std::unexpected(loaded.error());
  if (loaded->rows != plan.rows) {
    return sink_failure(
        ErrorClass::internal, "count", "the target holds another number of rows than was intended",
        fmt::format("{} rows were intended, the target holds {}", plan.rows, loaded->rows),
        "pg.count");
  }
  outcome.rows_digest = loaded->digest;
  auto xid = pg.run("SELECT pg_current_xact_id()");
  if (!xid) return std::unexpected(xid.error());
  outcome.xid = xid->text(0, 0);
  DAYBOOK_CRASH_POINT("pg.checked");
  return outcome;
}

SinkResult<LoadEvidence> Driver::load(const LoadPlan& plan) {
  const MarkerSlot slot = slot_of(plan.origin, plan.pipeline, plan.partition);
  return under_fence(slot, plan.fence, [&](PgConnection& pg, PgTransaction& transaction) {
    return load_here(pg, transaction, slot, plan);
  });
}

SinkResult<LoadEvidence> Driver::load_here(PgConnection& pg, PgTransaction& transaction,
                                           const MarkerSlot& slot, const LoadPlan& plan) {
  PostgresMarker marker;
  marker.slot = slot;
  marker.generation = plan.generation;
  marker.load_id = plan.load_id;
  marker.content = plan.content;
  marker.rows = plan.rows;
  marker.fence = plan.fence;
  marker.mode = plan.mode;
  for (const LostLoad& lost : plan.lost) marker.lost.push_back(lost.generation);
  auto inserted = insert_marker(pg, marker);
  if (!inserted) return std::unexpected(inserted.error());
  auto markers = read_markers(pg, slot);
  if (!markers) return std::unexpected(markers.error());
  if (!*inserted) return committed(pg, plan, *markers);
  DAYBOOK_CRASH_POINT("pg.after_marker");
  if (markers->back().generation != plan.generation) {
    return sink_conflict(
        "the sink holds a later generation",
        fmt::format("{} holds generation {} of {}, later than {}", name_.readable(),
                    markers->back().generation, plan.partition, plan.generation));
  }
  if (auto fit = check_added_to(plan, marks(*markers), name_.readable()); !fit) {
    return std::unexpected(fit.error());
  }
  auto outcome = effect(pg, plan, *markers);
  if (!outcome) return std::unexpected(outcome.error());
  if (auto kept = insert_outcome(pg, plan.load_id, *outcome); !kept) {
    return std::unexpected(kept.error());
  }
  if (auto done = transaction.commit(); !done) return std::unexpected(done.error());
  return LoadEvidence{.recovered = false,
                      .rows = plan.rows,
                      .evidence = fmt::format("xid {} {}", outcome->xid, pg.position()),
                      .files = {}};
}

SinkResult<std::optional<LoadEvidence>> Driver::settle(const LoadPlan& plan) {
  using Settled = SinkResult<std::optional<LoadEvidence>>;
  const MarkerSlot slot = slot_of(plan.origin, plan.pipeline, plan.partition);
  return under_fence(slot, plan.fence,
                     [&](PgConnection& pg, PgTransaction& transaction) -> Settled {
                       auto markers = read_markers(pg, slot);
                       if (!markers) return std::unexpected(markers.error());
                       // Taken back, or another load under its number: this one can not come any
                       // more.
                       const PostgresMarker* there = find_load(*markers, plan.generation);
                       if (there != nullptr && there->load_id == plan.load_id &&
                           find_tombstone(*markers, plan.generation) == nullptr) {
                         auto found = committed(pg, plan, *markers);
                         if (!found) return std::unexpected(found.error());
                         return std::optional(std::move(*found));
                       }
                       // Absent, and for good once the raised fence is durable: then nobody below
                       // it may commit.
                       if (auto raised = transaction.commit(); !raised)
                         return std::unexpected(raised.error());
                       return std::nullopt;
                     });
}

// Nothing of an attempt outlives its transaction; what is left to remove are retired rows.
SinkResult<void> Driver::tidy(const LoadPlan& plan) {
  const MarkerSlot slot = slot_of(plan.origin, plan.pipeline, plan.partition);
  return under_fence(
      slot, plan.fence, [&](PgConnection& pg, PgTransaction& transaction) -> SinkResult<void> {
        auto table = read_table(pg, name_);
        if (!table) return std::unexpected(table.error());
        auto markers = read_markers(pg, slot);
        if (!markers) return std::unexpected(markers.error());
        auto removed = remove_retired(pg, *table, *markers, superseded_generations_kept);
        if (!removed) return removed;
        auto done = transaction.commit();
        if (!done) done.error().ambiguous = false;  // it may be done again
        return done;
      });
}

SinkResult<std::uint64_t> Driver::verify(const LoadPlan& plan) {
  auto pg = connect();
  if (!pg) return std::unexpected(pg.error());
  auto table = read_table(*pg, name_);
  if (!table) return std::unexpected(table.error());
  auto markers = read_markers(*pg, slot_of(plan.origin, plan.pipeline, plan.partition));
  if (!markers) return std::unexpected(markers.error());
  const PostgresMarker* marker = find_load(*markers, plan.generation);
  if (marker == nullptr || marker->load_id != plan.load_id || marker->content != plan.content) {
    return sink_conflict("the load is not in the sink",
                         fmt::format("no marker of load {} (generation {}) of {}",
                                     hex(plan.load_id), plan.generation, name_.readable()));
  }
  const bool taken_back = find_tombstone(*markers, plan.generation) != nullptr;
  auto bad = damage(*pg, *table, *marker, taken_back);
  if (!bad) return std::unexpected(bad.error());
  if (!bad->empty()) return sink_conflict("loaded data is damaged", *bad);
  return marker->rows;
}

// Rows of a load, wherever they are now, against what was loaded. Empty: sound.
SinkResult<std::string> Driver::damage(PgConnection& pg, const PostgresTable& table,
                                       const PostgresMarker& load, bool taken_back) {
  if (taken_back) {
    auto left = count_rows(pg, table.target, "_load_id", load.load_id);
    if (!left) return std::unexpected(left.error());
    return *left == 0 ? std::string()
                      : fmt::format("{} rows of a load that was taken back are there", *left);
  }
  auto outcome = read_outcome(pg, load.load_id);
  if (!outcome) return std::unexpected(outcome.error());
  if (!*outcome) return std::string("daybook.load_outcome: the load's row is missing");
  // What tidying took away was superseded, and can not be restored: the rest is counted.
  auto tidied = rows_removed_for_good(pg, load.load_id);
  if (!tidied) return std::unexpected(tidied.error());
  auto now = digest_rows(pg, {table.target, table.retired}, (*outcome)->columns, load.load_id);
  if (!now && now.error().code == "sqlstate.42703") {
    return fmt::format("a loaded column is gone: {}", now.error().detail);
  }
  if (!now) return std::unexpected(now.error());
  if (now->rows + *tidied != load.rows) {
    return fmt::format("{} rows were loaded, {} are there", load.rows, now->rows + *tidied);
  }
  if (*tidied > 0) return std::string();
  return now->digest == (*outcome)->rows_digest ? std::string()
                                                : std::string("rows differ from those loaded");
}

// "pipeline partition generation n (load …)" of a later load that holds rows of this one.
SinkResult<std::string> Driver::overwriter(PgConnection& pg, const PostgresTable& table,
                                           const Digest& load_id) {
  auto found = pg.run(
      fmt::format("SELECT m.pipeline, m.partition_key, m.generation, r._retired_by FROM {} AS r "
                  "JOIN daybook.load_marker AS m ON m.load_id = r._retired_by "
                  "WHERE r._load_id = $1::bytea ORDER BY m.fence DESC LIMIT 1",
                  table.retired),
      {bytea(load_id)});
  if (!found) return std::unexpected(found.error());
  if (found->rows() == 0) return std::string();
  return fmt::format("{} (generation {} of {} {})", found->text(0, 3).substr(2), found->text(0, 2),
                     found->text(0, 0), found->text(0, 1));
}

// Whether the compensation can be done now, and its numbers.
SinkResult<CompensationEvidence> Driver::weigh(PgConnection& pg, const PostgresTable& table,
                                               const CompensationPlan& plan,
                                               const std::vector<PostgresMarker>& markers) {
  const PostgresMarker* load = find_load(markers, plan.generation);
  if (load == nullptr || load->load_id != plan.generation_load_id) {
    return sink_conflict(
        "the generation is not in the sink",
        fmt::format("generation {} (load {}) of {} is not in {}", plan.generation,
                    hex(plan.generation_load_id), plan.partition, name_.readable()));
  }
  const PostgresMarker* undone = find_tombstone(markers, plan.generation);
  if (undone != nullptr && undone->load_id != plan.load_id) {
    return sink_conflict("already compensated",
                         fmt::format("generation {} was taken back by compensation {}",
                                     plan.generation, hex(undone->load_id)));
  }
  for (const PostgresMarker& later : markers) {
    if (later.tombstone || later.generation <= plan.generation || later.mode != LoadMode::replace ||
        find_tombstone(markers, later.generation) != nullptr) {
      continue;
    }
    return sink_conflict("overwritten by a later load",
                         fmt::format("generation {} was replaced by generation {}: compensate load "
                                     "{} first",
                                     plan.generation, later.generation, hex(later.load_id)));
  }
  std::vector<PostgresMarker> without = markers;  // a tombstone of ours is part of `markers`
  std::erase_if(without, [&](const PostgresMarker& each) {
    return each.tombstone && each.load_id == plan.load_id;
  });
  const Generation previous = standing_before(marks(without), plan.generation);
  if (plan.action == CompensationAction::restore_previous && load->mode == LoadMode::replace &&
      previous != plan.restores) {
    return sink_conflict("another generation would come back",
                         fmt::format("before generation {} stood generation {}, not {}",
                                     plan.generation, previous, plan.restores));
  }
  auto there = count_rows(pg, table.target, "_load_id", load->load_id);
  if (!there) return std::unexpected(there.error());
  if (*there != load->rows) {
    auto by = overwriter(pg, table, load->load_id);
    if (!by) return std::unexpected(by.error());
    return sink_conflict(
        "overwritten by a later load",
        by->empty() ? fmt::format("{} rows were loaded, {} are there: changed by another hand",
                                  load->rows, *there)
                    : fmt::format("{} of {} rows have since been overwritten: compensate load {} "
                                  "first",
                                  load->rows - std::min(load->rows, *there), load->rows, *by));
  }
  CompensationEvidence numbers;
  numbers.rows_removed = plan.action == CompensationAction::flag ? 0 : *there;
  if (plan.action != CompensationAction::restore_previous) return numbers;
  auto kept = count_rows(pg, table.retired, "_retired_by", load->load_id);
  if (!kept) return std::unexpected(kept.error());
  auto outcome = read_outcome(pg, load->load_id);
  if (!outcome) return std::unexpected(outcome.error());
  if (!*outcome || (*outcome)->removed != *kept) {
    return sink_conflict("what is to be restored is not there",
                         fmt::format("generation {} retired {} rows, {} are kept (tidying keeps "
                                     "what the newest {} loads retired)",
                                     plan.generation, *outcome ? (*outcome)->removed : 0, *kept,
                                     superseded_generations_kept));
  }
  numbers.rows_restored = *kept;
  return numbers;
}

SinkResult<CompensationEvidence> Driver::dry_run(const CompensationPlan& plan) {
  auto pg = connect();
  if (!pg) return std::unexpected(pg.error());
  auto table = read_table(*pg, name_);
  if (!table) return std::unexpected(table.error());
  auto markers = read_markers(*pg, slot_of(plan.origin, plan.pipeline, plan.partition));
  if (!markers) return std::unexpected(markers.error());
  return weigh(*pg, *table, plan, *markers);
}

SinkResult<CompensationEvidence> Driver::compensate(const CompensationPlan& plan) {
  const MarkerSlot slot = slot_of(plan.origin, plan.pipeline, plan.partition);
  return under_fence(slot, plan.fence, [&](PgConnection& pg, PgTransaction& transaction) {
    return compensate_here(pg, transaction, slot, plan);
  });
}

SinkResult<CompensationEvidence> Driver::compensate_here(PgConnection& pg,
                                                         PgTransaction& transaction,
                                                         const MarkerSlot& slot,
                                                         const CompensationPlan& plan) {
  PostgresMarker tombstone;
  tombstone.slot = slot;
  tombstone.tombstone = true;
  tombstone.generation = plan.generation;
  tombstone.restores = plan.restores;
  tombstone.load_id = plan.load_id;
  tombstone.of_load_id = plan.generation_load_id;
  tombstone.fence = plan.fence;
  tombstone.action = plan.action;
  auto inserted = insert_marker(pg, tombstone);
  if (!inserted) return std::unexpected(inserted.error());
  auto markers = read_markers(pg, slot);
  if (!markers) return std::unexpected(markers.error());
  const PostgresMarker* mine = find_tombstone(*markers, plan.generation);
  if (!*inserted && mine != nullptr && mine->load_id == plan.load_id) {
    auto outcome = read_outcome(pg, plan.load_id);
    if (!outcome) return std::unexpected(outcome.error());
    if (!*outcome) {
      return ambiguous(
          sink_conflict("an outcome of the sink is missing", hex(plan.load_id)).error());
    }
    return CompensationEvidence{
        .recovered = true,
        .rows_removed = (*outcome)->removed,
        .rows_restored = (*outcome)->restored,
        .evidence = fmt::format("xid {} {}", (*outcome)->xid, pg.position())};
  }
  DAYBOOK_CRASH_POINT("pg.tombstone_inserted");
  auto table = read_table(pg, name_);
  if (!table) return std::unexpected(table.error());
  auto numbers = weigh(pg, *table, plan, *markers);
  if (!numbers) return numbers;
  const std::string id = bytea(plan.generation_load_id);
  if (plan.action == CompensationAction::flag) {
    if (auto added = add_flag_column(pg, *table); !added) return std::unexpected(added.error());
    auto flagged = pg.run(
        fmt::format("UPDATE {} SET _compensated = true WHERE _load_id = $1::bytea", table->target),
        {id});
    if (!flagged) return std::unexpected(flagged.error());
  } else {
    auto removed =
        pg.run(fmt::format("DELETE FROM {} WHERE _load_id = $1::bytea", table->target), {id});
    if (!removed) return std::unexpected(removed.error());
  }
  DAYBOOK_CRASH_POINT("pg.rows_removed");
  if (plan.action == CompensationAction::restore_previous) {
    auto restored = pg.run(
        fmt::format("WITH back AS (DELETE FROM {} WHERE _retired_by = $1::bytea RETURNING {}) "
                    "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM back",
                    table->retired, table->all_columns, table->target, table->all_columns,
                    table->all_columns),
        {id});
    if (!restored) return std::unexpected(restored.error());
    DAYBOOK_CRASH_POINT("pg.rows_restored");
  }
  auto xid = pg.run("SELECT pg_current_xact_id()");
  if (!xid) return std::unexpected(xid.error());
  const PostgresOutcome outcome{.xid = xid->text(0, 0),
                                .removed = numbers->rows_removed,
                                .restored = numbers->rows_restored,
                                .rows_digest = "",
                                .columns = {}};
  if (auto kept = insert_outcome(pg, plan.load_id, outcome); !kept) {
    return std::unexpected(kept.error());
  }
  if (auto done = transaction.commit(); !done) return std::unexpected(done.error());
  numbers->evidence = fmt::format("xid {} {}", outcome.xid, pg.position());
  return numbers;
}

SinkResult<std::vector<SinkGeneration>> Driver::inventory(bool deep) {
  auto pg = connect();
  if (!pg) return std::unexpected(pg.error());
  auto markers = read_all_markers(*pg, name_.readable());
  if (!markers) return std::unexpected(markers.error());
  std::optional<PostgresTable> table;
  if (deep) {
    auto read = read_table(*pg, name_);
    if (!read) return std::unexpected(read.error());
    table = std::move(*read);
  }
  std::vector<SinkGeneration> found;
  for (std::size_t from = 0, to = 0; from < markers->size(); from = to) {
    const MarkerSlot& slot = (*markers)[from].slot;
    std::vector<PostgresMarker> of_slot;
    for (to = from; to < markers->size() && (*markers)[to].slot.origin == slot.origin &&
                    (*markers)[to].slot.pipeline == slot.pipeline &&
                    (*markers)[to].slot.partition == slot.partition;
         ++to) {
      of_slot.push_back((*markers)[to]);
    }
    const std::vector<Generation> stand = standing(marks(of_slot));
    for (const PostgresMarker& load : of_slot) {
      if (load.tombstone) continue;
      const PostgresMarker* undone = find_tombstone(of_slot, load.generation);
      SinkGeneration each{.pipeline = slot.pipeline,
                          .partition = slot.partition,
                          .generation = load.generation,
                          .load_id = load.load_id,
                          .content = load.content,
                          .rows = load.rows,
                          .tombstone = undone != nullptr,
                          .current = std::ranges::find(stand, load.generation) != stand.end(),
                          .damage = {},
                          .origin = slot.origin};
      if (deep && !is_lost(marks(of_slot), load.generation)) {
        const bool removed = undone != nullptr && undone->action != CompensationAction::flag;
        auto bad = damage(*pg, *table, load, removed);
        if (!bad) return std::unexpected(bad.error());
        each.damage = std::move(*bad);
      }
      found.push_back(std::move(each));
    }
  }
  return found;
}

}  // namespace

SinkResult<std::unique_ptr<SinkDriver>> open_postgres_sink(const PostgresSink& sink,
                                                           std::chrono::milliseconds timeout,
                                                           const SinkMemory& memory) {
  std::string fault;
  auto name = table_name(sink.table, fault);
  if (!name) {
    return sink_failure(ErrorClass::definition, "target.name", "the target's name is unfit",
                        fmt::format("table name \"{}\" {}", sink.table, fault), "pg.target");
  }
  return std::make_unique<Driver>(sink, std::move(*name), timeout, memory);
}

}  // namespace daybook
