// What people ask of a book, as plain values: lists for the command line and the console, and the
// story of one partition. Read off a State; where details stand only in the entries, off the ledger
// too. Orders are fixed: newest first for runs, book order for all else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

// One entry as a value.
Result<Entry> entry_at(const Ledger& ledger, EntryIndex index);

// The files of the load whose LoadCommitted is entry `committed`, in their order; none for a sink
// that keeps no files. `corrupt` where the entry is another, or its list is not before it.
Result<std::vector<OutputFile>> loaded_files(const Ledger& ledger, EntryIndex committed);

struct SlotRow {
  SlotId slot{};
  std::string pipeline, sink, partition;
  SlotPhase phase = SlotPhase::idle;
  bool expected = false;
  bool paused = false;  // itself, or something it belongs to
  bool gap = false;     // expected, and readers of the sink see nothing
  RunId run = no_run;
  Attempt attempt = 0;
  Generation current = 0;
  std::uint64_t rows = 0;  // of the current generation
  RowCounts counts;        // of what is staged, else of the current generation
  std::optional<ErrorClass> error;
  Timestamp not_before = 0;     // of a retry
  EntryIndex story = no_entry;  // the entry that put it into its phase
};

// An empty `pipeline` means all.
std::vector<SlotRow> slot_rows(const State& state, const std::string& pipeline = {});
std::vector<SlotRow> slot_rows_of(const State& state, RunId run);

struct RunRow {
  RunId run{};
  Uuid uuid{};
  RunKind kind = RunKind::normal;
  std::string pipeline, requester;
  std::uint64_t version = 0;  // of the definition
  Timestamp started_at = 0, finished_at = 0;
  EntryIndex started = no_entry, finished = no_entry;
  bool open = false, cancelled = false, paused = false;
  RunOutcome outcome = RunOutcome::succeeded;
  std::map<SlotPhase, std::uint32_t> partitions;  // those it works on, or worked on last
  std::uint32_t skipped = 0;
  std::uint64_t rows = 0, quarantined = 0;  // of generations it loaded
  std::string circuit;
};

std::vector<RunRow> run_rows(const State& state);
std::optional<RunRow> run_row(const State& state, RunId run);

struct QuarantineBatch {
  BatchId batch{};
  SlotId slot{};
  RunId run{};
  Attempt attempt = 0;
  std::uint64_t records = 0;
  // What was decided, and what was held when it was erased, adds up to `records`.
  std::uint64_t held = 0, amended = 0, released = 0, delivered = 0, discarded = 0;
  std::uint64_t erased = 0;  // whose bytes are gone; a record decided before counts above, too
  bool superseded = false;
  PayloadRef payload;
  EntryIndex at = no_entry;
  std::vector<RuleCount> rules;  // that set its records aside
};

// Reads one entry a batch.
Result<std::vector<QuarantineBatch>> quarantine_batches(const State& state, const Ledger& ledger);

struct QuarantineGroup {
  std::string pipeline, rule;
  std::uint64_t records = 0;  // set aside by this rule, decided or not
  std::vector<BatchId> batches;
};

// Of batches that still hold records nobody decided about. A record that breaks two rules counts
// under both.
std::vector<QuarantineGroup> quarantine_by_rule(const State& state,
                                                const std::vector<QuarantineBatch>& batches);

struct ApprovalRow {
  enum class Status : std::uint8_t { waiting, given, rejected, voided };
  ApprovalId approval{};
  ApprovalSubject subject = ApprovalSubject::load;
  SlotId slot = no_slot;
  CompensationId compensation = no_compensation;
  ErasureId erasure = no_erasure;
  std::string title;  // "the load of runways 2022-06-01"
  Digest digest{};
  std::uint32_t needed = 0;
  std::vector<std::string> approvers, barred;  // barred: took part, so may not
  Status status = Status::waiting;
};
std::vector<ApprovalRow> approval_rows(const State& state);

struct CompensationRow {
  CompensationId compensation{};
  CompensationState::Phase phase = CompensationState::Phase::proposed;
  CompensationAction action = CompensationAction::restore_previous;
  std::uint32_t steps = 0, done = 0;
  std::optional<ApprovalId> approval;
  bool approved = true;  // or none needed
  std::string proposer, last_failure;
  EntryIndex at = no_entry;
};
std::vector<CompensationRow> compensation_rows(const State& state);

struct StoryLine {
  EntryIndex index = 0;
  Timestamp at = 0;
  Actor who;
  EntryIndex cause = no_entry;
  std::string_view kind;  // "LoadCommitted"
  std::string text;       // one sentence
};

// What an event is about: the slot (and others, maybe), the run, the pipeline. A load, an approval
// or a pause belongs to the slots it touches.
bool is_about(const State& state, const Event& event, SlotId slot);
std::optional<RunId> run_of(const State& state, const Event& event);
std::string_view pipeline_of(const State& state, const Event& event);  // empty: of none, or of all

// Everything the book says about a partition up to state.size, in order: its own entries, those of
// the runs that worked on it, of its quarantine, approvals and compensations, and once it is there
// pauses of its pipeline and of the whole book. Reads the ledger once from the start.
Result<std::vector<StoryLine>> explain(const State& state, const Ledger& ledger, SlotId slot);

}  // namespace daybook
