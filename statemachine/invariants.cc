// The numbers are those of docs/reliability.md.
#include "statemachine/invariants.h"

#include <fmt/format.h>

#include <algorithm>

#include "statemachine/decide.h"

namespace daybook {
namespace {

struct Check {
  const State& before;
  const Envelope& envelope;
  std::vector<InvariantViolation> found = {};

  template <typename... Args>
  void require(bool holds, std::string_view rule, fmt::format_string<Args...> format,
               Args&&... args) {
    if (!holds)
      found.push_back({std::string(rule), fmt::format(format, std::forward<Args>(args)...)});
  }

  const Slot* slot(SlotId id) {
    const Slot* s = before.find(id);
    require(s != nullptr, "I13", "slot {} was never opened", id);
    return s;
  }
  // I13: the entry may only follow one of these phases.
  const Slot* slot_in(SlotId id, std::initializer_list<SlotPhase> phases, std::string_view what) {
    const Slot* s = slot(id);
    if (s == nullptr) return nullptr;
    require(std::ranges::find(phases, s->phase) != phases.end(), "I13", "{} while slot {} is {}",
            what, id, name(s->phase));
    return s;
  }
  const RunState* run(RunId id) {
    const RunState* r = before.find(id);
    require(r != nullptr, "I13", "run {} was never started", id);
    return r;
  }
  // I15: only the boot that started the live attempt speaks for it.
  void live(const Slot& s, SlotId id, Attempt attempt) {
    require(s.attempt == attempt, "I15", "attempt {} of slot {} speaks after attempt {}", attempt,
            id, s.attempt);
    require(s.attempt_epoch == envelope.epoch, "I15", "slot {}: attempt of epoch {}, entry of {}",
            id, s.attempt_epoch, envelope.epoch);
  }

