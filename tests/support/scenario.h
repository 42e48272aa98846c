// given(history).when(command).then(events): the sentence every state-machine test is written in.
//
// Histories are values that grow by `+`: `staged + by("eve", paused_book)`. Those below are one
// partition's life, each the one before it plus a step. A given history is one that could have
// happened: every entry of it keeps the invariants, and so does every entry that a command yields.
#pragma once

#include <gmock/gmock.h>

#include <concepts>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "statemachine/apply.h"
#include "statemachine/decide.h"
#include "statemachine/effects.h"
#include "statemachine/invariants.h"
#include "tests/support/printers.h"

namespace daybook::story {

inline constexpr Timestamp second = 1'000'000;
inline constexpr Timestamp start = 1'000 * second;

constexpr Digest digest(std::uint8_t n) {
  Digest d{};
  d.fill(n);
  return d;
}

// An event, who caused it, and how much later than the one before it.
struct Fact {
  Event event;
  std::string actor = "daybook";
  Timestamp later = 0;
  ActorKind kind = ActorKind::system;

  template <typename E>
  requires is_alternative<E, Event> Fact(E e)
      : event(std::move(e)) {}            // NOLINT: an event is a fact
  Fact(Event e) : event(std::move(e)) {}  // NOLINT
};

using History = std::vector<Fact>;

inline Fact by(std::string principal, Event event) {
  Fact fact(std::move(event));
  fact.actor = std::move(principal);
  fact.kind = ActorKind::human;
  return fact;
}
inline Fact later(Timestamp by, Event event) {
  Fact fact(std::move(event));
  fact.later = by;
  return fact;
}

inline History operator+(History history, Fact fact) {
  history.push_back(std::move(fact));
  return history;
}
inline History operator+(History history, const History& more) {
  history.insert(history.end(), more.begin(), more.end());
  return history;
}

// The entry a fact becomes after `state`.
inline Entry entry_after(const State& state, const Fact& fact) {
  const auto* boot = std::get_if<Booted>(&fact.event);
  return {.envelope = {.recorded_at = std::max(state.now, start) + fact.later,
                       .correlation = {},
                       .cause = no_entry,
                       .actor = {.principal = fact.actor, .kind = fact.kind, .on_behalf_of = {}},
                       .epoch = boot != nullptr ? boot->epoch : state.epoch},
          .event = fact.event};
}

inline State folded(const History& history, State state = {}) {
  for (const Fact& fact : history) apply(state, entry_after(state, fact));
  return state;
}

class Scenario {
 public:
  explicit Scenario(const History& history, std::source_location at) {
    const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "given");
    for (const Fact& fact : history) add(fact);
  }
  Scenario& as(std::string principal) {
    context_.actor = {
        .principal = std::move(principal), .kind = ActorKind::human, .on_behalf_of = {}};
    return *this;
  }
  Scenario& after(Timestamp later) {
    later_ = later;
    return *this;
  }
  Scenario& when(const Command& command) {
    context_.now = std::max(state_.now, start) + later_;
    decision_ = decide(state_, context_, command);
    return *this;
  }
  // Exactly these events; they are in the history from here on.
  Scenario& then(const std::vector<Event>& expected,
                 std::source_location at = std::source_location::current()) {
    const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "then");
    if (!decision_)
      ADD_FAILURE() << "refused: " << ::testing::PrintToString(decision_.error());
    else
      EXPECT_THAT(*decision_, ::testing::ElementsAreArray(expected));
    return accepted();
  }
  Scenario& then(Refusal::Code expected,
                 std::source_location at = std::source_location::current()) {
    const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "then");
    if (decision_)
      ADD_FAILURE() << "accepted: " << ::testing::PrintToString(*decision_);
    else
      EXPECT_EQ(decision_.error().code, expected) << decision_.error().detail;
    return *this;
  }
  // The command is accepted, and this is then so.
  template <std::invocable<const State&> Check>
  Scenario& so(const Check& check, std::source_location at = std::source_location::current()) {
    const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "so");
    if (!decision_) ADD_FAILURE() << "refused: " << ::testing::PrintToString(decision_.error());
    accepted();
    check(std::as_const(state_));
    return *this;
  }
  Scenario& so(SlotPhase phase, SlotId slot = SlotId{0},
               std::source_location at = std::source_location::current()) {
    return so([&](const State& state) { EXPECT_EQ(state.find(slot)->phase, phase); }, at);
  }
  // Facts that came about besides.
  Scenario& meanwhile(const History& more,
                      std::source_location at = std::source_location::current()) {
    const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "meanwhile");
    for (const Fact& fact : more) add(fact);
    return *this;
  }
  const State& state() const { return state_; }

 private:
  void add(const Fact& fact) { add(entry_after(state_, fact)); }
  void add(const Entry& entry) {
    EXPECT_THAT(violations(state_, entry), ::testing::IsEmpty())
        << "before " << ::testing::PrintToString(entry.event);
    apply(state_, entry);
    EXPECT_THAT(violations(state_), ::testing::IsEmpty())
        << "after " << ::testing::PrintToString(entry.event);
  }
  Scenario& accepted() {
    if (!decision_) return *this;
    for (const Event& event : std::exchange(*decision_, {})) {
      Fact fact(event);
      fact.actor = context_.actor.principal;
      fact.kind = context_.actor.kind;
      fact.later = std::exchange(later_, 0);
      add(fact);
    }
    return *this;
  }

  State state_;
  Context context_{
      .now = start,
      .actor = {.principal = "daybook", .kind = ActorKind::system, .on_behalf_of = {}}};
  Timestamp later_ = 0;
  Decision decision_;
};

