// A book with the shapes of real work, entry by entry, and the state it folds to. Every entry is
// one that the invariants allow. The same calls give the same bytes.
#pragma once

#include <fmt/format.h>

#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ledger/codec/event_codec.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "replay/checkpoint.h"
#include "statemachine/apply.h"
#include "statemachine/decide.h"
#include "statemachine/invariants.h"
#include "tools/bench/ssh_signer.h"

namespace daybook::bench {

class SampleBook {
 public:
  std::vector<Entry> entries;  // may be emptied by who has stored them
  State state;

  SampleBook() {
    add(ana(), BookCreated{key().name, key().verifier().vkey(), 1});
    boot();
    add(ana(), PrincipalEnrolled{"ben", bens_key().public_key().line, {"approver"}});
    add(ana(), DefinitionRegistered{DefinitionId{0},
                                    "runways",
                                    3,
                                    digest("definition"),
                                    {digest("files"), 812},
                                    "data-platform"});
  }

  void boot() {
    Entry entry = stamped(itself(), Booted{state.epoch + 1, "0.1.0"});
    entry.envelope.epoch = state.epoch + 1;
    add(std::move(entry));
  }

  // One run over `partitions` partitions from number `first` on: some fail once, some quarantine
  // records.
  RunId run(std::uint32_t partitions, std::uint32_t first = 0) {
    const RunId id{static_cast<std::uint32_t>(state.runs.size())};
    Uuid uuid{};
    for (auto& byte : uuid) byte = static_cast<std::uint8_t>(random_());
    add(ana(), RunStarted{.run = id,
                          .uuid = uuid,
                          .kind = RunKind::normal,
                          .pipeline = "runways",
                          .definition = DefinitionId{0},
                          .engine = digest("engine"),
                          .idempotency_key = fmt::format("run-{}", std::to_underlying(id)),
                          .reason = ""});
    std::vector<SlotId> slots;
    for (std::uint32_t p = 0; p < partitions; ++p) slots.push_back(plan(id, first + p));
    for (const SlotId slot : slots) load(id, slot);
    add(itself(), RunFinished{id, RunOutcome::succeeded});
    return id;
  }

  // The partition's current generation is taken back, with one approval.
  CompensationId compensate(SlotId slot) {
    const CompensationId id{static_cast<std::uint32_t>(state.compensations.size())};
    const ApprovalId approval{static_cast<std::uint32_t>(state.approvals.size())};
    const Generation current = state.find(slot)->current;
    const Digest plan = digest(fmt::format("plan {}", std::to_underlying(id)));
    add(ana(), CompensationProposed{.compensation = id,
                                    .action = CompensationAction::restore_previous,
                                    .steps = {{slot, current, current - 1, digest("marker")}},
                                    .plan = plan,
                                    .text = {plan, 300},
                                    .approvals = 1,
                                    .reason = "the feed was wrong"});
    add(ana(), ApprovalRequested{.approval = approval,
                                 .subject = ApprovalSubject::compensation,
                                 .slot = no_slot,
                                 .compensation = id,
                                 .digest = plan,
                                 .needed = 1});
    add(ben(),
        ApprovalGiven{approval, "ben", bens_key().public_key().fingerprint, bens_key().sign(plan)});
    add(ana(), CompensationStarted{id});
    add(itself(), CompensationIntended{id, 0});
    add(itself(), CompensationCommitted{.compensation = id,
                                        .step = 0,
                                        .rows_removed = 1'000,
                                        .rows_restored = 990,
                                        .recovered = false,
                                        .evidence = "manifest 17"});
    add(itself(), CompensationFinished{id});
    return id;
  }

  void add(const Actor& actor, Event event) { add(stamped(actor, std::move(event))); }

  // What signs the book's checkpoints.
  static NoteSigner key() {
    NoteSigner signer{.name = "daybook.local/sample", .kind = NoteKeyKind::note, .seed = {}};
    signer.seed.fill(7);
    return signer;
  }

  static Actor ana() { return {"ana", ActorKind::human, ""}; }
  static Actor ben() { return {"ben", ActorKind::human, ""}; }
  static Actor itself() { return {"daybook", ActorKind::system, ""}; }

  // What ben approves with.
  static SshSigner bens_key() { return SshSigner(9); }

  static Digest digest(std::string_view text) { return sha256(bytes_of(text)); }

  // Appends what is there, signs it, and records that.
  void checkpoint(Ledger& ledger) {
    append_to(ledger);
    const auto event = make_checkpoint(ledger, state, key());
    if (!event) throw std::runtime_error(event.error().detail);
    add(itself(), *event);
    append_to(ledger);
  }