  void on(const BookCreated&) {
    require(before.size == 0, "I1", "the book is created at entry {}", before.size);
  }
  void on(const Booted& e) {
    require(e.epoch == before.epoch + 1, "I6", "epoch {} follows {}", e.epoch, before.epoch);
    require(envelope.epoch == e.epoch, "I6", "the boot entry carries epoch {}", envelope.epoch);
  }
  void on(const CheckpointSigned& e) {
    require(e.size <= before.size, "I8", "checkpoint of {} entries at entry {}", e.size,
            before.size);
    require(!before.checkpoint || e.size > before.checkpoint->size, "I8",
            "checkpoint of {} entries after one of {}", e.size,
            before.checkpoint ? before.checkpoint->size : 0);
  }
  void on(const PrincipalEnrolled&) {}
  void on(const PrincipalRevoked& e) {
    require(before.principals.contains(e.principal), "I36", "{} was never enrolled", e.principal);
  }
  void on(const CommandRefused&) {}
  void on(const DefinitionRegistered& e) {
    require(static_cast<std::size_t>(e.definition) == before.definitions.size(), "I19",
            "definition {} is the {}th", e.definition, before.definitions.size());
  }
  void on(const PartitionsExpected& e) {
    for (const std::string& key : e.keys)
      require(before.slot(e.pipeline, e.sink, key).has_value(), "I13", "{} {} has no slot",
              e.pipeline, key);
  }
  void on(const RunStarted& e) {
    require(static_cast<std::size_t>(e.run) == before.runs.size(), "I13", "run {} is the {}th",
            e.run, before.runs.size());
    require(static_cast<std::size_t>(e.definition) < before.definitions.size(), "I19",
            "run {} names definition {}, which is not stored", e.run, e.definition);
  }
  void on(const RunFinished& e) {
    const RunState* r = run(e.run);
    if (r == nullptr) return;
    require(r->open, "I13", "run {} finishes twice", e.run);
    require(!planning(*r), "I13", "run {} finishes before it is planned", e.run);
    for (const SlotId id : r->slots) {
      const Slot* s = before.find(id);
      if (s == nullptr || s->run != e.run || !r->circuit.empty()) continue;
      require(settled(s->phase), "I13", "run {} finishes while slot {} is {}", e.run, id,
              name(s->phase));
    }
  }
  void on(const RunCancelled& e) {
    if (const RunState* r = run(e.run))
      require(r->open, "I32", "run {} is cancelled after its end", e.run);
  }
  void on(const SlotCancelled& e) {
    if (const Slot* s = slot(e.slot))
      require(cancellable(s->phase), "I32", "slot {} is cancelled while {}", e.slot,
              name(s->phase));
  }
  void on(const Paused&) {}
  void on(const Drained&) {}
  void on(const Resumed&) {}
  void on(const CircuitOpened& e) {
    if (const RunState* r = run(e.run))
      require(r->circuit.empty(), "I13", "the circuit of run {} opens twice", e.run);
  }
  void on(const PartitionsChosen& e) {
    const RunState* r = run(e.run);
    if (r == nullptr) return;
    require(planning(*r) && r->slots.empty(), "I13", "run {} chooses while it works", e.run);
  }
  void on(const PlanningCompleted& e) {
    const RunState* r = run(e.run);
    if (r == nullptr) return;
    require(planning(*r), "I13", "run {} is planned twice", e.run);
    require(std::uint64_t{e.planned} + e.skipped == r->slots.size() && e.skipped == r->skipped,
            "I13", "run {}: {} planned and {} skipped, of {}", e.run, e.planned, e.skipped,
            r->slots.size());
  }
  void on(const SlotOpened& e) {
    require(static_cast<std::size_t>(e.slot) == before.slots.size(), "I13", "slot {} is the {}th",
            e.slot, before.slots.size());
    require(!before.slot(e.pipeline, e.sink, e.partition), "I22", "{} {} has two slots", e.pipeline,
            e.partition);
  }
  void on(const PartitionPlanned& e) {
    if (const RunState* r = run(e.run))
      require(!r->planned, "I13", "run {} plans after its planning", e.run);
    const Slot* s = slot(e.slot);
    if (s == nullptr) return;
    const RunState* other = before.find(s->run);
    const bool abandoned = other == nullptr || !other->open;
    require(settled(s->phase) || abandoned, "I13", "slot {} is planned while {}", e.slot,
            name(s->phase));
    require(s->phase != SlotPhase::load_intended && s->phase != SlotPhase::loaded &&
                s->phase != SlotPhase::compensating,
            "I24", "slot {} is planned while {}", e.slot, name(s->phase));
  }
  void on(const PartitionSkipped& e) {
    run(e.run);
    if (const Slot* s = slot(e.slot); s != nullptr && e.reason == SkipReason::unchanged)
      require(s->current == e.generation && e.generation != 0, "I22",
              "slot {} is skipped as unchanged without a standing generation", e.slot);
  }
  void on(const AttemptStarted& e) {
    const Slot* s =
        slot_in(e.slot, {SlotPhase::planned, SlotPhase::retry_waiting}, "an attempt starts");
    if (s == nullptr) return;
    require(e.attempt == s->attempt + 1, "I14", "attempt {} of slot {} follows {}", e.attempt,
            e.slot, s->attempt);
    require(s->run == e.run, "I14", "run {} starts an attempt of run {}'s slot {}", e.run, s->run,
            e.slot);
    require(envelope.recorded_at >= s->not_before, "I17", "slot {} is retried too early", e.slot);
    const RunState* r = run(e.run);
    if (r == nullptr) return;
    require(!r->cancelled, "I32", "run {} starts an attempt after its cancel", e.run);
    require(!planning(*r), "I13", "run {} starts an attempt before it is planned", e.run);
  }
  void on(const AttemptStaged& e) {
    const Slot* s = slot_in(e.slot, {SlotPhase::running}, "an attempt is staged");
    if (s == nullptr) return;
    live(*s, e.slot, e.attempt);
    const RowCounts& n = e.counts;
    require(conserved(n), "I27", "slot {}: of {} rows read, {} + {} + {} + {} are accounted for",
            e.slot, n.read, n.accepted, n.quarantined, n.filtered, n.merged);
    require((n.quarantined > 0) == (e.batch != no_batch), "I29",
            "slot {}: {} records quarantined, batch {}", e.slot, n.quarantined, e.batch);
  }
  void on(const AttemptFailed& e) {
    // planned: its load was aborted by the entry before
    const Slot* s = slot_in(e.slot, {SlotPhase::running, SlotPhase::staged, SlotPhase::planned},
                            "an attempt fails");
    if (s != nullptr) live(*s, e.slot, e.attempt);
  }
  void on(const AttemptLost& e) {
    slot_in(e.slot, {SlotPhase::running, SlotPhase::staged}, "an attempt is lost");
  }
  void on(const RetryScheduled& e) { slot_in(e.slot, {SlotPhase::failed}, "a retry"); }
  void on(const SlotHeld& e) { slot_in(e.slot, {SlotPhase::staged, SlotPhase::planned}, "a hold"); }
  void on(const HoldDecided& e) { slot_in(e.slot, {SlotPhase::held}, "a decision on a hold"); }
  void on(const SlotQuarantined& e) {
    slot_in(e.slot, {SlotPhase::failed, SlotPhase::planned}, "a quarantine");
  }
  void on(const SlotReleased& e) { slot_in(e.slot, {SlotPhase::quarantined}, "a release"); }