inline Scenario given(const History& history,
                      std::source_location at = std::source_location::current()) {
  return Scenario(history, at);
}

// --- one partition's life -----------------------------------------------------------------------
// dora registered the definition, olga owns it, ana asked for the run; ben and cleo may approve.

inline constexpr RunId run0{0}, run1{1};
inline constexpr SlotId slot0{0}, slot1{1};
inline constexpr DefinitionId definition0{0}, definition1{1};
inline constexpr BatchId batch0{0}, batch1{1};
inline constexpr ApprovalId approval0{0}, approval1{1};
inline constexpr CompensationId compensation0{0}, compensation1{1};

inline constexpr Digest def_a = digest(0xDA), def_b = digest(0xDB);
inline constexpr Digest engine_a = digest(0xEA), engine_b = digest(0xEB);
inline constexpr Digest inputs_a = digest(0x1A), inputs_b = digest(0x1B);
inline constexpr Digest content_a = digest(0xCA), content_b = digest(0xCB);
inline constexpr Digest load_a = digest(0xAA), load_b = digest(0xAB), load_c = digest(0xAC);
inline constexpr Digest plan_a = digest(0x9A), plan_b = digest(0x9B);

inline Uuid uuid(std::uint8_t n) {
  Uuid u{};
  u.fill(n);
  return u;
}

