# The bytes of an entry. Each entry of the ledger is one message with Entry at its root, in Cap'n
# Proto's canonical form: one segment, no segment table, not packed, at most 65,535 bytes.
#
# Books outlive programs, so this file only grows: fields and enumerants are added at the end of
# their struct or enum, event kinds at the end of the union, and nothing is ever renumbered, retyped
# or reused. A field added later defaults to what old entries meant by not having it.
#
# Three habits give one fact one spelling. An empty text or list is a null pointer. Data is a digest
# of 32 bytes or a UUID of 16, and a null pointer where that is all zero. "None" is the default of
# its field, so it takes no space.
@0xeabe9bc7922a99f6;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("daybook::wire");

struct Entry {
  recordedAt @0 :Int64;  # microseconds since 1970-01-01T00:00:00Z; never decreases along the ledger
  correlation @1 :Data;  # UUIDv7 of the run, which is also its trace id; null outside runs
  cause @2 :UInt64 = 0xffffffffffffffff;  # index of the entry that led to this one
  epoch @3 :UInt32;                       # of the boot that wrote it

  actor :group {
    principal @4 :Text;
    kind @5 :ActorKind = system;
    onBehalfOf @6 :Text;
  }

  event :union {
    bookCreated @7 :BookCreated;
    booted @8 :Booted;
    checkpointSigned @9 :CheckpointSigned;
    principalEnrolled @10 :PrincipalEnrolled;
    principalRevoked @11 :PrincipalRevoked;
    commandRefused @12 :CommandRefused;
    definitionRegistered @13 :DefinitionRegistered;
    partitionsExpected @14 :PartitionsExpected;
    runStarted @15 :RunStarted;
    runFinished @16 :RunFinished;
    runCancelled @17 :RunCancelled;
    paused @18 :Paused;
    drained @19 :Drained;
    resumed @20 :Resumed;
    circuitOpened @21 :CircuitOpened;
    slotOpened @22 :SlotOpened;
    partitionPlanned @23 :PartitionPlanned;
    partitionSkipped @24 :PartitionSkipped;
    attemptStarted @25 :AttemptStarted;
    attemptStaged @26 :AttemptStaged;
    attemptFailed @27 :AttemptFailed;
    attemptLost @28 :AttemptLost;
    retryScheduled @29 :RetryScheduled;
    slotHeld @30 :SlotHeld;
    holdDecided @31 :HoldDecided;
    slotQuarantined @32 :SlotQuarantined;
    slotReleased @33 :SlotReleased;
    loadIntended @34 :LoadIntended;
    loadCommitted @35 :LoadCommitted;
    loadAborted @36 :LoadAborted;
    loadVerified @37 :LoadVerified;
    loadLost @38 :LoadLost;
    reconciled @39 :Reconciled;
    recordAmended @40 :RecordAmended;
    recordsReleased @41 :RecordsReleased;
    recordsDiscarded @42 :RecordsDiscarded;
    approvalRequested @43 :ApprovalRequested;
    approvalGiven @44 :ApprovalGiven;
    approvalRejected @45 :ApprovalRejected;
    compensationProposed @46 :CompensationProposed;
    compensationStarted @47 :CompensationStarted;
    compensationIntended @48 :CompensationIntended;
    compensationCommitted @49 :CompensationCommitted;
    compensationFailed @50 :CompensationFailed;
    compensationFinished @51 :CompensationFinished;
    compensationWithdrawn @52 :CompensationWithdrawn;
    erasureProposed @53 :ErasureProposed;
    erasureStarted @54 :ErasureStarted;
    erasureFinished @55 :ErasureFinished;
    erasureWithdrawn @56 :ErasureWithdrawn;
    legalHoldPlaced @57 :LegalHoldPlaced;
    legalHoldReleased @58 :LegalHoldReleased;
    partitionsChosen @59 :PartitionsChosen;
    planningCompleted @60 :PlanningCompleted;
    witnessAdded @61 :WitnessAdded;
    witnessRemoved @62 :WitnessRemoved;
    logKeyRotated @63 :LogKeyRotated;
    logOriginChanged @64 :LogOriginChanged;
    loadFilesListed @65 :LoadFilesListed;
    slotCancelled @66 :SlotCancelled;
  }
}

