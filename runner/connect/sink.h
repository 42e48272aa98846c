// A place data is loaded into, exactly once. The protocols are those of docs/reliability.md (the
// load protocol): intent in the book, then effect and marker as one atomic act under a fence, then
// the commit in the book. A driver never decides: it does one step and says what it found.
//
// Blocking; one driver object is used by one thread at a time. All functions may be called again
// after a crash at any point, with a higher fence, and then finish or answer what already happened.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "runner/dataplane/stage.h"
#include "runner/definition/pipeline.h"
#include "statemachine/events.h"

namespace daybook {

// A load the book calls lost, or gave up: whatever the target has of it counts for nothing.
struct LostLoad {
  Generation generation = 0;
  Digest load_id{};
  bool operator==(const LostLoad&) const = default;
};

// What the book remembers of a target: the last load that was committed there, and into which
// cluster (from its evidence; empty where it is not known, or no cluster).
struct SinkMemory {
  std::string cluster;
  Digest load_id{};
};

// One load as the book intended it.
struct LoadPlan {
  std::string origin;  // of the book
  std::string pipeline;
  std::string partition;
  Generation generation = 0;
  Generation replaces = 0;  // current generation before this one; 0: none
  Digest replaces_load_id{};
  Digest load_id{};
  Digest content{};
  std::uint64_t rows = 0;
  EntryIndex fence = 0;  // never lower than an earlier one (runner/fence.h)
  LoadMode mode = LoadMode::replace;
  std::vector<std::string> key;  // merge
  std::vector<Column> columns;
  std::vector<LostLoad> lost;    // of this slot: taken out of sight as this load comes in
  std::vector<Digest> intended;  // append, merge: what the book ever intended here, this included
  std::filesystem::path staged;  // directory of the staged files
  std::vector<StagedFile> files;
};

// What a merge into files is put over: the slot's current generation, as the book has it.
struct MergeBase {
  std::string pipeline, partition;
  Generation generation = 0;  // 0: none
  Digest load_id{};
  std::vector<LostLoad> lost;
};

struct LoadEvidence {
  bool recovered = false;  // an earlier attempt had committed it
  std::uint64_t rows = 0;
  std::string evidence;  // manifest digest, or "xid 731 lsn 0/16B3748 timeline 1 system 72…"
  std::vector<OutputFile> files;
};

struct SinkFailure {
  ErrorClass error = ErrorClass::internal;
  std::string code;  // "fenced", "sqlstate.40001", "errno.ENOSPC", "conflict"
  std::string detail;
  std::string fingerprint;
  std::string classified_by;
  bool ambiguous = false;  // the effect may have happened: only settle() may say
};

template <typename T>
using SinkResult = std::expected<T, SinkFailure>;

// One step of a compensation: take back `generation`, make `restores` current again (0: none).
struct CompensationPlan {
  std::string origin, pipeline, partition;
  CompensationAction action = CompensationAction::restore_previous;
  Generation generation = 0, restores = 0;
  Digest generation_load_id{}, restores_load_id{};
  Digest load_id{};  // of the compensation: its own marker
  EntryIndex fence = 0;
};

struct CompensationEvidence {
  bool recovered = false;
  std::uint64_t rows_removed = 0, rows_restored = 0;
  std::string evidence;
};

// What the sink holds for one slot, by its own markers.
struct SinkGeneration {
  std::string pipeline, partition;
  Generation generation = 0;
  Digest load_id{}, content{};
  std::uint64_t rows = 0;
  bool tombstone = false;  // compensated
  bool current = false;
  // Deep check only: data and marker disagree ("part-1.parquet: digest differs"); empty when sound.
  std::string damage;
  // Of the damage: what was loaded is whole, and readers see something of nobody's beside it.
  bool added_only = false;
  std::string origin;  // of the book that loaded it: a target may be shared by several
};

class SinkDriver {
 public:
  virtual ~SinkDriver() = default;

  // Before anything is planned: reachable, writable, right cluster or file system, schema fits the
  // output columns. Creates what is missing (tables, marker tables, directories). `token` is
  // random: what is tried and taken away again is called by it, so that no two tries meet.
  virtual SinkResult<void> prepare(const std::vector<Column>& columns, LoadMode mode,
                                   const std::vector<std::string>& key, std::uint64_t token) = 0;

  // Raises the fence and commits the staged files with their marker. Success: visible, durable,
  // once. Failure that is not ambiguous: nothing visible, and nothing of this attempt can become
  // visible. Of a writer that was overtaken it says nothing: settle() does.
  virtual SinkResult<LoadEvidence> load(const LoadPlan& plan) = 0;

  // After a crash, a failure or an ambiguous answer: takes the fence, then answers for good. A
  // value: it is committed (finished now where the protocol allows; whether its data is still what
  // was loaded, verify() says). nullopt: it is not, and can not be any more. A failure: nobody
  // knows, and it is to be asked again.
  virtual SinkResult<std::optional<LoadEvidence>> settle(const LoadPlan& plan) = 0;

  // Re-reads what was loaded through a fresh connection or descriptor: rows and digests.
  virtual SinkResult<std::uint64_t> verify(const LoadPlan& plan) = 0;

  // Numbers of a compensation without doing it, and the act itself; `settle` semantics as for
  // loads: calling compensate again with a higher fence finishes or reports what happened.
  virtual SinkResult<CompensationEvidence> dry_run(const CompensationPlan& plan) = 0;
  virtual SinkResult<CompensationEvidence> compensate(const CompensationPlan& plan) = 0;

  // Everything the sink's markers say, for reconcile. deep: check the data against them too.
  virtual SinkResult<std::vector<SinkGeneration>> inventory(bool deep) = 0;

  // Absolute paths of the files a merge into a directory is put over; empty elsewhere. Those of the
  // base, whatever was put over it since: that is no part of the book's story, and load() judges
  // it.
  virtual SinkResult<std::vector<std::filesystem::path>> current_files(const MergeBase& base) = 0;

  // Removes what overtaken attempts at the plan's slot left, and superseded data that can no longer
  // be restored. Under the plan's fence; idempotent; never by pattern.
  virtual SinkResult<void> tidy(const LoadPlan& plan) = 0;

  virtual StagedFormat staged_format() const = 0;
};

// `connection` secrets are resolved here, at the last moment, and appear in no error text.
// A target that is not the one of `memory` is refused by whatever is asked of it.
SinkResult<std::unique_ptr<SinkDriver>> open_sink(const Pipeline& pipeline,
                                                  const SinkMemory& memory = {});

// restore_previous goes back this many generations at least: tidying keeps them.
inline constexpr std::size_t superseded_generations_kept = 2;

}  // namespace daybook