  // Everything, or what the ledger does not hold yet.
  void append_to(Ledger& ledger) const {
    std::vector<std::vector<std::byte>> bytes;
    for (std::size_t i = ledger.head().size; i < entries.size(); ++i)
      bytes.push_back(encode(entries[i]));
    const std::vector<Bytes> group(bytes.begin(), bytes.end());
    if (group.empty()) return;
    if (const auto done = ledger.append(group); !done)
      throw std::runtime_error(done.error().detail);
  }

 private:
  Entry stamped(const Actor& actor, Event event) {
    Entry entry;
    entry.envelope.recorded_at = 1'700'000'000'000'000 + static_cast<Timestamp>(state.size) * 1'000;
    if (!state.runs.empty() && state.runs.back().open)
      entry.envelope.correlation = state.runs.back().uuid;
    entry.envelope.cause = state.size == 0 ? no_entry : state.size - 1;
    entry.envelope.actor = actor;
    entry.envelope.epoch = state.epoch;
    entry.event = std::move(event);
    return entry;
  }

  void add(Entry entry) {
    for (const auto& violation : violations(state, entry))
      throw std::logic_error(
          fmt::format("{} at {}: {}", violation.rule, state.size, violation.detail));
    apply(state, entry);
    entries.push_back(std::move(entry));
  }

  SlotId plan(RunId run, std::uint32_t p) {
    const std::string key = fmt::format("2022-{:02}-{:02}", p / 28 % 12 + 1, p % 28 + 1) +
                            (p < 336 ? "" : fmt::format("-{}", p / 336));
    const auto known = state.slot("runways", "parquet:lake/runways", key);
    const SlotId slot = known.value_or(SlotId{static_cast<std::uint32_t>(state.slots.size())});
    if (!known) add(itself(), SlotOpened{slot, "runways", "parquet:lake/runways", key});
    add(itself(),
        PartitionPlanned{run, slot, known ? PlanReason::input_changed : PlanReason::new_partition,
                         digest(fmt::format("in {} {}", std::to_underlying(run), p))});
    return slot;
  }

  void load(RunId run, SlotId slot) {
    Attempt attempt = state.find(slot)->attempt + 1;
    add(itself(), AttemptStarted{run, slot, attempt});
    if (random_() % 8 == 0) {
      add(itself(), AttemptFailed{.run = run,
                                  .slot = slot,
                                  .attempt = attempt,
                                  .error = ErrorClass::transient,
                                  .code = "io.timeout",
                                  .fingerprint = "read feed: timed out",
                                  .detail = "read feed/runways.csv: timed out after 30 s",
                                  .classified_by = "errno ETIMEDOUT"});
      add(itself(), RetryScheduled{run, slot, 0, random_()});
      add(itself(), AttemptStarted{run, slot, ++attempt});
    }
    const std::uint64_t quarantined = random_() % 4 == 0 ? 1 + random_() % 80 : 0;
    const std::uint64_t rows = 900 + random_() % 200;
    const Digest content = digest(fmt::format("out {}", state.size));
    AttemptStaged staged{.run = run,
                         .slot = slot,
                         .attempt = attempt,
                         .inputs = state.find(slot)->inputs,
                         .files = {{"feed/runways.csv",
                                    digest("csv"),
                                    81'920,
                                    rows + quarantined,
                                    digest("records"),
                                    {}}},
                         .counts = {rows + quarantined, rows, quarantined, 0, 0},
                         .rules = {},
                         .output_root = digest("output"),
                         .output_rows = rows,
                         .content = content,
                         .batch = no_batch,
                         .quarantine_root = {},
                         .quarantine = {},
                         .gates = {{"row_count", "1000", ">= 500", true, true}},
                         .salts = {digest("salts"), 64}};
    if (quarantined > 0) {
      staged.batch = BatchId{static_cast<std::uint32_t>(state.batches.size())};
      staged.rules = {{"surface_known", quarantined}};
      staged.quarantine_root = digest("quarantine");
      staged.quarantine = {digest("salted"), quarantined * 120};
    }
    add(itself(), staged);
    const Generation generation = next_generation(*state.find(slot), content);
    const Digest load_id = digest(load_identity(state, *state.find(slot), generation, content));
    add(itself(),
        LoadIntended{run, slot, attempt, generation, load_id, content, rows, LoadMode::replace});
    add(itself(), LoadCommitted{.run = run,
                                .slot = slot,
                                .load_id = load_id,
                                .rows = rows,
                                .recovered = false,
                                .evidence = "manifest 9f2c7d0011223344",
                                .files = {{"part-0.parquet", 40'960, rows, digest("parquet")}}});
    add(itself(), LoadVerified{run, slot, load_id, rows});
  }

  std::mt19937_64 random_{42};
};

}  // namespace daybook::bench