# --- values inside events ----------------------------------------------------------------------

enum ActorKind { human @0; service @1; system @2; }

enum ErrorClass {
  transient @0;
  throttled @1;
  dependencyDown @2;
  contract @3;
  data @4;
  definition @5;
  permission @6;
  poison @7;
  internal @8;
}

enum RunKind { normal @0; rerun @1; release @2; }

enum RunOutcome { succeeded @0; failed @1; held @2; cancelled @3; }

enum PlanReason {
  newPartition @0;
  inputChanged @1;
  definitionChanged @2;
  engineChanged @3;
  failedBefore @4;
  released @5;
  forced @6;
  compensated @7;
  lost @8;
}

enum SkipReason {
  unchanged @0;
  lateRejected @1;
  setAside @2;
  waiting @3;
  compensated @4;
  appended @5;
}

enum LoadMode { replace @0; merge @1; append @2; }

enum CompensationAction { restorePrevious @0; remove @1; flag @2; }

enum ApprovalSubject { load @0; compensation @1; erasure @2; }

enum HoldDecision { loadAnyway @0; discard @1; }

enum ScopeKind { book @0; pipeline @1; run @2; partition @3; }

enum PayloadKind { quarantine @0; amendment @1; input @2; }

struct PayloadRef {
  # A detached payload. Its bytes may be erased; this stays.
  digest @0 :Data;  # salted
  bytes @1 :UInt64;
}

struct RowCounts {
  # read = accepted + quarantined + filtered + merged, or the attempt does not pass. Merged counts
  # rows folded into another by dedupe, unique-in-merge or aggregate.
  read @0 :UInt64;
  accepted @1 :UInt64;
  quarantined @2 :UInt64;
  filtered @3 :UInt64;
  merged @4 :UInt64;
}

struct RuleCount {
  rule @0 :Text;  # rule id, or "step 3 filter"
  rows @1 :UInt64;
}

struct InputFile {
  # One source file (or captured query) as it was read.
  name @0 :Text;        # relative to the project
  digest @1 :Data;      # SHA-256 of its bytes
  bytes @2 :UInt64;
  records @3 :UInt64;
  recordRoot @4 :Data;  # RFC 6962 root over its records (row-leaf form, docs/ledger_format.md)
  copy @5 :PayloadRef;  # retained copy; length 0 where the policy is reference only
}

struct OutputFile {
  name @0 :Text;  # relative to the sink's root
  bytes @1 :UInt64;
  rows @2 :UInt64;
  digest @3 :Data;
}

struct GateFinding {
  gate @0 :Text;
  measured @1 :Text;  # exact text
  required @2 :Text;
  passed @3 :Bool;
  blocking @4 :Bool = true;
}

struct Scope {
  kind @0 :ScopeKind;
  pipeline @1 :Text;
  run @2 :UInt32 = 0xffffffff;
  slot @3 :UInt32 = 0xffffffff;
}

struct CompensationStep {
  slot @0 :UInt32;
  generation @1 :UInt32;  # to be taken back
  restores @2 :UInt32;    # that becomes current again; 0: none
  loadId @3 :Data;        # of the compensation itself: its own marker in the sink
}

# --- the book ------------------------------------------------------------------------------------

struct BookCreated {
  origin @0 :Text;   # of the checkpoints: "daybook.local/<book id>"
  logVkey @1 :Text;  # C2SP vkey of the signing key
  format @2 :UInt32 = 1;
}

struct Booted {
  epoch @0 :UInt32;  # one more than the last
  version @1 :Text;  # of daybook
}

struct CheckpointSigned {
  # The tree of `size` entries was re-read, signed and kept; `stateRoot` is the digest of the state
  # folded from those entries.
  size @0 :UInt64;
  root @1 :Data;
  stateRoot @2 :Data;
}

struct PrincipalEnrolled {
  principal @0 :Text;
  publicKey @1 :Text;  # OpenSSH one-line form, without comment
  roles @2 :List(Text);
}

struct PrincipalRevoked {
  principal @0 :Text;
  reason @1 :Text;
}

struct CommandRefused {
  # An authenticated actor asked for what the rules forbid. Changes nothing else.
  command @0 :Text;
  refusal @1 :Text;
  detail @2 :Text;
}

