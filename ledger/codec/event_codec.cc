// Every kind names its fields once, in the tables below; both directions walk the same table.
#include "ledger/codec/event_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <concepts>
#include <cstring>
#include <type_traits>
#include <utility>

#include "ledger/codec/canonical_copy.h"
#include "ledger/codec/entry.capnp.h"
#include "ledger/ledger.h"

namespace daybook {
namespace {

using WireEvent = wire::Entry::Event;

// Thrown by the readers below and caught by with_message: the bytes say more than we know, or
// nothing.
struct Newer {
  const char* what;
};
struct Malformed {
  const char* what;
};

// --- single values ------------------------------------------------------------------------------

template <typename T>
concept Id = std::is_enum_v<T> && sizeof(T) == sizeof(std::uint32_t);
template <typename T>
concept Choice = std::is_enum_v<T> && sizeof(T) == sizeof(std::uint8_t);
template <typename T>
concept Number = std::is_integral_v<T>;
template <typename T>
concept Octets = std::same_as<T, Digest> || std::same_as<T, Uuid>;
template <typename T>
concept Text = std::same_as<T, std::string>;
template <typename T>
concept List = requires {
  typename T::allocator_type;
}
&&!Text<T>;
template <typename T>
concept Scalar = Id<T> || Choice<T> || Number<T> || Octets<T> || Text<T>;

// Choices travel by number. `last` is the greatest this program knows.
template <Choice E>
struct Twin;
#define ENUM(Name, last_name, LAST_NAME)                                      \
  template <>                                                                 \
  struct Twin<Name> {                                                         \
    using Wire = wire::Name;                                                  \
    static constexpr auto last = std::to_underlying(Name::last_name);         \
    static_assert(static_cast<std::uint16_t>(wire::Name::LAST_NAME) == last); \
  };
ENUM(ActorKind, system, SYSTEM)
ENUM(ErrorClass, internal, INTERNAL)
ENUM(RunKind, release, RELEASE)
ENUM(RunOutcome, cancelled, CANCELLED)
ENUM(PlanReason, lost, LOST)
ENUM(SkipReason, appended, APPENDED)
ENUM(LoadMode, append, APPEND)
ENUM(CompensationAction, flag, FLAG)
ENUM(ApprovalSubject, erasure, ERASURE)
ENUM(HoldDecision, discard, DISCARD)
ENUM(ScopeKind, partition, PARTITION)
ENUM(PayloadKind, input, INPUT)
#undef ENUM

template <Id T>
auto to_wire(T value) {
  return std::to_underlying(value);
}
template <Choice T>
auto to_wire(T value) {
  return static_cast<typename Twin<T>::Wire>(value);
}
template <Number T>
auto to_wire(T value) {
  return value;
}
template <Octets T>
capnp::Data::Reader to_wire(const T& value) {
  if (value == T{}) return {};
  return {value.data(), value.size()};
}
capnp::Text::Reader to_wire(const std::string& value) { return {value.data(), value.size()}; }

template <Id T>
void from_wire(std::uint32_t value, T& out) {
  out = T{value};
}
template <Choice T>
void from_wire(typename Twin<T>::Wire value, T& out) {
  const auto number = static_cast<std::uint16_t>(value);
  if (number > Twin<T>::last) throw Newer{"a value of a field"};
  out = static_cast<T>(number);
}
template <Number T>
void from_wire(T value, T& out) {
  out = value;
}
template <Octets T>
void from_wire(capnp::Data::Reader value, T& out) {
  if (value.size() == 0) {
    out = {};
  } else {
    if (value.size() != out.size()) throw Malformed{"a digest of the wrong length"};
    std::memcpy(out.data(), value.begin(), out.size());
  }
}
void from_wire(capnp::Text::Reader value, std::string& out) {
  out.assign(value.begin(), value.size());
}

// --- both directions over a table of fields -----------------------------------------------------

template <typename Builder>
struct Out {
  Builder builder;

