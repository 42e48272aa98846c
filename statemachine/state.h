// Everything the decisions depend on: the fold of all entries so far. A plain value: copy it,
// compare it, serialise it. Large and rarely needed things (files, texts, signatures) stay in the
// entries; the state keeps the index where they stand.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "statemachine/events.h"
#include "statemachine/ids.h"

namespace daybook {

enum class SlotPhase : std::uint8_t {
  idle,     // expected, or opened and never planned
  planned,  // a run owes it an attempt
  running,
  failed,  // the last attempt ended badly and no retry is scheduled
  retry_waiting,
  held,  // a gate failed, or late data waits for a decision
  awaiting_approval,
  staged,  // passed everything that stands before the load
  load_intended,
  loaded,
  verified,
  quarantined,  // the partition as a whole is set aside
  compensating,
  compensated,
  lost,  // the sink lost what was loaded
  cancelled,
  skipped,
};

enum class Standing : std::uint8_t {
  intended,
  aborted,
  committed,
  verified,
  superseded,
  compensated,
  lost
};

// Whether the target shows it, as far as the book knows.
constexpr bool stands(Standing standing) {
  return standing == Standing::committed || standing == Standing::verified;
}

struct GenerationState {
  Generation number = 0;
  Standing standing = Standing::intended;
  LoadMode mode = LoadMode::replace;
  RunId run = no_run;
  DefinitionId definition{};
  Digest engine{}, inputs{}, content{}, load_id{};
  std::uint64_t rows = 0;
  RowCounts counts;
  BatchId batch = no_batch;
  EntryIndex staged_at = no_entry;  // its AttemptStaged
  EntryIndex intended_at = no_entry;
  EntryIndex committed_at = no_entry;
  EntryIndex fence = no_entry;  // its AttemptStarted
  Generation replaced = 0;      // what was current before it
  bool operator==(const GenerationState&) const = default;
};

// What the last attempt staged and did not load yet.
struct StagedState {
  Attempt attempt = 0;
  Digest inputs{}, content{};
  RowCounts counts;
  std::uint64_t output_rows = 0;
  BatchId batch = no_batch;
  EntryIndex at = no_entry;
  bool operator==(const StagedState&) const = default;
};

// (pipeline, sink, partition key): the place a partition's data has in the target.
struct Slot {
  std::string pipeline, sink, partition;
  SlotPhase phase = SlotPhase::idle;
  bool expected = false, paused = false;
  RunId run = no_run;  // that works on it, or worked last
  PlanReason reason = PlanReason::new_partition;
  Digest inputs{};              // as planned
  Attempt attempt = 0;          // highest started
  EntryIndex fence = no_entry;  // index of the last AttemptStarted or CompensationIntended
  std::uint32_t failures = 0, losses = 0;  // in this run
  std::uint32_t attempt_epoch = 0;         // boot that started the live attempt
  Timestamp not_before = 0;                // of the next attempt
  std::optional<StagedState> staged;
  Digest overruled{};                        // content a person let pass in spite of its gates
  std::optional<ApprovalId> approval;        // last asked for
  std::vector<BatchId> batches;              // of all its attempts
  std::vector<GenerationState> generations;  // number n stands at n - 1
  Generation current = 0;                    // what readers of the sink see; 0: nothing
  std::optional<ErrorClass> error;           // of the last failed attempt
  EntryIndex story = no_entry;               // the entry that put it into its phase
  // What salted the last staged attempt, until it is loaded: an attempt that is done again commits
  // to the same content under the same digests. The generation after has salts of its own.
  PayloadRef salts;
  bool operator==(const Slot&) const = default;
};

struct RunState {
  Uuid uuid{};
  RunKind kind = RunKind::normal;
  std::string pipeline;
  DefinitionId definition{};
  Digest engine{};
  std::string requester, idempotency_key;
  Timestamp started_at = 0, finished_at = 0;
  EntryIndex started = no_entry, finished = no_entry;
  bool open = true, cancelled = false, paused = false;
  RunOutcome outcome = RunOutcome::succeeded;
  std::vector<SlotId> slots;  // in the order they were planned or skipped
  std::uint32_t skipped = 0;
  std::map<std::string, std::uint32_t> failures;  // by fingerprint, since the last success
  std::string circuit;                            // fingerprint that opened it; empty: closed
  std::uint32_t partitions = 0;                   // it takes on; 0: began before runs said so
  bool force = false, planned = false;            // planned: its planning was completed
  std::vector<std::string> chosen;                // while it plans; empty: all that are offered
  bool operator==(const RunState&) const = default;
};

struct DefinitionState {
  std::string pipeline, owner, registered_by;
  std::uint64_t version = 0;
  Digest digest{};
  PayloadRef files;
  bool operator==(const DefinitionState&) const = default;
};

struct RecordState {
  enum class Status : std::uint8_t { amended, released, delivered, discarded };
  Status status = Status::amended;
  std::optional<PayloadRef> replacement;
  EntryIndex at = no_entry;  // the last entry about it
  std::string by;            // who amended or released it
  bool operator==(const RecordState&) const = default;
};

// The records one attempt set aside.
struct BatchState {
  SlotId slot = no_slot;
  RunId run = no_run;
  Attempt attempt = 0;
  std::uint64_t records = 0;
  Digest root{};
  PayloadRef payload;
  EntryIndex at = no_entry;                      // its AttemptStaged
  bool superseded = false;                       // a later load read the same records again
  std::map<std::uint32_t, RecordState> touched;  // by position; absent: held
  std::set<std::uint32_t> erased;                // positions whose bytes are gone
  bool erased_whole = false;                     // all of them are
  bool operator==(const BatchState&) const = default;
  bool is_erased(std::uint32_t record) const { return erased_whole || erased.contains(record); }
};

struct ApprovalState {
  ApprovalSubject subject = ApprovalSubject::load;
  SlotId slot = no_slot;
  CompensationId compensation = no_compensation;
  Digest digest{};
  std::uint32_t needed = 1;
  std::vector<std::string> approvers;     // who approved
  std::vector<std::string> fingerprints;  // with which keys
  std::vector<std::string> parties;       // who may not: author, requester, operator, releaser
  bool rejected = false, voided = false;
  ErasureId erasure = no_erasure;
  bool operator==(const ApprovalState&) const = default;
  bool satisfied() const { return !rejected && !voided && approvers.size() >= needed; }
};

struct CompensationState {
  enum class Phase : std::uint8_t { proposed, executing, finished, withdrawn };
  Phase phase = Phase::proposed;
  CompensationAction action = CompensationAction::restore_previous;
  std::vector<CompensationStep> steps;
  Digest plan{};
  PayloadRef text;
  std::optional<ApprovalId> approval;
  std::uint32_t done = 0;       // steps committed
  bool intended = false;        // step number `done` is intended and not yet settled
  EntryIndex fence = no_entry;  // of the intended step
  std::string proposer, last_failure;
  EntryIndex at = no_entry;
  bool operator==(const CompensationState&) const = default;
};

struct ErasureState {
  enum class Phase : std::uint8_t { proposed, executing, finished, withdrawn };
  Phase phase = Phase::proposed;
  std::string policy;
  std::vector<ErasureItem> items;
  Digest plan{};
  PayloadRef text;
  std::optional<ApprovalId> approval;
  std::string proposer;
  EntryIndex at = no_entry, started = no_entry, finished = no_entry;
  bool operator==(const ErasureState&) const = default;
};

struct LegalHold {
  Scope scope;
  std::string reason, placed_by;
  EntryIndex at = no_entry, released = no_entry;
  bool operator==(const LegalHold&) const = default;
  bool in_force() const { return released == no_entry; }
};

struct Principal {
  std::string public_key;
  std::vector<std::string> roles;
  bool revoked = false;
  EntryIndex at = no_entry;
  bool operator==(const Principal&) const = default;
};

struct CheckpointState {
  std::uint64_t size = 0;
  Digest root{}, state_root{};
  EntryIndex at = no_entry;
  bool operator==(const CheckpointState&) const = default;
};

struct Witness {
  std::string vkey, url;
  EntryIndex at = no_entry;
  bool operator==(const Witness&) const = default;
};

// One entry that changed who signs the log. Checkpoints of at most `at` entries are the old key's.
struct LogKeyChange {
  std::string old_origin, old_vkey, origin, vkey;
  EntryIndex at = no_entry;
  bool operator==(const LogKeyChange&) const = default;
};

using SlotKey = std::tuple<std::string, std::string, std::string>;  // pipeline, sink, partition

struct State {
  EntryIndex size = 0;  // entries folded
  // The book's own name, in load ids and sinks, which never changes; the key that signs now.
  std::string origin, log_vkey, version;
  std::uint32_t epoch = 0;
  Timestamp now = 0;            // recorded time of the last entry
  std::uint64_t anomalies = 0;  // entries that name what is not there: never from our own decide
  std::map<std::string, Principal> principals;
  std::vector<DefinitionState> definitions;
  std::map<Digest, DefinitionId> definition_by_digest;
  std::map<std::string, DefinitionId> current_definition;  // by pipeline: registered last
  std::vector<RunState> runs;
  std::map<Uuid, RunId> run_by_uuid;
  std::map<std::string, RunId> run_by_idempotency_key;
  std::set<RunId> open_runs;
  std::vector<Slot> slots;
  std::map<SlotKey, SlotId> slot_by_key;
  std::vector<BatchState> batches;
  std::vector<ApprovalState> approvals;
  std::vector<CompensationState> compensations;
  std::set<CompensationId> open_compensations;
  bool paused = false;
  std::set<std::string> paused_pipelines;
  std::optional<CheckpointState> checkpoint;  // the last one
  std::uint64_t checkpoints = 0;
  std::uint64_t refusals = 0;
  std::vector<ErasureState> erasures;
  std::set<ErasureId> open_erasures;    // proposed or executing
  std::map<Digest, EntryIndex> erased;  // payloads, by the entry that began their erasure
  std::vector<LegalHold> legal_holds;
  std::map<std::string, Witness> witnesses;  // by name
  std::vector<LogKeyChange> log_keys;        // in their order; empty: the first key signs all
  bool operator==(const State&) const = default;