# --- definitions ---------------------------------------------------------------------------------

struct DefinitionRegistered {
  definition @0 :UInt32;
  pipeline @1 :Text;
  version @2 :UInt64;
  digest @3 :Data;       # what runs: file, contracts, components
  files @4 :PayloadRef;  # the pipeline file and its contracts
  owner @5 :Text;
}

struct PartitionsExpected {
  # Each named partition is to exist; one without a verified generation is a gap.
  pipeline @0 :Text;
  sink @1 :Text;
  keys @2 :List(Text);
}

# --- runs ----------------------------------------------------------------------------------------

struct RunStarted {
  run @0 :UInt32;
  uuid @1 :Data;
  kind @2 :RunKind;
  pipeline @3 :Text;
  definition @4 :UInt32;
  engine @5 :Data;  # engine and component versions, time zone data
  idempotencyKey @6 :Text;
  reason @7 :Text;
  partitions @8 :UInt32;  # it takes on; 0: written before a run said so
  force @9 :Bool;         # plans even what is unchanged
}

struct PartitionsChosen {
  # The run takes on these partitions and no others of what its source offers.
  run @0 :UInt32;
  keys @1 :List(Text);
}

struct PlanningCompleted {
  # Each partition the run takes on is planned, held or skipped.
  run @0 :UInt32;
  planned @1 :UInt32;
  skipped @2 :UInt32;
}

struct RunFinished {
  run @0 :UInt32;
  outcome @1 :RunOutcome;
}

struct RunCancelled {
  run @0 :UInt32;
  reason @1 :Text;
}

struct SlotCancelled {
  # What the run still owed of one partition.
  run @0 :UInt32;
  slot @1 :UInt32;
  reason @2 :Text;
}

struct Paused {
  scope @0 :Scope;
  reason @1 :Text;
}

struct Drained {
  # Nothing of the scope is running any more.
  scope @0 :Scope;
}

struct Resumed {
  scope @0 :Scope;
  reason @1 :Text;
}

struct CircuitOpened {
  # A burst of one fingerprint: the run stops starting partitions.
  run @0 :UInt32;
  fingerprint @1 :Text;
  failures @2 :UInt32;
}

# --- slots and attempts --------------------------------------------------------------------------

struct SlotOpened {
  slot @0 :UInt32;
  pipeline @1 :Text;
  sink @2 :Text;
  partition @3 :Text;
}

struct PartitionPlanned {
  run @0 :UInt32;
  slot @1 :UInt32;
  reason @2 :PlanReason;
  inputs @3 :Data;  # over source digests, lookup digests and the overlay of released records
}

struct PartitionSkipped {
  run @0 :UInt32;
  slot @1 :UInt32;
  reason @2 :SkipReason;
  generation @3 :UInt32;  # that stands
}

struct AttemptStarted {
  # The index of this entry is the fence of the attempt: sinks refuse any lower one.
  run @0 :UInt32;
  slot @1 :UInt32;
  attempt @2 :UInt32;
}

struct AttemptStaged {
  run @0 :UInt32;
  slot @1 :UInt32;
  attempt @2 :UInt32;
  inputs @3 :Data;  # as read; differs from the planned one only where the source moved before it
  files @4 :List(InputFile);
  counts @5 :RowCounts;
  rules @6 :List(RuleCount);
  outputRoot @7 :Data;             # RFC 6962 over the output rows
  outputRows @8 :UInt64;
  content @9 :Data;  # over (output root, output rows, schema): the identity of what is to be loaded
  batch @10 :UInt32 = 0xffffffff;  # where records were quarantined
  quarantineRoot @11 :Data;
  quarantine @12 :PayloadRef;
  gates @13 :List(GateFinding);
  salts @14 :PayloadRef;  # the secret that the leaves are salted with; none before salts
}

struct AttemptFailed {
  run @0 :UInt32;
  slot @1 :UInt32;
  attempt @2 :UInt32;
  error @3 :ErrorClass = internal;
  code @4 :Text;          # stable: "source.changed", "sqlstate.40001"
  fingerprint @5 :Text;   # same cause, same text
  detail @6 :Text;
  classifiedBy @7 :Text;  # the rule that chose the class
}