  void on(const LoadIntended& e) {
    const Slot* s = slot_in(e.slot, {SlotPhase::staged}, "a load is intended");
    if (s == nullptr) return;
    live(*s, e.slot, e.attempt);
    require(s->staged && s->staged->content == e.content, "I25",
            "slot {} intends other content than it staged", e.slot);
    require(e.generation == next_generation(*s, e.content), "I22",
            "slot {} intends generation {} after {}", e.slot, e.generation, s->generations.size());
    for (const GenerationState& g : s->generations)
      require((g.load_id == e.load_id) == (g.number == e.generation), "I25",
              "slot {}: generations {} and {} are one load or two", e.slot, g.number, e.generation);
    const RunState* r = run(e.run);
    if (r == nullptr) return;
    require(!r->cancelled, "I32", "run {} intends a load after its cancel", e.run);
    if (!s->approval) return;
    const ApprovalState& a = *before.find(*s->approval);
    require(a.voided || a.satisfied(), "I33", "slot {} intends a load without its approvals",
            e.slot);
  }
  void settle(const Slot* s, SlotId id, const Digest& load_id) {
    if (s == nullptr) return;
    require(!s->generations.empty() && s->generations.back().load_id == load_id, "I21",
            "slot {} settles a load it never intended", id);
  }
  void on(const LoadFilesListed& e) {
    settle(slot_in(e.slot, {SlotPhase::load_intended}, "files of a load are listed"), e.slot,
           e.load_id);
  }
  void on(const LoadCommitted& e) {
    const Slot* s = slot_in(e.slot, {SlotPhase::load_intended}, "a load is committed");
    settle(s, e.slot, e.load_id);
    if (s != nullptr && !s->generations.empty())
      require(s->generations.back().rows == e.rows, "I27", "slot {}: {} rows intended, {} loaded",
              e.slot, s->generations.back().rows, e.rows);
  }
  void on(const LoadAborted& e) {
    settle(slot_in(e.slot, {SlotPhase::load_intended}, "a load is aborted"), e.slot, e.load_id);
  }
  void on(const LoadVerified& e) {
    settle(slot_in(e.slot, {SlotPhase::loaded}, "a load is verified"), e.slot, e.load_id);
  }
  void on(const LoadLost& e) {
    const Slot* s = slot(e.slot);
    if (s == nullptr) return;
    const auto g = std::ranges::find(s->generations, e.load_id, &GenerationState::load_id);
    require(g != s->generations.end() && stands(g->standing), "I23",
            "slot {} loses a load that does not stand", e.slot);
  }
  void on(const Reconciled&) {}

  void on(const RecordAmended& e) { undecided(e.batch, {e.record}); }
  void on(const RecordsReleased& e) { undecided(e.batch, e.records); }
  void on(const RecordsDiscarded& e) { undecided(e.batch, e.records); }
  void undecided(BatchId id, const std::vector<std::uint32_t>& records) {
    const BatchState* b = before.find(id);
    require(b != nullptr, "I29", "quarantine batch {} is not there", id);
    if (b == nullptr) return;
    for (const std::uint32_t record : records) {
      require(record < b->records, "I29", "batch {} has no record {}", id, record);
      const auto touched = b->touched.find(record);
      require(!b->is_erased(record), "I41", "record {} of batch {} is decided after its erasure",
              record, id);
      require(touched == b->touched.end() || touched->second.status == RecordState::Status::amended,
              "I29", "record {} of batch {} is decided twice", record, id);
    }
  }

