// Random walks through the book: decide, apply and the invariants must agree at every step, an
// independent model of the sink must see what the state says readers see, and whatever the walk
// left behind, the pending effects lead every run to its end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/statemachine/random_values.h"
#include "tests/statemachine/sink_model.h"
#include "tests/support/scenario.h"

namespace daybook {
namespace {

using story::second;
using ::testing::PrintToString;

// How the outside answers while a run is led to its end.
enum class Luck : std::uint8_t { good, attempts_fail, loads_fail, crashes, mixed };

class Walk {
 public:
  using Names = std::vector<std::string>;

  explicit Walk(std::uint64_t seed) : random_(seed) {
    must(CreateBook{.origin = "daybook.local/walk", .log_vkey = "walk+1+AQ"});
    must(Boot{.version = "0.1"});
    for (const std::string who : {"ana", "ben", "cleo", "dora"})
      must(EnrollPrincipal{.principal = who,
                           .public_key = "ssh-ed25519 " + who,
                           .roles = who == "dora"  ? Names{"operator", "admin"}
                                    : who == "ana" ? Names{"approver", "operator", "steward"}
                                                   : Names{"approver"}});
    for (std::uint8_t n = 0; n < 2; ++n)
      must(RegisterDefinition{.pipeline = pipelines[n],
                              .version = 1,
                              .digest = story::digest(n),
                              .files = {},
                              .owner = "ana"});
  }

  void step() {
    if (random_.one_in(3)) now_ += static_cast<Timestamp>(random_.below(90)) * second;
    actor_ = random_.of<std::string>({"ana", "ben", "cleo", "dora", "daybook"});
    const auto effects = pending(state_);
    if (!effects.empty() && !random_.one_in(3)) {
      const Effect& effect = random_.of(effects);
      // A run goes on for a while, so that it gets to plan its partitions.
      const bool ends = std::holds_alternative<effect::FinishRun>(effect) ||
                        std::holds_alternative<effect::PlanRun>(effect);
      if (!ends || random_.one_in(12)) return static_cast<void>(ask(outcome(effect, Luck::mixed)));
    }
    ask(something());
  }

