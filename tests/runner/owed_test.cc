// What a drive keeps of what is owed is what pending() reads off the whole state, at every step of
// many random histories.
#include "runner/owed.h"

#include <gtest/gtest.h>

#include <random>

#include "runner/keeper.h"
#include "statemachine/apply.h"
#include "statemachine/decide.h"
#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;

std::vector<Effect> all_of(const Owed& owed) {
  std::vector<Effect> out = owed.first();
  for (const effect::Load& load : owed.loads()) out.emplace_back(load);
  return out;
}

class Book {
 public:
  explicit Book(std::uint64_t seed) : random_(seed) {
    for (const Fact& fact : defined) add(fact.event);
    must(StartRun{.uuid = uuid(1),
                  .kind = RunKind::normal,
                  .pipeline = "runways",
                  .definition = def_a,
                  .engine = engine_a,
                  .idempotency_key = {},
                  .reason = {},
                  .partitions = 12});
    owed_ = std::make_unique<Owed>(state_, std::set<RunId>{run0});
  }
  void step() {
    ask(something());
    compare();
  }

 private:
  template <typename Choices>
  auto one_of(const Choices& all) {
    return all[random_() % all.size()];
  }
  void must(const Command& command) { ASSERT_TRUE(ask(command)); }
  bool ask(const Command& command) {
    const Context context{.now = state_.now + 1'000'000, .actor = system_actor()};
    const Decision decision = decide(state_, context, command);
    if (!decision) return false;
    for (const Event& event : *decision) add(event);
    return true;
  }
  void add(const Event& event) {
    Fact fact(event);
    fact.later = second;
    apply(state_, entry_after(state_, fact));
    if (owed_) owed_->see(event);
  }
  Command something() {
    const SlotId id{static_cast<std::uint32_t>(random_() % 12)};
    const Slot slot = state_.find(id) == nullptr ? Slot{} : *state_.find(id);
    const Digest load = slot.generations.empty() ? Digest{} : slot.generations.back().load_id;
    switch (random_() % 22) {
      case 0:
      case 1:
      case 2:
        return PlanPartition{.run = run0,
                             .sink = "warehouse",
                             .partition = std::to_string(random_() % 12),
                             .inputs = inputs_a};
      case 3:
        return random_() % 8 == 0 ? Command(CompletePlanning{run0}) : Command(FinishRun{run0});
      case 4:
      case 5:
      case 6: return StartAttempt{.run = run0, .slot = id};
      case 7:
      case 8:
      case 9: {
        StageAttempt stage{.staged = staged_as(content_a, slot.attempt, run0, id)};
        if (random_() % 4 == 0) stage.approvals_needed = 1, stage.approval_digest = content_a;
        return stage;
      }
      case 10:
        return FailAttempt{.run = run0,
                           .slot = id,
                           .attempt = slot.attempt,
                           .error = ErrorClass::transient,
                           .code = "x",
                           .fingerprint = std::to_string(random_() % 3),
                           .detail = {},
                           .classified_by = {},
                           .retry = {}};
      case 11:
      case 12:
      case 13:
        return IntendLoad{.run = run0,
                          .slot = id,
                          .attempt = slot.attempt,
                          .generation = 1,
                          .load_id = digest(static_cast<std::uint8_t>(100 + random_() % 12)),
                          .mode = LoadMode::replace};
      case 14:
      case 15:
      case 16:
        return CommitLoad{.slot = id,
                          .load_id = load,
                          .rows = 10,
                          .recovered = false,
                          .evidence = {},
                          .files = {}};
      case 17: return AbortLoad{.slot = id, .load_id = load, .evidence = {}, .failure = {}};
      case 18: return VerifyLoad{.slot = id, .load_id = load, .rows = 10};
      case 19: {
        Scope scope{.kind = static_cast<ScopeKind>(random_() % 4), .pipeline = "runways"};
        scope.run = run0;
        scope.slot = id;
        if (random_() % 2 == 0) return Pause{.scope = scope, .reason = "x"};
        return Resume{.scope = scope, .reason = "x"};
      }
      case 20:
        if (random_() % 10 == 0) return Boot{.version = "0.1"};
        if (random_() % 40 == 0) return Cancel{.scope = scope_of(run0), .reason = "x"};
        return Resume{.scope = {}, .reason = "x"};
      default: return LoseLoad{.slot = id, .load_id = load, .evidence = {}};
    }
  }
  void compare() {
    std::vector<Effect> first;
    std::set<std::pair<Timestamp, SlotId>> attempts;
    std::vector<RunId> plan, finish;
    for (const Effect& effect : pending(state_)) {
      if (const auto* e = std::get_if<effect::ExecuteAttempt>(&effect))
        attempts.emplace(e->not_before, e->slot);
      else if (const auto* p = std::get_if<effect::PlanRun>(&effect))
        plan.push_back(p->run);
      else if (const auto* f = std::get_if<effect::FinishRun>(&effect))
        finish.push_back(f->run);
      else
        first.push_back(effect);
    }
    EXPECT_THAT(all_of(*owed_), ::testing::UnorderedElementsAreArray(first));
    EXPECT_EQ(owed_->attempts(), attempts);
    EXPECT_EQ(owed_->to_plan(), plan);
    EXPECT_EQ(owed_->to_finish(), finish);
    for (const Slot& slot : state_.slots) {
      if (slot.run != run0 || state_.open_runs.empty()) continue;
      const bool preceded = std::ranges::any_of(state_.slots, [&](const Slot& other) {
        return other.run == run0 && other.partition < slot.partition && !settled(other.phase);
      });
      EXPECT_EQ(owed_->preceded(slot), preceded);
    }
    steps_ += first.size() + attempts.size();
  }

  std::mt19937_64 random_;
  State state_;
  std::unique_ptr<Owed> owed_;

 public:
  std::size_t steps_ = 0;  // effects compared
};

TEST(Owed, IsWhatPendingReadsOffTheWholeState) {
  std::size_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 40 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Book book(seed);
    for (int i = 0; i < 400 && !::testing::Test::HasFailure(); ++i) book.step();
    compared += book.steps_;
  }
  EXPECT_GT(compared, 10'000U);
}

}  // namespace
}  // namespace daybook