struct AttemptLost {
  # The process died (or gave up) while the attempt ran; nothing of it can reach the sink any more.
  run @0 :UInt32;
  slot @1 :UInt32;
  attempt @2 :UInt32;
  reason @3 :Text;
}

struct RetryScheduled {
  run @0 :UInt32;
  slot @1 :UInt32;
  delayMs @2 :UInt64;  # after this entry's recorded time
  seed @3 :UInt64;     # of the jitter: delay is a pure function of (policy, failures, seed)
}

struct SlotHeld {
  # A gate failed, or late data waits for a person.
  run @0 :UInt32;
  slot @1 :UInt32;
  reason @2 :Text;
}

struct HoldDecided {
  slot @0 :UInt32;
  decision @1 :HoldDecision = discard;
  reason @2 :Text;
}

struct SlotQuarantined {
  # The partition as a whole is set aside.
  run @0 :UInt32;
  slot @1 :UInt32;
  reason @2 :Text;
}

struct SlotReleased {
  slot @0 :UInt32;
  reason @1 :Text;
}

# --- loads ---------------------------------------------------------------------------------------

struct LoadIntended {
  run @0 :UInt32;
  slot @1 :UInt32;
  attempt @2 :UInt32;
  generation @3 :UInt32;
  loadId @4 :Data;  # derived: SHA-256(origin, pipeline, sink, partition, generation, content)
  content @5 :Data;
  rows @6 :UInt64;
  mode @7 :LoadMode;
}

struct LoadFilesListed {
  # Files of the load whose LoadCommitted follows directly.
  run @0 :UInt32;
  slot @1 :UInt32;
  loadId @2 :Data;
  files @3 :List(OutputFile);
}

struct LoadCommitted {
  run @0 :UInt32;
  slot @1 :UInt32;
  loadId @2 :Data;
  rows @3 :UInt64;
  recovered @4 :Bool;  # found in the sink by a later attempt
  evidence @5 :Text;   # manifest digest, or xid, LSN and timeline
  files @6 :List(OutputFile);  # empty where they are listed before it
  filesListed @7 :UInt32;      # in the LoadFilesListed directly before this entry
}

struct LoadAborted {
  # Absence was established under the fence.
  run @0 :UInt32;
  slot @1 :UInt32;
  loadId @2 :Data;
  evidence @3 :Text;
}

struct LoadVerified {
  run @0 :UInt32;
  slot @1 :UInt32;
  loadId @2 :Data;
  rows @3 :UInt64;
}

struct LoadLost {
  # Reconcile: the sink no longer holds what was committed.
  slot @0 :UInt32;
  loadId @1 :Data;
  evidence @2 :Text;
}

struct Reconciled {
  sink @0 :Text;
  checked @1 :UInt32;
  findings @2 :UInt32;
}

# --- quarantined records -------------------------------------------------------------------------

struct RecordAmended {
  batch @0 :UInt32;
  record @1 :UInt32;           # position in the batch, from 0
  replacement @2 :PayloadRef;  # the record's new bytes
  digest @3 :Data;             # SHA-256 of them
  reason @4 :Text;
}

struct RecordsReleased {
  batch @0 :UInt32;
  records @1 :List(UInt32);
  reason @2 :Text;
}

struct RecordsDiscarded {
  batch @0 :UInt32;
  records @1 :List(UInt32);
  reason @2 :Text;
}

# --- approvals -----------------------------------------------------------------------------------

struct ApprovalRequested {
  approval @0 :UInt32;
  subject @1 :ApprovalSubject;
  slot @2 :UInt32 = 0xffffffff;
  compensation @3 :UInt32 = 0xffffffff;
  digest @4 :Data;  # of the exact plan; any change is another digest and voids what was given
  needed @5 :UInt32 = 1;
  erasure @6 :UInt32 = 0xffffffff;
}

struct ApprovalGiven {
  approval @0 :UInt32;
  approver @1 :Text;
  keyFingerprint @2 :Text;  # SHA256:… of the OpenSSH key
  signature @3 :Text;       # armored SSHSIG over the plan, namespace "daybook"
}

struct ApprovalRejected {
  approval @0 :UInt32;
  approver @1 :Text;
  reason @2 :Text;
}