  template <typename T>
  void operator()(const T& value, auto set, auto init, auto) {
    if constexpr (Scalar<T>) {
      set(builder, to_wire(value));
    } else if constexpr (List<T>) {
      auto list = init(builder, static_cast<unsigned>(value.size()));
      for (unsigned i = 0; i < value.size(); ++i)
        if constexpr (Scalar<typename T::value_type>)
          list.set(i, to_wire(value[i]));
        else
          fields(Out<decltype(list[i])>{list[i]}, value[i]);
    } else {
      auto nested = init(builder);
      fields(Out<decltype(nested)>{nested}, value);
    }
  }
};

template <typename Reader>
struct In {
  Reader reader;

  template <typename T>
  void operator()(T& value, auto, auto, auto get) {
    const auto wire = get(reader);
    if constexpr (Scalar<T>) {
      from_wire(wire, value);
    } else if constexpr (List<T>) {
      value.resize(wire.size());
      for (unsigned i = 0; i < value.size(); ++i)
        if constexpr (Scalar<typename T::value_type>)
          from_wire(wire[i], value[i]);
        else
          fields(In<decltype(wire[i])>{wire[i]}, value[i]);
    } else {
      fields(In<decltype(get(reader))>{wire}, value);
    }
  }
};

template <typename T, typename Kind>
concept MaybeConst = std::same_as<std::remove_const_t<T>, Kind>;

// The member `name` of a kind is the field `Name` of its struct in the schema.
#define F(name, Name)                                         \
  io(                                                         \
      e.name, [](auto& w, const auto& v) { w.set##Name(v); }, \
      [](auto& w, auto... n) { return w.init##Name(n...); },  \
      [](const auto& r) { return r.get##Name(); })

#define VALUE(Kind, ...)                         \
  template <typename Io>                         \
  void fields(Io io, MaybeConst<Kind> auto& e) { \
    __VA_ARGS__;                                 \
  }

#define EVENT(Kind, ...)                              \
  VALUE(Kind, __VA_ARGS__)                            \
  void write(const Kind& e, WireEvent::Builder out) { \
    auto w = out.init##Kind();                        \
    fields(Out<decltype(w)>{w}, e);                   \
  }

// clang-format off
VALUE(PayloadRef, F(digest, Digest), F(bytes, Bytes))
VALUE(RowCounts, F(read, Read), F(accepted, Accepted), F(quarantined, Quarantined),
      F(filtered, Filtered), F(merged, Merged))
VALUE(RuleCount, F(rule, Rule), F(rows, Rows))
VALUE(InputFile, F(name, Name), F(digest, Digest), F(bytes, Bytes), F(records, Records),
      F(record_root, RecordRoot), F(copy, Copy))
VALUE(OutputFile, F(name, Name), F(bytes, Bytes), F(rows, Rows), F(digest, Digest))
VALUE(GateFinding, F(gate, Gate), F(measured, Measured), F(required, Required), F(passed, Passed),
      F(blocking, Blocking))
VALUE(Scope, F(kind, Kind), F(pipeline, Pipeline), F(run, Run), F(slot, Slot))
VALUE(CompensationStep, F(slot, Slot), F(generation, Generation), F(restores, Restores),
      F(load_id, LoadId))
VALUE(ErasureItem, F(kind, Kind), F(payload, Payload), F(replacement, Replacement), F(slot, Slot),
      F(run, Run), F(batch, Batch), F(records, Records), F(entry, Entry))

EVENT(BookCreated, F(origin, Origin), F(log_vkey, LogVkey), F(format, Format))
EVENT(Booted, F(epoch, Epoch), F(version, Version))
EVENT(CheckpointSigned, F(size, Size), F(root, Root), F(state_root, StateRoot))
EVENT(PrincipalEnrolled, F(principal, Principal), F(public_key, PublicKey), F(roles, Roles))
EVENT(PrincipalRevoked, F(principal, Principal), F(reason, Reason))
EVENT(CommandRefused, F(command, Command), F(refusal, Refusal), F(detail, Detail))
EVENT(DefinitionRegistered, F(definition, Definition), F(pipeline, Pipeline), F(version, Version),
      F(digest, Digest), F(files, Files), F(owner, Owner))
EVENT(PartitionsExpected, F(pipeline, Pipeline), F(sink, Sink), F(keys, Keys))
EVENT(RunStarted, F(run, Run), F(uuid, Uuid), F(kind, Kind), F(pipeline, Pipeline),
      F(definition, Definition), F(engine, Engine), F(idempotency_key, IdempotencyKey),
      F(reason, Reason), F(partitions, Partitions), F(force, Force))
EVENT(PartitionsChosen, F(run, Run), F(keys, Keys))
EVENT(PlanningCompleted, F(run, Run), F(planned, Planned), F(skipped, Skipped))
EVENT(RunFinished, F(run, Run), F(outcome, Outcome))
EVENT(RunCancelled, F(run, Run), F(reason, Reason))
EVENT(SlotCancelled, F(run, Run), F(slot, Slot), F(reason, Reason))
EVENT(Paused, F(scope, Scope), F(reason, Reason))
EVENT(Drained, F(scope, Scope))
EVENT(Resumed, F(scope, Scope), F(reason, Reason))
EVENT(CircuitOpened, F(run, Run), F(fingerprint, Fingerprint), F(failures, Failures))
EVENT(SlotOpened, F(slot, Slot), F(pipeline, Pipeline), F(sink, Sink), F(partition, Partition))
EVENT(PartitionPlanned, F(run, Run), F(slot, Slot), F(reason, Reason), F(inputs, Inputs))
EVENT(PartitionSkipped, F(run, Run), F(slot, Slot), F(reason, Reason), F(generation, Generation))
EVENT(AttemptStarted, F(run, Run), F(slot, Slot), F(attempt, Attempt))
EVENT(AttemptStaged, F(run, Run), F(slot, Slot), F(attempt, Attempt), F(inputs, Inputs),
      F(files, Files), F(counts, Counts), F(rules, Rules), F(output_root, OutputRoot),
      F(output_rows, OutputRows), F(content, Content), F(batch, Batch),
      F(quarantine_root, QuarantineRoot), F(quarantine, Quarantine), F(gates, Gates),
      F(salts, Salts))
EVENT(AttemptFailed, F(run, Run), F(slot, Slot), F(attempt, Attempt), F(error, Error),
      F(code, Code), F(fingerprint, Fingerprint), F(detail, Detail),
      F(classified_by, ClassifiedBy))
EVENT(AttemptLost, F(run, Run), F(slot, Slot), F(attempt, Attempt), F(reason, Reason))
EVENT(RetryScheduled, F(run, Run), F(slot, Slot), F(delay_ms, DelayMs), F(seed, Seed))
EVENT(SlotHeld, F(run, Run), F(slot, Slot), F(reason, Reason))
EVENT(HoldDecided, F(slot, Slot), F(decision, Decision), F(reason, Reason))
EVENT(SlotQuarantined, F(run, Run), F(slot, Slot), F(reason, Reason))
EVENT(SlotReleased, F(slot, Slot), F(reason, Reason))
EVENT(LoadIntended, F(run, Run), F(slot, Slot), F(attempt, Attempt), F(generation, Generation),
      F(load_id, LoadId), F(content, Content), F(rows, Rows), F(mode, Mode))
EVENT(LoadCommitted, F(run, Run), F(slot, Slot), F(load_id, LoadId), F(rows, Rows),
      F(recovered, Recovered), F(evidence, Evidence), F(files, Files),
      F(files_listed, FilesListed))
EVENT(LoadFilesListed, F(run, Run), F(slot, Slot), F(load_id, LoadId), F(files, Files))
EVENT(LoadAborted, F(run, Run), F(slot, Slot), F(load_id, LoadId), F(evidence, Evidence))
EVENT(LoadVerified, F(run, Run), F(slot, Slot), F(load_id, LoadId), F(rows, Rows))
EVENT(LoadLost, F(slot, Slot), F(load_id, LoadId), F(evidence, Evidence))
EVENT(Reconciled, F(sink, Sink), F(checked, Checked), F(findings, Findings))
EVENT(RecordAmended, F(batch, Batch), F(record, Record), F(replacement, Replacement),
      F(digest, Digest), F(reason, Reason))
EVENT(RecordsReleased, F(batch, Batch), F(records, Records), F(reason, Reason))
EVENT(RecordsDiscarded, F(batch, Batch), F(records, Records), F(reason, Reason))
EVENT(ApprovalRequested, F(approval, Approval), F(subject, Subject), F(slot, Slot),
      F(compensation, Compensation), F(digest, Digest), F(needed, Needed), F(erasure, Erasure))
EVENT(ApprovalGiven, F(approval, Approval), F(approver, Approver),
      F(key_fingerprint, KeyFingerprint), F(signature, Signature))
EVENT(ApprovalRejected, F(approval, Approval), F(approver, Approver), F(reason, Reason))
EVENT(CompensationProposed, F(compensation, Compensation), F(action, Action), F(steps, Steps),
      F(plan, Plan), F(text, Text), F(approvals, Approvals), F(reason, Reason))
EVENT(CompensationStarted, F(compensation, Compensation))
EVENT(CompensationIntended, F(compensation, Compensation), F(step, Step))
EVENT(CompensationCommitted, F(compensation, Compensation), F(step, Step),
      F(rows_removed, RowsRemoved), F(rows_restored, RowsRestored), F(recovered, Recovered),
      F(evidence, Evidence))
EVENT(CompensationFailed, F(compensation, Compensation), F(step, Step), F(detail, Detail),
      F(settled, Settled))
EVENT(CompensationFinished, F(compensation, Compensation))
EVENT(CompensationWithdrawn, F(compensation, Compensation), F(reason, Reason))
EVENT(ErasureProposed, F(erasure, Erasure), F(policy, Policy), F(items, Items), F(plan, Plan),
      F(text, Text), F(approvals, Approvals), F(reason, Reason))
EVENT(ErasureStarted, F(erasure, Erasure))
EVENT(ErasureFinished, F(erasure, Erasure), F(payloads, Payloads), F(bytes, Bytes))
EVENT(ErasureWithdrawn, F(erasure, Erasure), F(reason, Reason))
EVENT(LegalHoldPlaced, F(hold, Hold), F(scope, Scope), F(reason, Reason))
EVENT(LegalHoldReleased, F(hold, Hold), F(reason, Reason))
EVENT(WitnessAdded, F(name, Name), F(vkey, Vkey), F(url, Url))
EVENT(WitnessRemoved, F(name, Name), F(reason, Reason))
EVENT(LogKeyRotated, F(log_vkey, LogVkey), F(root, Root), F(signature, Signature),
      F(reason, Reason))
EVENT(LogOriginChanged, F(origin, Origin), F(log_vkey, LogVkey), F(old_origin, OldOrigin),
      F(seen, Seen), F(root, Root), F(signature, Signature), F(reason, Reason))
// clang-format on

#undef EVENT
#undef VALUE
#undef F

template <typename Reader, typename Kind>
void read(Reader in, Kind& kind) {
  fields(In<Reader>{in}, kind);
}

// The only switch over event kinds in the program. No default: the compiler names a missing case,
// and a kind from a newer writer falls out of the bottom.
void read_event(WireEvent::Reader in, Event& event) {
  using enum WireEvent::Which;
  switch (in.which()) {
    case BOOK_CREATED: return read(in.getBookCreated(), event.emplace<BookCreated>());
    case BOOTED: return read(in.getBooted(), event.emplace<Booted>());
    case CHECKPOINT_SIGNED:
      return read(in.getCheckpointSigned(), event.emplace<CheckpointSigned>());
    case PRINCIPAL_ENROLLED:
      return read(in.getPrincipalEnrolled(), event.emplace<PrincipalEnrolled>());
    case PRINCIPAL_REVOKED:
      return read(in.getPrincipalRevoked(), event.emplace<PrincipalRevoked>());
    case COMMAND_REFUSED: return read(in.getCommandRefused(), event.emplace<CommandRefused>());
    case DEFINITION_REGISTERED:
      return read(in.getDefinitionRegistered(), event.emplace<DefinitionRegistered>());
    case PARTITIONS_EXPECTED:
      return read(in.getPartitionsExpected(), event.emplace<PartitionsExpected>());
    case RUN_STARTED: return read(in.getRunStarted(), event.emplace<RunStarted>());
    case RUN_FINISHED: return read(in.getRunFinished(), event.emplace<RunFinished>());
    case RUN_CANCELLED: return read(in.getRunCancelled(), event.emplace<RunCancelled>());
    case PAUSED: return read(in.getPaused(), event.emplace<Paused>());
    case DRAINED: return read(in.getDrained(), event.emplace<Drained>());
    case RESUMED: return read(in.getResumed(), event.emplace<Resumed>());
    case CIRCUIT_OPENED: return read(in.getCircuitOpened(), event.emplace<CircuitOpened>());
    case SLOT_OPENED: return read(in.getSlotOpened(), event.emplace<SlotOpened>());
    case PARTITION_PLANNED:
      return read(in.getPartitionPlanned(), event.emplace<PartitionPlanned>());
    case PARTITION_SKIPPED:
      return read(in.getPartitionSkipped(), event.emplace<PartitionSkipped>());
    case ATTEMPT_STARTED: return read(in.getAttemptStarted(), event.emplace<AttemptStarted>());
    case ATTEMPT_STAGED: return read(in.getAttemptStaged(), event.emplace<AttemptStaged>());
    case ATTEMPT_FAILED: return read(in.getAttemptFailed(), event.emplace<AttemptFailed>());
    case ATTEMPT_LOST: return read(in.getAttemptLost(), event.emplace<AttemptLost>());
    case RETRY_SCHEDULED: return read(in.getRetryScheduled(), event.emplace<RetryScheduled>());
    case SLOT_HELD: return read(in.getSlotHeld(), event.emplace<SlotHeld>());
    case HOLD_DECIDED: return read(in.getHoldDecided(), event.emplace<HoldDecided>());
    case SLOT_QUARANTINED: return read(in.getSlotQuarantined(), event.emplace<SlotQuarantined>());
    case SLOT_RELEASED: return read(in.getSlotReleased(), event.emplace<SlotReleased>());
    case LOAD_INTENDED: return read(in.getLoadIntended(), event.emplace<LoadIntended>());
    case LOAD_COMMITTED: return read(in.getLoadCommitted(), event.emplace<LoadCommitted>());
    case LOAD_ABORTED: return read(in.getLoadAborted(), event.emplace<LoadAborted>());
    case LOAD_VERIFIED: return read(in.getLoadVerified(), event.emplace<LoadVerified>());
    case LOAD_LOST: return read(in.getLoadLost(), event.emplace<LoadLost>());
    case RECONCILED: return read(in.getReconciled(), event.emplace<Reconciled>());
    case RECORD_AMENDED: return read(in.getRecordAmended(), event.emplace<RecordAmended>());
    case RECORDS_RELEASED: return read(in.getRecordsReleased(), event.emplace<RecordsReleased>());
    case RECORDS_DISCARDED:
      return read(in.getRecordsDiscarded(), event.emplace<RecordsDiscarded>());
    case APPROVAL_REQUESTED:
      return read(in.getApprovalRequested(), event.emplace<ApprovalRequested>());
    case APPROVAL_GIVEN: return read(in.getApprovalGiven(), event.emplace<ApprovalGiven>());
    case APPROVAL_REJECTED:
      return read(in.getApprovalRejected(), event.emplace<ApprovalRejected>());
    case COMPENSATION_PROPOSED:
      return read(in.getCompensationProposed(), event.emplace<CompensationProposed>());
    case COMPENSATION_STARTED:
      return read(in.getCompensationStarted(), event.emplace<CompensationStarted>());
    case COMPENSATION_INTENDED:
      return read(in.getCompensationIntended(), event.emplace<CompensationIntended>());
    case COMPENSATION_COMMITTED:
      return read(in.getCompensationCommitted(), event.emplace<CompensationCommitted>());
    case COMPENSATION_FAILED:
      return read(in.getCompensationFailed(), event.emplace<CompensationFailed>());
    case COMPENSATION_FINISHED:
      return read(in.getCompensationFinished(), event.emplace<CompensationFinished>());
    case COMPENSATION_WITHDRAWN:
      return read(in.getCompensationWithdrawn(), event.emplace<CompensationWithdrawn>());
    case ERASURE_PROPOSED: return read(in.getErasureProposed(), event.emplace<ErasureProposed>());
    case ERASURE_STARTED: return read(in.getErasureStarted(), event.emplace<ErasureStarted>());
    case ERASURE_FINISHED: return read(in.getErasureFinished(), event.emplace<ErasureFinished>());
    case ERASURE_WITHDRAWN:
      return read(in.getErasureWithdrawn(), event.emplace<ErasureWithdrawn>());
    case LEGAL_HOLD_PLACED: return read(in.getLegalHoldPlaced(), event.emplace<LegalHoldPlaced>());
    case LEGAL_HOLD_RELEASED:
      return read(in.getLegalHoldReleased(), event.emplace<LegalHoldReleased>());
    case PARTITIONS_CHOSEN:
      return read(in.getPartitionsChosen(), event.emplace<PartitionsChosen>());
    case PLANNING_COMPLETED:
      return read(in.getPlanningCompleted(), event.emplace<PlanningCompleted>());
    case WITNESS_ADDED: return read(in.getWitnessAdded(), event.emplace<WitnessAdded>());
    case WITNESS_REMOVED: return read(in.getWitnessRemoved(), event.emplace<WitnessRemoved>());
    case LOG_KEY_ROTATED: return read(in.getLogKeyRotated(), event.emplace<LogKeyRotated>());
    case LOG_ORIGIN_CHANGED:
      return read(in.getLogOriginChanged(), event.emplace<LogOriginChanged>());
    case SLOT_CANCELLED: return read(in.getSlotCancelled(), event.emplace<SlotCancelled>());
    case LOAD_FILES_LISTED: return read(in.getLoadFilesListed(), event.emplace<LoadFilesListed>());
  }
  throw Newer{"a kind of event"};
}

void write_entry(const Entry& entry, wire::Entry::Builder out) {
  out.setRecordedAt(entry.envelope.recorded_at);
  out.setCorrelation(to_wire(entry.envelope.correlation));
  out.setCause(entry.envelope.cause);
  out.setEpoch(entry.envelope.epoch);
  auto actor = out.getActor();
  actor.setPrincipal(to_wire(entry.envelope.actor.principal));
  actor.setKind(to_wire(entry.envelope.actor.kind));
  actor.setOnBehalfOf(to_wire(entry.envelope.actor.on_behalf_of));
  std::visit([&](const auto& e) -> void { write(e, out.getEvent()); }, entry.event);
}

void read_entry(wire::Entry::Reader in, Entry& entry) {
  entry.envelope.recorded_at = in.getRecordedAt();
  from_wire(in.getCorrelation(), entry.envelope.correlation);
  entry.envelope.cause = in.getCause();
  entry.envelope.epoch = in.getEpoch();
  const auto actor = in.getActor();
  from_wire(actor.getPrincipal(), entry.envelope.actor.principal);
  from_wire(actor.getKind(), entry.envelope.actor.kind);
  from_wire(actor.getOnBehalfOf(), entry.envelope.actor.on_behalf_of);
  read_event(in.getEvent(), entry.event);
}

// --- bytes --------------------------------------------------------------------------------------

constexpr std::size_t scratch_words = 8'192;  // doubled when one entry needs more
constexpr std::size_t traversal_factor = 4;
// An element without a word costs one here: as many as decide lets into the lists of one event.
constexpr std::size_t traversal_spare_words = 512;
constexpr int nesting_max = 16;

// Calls `use` with a reader over the bytes; whatever is wrong with them comes back as an Error.
template <typename Use>
Result<void> with_message(Bytes bytes, Use use) {
  if (bytes.empty() || bytes.size() > entry_bytes_max || bytes.size() % sizeof(capnp::word) != 0)
    return fail(Error::Code::corrupt, "{} bytes are no entry", bytes.size());
  try {
    const std::size_t words = bytes.size() / sizeof(capnp::word);
    kj::Array<capnp::word> aligned;
    kj::ArrayPtr<const capnp::word> segment;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) == 0) {
      segment = kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), words);
    } else {
      aligned = kj::heapArray<capnp::word>(words);
      std::memcpy(aligned.begin(), bytes.data(), bytes.size());
      segment = aligned;
    }
    std::uint64_t root = 0;
    std::memcpy(&root, segment.begin(), sizeof(root));
    if (root == 0 || (root & 3) != 0) throw Malformed{"it does not begin with a struct"};
    capnp::ReaderOptions limits;
    limits.traversalLimitInWords = traversal_factor * words + traversal_spare_words;
    limits.nestingLimit = nesting_max;
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), limits);
    use(message);
    return {};
  } catch (const Newer& e) {
    return std::unexpected(Error{Error::Code::newer_version,
                                 fmt::format("{} that this daybook does not know", e.what),
                                 "use a newer daybook"});
  } catch (const Malformed& e) {
    return fail(Error::Code::corrupt, "no entry: {}", e.what);
  } catch (const kj::Exception& e) {
    return fail(Error::Code::corrupt, "no entry: {}", e.getDescription().cStr());
  }
}

}  // namespace