  // With nobody pausing any more, every run ends.
  void end(Luck luck) {
    actor_ = "daybook";
    wild_ = false;
    resume_all();
    for (int i = 0; i < 20'000; ++i) {
      if (luck == Luck::crashes && random_.one_in(2)) must(Boot{.version = "0.2"});
      std::vector<Command> next;
      for (const Effect& effect : pending(state_)) next.push_back(outcome(effect, luck));
      for (std::uint32_t s = 0; s < state_.slots.size(); ++s)
        if (state_.slots[s].phase == SlotPhase::running &&
            state_.slots[s].attempt_epoch == state_.epoch)
          next.push_back(work(SlotId{s}, luck));
      if (next.empty()) break;
      // Each effect stands until it is performed: the first is always accepted.
      must(next.front());
      if (::testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(state_.open_runs.empty()) << "a run does not end";
    for (const CompensationId id : state_.open_compensations)
      EXPECT_EQ(state_.find(id)->phase, CompensationState::Phase::proposed);
  }

  const State& state() const { return state_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::map<std::string, int>& accepted() const { return accepted_; }
  const std::map<std::string, int>& refused() const { return refused_; }

 private:
  static inline const std::vector<std::string> pipelines = {"runways", "navaids"};

  bool ask(const Command& command) {
    const bool look = random_.one_in(8);
    const State before = look ? state_ : State{};
    const Context context{
        .now = now_,
        .actor = {.principal = actor_,
                  .kind = actor_ == "daybook" ? ActorKind::system : ActorKind::human,
                  .on_behalf_of = {}}};
    const Decision decision = decide(state_, context, command);
    if (!decision) {
      ++refused_[std::string(command_name(command)) + ": " +
                 std::string(name(decision.error().code))];
      EXPECT_FALSE(decision.error().detail.empty());
      EXPECT_TRUE(!look || state_ == before) << command_name(command);
      return false;
    }
    ++accepted_[std::string(command_name(command))];
    EXPECT_FALSE(decision->empty());
    for (const Event& event : *decision) add({.envelope = envelope(event), .event = event});
    if (look) check_effects();
    return true;
  }
  void must(const Command& command) {
    const Decision decision = decide(state_, system_at(now_), command);
    ASSERT_TRUE(decision.has_value())
        << command_name(command) << ": " << decision.error().detail << trail();
    ask(command);
  }
  static Context system_at(Timestamp now) {
    return {.now = now,
            .actor = {.principal = "daybook", .kind = ActorKind::system, .on_behalf_of = {}}};
  }
  Envelope envelope(const Event& event) const {
    const auto* boot = std::get_if<Booted>(&event);
    return {.recorded_at = now_,
            .correlation = {},
            .cause = no_entry,
            .actor = {.principal = actor_, .kind = ActorKind::system, .on_behalf_of = {}},
            .epoch = boot != nullptr ? boot->epoch : state_.epoch};
  }
  void add(const Entry& entry) {
    EXPECT_THAT(violations(state_, entry), ::testing::IsEmpty()) << trail() << printed(entry.event);
    sinks_.see(state_, entry.event);
    apply(state_, entry);
    entries_.push_back(entry);
    EXPECT_THAT(violations(state_), ::testing::IsEmpty()) << trail();
    sinks_.agree(state_);
  }
  std::string trail() const {
    std::string text = "\nafter\n";
    for (std::size_t i = entries_.size() > 25 ? entries_.size() - 25 : 0; i < entries_.size(); ++i)
      text += printed(entries_[i].event) + "\n";
    return text;
  }

  // Each effect's command is one that decide accepts now.
  void check_effects() {
    for (const Effect& effect : pending(state_)) {
      const Timestamp ready = std::holds_alternative<effect::ExecuteAttempt>(effect)
                                  ? std::get<effect::ExecuteAttempt>(effect).not_before
                                  : now_;
      const Command command = outcome(effect, Luck::good, false);
      const auto decision = decide(state_, system_at(std::max(now_, ready)), command);
      EXPECT_TRUE(decision.has_value())
          << command_name(command) << ": " << decision.error().detail << trail();
    }
  }

  void resume_all() {
    const auto resume = [&](const Scope& scope) {
      must(Resume{.scope = scope, .reason = "go on"});
    };
    if (state_.paused) resume({});
    while (!state_.paused_pipelines.empty())
      resume({.kind = ScopeKind::pipeline, .pipeline = *state_.paused_pipelines.begin()});
    for (const RunId id : std::set(state_.open_runs))
      if (state_.find(id)->paused) resume({.kind = ScopeKind::run, .pipeline = {}, .run = id});
    for (std::uint32_t i = 0; i < state_.slots.size(); ++i)
      if (state_.slots[i].paused)
        resume({.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = SlotId{i}});
  }

  std::string reason() { return random_.one_in(20) ? "" : "because"; }
  RunId some_run() {
    return RunId{static_cast<std::uint32_t>(random_.below(state_.runs.size() + 1))};
  }
  RunId open_run() {
    if (state_.open_runs.empty() || random_.one_in(10)) return some_run();
    return random_.of(std::vector(state_.open_runs.begin(), state_.open_runs.end()));
  }
  SlotId some_slot() {
    return SlotId{static_cast<std::uint32_t>(random_.below(state_.slots.size() + 1))};
  }
  // A slot in this phase, mostly.
  SlotId slot_in(SlotPhase phase) {
    std::vector<SlotId> all;
    for (std::uint32_t i = 0; i < state_.slots.size(); ++i)
      if (state_.slots[i].phase == phase) all.push_back(SlotId{i});
    return all.empty() || random_.one_in(10) ? some_slot() : random_.of(all);
  }
  Slot slot(SlotId id) const { return state_.find(id) != nullptr ? *state_.find(id) : Slot{}; }
  Digest some_digest(std::uint64_t n) {
    return story::digest(static_cast<std::uint8_t>(random_.below(n)));
  }
  Digest last_load(const Slot& s) {
    return s.generations.empty() || random_.one_in(10) ? some_digest(3)
                                                       : s.generations.back().load_id;
  }
  std::uint64_t last_rows(const Slot& s) {
    return s.generations.empty() || random_.one_in(10) ? 1 : s.generations.back().rows;
  }
  Attempt attempt_of(const Slot& s) {
    return wild_ && random_.one_in(15) ? s.attempt + 1 : s.attempt;
  }

  StageAttempt stage(SlotId id) {
    const Slot s = slot(id);
    StageAttempt c;
    c.staged.run = wild_ && random_.one_in(15) ? some_run() : s.run;
    c.staged.slot = id;
    c.staged.attempt = attempt_of(s);
    c.staged.inputs = s.inputs;
    c.staged.content = some_digest(4);
    const std::uint64_t quarantined = random_.one_in(3) ? random_.below(4) : 0;
    c.staged.counts = {.read = 10 + quarantined,
                       .accepted = 7,
                       .quarantined = quarantined,
                       .filtered = 2,
                       .merged = wild_ && random_.one_in(15) ? 2U : 1U};
    c.staged.output_rows = 7;
    if (random_.one_in(4))
      c.staged.gates = {{.gate = "rows",
                         .measured = "7",
                         .required = "8",
                         .passed = false,
                         .blocking = !random_.one_in(4)}};
    c.approvals_needed = static_cast<std::uint32_t>(random_.one_in(3) ? random_.below(3) : 0);
    c.approval_digest = c.staged.content;
    return c;
  }
  FailAttempt fail(SlotId id) {
    const Slot s = slot(id);
    FailAttempt c;
    c.run = s.run;
    c.slot = id;
    c.attempt = attempt_of(s);
    c.error = static_cast<ErrorClass>(random_.below(9));
    c.code = "code";
    c.fingerprint = random_.one_in(3) ? "timeout" : "refused";
    c.seed = random_.any();
    c.circuit_threshold = static_cast<std::uint32_t>(random_.below(6));
    return c;
  }
  Command work(SlotId id, Luck luck) {
    if (luck == Luck::attempts_fail) {
      FailAttempt c = fail(id);
      c.error = ErrorClass::transient;
      if (random_.one_in(2)) c.circuit_threshold = 0;
      return c;
    }
    if (luck == Luck::mixed && random_.one_in(3)) return fail(id);
    return stage(id);
  }

  // What the outside reports after it performed the effect.
  Command outcome(const Effect& effect, Luck luck, bool wait = true) {
    const auto report = [&]<typename E>(const E& e) -> Command {
      if constexpr (std::is_same_v<E, effect::AbandonAttempt>) {
        return LoseAttempt{.slot = e.slot, .reason = "crash"};
      } else if constexpr (std::is_same_v<E, effect::ExecuteAttempt>) {
        if (wait && (!wild_ || random_.one_in(2))) now_ = std::max(now_, e.not_before);
        return StartAttempt{.run = e.run, .slot = e.slot};
      } else if constexpr (std::is_same_v<E, effect::Load>) {
        const Slot s = slot(e.slot);
        const Generation next = next_generation(s, s.staged->content);
        const GenerationState* known = generation(s, next);
        return IntendLoad{.run = e.run,
                          .slot = e.slot,
                          .attempt = s.attempt,
                          .generation = next,
                          .load_id = known != nullptr ? known->load_id
                                                      : load_id(state_, s, next, s.staged->content),
                          .mode = static_cast<LoadMode>(random_.below(3))};
      } else if constexpr (std::is_same_v<E, effect::SettleLoad>) {
        const Slot s = slot(e.slot);
        const bool ours = s.attempt_epoch == state_.epoch;
        const GenerationState& g = s.generations.back();
        if (luck == Luck::loads_fail || luck == Luck::crashes ||
            (luck == Luck::mixed && random_.one_in(3))) {
          AbortLoad c{.slot = e.slot, .load_id = g.load_id, .evidence = "no marker", .failure = {}};
          if (ours) c.failure = fail(e.slot);
          return c;
        }
        return CommitLoad{.slot = e.slot,
                          .load_id = g.load_id,
                          .rows = g.rows,
                          .recovered = !ours,
                          .evidence = "marker",
                          .files = {}};
      } else if constexpr (std::is_same_v<E, effect::VerifyLoaded>) {
        const Slot s = slot(e.slot);
        return VerifyLoad{.slot = e.slot,
                          .load_id = s.generations.back().load_id,
                          .rows = s.generations.back().rows};
      } else if constexpr (std::is_same_v<E, effect::PlanRun>) {
        return CompletePlanning{e.run};
      } else if constexpr (std::is_same_v<E, effect::FinishRun>) {
        return FinishRun{e.run};
      } else if constexpr (std::is_same_v<E, effect::ContinueErasure>) {
        return FinishErasure{e.erasure, 0, 0};
      } else {
        const CompensationState& c = *state_.find(e.compensation);
        if (!c.intended) return IntendCompensation{.compensation = e.compensation};
        if (luck != Luck::good && random_.one_in(3))
          return FailCompensation{.compensation = e.compensation, .step = c.done, .detail = "down"};
        if (luck != Luck::good && random_.one_in(3))
          return IntendCompensation{.compensation = e.compensation};
        return CommitCompensation{.compensation = e.compensation,
                                  .step = c.done,
                                  .rows_removed = 1,
                                  .rows_restored = 0,
                                  .recovered = random_.one_in(2),
                                  .evidence = "marker"};
      }
    };
    return std::visit(report, effect);
  }

  Scope some_scope() {
    return {.kind = static_cast<ScopeKind>(random_.below(4)),
            .pipeline = random_.of(pipelines),
            .run = open_run(),
            .slot = some_slot()};
  }

  ProposeCompensation propose() {
    ProposeCompensation c;
    c.action = static_cast<CompensationAction>(random_.below(3));
    for (std::uint64_t n = random_.one_in(2) ? 1 : 1 + random_.below(3); n > 0; --n) {
      const SlotId id = random_.one_in(4) ? some_slot() : slot_in(SlotPhase::verified);
      const Slot s = slot(id);
      const GenerationState* current = generation(s, s.current);
      const bool restores = c.action == CompensationAction::restore_previous && current != nullptr;
      c.steps.push_back({.slot = id,
                         .generation = s.current,
                         .restores = restores ? current->replaced : 0,
                         .load_id = some_digest(250)});
    }
    c.plan = some_digest(4);
    c.approvals = static_cast<std::uint32_t>(random_.below(2));
    c.reason = reason();
    return c;
  }

  Command something() {
    const SlotId any_slot = some_slot();
    switch (random_.below(40)) {
      case 0:
        if (random_.one_in(4)) return Boot{.version = "0.1"};
        return propose();
      case 1:
        if (!random_.one_in(4)) return propose();
        return RegisterDefinition{.pipeline = random_.of(pipelines),
                                  .version = 2,
                                  .digest = some_digest(6),
                                  .files = {},
                                  .owner = "dora"};
      case 2:
        return ExpectPartitions{.pipeline = random_.of(pipelines),
                                .sink = "warehouse",
                                .keys = {"p" + std::to_string(random_.below(5)), "p0"}};
      case 3:
      case 4:
      case 5: {
        Uuid uuid{};
        uuid.fill(static_cast<std::uint8_t>(random_.below(200)));
        const std::string pipeline = random_.of(pipelines);
        return StartRun{
            .uuid = uuid,
            .kind = static_cast<RunKind>(random_.one_in(2) ? 0 : random_.below(3)),
            .pipeline = pipeline,
            .definition = random_.one_in(4)       ? some_digest(6)
                          : pipeline == "runways" ? story::digest(0)
                                                  : story::digest(1),
            .engine = some_digest(2),
            .idempotency_key = random_.one_in(5) ? std::to_string(random_.below(9)) : "",
            .reason = reason(),
            .partitions = static_cast<std::uint32_t>(random_.below(4)),
            .force = random_.one_in(8),
            .chosen = random_.one_in(3) ? Names{"p0", "p1"} : Names{}};
      }
      case 6:
        if (random_.one_in(4)) return FinishRun{.run = open_run()};
        return stage(slot_in(SlotPhase::running));
      case 7:
        if (random_.one_in(4)) return Cancel{.scope = scope_of(open_run()), .reason = reason()};
        return MarkDrained{.scope = some_scope()};
      case 8:
        if (random_.one_in(3)) return Pause{.scope = some_scope(), .reason = reason()};
        return stage(slot_in(SlotPhase::running));
      case 9:
      case 10: return Resume{.scope = some_scope(), .reason = reason()};
      case 11:
      case 12:
      case 13:
      case 14:
      case 15:
      case 16:
        return PlanPartition{.run = open_run(),
                             .sink = "warehouse",
                             .partition = "p" + std::to_string(random_.below(5)),
                             .inputs = some_digest(3),
                             .late = static_cast<LatePolicy>(random_.below(3)),
                             .force = random_.one_in(6)};
      case 17: return StartAttempt{.run = open_run(), .slot = slot_in(SlotPhase::planned)};
      case 18:
      case 19:
      case 20: return stage(slot_in(SlotPhase::running));
      case 21: {
        return fail(slot_in(random_.one_in(3) ? SlotPhase::staged : SlotPhase::running));
      }
      case 22: return LoseAttempt{.slot = slot_in(SlotPhase::running), .reason = "gave up"};
      case 23: {
        const Slot s = slot(any_slot);
        return IntendLoad{.run = s.run,
                          .slot = any_slot,
                          .attempt = attempt_of(s),
                          .generation = static_cast<Generation>(random_.below(4)),
                          .load_id = last_load(s),
                          .mode = LoadMode::merge};
      }
      case 24: {
        const SlotId id = slot_in(SlotPhase::load_intended);
        return CommitLoad{.slot = id,
                          .load_id = last_load(slot(id)),
                          .rows = last_rows(slot(id)),
                          .recovered = false,
                          .evidence = "marker",
                          .files = {}};
      }
      case 25: {
        const SlotId id = slot_in(SlotPhase::loaded);
        return VerifyLoad{.slot = id, .load_id = last_load(slot(id)), .rows = last_rows(slot(id))};
      }
      case 26: {
        const Slot s = slot(any_slot);
        const Digest load =
            s.generations.empty() ? some_digest(2) : random_.of(s.generations).load_id;
        if (random_.one_in(2))
          return LoseLoad{.slot = any_slot, .load_id = load, .evidence = "gone"};
        return CommitLoad{.slot = any_slot,
                          .load_id = load,
                          .rows = last_rows(s),
                          .recovered = true,
                          .evidence = "marker",
                          .files = {}};
      }
      case 27:
        return DecideHold{.slot = slot_in(SlotPhase::held),
                          .decision = static_cast<HoldDecision>(random_.below(2)),
                          .reason = reason()};
      case 28: return ReleaseSlot{.slot = slot_in(SlotPhase::quarantined), .reason = reason()};
      case 29:
        return AmendRecord{.batch = some_batch(),
                           .record = static_cast<std::uint32_t>(random_.below(4)),
                           .replacement = {},
                           .digest = {},
                           .reason = reason()};
      case 30:
        return ReleaseRecords{.batch = some_batch(), .records = some_records(), .reason = reason()};
      case 31:
        return DiscardRecords{.batch = some_batch(), .records = some_records(), .reason = reason()};
      case 32:
      case 33: {
        const ApprovalId id{static_cast<std::uint32_t>(random_.below(state_.approvals.size() + 1))};
        const ApprovalState* a = state_.find(id);
        const std::string who = random_.of<std::string>({"ana", "ben", "cleo", "dora"});
        return GiveApproval{
            .approval = id,
            .approver = who,
            .key_fingerprint = random_.one_in(10) ? "SHA256:ben" : "SHA256:" + who,
            .signature = "sig",
            .digest = a == nullptr || random_.one_in(10) ? some_digest(4) : a->digest};
      }
      case 34: {
        if (!random_.one_in(3))
          return DecideHold{.slot = slot_in(SlotPhase::held),
                            .decision = HoldDecision::load_anyway,
                            .reason = reason()};
        return RejectApproval{
            .approval =
                ApprovalId{static_cast<std::uint32_t>(random_.below(state_.approvals.size() + 1))},
            .approver = random_.of<std::string>({"ana", "ben", "cleo"}),
            .reason = reason()};
      }
      case 35: return propose();
      case 36: return start_compensation();
      case 37:
        if (!random_.one_in(4)) return start_compensation();
        return WithdrawCompensation{.compensation = some_compensation(), .reason = reason()};
      case 38:
        if (random_.one_in(2))
          return CommitCompensation{.compensation = some_compensation(),
                                    .step = static_cast<std::uint32_t>(random_.below(3)),
                                    .rows_removed = 1,
                                    .rows_restored = 1,
                                    .recovered = false,
                                    .evidence = "marker"};
        return RecordCheckpoint{
            .size = random_.below(state_.size + 2), .root = {}, .state_root = {}};
      default: {
        Command any;
        fill(random_, any);
        // A delay to the end of time would be the end of the walk.
        if (auto* failure = std::get_if<FailAttempt>(&any)) failure->retry = {};
        if (auto* abort = std::get_if<AbortLoad>(&any)) abort->failure.reset();
        return any;
      }
    }
  }
  Command start_compensation() {
    const CompensationId id = some_compensation();
    return StartCompensation{.compensation = id,
                             .plan = state_.find(id) == nullptr || random_.one_in(10)
                                         ? some_digest(4)
                                         : state_.find(id)->plan};
  }
  BatchId some_batch() {
    return BatchId{static_cast<std::uint32_t>(random_.below(state_.batches.size() + 1))};
  }
  CompensationId some_compensation() {
    if (!state_.open_compensations.empty() && !random_.one_in(5))
      return random_.of(
          std::vector(state_.open_compensations.begin(), state_.open_compensations.end()));
    return CompensationId{
        static_cast<std::uint32_t>(random_.below(state_.compensations.size() + 1))};
  }
  std::vector<std::uint32_t> some_records() {
    std::vector<std::uint32_t> records;
    for (std::uint32_t i = 0; i < 4; ++i)
      if (random_.one_in(2)) records.push_back(i);
    return records;
  }

  Random random_;
  State state_;
  SinkModel sinks_;
  Timestamp now_ = story::start;
  std::string actor_ = "daybook";
  bool wild_ = true;  // asks for nonsense now and then
  std::vector<Entry> entries_;
  std::map<std::string, int> accepted_, refused_;
};

class Walks : public ::testing::TestWithParam<Luck> {};

TEST_P(Walks, KeepTheInvariantsAndEnd) {
  const auto [first, past] = seeds();
  for (std::uint64_t seed = first; seed < past; ++seed) {
    SCOPED_TRACE("DAYBOOK_WALK_SEED=" + std::to_string(seed));
    Walk walk(seed);
    for (int i = 0; i < 600 && !HasFailure(); ++i) walk.step();
    if (!HasFailure()) walk.end(GetParam());
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(Luck, Walks,
                         ::testing::Values(Luck::good, Luck::attempts_fail, Luck::loads_fail,
                                           Luck::crashes, Luck::mixed),
                         [](const auto& suite) -> std::string {
                           switch (suite.param) {
                             case Luck::good: return "WhereEverythingSucceeds";
                             case Luck::attempts_fail: return "WhereEveryAttemptFails";
                             case Luck::loads_fail: return "WhereEveryLoadFails";
                             case Luck::crashes: return "WhereTheProcessKeepsDying";
                             case Luck::mixed: break;
                           }
                           return "WhereAnythingHappens";
                         });

TEST(Walk, ReachesEveryCommand) {
  std::set<std::string> accepted, refused;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Walk walk(seed);
    for (int i = 0; i < 600; ++i) walk.step();
    walk.end(Luck::mixed);
    for (const auto& [command, count] : walk.accepted()) accepted.insert(command);
    for (const auto& [command, count] : walk.refused()) refused.insert(command);
  }
  EXPECT_EQ(accepted.size() + 8, std::variant_size_v<Command>) << "besides erasures and the log's";
  EXPECT_GT(refused.size(), 80U) << PrintToString(refused);
}

TEST(Walk, OfTheSameSeedIsTheSame) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Walk once(seed), twice(seed);
    for (int i = 0; i < 400; ++i) {
      once.step();
      twice.step();
    }
    EXPECT_EQ(once.entries(), twice.entries());
    EXPECT_EQ(once.state(), twice.state());
    State folded;
    for (const Entry& entry : once.entries()) apply(folded, entry);
    EXPECT_EQ(folded, once.state());
  }
}

}  // namespace
}  // namespace daybook