# --- compensation --------------------------------------------------------------------------------

struct CompensationProposed {
  compensation @0 :UInt32;
  action @1 :CompensationAction;
  steps @2 :List(CompensationStep);  # in the order of execution: newest load first
  plan @3 :Data;                     # SHA-256 of the plan's text
  text @4 :PayloadRef;
  approvals @5 :UInt32;
  reason @6 :Text;
}

struct CompensationStarted {
  compensation @0 :UInt32;
}

struct CompensationIntended {
  # As for loads: durable before the sink is touched; this entry's index is the fence.
  compensation @0 :UInt32;
  step @1 :UInt32;
}

struct CompensationCommitted {
  compensation @0 :UInt32;
  step @1 :UInt32;
  rowsRemoved @2 :UInt64;
  rowsRestored @3 :UInt64;
  recovered @4 :Bool;
  evidence @5 :Text;
}

struct CompensationFailed {
  # A step could not be done; it may be resumed.
  compensation @0 :UInt32;
  step @1 :UInt32;
  detail @2 :Text;
  settled @3 :Bool;  # under the fence the sink said that nothing of it was done
}

struct CompensationFinished {
  compensation @0 :UInt32;
}

struct CompensationWithdrawn {
  compensation @0 :UInt32;
  reason @1 :Text;
}

# --- erasure -------------------------------------------------------------------------------------

struct ErasureItem {
  # One reference to a payload that is to become unreadable. A payload that several attempts refer to
  # stands here once for each.
  kind @0 :PayloadKind;
  payload @1 :PayloadRef;
  replacement @2 :PayloadRef;   # the same records without what is erased; length 0: none
  slot @3 :UInt32 = 0xffffffff;
  run @4 :UInt32 = 0xffffffff;
  batch @5 :UInt32 = 0xffffffff;
  records @6 :List(UInt32);     # of the batch; empty: all of them
  entry @7 :UInt64 = 0xffffffffffffffff;  # that refers to the payload
}

struct ErasureProposed {
  erasure @0 :UInt32;
  policy @1 :Text;  # what calls for it; no personal data
  items @2 :List(ErasureItem);
  plan @3 :Data;    # SHA-256 of the plan's text
  text @4 :PayloadRef;
  approvals @5 :UInt32 = 1;
  reason @6 :Text;
}

struct ErasureStarted {
  # Durable before the first key is destroyed: from here on the payloads count as erased.
  erasure @0 :UInt32;
}

struct ErasureFinished {
  # The receipt: no key of them is left.
  erasure @0 :UInt32;
  payloads @1 :UInt32;  # different ones
  bytes @2 :UInt64;     # of their plaintext
}

struct ErasureWithdrawn {
  erasure @0 :UInt32;
  reason @1 :Text;
}

struct LegalHoldPlaced {
  # Nothing of the scope may be erased until the hold is released.
  hold @0 :UInt32;
  scope @1 :Scope;
  reason @2 :Text;
}

struct LegalHoldReleased {
  hold @0 :UInt32;
  reason @1 :Text;
}

# --- what others see of the log ------------------------------------------------------------------

struct WitnessAdded {
  # Who is asked to cosign each checkpoint (https://c2sp.org/tlog-witness).
  name @0 :Text;
  vkey @1 :Text;  # of its cosignatures
  url @2 :Text;   # submission prefix: add-checkpoint is below it
}

struct WitnessRemoved {
  name @0 :Text;
  reason @1 :Text;
}

struct LogKeyRotated {
  # Checkpoints that cover this entry are signed with the new key, under the same origin.
  logVkey @0 :Text;
  root @1 :Data;       # of the entries before this one
  signature @2 :Text;  # by the old key, as on a note's signature line
  reason @3 :Text;
}

struct LogOriginChanged {
  # The log goes on under another name and key: what was signed under the old origin after `root` is
  # not in this book.
  origin @0 :Text;
  logVkey @1 :Text;
  oldOrigin @2 :Text;
  seen @3 :UInt64;     # entries somebody saw under the old origin; 0: not known
  root @4 :Data;       # of the entries before this one
  signature @5 :Text;  # by the old key; empty where that is lost
  reason @6 :Text;
}
