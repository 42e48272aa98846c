// The columns of each table, and what a row of it is made from. Used by book_tables.cc and
// book_columns*.cc alone.
#pragma once

#include <optional>
#include <span>

#include "replay/book_tables.h"
#include "statemachine/state.h"

namespace daybook::tables {

struct EntryRow {
  EntryIndex index = 0;
  Entry entry;
  Digest leaf{};
};
struct RunOf {
  RunId id{};
  const RunState& run;
};
struct SlotOf {
  SlotId id{};
  const Slot& slot;
};
struct BatchOf {
  BatchId id{};
  const BatchState& batch;
};
struct ApprovalOf {
  ApprovalId id{};
  const ApprovalState& approval;
};
struct CompensationOf {
  CompensationId id{};
  const CompensationState& compensation;
};
struct LoadOf {
  SlotId id{};
  const Slot& slot;
  const GenerationState& load;
};
struct ErasureOf {
  ErasureId id{};
  const ErasureState& erasure;
};
struct HoldOf {
  LegalHoldId id{};
  const LegalHold& hold;
};
struct AttemptRow {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  std::string_view outcome = "running";
  Timestamp started_at = 0, ended_at = 0;
  EntryIndex started = no_entry, ended = no_entry;
  std::optional<RowCounts> counts;
  std::uint64_t output_rows = 0;
  std::optional<ErrorClass> error;
  std::string code, detail;
};

template <typename Row>
struct ColumnOf {
  std::string_view name;
  CellType type;
  std::string_view meaning;
  Cell (*make)(const State& state, const Row& row);
};

std::span<const ColumnOf<EntryRow>> entries_columns();
std::span<const ColumnOf<RunOf>> runs_columns();
std::span<const ColumnOf<SlotOf>> partitions_columns();
std::span<const ColumnOf<AttemptRow>> attempts_columns();
std::span<const ColumnOf<BatchOf>> quarantine_columns();
std::span<const ColumnOf<CompensationOf>> compensations_columns();
std::span<const ColumnOf<ApprovalOf>> approvals_columns();
std::span<const ColumnOf<LoadOf>> loads_columns();
std::span<const ColumnOf<ErasureOf>> erasures_columns();
std::span<const ColumnOf<HoldOf>> legal_holds_columns();

}  // namespace daybook::tables
