// What may be asked. Everything from outside (time, ids, randomness, digests, who asks) is a field
// here or in the Context, so that decide is a function of its arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "statemachine/events.h"

namespace daybook {

struct Context {
  Timestamp now = 0;
  Actor actor;
};

struct CreateBook {
  std::string origin, log_vkey;
};
struct Boot {
  std::string version;
};
struct RecordCheckpoint {
  std::uint64_t size = 0;
  Digest root{}, state_root{};
};
struct EnrollPrincipal {
  std::string principal, public_key;
  std::vector<std::string> roles;
};
struct RevokePrincipal {
  std::string principal, reason;
};

struct RegisterDefinition {
  std::string pipeline;
  std::uint64_t version = 0;
  Digest digest{};
  PayloadRef files;
  std::string owner;
};
struct ExpectPartitions {
  std::string pipeline, sink;
  std::vector<std::string> keys;
};

struct StartRun {
  Uuid uuid{};
  RunKind kind = RunKind::normal;
  std::string pipeline;
  Digest definition{};
  Digest engine{};
  std::string idempotency_key, reason;
  std::uint32_t partitions = 0;  // it takes on; 0: it does not say, and needs no CompletePlanning
  bool force = false;            // plan even where nothing changed
  std::vector<std::string> chosen = {};  // these partitions alone; empty: all that are offered
};
// Every partition the run takes on is planned or skipped.
struct CompletePlanning {
  RunId run{};
};
struct FinishRun {
  RunId run{};
};
// Of a book or a pipeline: every open run of it. What is past the intent of a load goes on.
struct Cancel {
  Scope scope;
  std::string reason;
};
struct Pause {
  Scope scope;
  std::string reason;
};
struct Resume {
  Scope scope;
  std::string reason;
};
struct MarkDrained {
  Scope scope;
};

// How a partition whose inputs changed after it was loaded is to be treated.
enum class LatePolicy : std::uint8_t { reopen, hold, reject };

struct PlanPartition {
  RunId run{};
  std::string sink, partition;
  Digest inputs{};
  LatePolicy late = LatePolicy::reopen;
  bool force = false;    // plan even where nothing changed
  bool appends = false;  // loading it again would stand beside what is loaded
};
// decide also uses these as the policy of one attempt; they come from the definition.
struct RetryRule {
  std::uint32_t attempts = 5;
  std::uint64_t initial_ms = 1000, factor = 2, max_ms = 60'000;
};
struct StartAttempt {
  RunId run{};
  SlotId slot{};
};
struct StageAttempt {
  AttemptStaged staged;                // batch is assigned by decide where quarantined > 0
  std::uint32_t approvals_needed = 0;  // before a load
  Digest approval_digest{};            // of what would be approved
};
struct FailAttempt {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  ErrorClass error = ErrorClass::internal;
  std::string code, fingerprint, detail, classified_by;
  RetryRule retry;
  std::uint64_t seed = 0;  // of the jitter
  std::uint32_t circuit_threshold = 5;
};
struct LoseAttempt {
  SlotId slot{};
  std::string reason;
};
struct IntendLoad {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  Generation generation = 0;
  Digest load_id{};
  LoadMode mode = LoadMode::replace;
};
struct CommitLoad {
  SlotId slot{};
  Digest load_id{};
  std::uint64_t rows = 0;
  bool recovered = false;
  std::string evidence;
  std::vector<OutputFile> files;
};
// Absence was established under the fence. `failure` where this is a failed load and counts as a
// failed attempt; empty where a crash is being settled.
struct AbortLoad {
  SlotId slot{};
  Digest load_id{};
  std::string evidence;
  std::optional<FailAttempt> failure;
};
struct VerifyLoad {
  SlotId slot{};
  Digest load_id{};
  std::uint64_t rows = 0;
};
struct LoseLoad {
  SlotId slot{};
  Digest load_id{};
  std::string evidence;
};
struct RecordReconciliation {
  std::string sink;
  std::uint32_t checked = 0, findings = 0;
};
struct DecideHold {
  SlotId slot{};
  HoldDecision decision = HoldDecision::discard;
  std::string reason;
};
struct ReleaseSlot {
  SlotId slot{};
  std::string reason;
};

struct AmendRecord {
  BatchId batch{};
  std::uint32_t record = 0;
  PayloadRef replacement;
  Digest digest{};
  std::string reason;
};
struct ReleaseRecords {
  BatchId batch{};
  std::vector<std::uint32_t> records;
  std::string reason;
};
struct DiscardRecords {
  BatchId batch{};
  std::vector<std::uint32_t> records;
  std::string reason;
};

// The signature was checked against the principal's enrolled key by the caller; verify checks it
// again.
struct GiveApproval {
  ApprovalId approval{};
  std::string approver, key_fingerprint, signature;
  Digest digest{};  // of the plan the approver saw
};
struct RejectApproval {
  ApprovalId approval{};
  std::string approver, reason;
};

struct ProposeCompensation {
  CompensationAction action = CompensationAction::restore_previous;
  std::vector<CompensationStep> steps;
  Digest plan{};
  PayloadRef text;
  std::uint32_t approvals = 0;
  std::string reason;
};
struct StartCompensation {
  CompensationId compensation{};
  Digest plan{};
};
struct IntendCompensation {
  CompensationId compensation{};
};
struct CommitCompensation {
  CompensationId compensation{};
  std::uint32_t step = 0;
  std::uint64_t rows_removed = 0, rows_restored = 0;
  bool recovered = false;
  std::string evidence;
};
struct FailCompensation {
  CompensationId compensation{};
  std::uint32_t step = 0;
  std::string detail;
  bool settled = false;  // the sink said that nothing of the step was done
};
struct WithdrawCompensation {
  CompensationId compensation{};
  std::string reason;
};

struct ProposeErasure {
  std::string policy;
  std::vector<ErasureItem> items;
  Digest plan{};
  PayloadRef text;
  std::uint32_t approvals = 1;  // at least one is asked for
  std::string reason;
};
struct StartErasure {
  ErasureId erasure{};
  Digest plan{};
};
struct FinishErasure {
  ErasureId erasure{};
  std::uint32_t payloads = 0;
  std::uint64_t bytes = 0;
};
struct WithdrawErasure {
  ErasureId erasure{};
  std::string reason;
};
struct PlaceLegalHold {
  Scope scope;
  std::string reason;
};
struct ReleaseLegalHold {
  LegalHoldId hold{};
  std::string reason;
};

struct AddWitness {
  std::string name, vkey, url;  // the key and the URL were read by the caller
};
struct RemoveWitness {
  std::string name, reason;
};
// The signatures are over exactly `index` entries: an entry that came between makes them stale.
struct RotateLogKey {
  std::string log_vkey;
  EntryIndex index = 0;
  Digest root{};
  std::string signature, reason;
};
struct ChangeLogOrigin {
  std::string origin, log_vkey;
  EntryIndex index = 0;
  std::uint64_t seen = 0;
  Digest root{};
  std::string signature, reason;
};

using Command =
    std::variant<CreateBook, Boot, RecordCheckpoint, EnrollPrincipal, RevokePrincipal,
                 RegisterDefinition, ExpectPartitions, StartRun, FinishRun, Cancel, Pause, Resume,
                 MarkDrained, PlanPartition, StartAttempt, StageAttempt, FailAttempt, LoseAttempt,
                 IntendLoad, CommitLoad, AbortLoad, VerifyLoad, LoseLoad, RecordReconciliation,
                 DecideHold, ReleaseSlot, AmendRecord, ReleaseRecords, DiscardRecords, GiveApproval,
                 RejectApproval, ProposeCompensation, StartCompensation, IntendCompensation,
                 CommitCompensation, FailCompensation, WithdrawCompensation, ProposeErasure,
                 StartErasure, FinishErasure, WithdrawErasure, PlaceLegalHold, ReleaseLegalHold,
                 CompletePlanning, AddWitness, RemoveWitness, RotateLogKey, ChangeLogOrigin>;

// "Cancel": for refusals in the book.
std::string_view command_name(const Command& command);

}  // namespace daybook
