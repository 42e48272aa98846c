// What happened. An event is a fact: it was decided, it is in the ledger, it can not be refused.
//
// The struct says what a fact carries; apply*.cc say what it does to the state. Adding one takes
// four places: here, folding.h with its apply*.cc, ledger/codec/event.capnp and
// ledger/codec/event_codec.cc; the compiler names each that is missing. Bounds: one event encodes
// to at most 65,535 bytes, so the lists below are bounded by decide (see `limits`).
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "statemachine/ids.h"

namespace daybook {

namespace limits {
inline constexpr std::size_t text_bytes_max = 2'000;   // reason, detail, evidence: cut, with a mark
inline constexpr std::size_t list_items_max = 100;     // inputs, files, rules, gates of one event
inline constexpr std::size_t files_in_commit_max = 8;  // more are listed before the commit
inline constexpr std::size_t files_per_load_max = 10'000;
inline constexpr std::size_t keys_per_event_max = 200;       // expected partitions
inline constexpr std::size_t records_per_event_max = 8'000;  // released or discarded record numbers
inline constexpr std::size_t slots_per_compensation_max = 1'000;
inline constexpr std::size_t payloads_per_erasure_max = 150;
inline constexpr std::size_t records_per_erasure_max = 5'000;
inline constexpr std::size_t witnesses_max = 16;
inline constexpr std::uint32_t lost_attempts_max =
    50;  // a partition that kills the process is poison
}  // namespace limits

// --- values inside events ---------------------------------------------------------------------

enum class ActorKind : std::uint8_t { human, service, system };

struct Actor {
  std::string principal;  // "ana", "daybook": a name, never a mail address
  ActorKind kind = ActorKind::system;
  std::string on_behalf_of;  // empty unless delegated
  bool operator==(const Actor&) const = default;
};

// Who, when and why, on every entry. `cause` is the entry that led to this one.
struct Envelope {
  Timestamp recorded_at = 0;  // never decreases along the ledger
  Uuid correlation{};         // of the run; all zero outside runs
  EntryIndex cause = no_entry;
  Actor actor;
  std::uint32_t epoch = 0;  // of the boot that wrote it
  bool operator==(const Envelope&) const = default;
};

// How a failure is to be treated.
enum class ErrorClass : std::uint8_t {
  transient,
  throttled,
  dependency_down,  // retried
  contract,
  data,
  definition,
  permission,  // not retried: a person decides
  poison,
  internal,  // retried within bounds, then set aside
};

// read = accepted + quarantined + filtered + merged, or the attempt does not pass. Merged counts
// rows folded into another by dedupe, unique-in-merge or aggregate.
struct RowCounts {
  std::uint64_t read = 0, accepted = 0, quarantined = 0, filtered = 0, merged = 0;
  bool operator==(const RowCounts&) const = default;
};

struct RuleCount {
  std::string rule;  // rule id, or "step 3 filter"
  std::uint64_t rows = 0;
  bool operator==(const RuleCount&) const = default;
};

// One source file (or captured query) as it was read.
struct InputFile {
  std::string name;  // relative to the project
  Digest digest{};   // SHA-256 of its bytes
  std::uint64_t bytes = 0, records = 0;
  Digest record_root{};  // RFC 6962 root over its records (row-leaf form, docs/ledger_format.md)
  PayloadRef copy;       // retained copy; length 0 where the policy is reference only
  bool operator==(const InputFile&) const = default;
};

struct OutputFile {
  std::string name;  // relative to the sink's root
  std::uint64_t bytes = 0, rows = 0;
  Digest digest{};
  bool operator==(const OutputFile&) const = default;
};

struct GateFinding {
  std::string gate;
  std::string measured, required;  // exact text
  bool passed = false, blocking = true;
  bool operator==(const GateFinding&) const = default;
};

enum class RunKind : std::uint8_t { normal, rerun, release };
enum class RunOutcome : std::uint8_t { succeeded, failed, held, cancelled };
enum class PlanReason : std::uint8_t {
  new_partition,
  input_changed,
  definition_changed,
  engine_changed,
  failed_before,
  released,
  forced,
  compensated,
  lost,
};
enum class SkipReason : std::uint8_t {
  unchanged,      // inputs, definition and engine are those of the generation that stands
  late_rejected,  // the input changed after the load and the definition says reject
  set_aside,      // quarantined as a whole, and nothing changed since
  waiting,        // held or awaiting approval, and nothing changed since
  compensated,    // exactly this was loaded and taken back
  appended,       // its input is unchanged: appending it again would double what stands
};
enum class LoadMode : std::uint8_t { replace, merge, append };
enum class CompensationAction : std::uint8_t { restore_previous, remove, flag };
enum class ApprovalSubject : std::uint8_t { load, compensation, erasure };
enum class HoldDecision : std::uint8_t { load_anyway, discard };
enum class ScopeKind : std::uint8_t { book, pipeline, run, partition };

struct Scope {
  ScopeKind kind = ScopeKind::book;
  std::string pipeline;   // pipeline
  RunId run = no_run;     // run
  SlotId slot = no_slot;  // partition
  bool operator==(const Scope&) const = default;
};

inline Scope scope_of(RunId run) {
  return {.kind = ScopeKind::run, .pipeline = {}, .run = run, .slot = no_slot};
}

// --- the book -----------------------------------------------------------------------------------

struct BookCreated {
  std::string origin;    // of the checkpoints: "daybook.local/<book id>"
  std::string log_vkey;  // C2SP vkey of the signing key
  std::uint32_t format = 1;
  bool operator==(const BookCreated&) const = default;
};
struct Booted {
  std::uint32_t epoch = 0;  // one more than the last
  std::string version;      // of daybook
  bool operator==(const Booted&) const = default;
};
// The tree of `size` entries was re-read, signed and kept; `state_root` is the digest of the state
// folded from those entries.
struct CheckpointSigned {
  std::uint64_t size = 0;
  Digest root{}, state_root{};
  bool operator==(const CheckpointSigned&) const = default;
};
struct PrincipalEnrolled {
  std::string principal;
  std::string public_key;  // OpenSSH one-line form, without comment
  std::vector<std::string> roles;
  bool operator==(const PrincipalEnrolled&) const = default;
};
struct PrincipalRevoked {
  std::string principal, reason;
  bool operator==(const PrincipalRevoked&) const = default;
};
// An authenticated actor asked for what the rules forbid. Changes nothing else.
struct CommandRefused {
  std::string command, refusal, detail;
  bool operator==(const CommandRefused&) const = default;
};

// --- definitions --------------------------------------------------------------------------------

struct DefinitionRegistered {
  DefinitionId definition{};
  std::string pipeline;
  std::uint64_t version = 0;
  Digest digest{};   // what runs: file, contracts, components
  PayloadRef files;  // the pipeline file and its contracts
  std::string owner;
  bool operator==(const DefinitionRegistered&) const = default;
};
// Each named partition is to exist; one without a verified generation is a gap.
struct PartitionsExpected {
  std::string pipeline, sink;
  std::vector<std::string> keys;
  bool operator==(const PartitionsExpected&) const = default;
};

// --- runs ---------------------------------------------------------------------------------------

struct RunStarted {
  RunId run{};
  Uuid uuid{};
  RunKind kind = RunKind::normal;
  std::string pipeline;
  DefinitionId definition{};
  Digest engine{};  // engine and component versions, time zone data
  std::string idempotency_key;
  std::string reason;
  std::uint32_t partitions = 0;  // it takes on; 0: written before a run said so
  bool force = false;            // plans even what is unchanged
  bool operator==(const RunStarted&) const = default;
};
struct RunFinished {
  RunId run{};
  RunOutcome outcome = RunOutcome::succeeded;
  bool operator==(const RunFinished&) const = default;
};
struct RunCancelled {
  RunId run{};
  std::string reason;
  bool operator==(const RunCancelled&) const = default;
};
struct SlotCancelled {  // what the run still owed of one partition
  RunId run{};
  SlotId slot{};
  std::string reason;
  bool operator==(const SlotCancelled&) const = default;
};
struct Paused {
  Scope scope;
  std::string reason;
  bool operator==(const Paused&) const = default;
};
struct Drained {  // nothing of the scope is running any more
  Scope scope;
  bool operator==(const Drained&) const = default;
};
struct Resumed {
  Scope scope;
  std::string reason;
  bool operator==(const Resumed&) const = default;
};
struct CircuitOpened {  // a burst of one fingerprint: the run stops starting partitions
  RunId run{};
  std::string fingerprint;
  std::uint32_t failures = 0;
  bool operator==(const CircuitOpened&) const = default;
};

// The run takes on these partitions and no others of what its source offers. Follows RunStarted,
// as often as the keys need; a run without it takes on all.
struct PartitionsChosen {
  RunId run{};
  std::vector<std::string> keys;
  bool operator==(const PartitionsChosen&) const = default;
};
// Each partition the run takes on is planned, held or skipped: only now may the first attempt
// start, and may the run finish.
struct PlanningCompleted {
  RunId run{};
  std::uint32_t planned = 0, skipped = 0;
  bool operator==(const PlanningCompleted&) const = default;
};

// --- slots and attempts
// ---------------------------------------------------------------------------

struct SlotOpened {
  SlotId slot{};
  std::string pipeline, sink, partition;
  bool operator==(const SlotOpened&) const = default;
};
struct PartitionPlanned {
  RunId run{};
  SlotId slot{};
  PlanReason reason = PlanReason::new_partition;
  Digest inputs{};  // over source digests, lookup digests and the overlay of released records
  bool operator==(const PartitionPlanned&) const = default;
};
struct PartitionSkipped {
  RunId run{};
  SlotId slot{};
  SkipReason reason = SkipReason::unchanged;
  Generation generation = 0;  // that stands
  bool operator==(const PartitionSkipped&) const = default;
};
// The index of this entry is the fence of the attempt: sinks refuse any lower one.
struct AttemptStarted {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  bool operator==(const AttemptStarted&) const = default;
};
struct AttemptStaged {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  Digest inputs{};  // as read; differs from the planned one only where the source moved before it
  std::vector<InputFile> files;
  RowCounts counts;
  std::vector<RuleCount> rules;
  Digest
      output_root{};  // RFC 6962 over output rows; size is counts.accepted unless merge keeps more
  std::uint64_t output_rows = 0;
  Digest
      content{};  // over (output_root, output_rows, schema): the identity of what is to be loaded
  // Quarantined records of this attempt: a batch where counts.quarantined > 0.
  BatchId batch = no_batch;
  Digest quarantine_root{};
  PayloadRef quarantine;
  std::vector<GateFinding> gates;
  // The secret of 32 bytes that the leaves of its trees are salted with (docs/ledger_format.md).
  // Erased, the commitments stand and no leaf can be tested against a guess any more. Length 0: an
  // attempt of a version before salts.
  PayloadRef salts;
  bool operator==(const AttemptStaged&) const = default;
};
struct AttemptFailed {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  ErrorClass error = ErrorClass::internal;
  std::string code;         // stable: "source.changed", "sqlstate.40001"
  std::string fingerprint;  // same cause, same text
  std::string detail;
  std::string classified_by;  // the rule that chose the class
  bool operator==(const AttemptFailed&) const = default;
};
// The process died (or gave up) while the attempt ran; nothing of it can reach the sink any more.
struct AttemptLost {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  std::string reason;
  bool operator==(const AttemptLost&) const = default;
};
struct RetryScheduled {
  RunId run{};
  SlotId slot{};
  std::uint64_t delay_ms = 0;  // after this entry's recorded time
  std::uint64_t seed = 0;  // of the jitter: delay is a pure function of (policy, failures, seed)
  bool operator==(const RetryScheduled&) const = default;
};
struct SlotHeld {  // a gate failed, or late data waits for a person
  RunId run{};
  SlotId slot{};
  std::string reason;
  bool operator==(const SlotHeld&) const = default;
};
struct HoldDecided {
  SlotId slot{};
  HoldDecision decision = HoldDecision::discard;
  std::string reason;
  bool operator==(const HoldDecided&) const = default;
};
struct SlotQuarantined {  // the partition as a whole is set aside
  RunId run{};
  SlotId slot{};
  std::string reason;
  bool operator==(const SlotQuarantined&) const = default;
};
struct SlotReleased {
  SlotId slot{};
  std::string reason;
  bool operator==(const SlotReleased&) const = default;
};

// --- loads
// ----------------------------------------------------------------------------------------

struct LoadIntended {
  RunId run{};
  SlotId slot{};
  Attempt attempt = 0;
  Generation generation = 0;
  Digest load_id{};  // derived: SHA-256(origin, pipeline, sink, partition, generation, content)
  Digest content{};
  std::uint64_t rows = 0;
  LoadMode mode = LoadMode::replace;
  bool operator==(const LoadIntended&) const = default;
};
// Files of the load whose LoadCommitted follows: together they stand directly before it, written by
// the same decision. A proof of one row needs the commit and none of these.
struct LoadFilesListed {
  RunId run{};
  SlotId slot{};
  Digest load_id{};
  std::vector<OutputFile> files;
  bool operator==(const LoadFilesListed&) const = default;
};
struct LoadCommitted {
  RunId run{};
  SlotId slot{};
  Digest load_id{};
  std::uint64_t rows = 0;
  bool recovered = false;          // found in the sink by a later attempt
  std::string evidence;            // manifest digest, or xid, LSN and timeline
  std::vector<OutputFile> files;   // empty where they are listed before it
  std::uint32_t files_listed = 0;  // in the LoadFilesListed directly before this entry
  bool operator==(const LoadCommitted&) const = default;
};
struct LoadAborted {  // absence was established under the fence
  RunId run{};
  SlotId slot{};
  Digest load_id{};
  std::string evidence;
  bool operator==(const LoadAborted&) const = default;
};
struct LoadVerified {
  RunId run{};
  SlotId slot{};
  Digest load_id{};
  std::uint64_t rows = 0;
  bool operator==(const LoadVerified&) const = default;
};
struct LoadLost {  // reconcile: the sink no longer holds what was committed
  SlotId slot{};
  Digest load_id{};
  std::string evidence;
  bool operator==(const LoadLost&) const = default;
};
struct Reconciled {
  std::string sink;
  std::uint32_t checked = 0, findings = 0;
  bool operator==(const Reconciled&) const = default;
};

// --- quarantined records
// ----------------------------------------------------------------------------

struct RecordAmended {
  BatchId batch{};
  std::uint32_t record = 0;  // position in the batch, from 0
  PayloadRef replacement;    // the record's new bytes
  Digest digest{};           // SHA-256 of them
  std::string reason;
  bool operator==(const RecordAmended&) const = default;
};
struct RecordsReleased {
  BatchId batch{};
  std::vector<std::uint32_t> records;
  std::string reason;
  bool operator==(const RecordsReleased&) const = default;
};
struct RecordsDiscarded {
  BatchId batch{};
  std::vector<std::uint32_t> records;
  std::string reason;
  bool operator==(const RecordsDiscarded&) const = default;
};

// --- approvals
// ----------------------------------------------------------------------------------------

struct ApprovalRequested {
  ApprovalId approval{};
  ApprovalSubject subject = ApprovalSubject::load;
  SlotId slot = no_slot;
  CompensationId compensation = no_compensation;
  Digest digest{};  // of the exact plan; any change is another digest and voids what was given
  std::uint32_t needed = 1;
  ErasureId erasure = no_erasure;
  bool operator==(const ApprovalRequested&) const = default;
};
struct ApprovalGiven {
  ApprovalId approval{};
  std::string approver;
  std::string key_fingerprint;  // SHA256:… of the OpenSSH key
  std::string signature;        // armored SSHSIG over the plan, namespace "daybook"
  bool operator==(const ApprovalGiven&) const = default;
};
struct ApprovalRejected {
  ApprovalId approval{};
  std::string approver, reason;
  bool operator==(const ApprovalRejected&) const = default;
};

// --- compensation
// -----------------------------------------------------------------------------------

struct CompensationStep {
  SlotId slot{};
  Generation generation = 0;  // to be taken back
  Generation restores = 0;    // that becomes current again; 0: none
  Digest load_id{};           // of the compensation itself: its own marker in the sink
  bool operator==(const CompensationStep&) const = default;
};
struct CompensationProposed {
  CompensationId compensation{};
  CompensationAction action = CompensationAction::restore_previous;
  std::vector<CompensationStep> steps;  // in the order of execution: newest load first
  Digest plan{};                        // SHA-256 of the plan's text
  PayloadRef text;
  std::uint32_t approvals = 0;
  std::string reason;
  bool operator==(const CompensationProposed&) const = default;
};
struct CompensationStarted {
  CompensationId compensation{};
  bool operator==(const CompensationStarted&) const = default;
};
// As for loads: durable before the sink is touched; this entry's index is the fence.
struct CompensationIntended {
  CompensationId compensation{};
  std::uint32_t step = 0;
  bool operator==(const CompensationIntended&) const = default;
};
struct CompensationCommitted {
  CompensationId compensation{};
  std::uint32_t step = 0;
  std::uint64_t rows_removed = 0, rows_restored = 0;
  bool recovered = false;
  std::string evidence;
  bool operator==(const CompensationCommitted&) const = default;
};
// A step could not be done; it may be resumed. Settled: under the fence the sink said that nothing
// of it was done, so nothing is under way and the compensation may be withdrawn as well.
struct CompensationFailed {
  CompensationId compensation{};
  std::uint32_t step = 0;
  std::string detail;
  bool settled = false;
  bool operator==(const CompensationFailed&) const = default;
};
struct CompensationFinished {
  CompensationId compensation{};
  bool operator==(const CompensationFinished&) const = default;
};
struct CompensationWithdrawn {
  CompensationId compensation{};
  std::string reason;
  bool operator==(const CompensationWithdrawn&) const = default;
};

// --- erasure
// --------------------------------------------------------------------------------------

enum class PayloadKind : std::uint8_t { quarantine, amendment, input };

// One reference to a payload that is to become unreadable. A payload that several attempts refer
// to stands here once for each, so that a hold on any of them counts.
struct ErasureItem {
  PayloadKind kind = PayloadKind::quarantine;
  PayloadRef payload;
  // The same records without what is erased; length 0: nothing takes the payload's place.
  PayloadRef replacement;
  SlotId slot = no_slot;
  RunId run = no_run;
  BatchId batch = no_batch;            // quarantine and amendment
  std::vector<std::uint32_t> records;  // of the batch, rising; empty: all of them
  EntryIndex entry = no_entry;         // that refers to the payload
  bool operator==(const ErasureItem&) const = default;
};
struct ErasureProposed {
  ErasureId erasure{};
  std::string policy;  // what calls for it: "subject", "retention quarantine 30d"; no personal data
  std::vector<ErasureItem> items;
  Digest plan{};  // SHA-256 of the plan's text
  PayloadRef text;
  std::uint32_t approvals = 1;
  std::string reason;
  bool operator==(const ErasureProposed&) const = default;
};
// Durable before the first key is destroyed: from here on the payloads count as erased.
struct ErasureStarted {
  ErasureId erasure{};
  bool operator==(const ErasureStarted&) const = default;
};
// The receipt: no key of them is left, and that is durable.
struct ErasureFinished {
  ErasureId erasure{};
  std::uint32_t payloads = 0;  // different ones
  std::uint64_t bytes = 0;     // of their plaintext
  bool operator==(const ErasureFinished&) const = default;
};
struct ErasureWithdrawn {
  ErasureId erasure{};
  std::string reason;
  bool operator==(const ErasureWithdrawn&) const = default;
};
// Nothing of the scope may be erased until the hold is released.
struct LegalHoldPlaced {
  LegalHoldId hold{};
  Scope scope;
  std::string reason;
  bool operator==(const LegalHoldPlaced&) const = default;
};
struct LegalHoldReleased {
  LegalHoldId hold{};
  std::string reason;
  bool operator==(const LegalHoldReleased&) const = default;
};

// --- what others see of the log
// ---------------------------------------------------------------------

// Who is asked to cosign each checkpoint (https://c2sp.org/tlog-witness).
struct WitnessAdded {
  std::string name;  // in this book: "auditor"
  std::string vkey;  // of its cosignatures
  std::string url;   // submission prefix: add-checkpoint is below it
  bool operator==(const WitnessAdded&) const = default;
};
struct WitnessRemoved {
  std::string name, reason;
  bool operator==(const WitnessRemoved&) const = default;
};
// Checkpoints that cover this entry are signed with the new key, under the same origin. The old key
// vouches for it: whoever trusts that one needs nothing else (replay/log_keys.h).
struct LogKeyRotated {
  std::string log_vkey;   // the new key
  Digest root{};          // of the entries before this one
  std::string signature;  // by the old key, as on a note's signature line
  std::string reason;
  bool operator==(const LogKeyRotated&) const = default;
};
// The log goes on under another name and key: what was signed under the old origin after `root` is
// not in this book. Nobody who trusts the old origin is to trust the new one by this entry alone.
struct LogOriginChanged {
  std::string origin, log_vkey;  // from now on
  std::string old_origin;
  std::uint64_t seen = 0;  // entries somebody saw under the old origin; 0: not known
  Digest root{};           // of the entries before this one
  std::string signature;   // by the old key; empty where that is lost
  std::string reason;
  bool operator==(const LogOriginChanged&) const = default;
};

using Event = std::variant<
    BookCreated, Booted, CheckpointSigned, PrincipalEnrolled, PrincipalRevoked, CommandRefused,
    DefinitionRegistered, PartitionsExpected, RunStarted, RunFinished, RunCancelled, Paused,
    Drained, Resumed, CircuitOpened, SlotOpened, PartitionPlanned, PartitionSkipped, AttemptStarted,
    AttemptStaged, AttemptFailed, AttemptLost, RetryScheduled, SlotHeld, HoldDecided,
    SlotQuarantined, SlotReleased, LoadIntended, LoadCommitted, LoadAborted, LoadVerified, LoadLost,
    Reconciled, RecordAmended, RecordsReleased, RecordsDiscarded, ApprovalRequested, ApprovalGiven,
    ApprovalRejected, CompensationProposed, CompensationStarted, CompensationIntended,
    CompensationCommitted, CompensationFailed, CompensationFinished, CompensationWithdrawn,
    ErasureProposed, ErasureStarted, ErasureFinished, ErasureWithdrawn, LegalHoldPlaced,
    LegalHoldReleased, PartitionsChosen, PlanningCompleted, WitnessAdded, WitnessRemoved,
    LogKeyRotated, LogOriginChanged, LoadFilesListed, SlotCancelled>;

// An entry of the book as a value: what the codec reads and the fold takes.
struct Entry {
  Envelope envelope;
  Event event;
  bool operator==(const Entry&) const = default;
};

}  // namespace daybook