inline const Event created = BookCreated{.origin = "daybook.local/test", .log_vkey = "test+1+AQ"};
inline Booted boot(std::uint32_t epoch) { return {.epoch = epoch, .version = "0.1"}; }
inline PrincipalEnrolled enrolled(const std::string& who, std::vector<std::string> roles) {
  return {.principal = who, .public_key = "ssh-ed25519 " + who, .roles = std::move(roles)};
}
inline DefinitionRegistered registered(DefinitionId id = definition0, const Digest& what = def_a) {
  return {.definition = id,
          .pipeline = "runways",
          .version = std::to_underlying(id) + 1,
          .digest = what,
          .files = {},
          .owner = "olga"};
}
inline RunStarted started(RunId id = run0, DefinitionId definition = definition0) {
  return {.run = id,
          .uuid = uuid(static_cast<std::uint8_t>(std::to_underlying(id) + 1)),
          .kind = RunKind::normal,
          .pipeline = "runways",
          .definition = definition,
          .engine = engine_a,
          .idempotency_key = {},
          .reason = "nightly"};
}
inline RunFinished finished(RunId id = run0, RunOutcome outcome = RunOutcome::succeeded) {
  return {.run = id, .outcome = outcome};
}
inline SlotOpened opened(SlotId id = slot0, const std::string& partition = "2024-06-01") {
  return {.slot = id, .pipeline = "runways", .sink = "warehouse", .partition = partition};
}
inline PartitionPlanned planned_as(PlanReason reason, RunId run = run0, SlotId slot = slot0,
                                   const Digest& inputs = inputs_a) {
  return {.run = run, .slot = slot, .reason = reason, .inputs = inputs};
}
inline PartitionSkipped skipped_as(SkipReason reason, Generation generation = 0, RunId run = run1) {
  return {.run = run, .slot = slot0, .reason = reason, .generation = generation};
}
inline AttemptStarted attempted(Attempt attempt = 1, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .attempt = attempt};
}
inline AttemptStaged staged_as(const Digest& content = content_a, Attempt attempt = 1,
                               RunId run = run0, SlotId slot = slot0,
                               const Digest& inputs = inputs_a) {
  AttemptStaged staged;
  staged.run = run;
  staged.slot = slot;
  staged.attempt = attempt;
  staged.inputs = inputs;
  staged.counts = {.read = 10, .accepted = 10, .quarantined = 0, .filtered = 0, .merged = 0};
  staged.output_rows = 10;
  staged.content = content;
  return staged;
}
inline AttemptFailed failed_with(ErrorClass error, Attempt attempt = 1, RunId run = run0,
                                 SlotId slot = slot0) {
  return {.run = run,
          .slot = slot,
          .attempt = attempt,
          .error = error,
          .code = "sqlstate.40001",
          .fingerprint = "serialization",
          .detail = "could not serialize access",
          .classified_by = "postgres"};
}
inline AttemptLost lost_attempt(Attempt attempt = 1, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .attempt = attempt, .reason = "crash"};
}
inline RetryScheduled retry_in(std::uint64_t ms, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .delay_ms = ms, .seed = 0};
}
inline SlotHeld held_for(const std::string& reason, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .reason = reason};
}
inline SlotQuarantined set_aside(RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .reason = "poison"};
}
inline LoadIntended intends(const Digest& load = load_a, Generation generation = 1,
                            const Digest& content = content_a, Attempt attempt = 1,
                            RunId run = run0, SlotId slot = slot0,
                            LoadMode mode = LoadMode::replace) {
  return {.run = run,
          .slot = slot,
          .attempt = attempt,
          .generation = generation,
          .load_id = load,
          .content = content,
          .rows = 10,
          .mode = mode};
}
inline LoadCommitted commits(const Digest& load = load_a, RunId run = run0, SlotId slot = slot0) {
  return {.run = run,
          .slot = slot,
          .load_id = load,
          .rows = 10,
          .recovered = false,
          .evidence = "manifest",
          .files = {}};
}
inline LoadAborted aborts(const Digest& load = load_a, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .load_id = load, .evidence = "no marker"};
}
inline LoadVerified verifies(const Digest& load = load_a, RunId run = run0, SlotId slot = slot0) {
  return {.run = run, .slot = slot, .load_id = load, .rows = 10};
}
inline LoadLost loses(const Digest& load = load_a, SlotId slot = slot0) {
  return {.slot = slot, .load_id = load, .evidence = "table dropped"};
}
inline ApprovalRequested asks(ApprovalId id = approval0, const Digest& plan = plan_a,
                              std::uint32_t needed = 1, SlotId slot = slot0) {
  return {.approval = id,
          .subject = ApprovalSubject::load,
          .slot = slot,
          .compensation = no_compensation,
          .digest = plan,
          .needed = needed};
}
inline ApprovalGiven approves(const std::string& who, ApprovalId id = approval0) {
  return {.approval = id, .approver = who, .key_fingerprint = "SHA256:" + who, .signature = "sig"};
}

inline const History book = History{created, boot(1)};
inline const History people = book + enrolled("ben", {"approver"}) +
                              enrolled("cleo", {"approver"}) + enrolled("ana", {"approver"}) +
                              enrolled("dora", {"approver"}) + enrolled("olga", {"approver"}) +
                              enrolled("eve", {"reader"});
inline const History defined = people + by("dora", registered());
inline const History run_open = defined + by("ana", started());
inline const History planned = run_open + opened() + planned_as(PlanReason::new_partition);
inline const History running = planned + attempted();
inline const History staged = running + staged_as();
inline const History awaiting = staged + asks();
inline const History held = staged + held_for("rows is 10, must be 11");
inline const History intended = staged + intends();
inline const History loaded = intended + commits();
inline const History verified = loaded + verifies();
inline const History quarantined = running + failed_with(ErrorClass::data) + set_aside();
inline const History done = verified + finished();
// A second run of the same definition.
inline const History next_run = done + by("ana", started(run1));

// The same partition, loaded again by run 1 in place of the first load.
inline const History second_load =
    next_run + planned_as(PlanReason::input_changed, run1, slot0, inputs_b) + attempted(2, run1) +
    staged_as(content_b, 2, run1, slot0, inputs_b) + intends(load_b, 2, content_b, 2, run1) +
    commits(load_b, run1) + verifies(load_b, run1);

}  // namespace daybook::story