  void on(const ApprovalRequested& e) {
    require(static_cast<std::size_t>(e.approval) == before.approvals.size(), "I33",
            "approval {} is the {}th", e.approval, before.approvals.size());
  }
  void on(const ApprovalGiven& e) {
    const ApprovalState* a = before.find(e.approval);
    require(a != nullptr, "I33", "approval {} was never asked for", e.approval);
    if (a == nullptr) return;
    require(!a->rejected && !a->voided, "I35", "approval {} is no longer open", e.approval);
    require(std::ranges::find(a->parties, e.approver) == a->parties.end(), "I34",
            "{} approves what they took part in", e.approver);
    require(std::ranges::find(a->approvers, e.approver) == a->approvers.end() &&
                std::ranges::find(a->fingerprints, e.key_fingerprint) == a->fingerprints.end(),
            "I34", "{} approves twice", e.approver);
    const auto who = before.principals.find(e.approver);
    require(who != before.principals.end() && !who->second.revoked, "I35", "{} is not enrolled",
            e.approver);
  }
  void on(const ApprovalRejected& e) {
    require(before.find(e.approval) != nullptr, "I33", "approval {} was never asked for",
            e.approval);
  }

  const CompensationState* compensation(CompensationId id) {
    const CompensationState* c = before.find(id);
    require(c != nullptr, "I30", "compensation {} was never proposed", id);
    return c;
  }
  void on(const CompensationProposed& e) {
    for (const CompensationStep& step : e.steps) {
      const Slot* s = slot(step.slot);
      if (s == nullptr) continue;
      require(step.generation != 0 && step.generation == s->current, "I30",
              "slot {}: generation {} is not the current one", step.slot, step.generation);
    }
  }
  void on(const CompensationStarted& e) {
    const CompensationState* c = compensation(e.compensation);
    if (c == nullptr) return;
    require(c->phase == CompensationState::Phase::proposed, "I31", "compensation {} starts twice",
            e.compensation);
    for (const CompensationStep& step : c->steps)
      require(before.find(step.slot)->current == step.generation, "I30",
              "slot {}: generation {} is not the current one", step.slot, step.generation);
    if (!c->approval) return;
    const ApprovalState& a = *before.find(*c->approval);
    require(a.satisfied() && a.digest == c->plan, "I33",
            "compensation {} starts without its approvals", e.compensation);
  }
  void on(const CompensationIntended& e) {
    if (const CompensationState* c = compensation(e.compensation))
      require(e.step == c->done && c->phase == CompensationState::Phase::executing, "I31",
              "compensation {} intends step {} after {}", e.compensation, e.step, c->done);
  }
  void on(const CompensationCommitted& e) {
    if (const CompensationState* c = compensation(e.compensation))
      require(c->intended && e.step == c->done, "I31", "compensation {} commits step {} unintended",
              e.compensation, e.step);
  }
  void on(const CompensationFailed& e) { compensation(e.compensation); }
  void on(const CompensationFinished& e) {
    if (const CompensationState* c = compensation(e.compensation))
      require(c->done == c->steps.size(), "I31", "compensation {} ends after {} of {} steps",
              e.compensation, c->done, c->steps.size());
  }
  void on(const CompensationWithdrawn& e) {
    if (const CompensationState* c = compensation(e.compensation))
      require(!c->intended, "I31", "compensation {} is withdrawn while step {} is under way",
              e.compensation, c->done);
  }