  const Slot* find(SlotId id) const;
  const RunState* find(RunId id) const;
  const BatchState* find(BatchId id) const;
  const ApprovalState* find(ApprovalId id) const;
  const CompensationState* find(CompensationId id) const;
  const ErasureState* find(ErasureId id) const;
  const LegalHold* find(LegalHoldId id) const;
  const DefinitionState* find_definition(DefinitionId id) const;
  std::optional<SlotId> slot(const std::string& pipeline, const std::string& sink,
                             const std::string& partition) const;
};

// The name and the key under which checkpoints of `size` entries are signed.
struct LogName {
  std::string origin, vkey;
  bool operator==(const LogName&) const = default;
};
LogName log_name(const State& state, EntryIndex size);
// The same for everything from now on.
inline LogName log_name(const State& state) { return log_name(state, no_entry); }

// The generation `number` of a slot, or null.
const GenerationState* generation(const Slot& slot, Generation number);

// True while the run may still plan partitions and none of its attempts may start. A run that was
// cancelled or stopped by its circuit plans no more.
bool planning(const RunState& run);

// True when nothing more will happen to the slot in its run without a person.
bool settled(SlotPhase phase);

// True where something is owed or waits, and no load is intended yet.
bool cancellable(SlotPhase phase);

// True when new attempts of this slot must not start.
bool paused(const State& state, const Slot& slot);

// The first legal hold in force that covers data of this slot which this run read.
std::optional<LegalHoldId> held_by(const State& state, SlotId slot, RunId run);

// True when nothing new of this run must start, whichever partition it is about.
bool paused(const State& state, const RunState& run);

}  // namespace daybook