void encode(const Entry& entry, std::vector<std::byte>& out) {
  // Zero except while a message is in it: the builder clears what it used.
  thread_local std::vector<std::uint64_t> scratch(scratch_words);
  for (;; scratch.resize(scratch.size() * 2)) {
    capnp::MallocMessageBuilder message(
        kj::arrayPtr(reinterpret_cast<capnp::word*>(scratch.data()), scratch.size()));
    write_entry(entry, message.initRoot<wire::Entry>());
    const auto segments = message.getSegmentsForOutput();
    if (segments.size() > 1) continue;
    const std::span built(scratch.data(), segments[0].size());
    out.resize(built.size_bytes());
    const auto words = canonical_copy(built, reinterpret_cast<std::uint64_t*>(out.data()));
    out.resize(words * sizeof(std::uint64_t));
    return;
  }
}

std::vector<std::byte> encode(const Entry& entry) {
  std::vector<std::byte> out;
  encode(entry, out);
  return out;
}

Result<void> decode(Bytes bytes, Entry& entry) {
  return with_message(bytes, [&](capnp::MessageReader& message) {
    read_entry(message.getRoot<wire::Entry>(), entry);
  });
}

Result<Entry> decode(Bytes bytes) {
  Result<Entry> entry;
  if (auto done = decode(bytes, *entry); !done) entry = std::unexpected(std::move(done.error()));
  return entry;
}

bool is_canonical(Bytes bytes) {
  bool canonical = false;
  const auto done = with_message(
      bytes, [&](capnp::MessageReader& message) { canonical = message.isCanonical(); });
  return done && canonical;
}

}  // namespace daybook