  const ErasureState* erasure(ErasureId id) {
    const ErasureState* x = before.find(id);
    require(x != nullptr, "I41", "erasure {} was never proposed", id);
    return x;
  }
  void on(const ErasureProposed& e) {
    require(static_cast<std::size_t>(e.erasure) == before.erasures.size(), "I41",
            "erasure {} is the {}th", e.erasure, before.erasures.size());
    require(e.approvals > 0, "I41", "erasure {} asks for no approval", e.erasure);
  }
  void on(const ErasureStarted& e) {
    const ErasureState* x = erasure(e.erasure);
    if (x == nullptr) return;
    require(x->phase == ErasureState::Phase::proposed, "I41", "erasure {} starts twice", e.erasure);
    const ApprovalState* a = x->approval ? before.find(*x->approval) : nullptr;
    require(a != nullptr && a->satisfied() && a->digest == x->plan, "I33",
            "erasure {} starts without its approvals", e.erasure);
    for (const ErasureItem& item : x->items) {
      const auto hold = held_by(before, item.slot, item.run);
      require(!hold, "I42", "erasure {} takes what legal hold {} keeps", e.erasure,
              hold.value_or(LegalHoldId{}));
    }
  }
  void on(const ErasureFinished& e) {
    if (const ErasureState* x = erasure(e.erasure))
      require(x->phase == ErasureState::Phase::executing, "I41",
              "erasure {} ends and was not under way", e.erasure);
  }
  void on(const ErasureWithdrawn& e) {
    if (const ErasureState* x = erasure(e.erasure))
      require(x->phase == ErasureState::Phase::proposed, "I41",
              "erasure {} is withdrawn after its start", e.erasure);
  }
  void on(const LegalHoldPlaced& e) {
    require(static_cast<std::size_t>(e.hold) == before.legal_holds.size(), "I42",
            "legal hold {} is the {}th", e.hold, before.legal_holds.size());
  }
  void on(const LegalHoldReleased& e) {
    const LegalHold* hold = before.find(e.hold);
    require(hold != nullptr && hold->in_force(), "I42", "legal hold {} is not in force", e.hold);
  }

  void on(const WitnessAdded&) {}
  void on(const WitnessRemoved& e) {
    require(before.witnesses.contains(e.name), "I43", "{} was no witness", e.name);
  }
  void fresh_key(const std::string& vkey) {
    const auto used = [&](const LogKeyChange& change) {
      return change.old_vkey == vkey || change.vkey == vkey;
    };
    require(!vkey.empty() && vkey != before.log_vkey && std::ranges::none_of(before.log_keys, used),
            "I43", "the key {} signs a second time", vkey);
  }
  void on(const LogKeyRotated& e) {
    fresh_key(e.log_vkey);
    require(!e.signature.empty(), "I43", "no key vouches for {}", e.log_vkey);
  }
  void on(const LogOriginChanged& e) {
    fresh_key(e.log_vkey);
    require(e.old_origin == log_name(before).origin, "I43", "the origin before was {}, not {}",
            log_name(before).origin, e.old_origin);
    const auto used = [&](const LogKeyChange& change) {
      return change.old_origin == e.origin || change.origin == e.origin;
    };
    require(!e.origin.empty() && e.origin != before.origin &&
                std::ranges::none_of(before.log_keys, used),
            "I43", "the origin {} is used a second time", e.origin);
  }
};

}  // namespace

std::vector<InvariantViolation> violations(const State& before, const Entry& entry) {
  Check check{before, entry.envelope};
  check.require(before.size > 0 || std::holds_alternative<BookCreated>(entry.event), "I1",
                "the first entry does not create the book");
  check.require(entry.envelope.recorded_at >= before.now, "I9",
                "recorded at {}, after an entry of {}", entry.envelope.recorded_at, before.now);
  if (!std::holds_alternative<Booted>(entry.event))
    check.require(entry.envelope.epoch == before.epoch, "I6", "entry of epoch {} in epoch {}",
                  entry.envelope.epoch, before.epoch);
  std::visit([&](const auto& e) -> void { check.on(e); }, entry.event);
  return check.found;
}

std::vector<InvariantViolation> violations(const State& state) {
  std::vector<InvariantViolation> found;
  const auto require = [&](bool holds, std::string_view rule, const std::string& detail) {
    if (!holds) found.push_back({std::string(rule), detail});
  };
  require(state.anomalies == 0, "I11",
          fmt::format("{} entries name what is not there", state.anomalies));
  for (const Slot& slot : state.slots) {
    const std::string who = slot.pipeline + " " + slot.partition;
    std::size_t standing = 0;
    bool append = false;
    for (const GenerationState& g : slot.generations) {
      standing += stands(g.standing);
      append = append || g.mode == LoadMode::append;
    }
    require(append || standing <= 1, "I22",
            fmt::format("{} has {} standing generations", who, standing));
    if (slot.current != 0) {
      const GenerationState* current = generation(slot, slot.current);
      require(current != nullptr && stands(current->standing), "I22",
              fmt::format("the current generation of {} does not stand", who));
    }
    require(
        slot.phase != SlotPhase::load_intended ||
            (!slot.generations.empty() && slot.generations.back().standing == Standing::intended),
        "I24", fmt::format("{} intends a load that is settled", who));
  }
  return found;
}

}  // namespace daybook
