// What holds for every sink, whatever it is made of.
#include <gmock/gmock.h>
#include <signal.h>

#include <set>

#include "runner/connect/crash_point.h"
#include "tests/runner/connect/sink_under_test.h"

namespace daybook {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string day = "2022-06-01", other_day = "2022-06-02";

class SinkContract : public testing::TestWithParam<std::string> {
 protected:
  SinkContract()
      : sink_(GetParam() == "directory" ? SinkUnderTest::directory() : SinkUnderTest::postgres()) {}

  LoadEvidence load(const LoadPlan& plan) {
    auto loaded = sink_->open()->load(plan);
    EXPECT_TRUE(loaded) << loaded.error().detail;
    return loaded ? *loaded : LoadEvidence{};
  }
  // As the runner does after a crash: settle, and load where it was not committed.
  void finish(const LoadPlan& plan) {
    auto settled = sink_->open()->settle(plan);
    ASSERT_TRUE(settled) << settled.error().detail;
    if (!*settled) load(plan);
  }
  void expect_sound() {
    auto inventory = sink_->open()->inventory(true);
    ASSERT_TRUE(inventory) << inventory.error().detail;
    for (const SinkGeneration& each : *inventory) EXPECT_EQ(each.damage, "") << each.generation;
  }
  std::string damage_of(const LoadPlan& plan) {
    auto inventory = sink_->open()->inventory(true);
    EXPECT_TRUE(inventory) << inventory.error().detail;
    for (const SinkGeneration& each : *inventory) {
      if (each.load_id == plan.load_id) return each.damage;
    }
    return "not in the inventory";
  }
  // A load of `content` beside one of a writer the book does not know of does not come in, and the
  // refusal names that one; returned is the same load once the book knows of it.
  LoadPlan refused_beside_anothers(LoadMode mode, const Rows& content) {
    sink_->prepare(mode);
    const LoadPlan others = sink_->plan(day, 1, rows(1, 6, "a"), 5, mode);
    load(others);
    LoadPlan ours = sink_->plan(day, 2, content, 6, mode);
    std::erase(ours.intended, others.load_id);
    const auto refused = sink_->open()->load(ours);
    EXPECT_FALSE(refused);
    if (!refused) {
      EXPECT_EQ(refused.error().code, "conflict");
      EXPECT_THAT(refused.error().detail, HasSubstr(hex(others.load_id)));
    }
    const auto settled = sink_->open()->settle(ours);
    EXPECT_TRUE(settled) << settled.error().detail;
    EXPECT_FALSE(settled && *settled);
    EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 6, "a")));
    ours.intended.push_back(others.load_id);
    ours.replaces = others.generation;
    ours.replaces_load_id = others.load_id;
    return ours;
  }

  std::unique_ptr<SinkUnderTest> sink_;
};

TEST_P(SinkContract, LoadsOnceAndVerifies) {
  sink_->prepare();
  const LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  const LoadEvidence evidence = load(plan);
  EXPECT_FALSE(evidence.recovered);
  EXPECT_EQ(evidence.rows, 10U);
  EXPECT_FALSE(evidence.evidence.empty());
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
  auto verified = sink_->open()->verify(plan);
  ASSERT_TRUE(verified) << verified.error().detail;
  EXPECT_EQ(*verified, 10U);
  expect_sound();
}

TEST_P(SinkContract, LoadingAgainAnswersWhatAlreadyHappened) {
  sink_->prepare();
  sink_->prepare();
  load(sink_->plan(day, 1, rows(1, 10, "a"), 5));
  for (const EntryIndex fence : {5U, 6U}) {
    const LoadEvidence again = load(sink_->plan(day, 1, rows(1, 10, "a"), fence));
    EXPECT_TRUE(again.recovered);
    EXPECT_EQ(again.rows, 10U);
  }
  auto settled = sink_->open()->settle(sink_->plan(day, 1, rows(1, 10, "a"), 7));
  ASSERT_TRUE(settled) << settled.error().detail;
  ASSERT_TRUE(*settled);
  EXPECT_TRUE((*settled)->recovered);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
}

TEST_P(SinkContract, RefusesAZombieAndKeepsNothingOfIt) {
  sink_->prepare();
  auto settled = sink_->open()->settle(sink_->plan(day, 1, rows(1, 10, "a"), 9));
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_FALSE(*settled);
  auto zombie = sink_->open()->load(sink_->plan(day, 1, rows(1, 10, "a"), 8));
  ASSERT_FALSE(zombie);
  EXPECT_EQ(zombie.error().code, "fenced");
  EXPECT_FALSE(zombie.error().ambiguous);
  EXPECT_THAT(sink_->visible(), IsEmpty());
  load(sink_->plan(day, 1, rows(1, 10, "a"), 9));
  EXPECT_EQ(sink_->open()->settle(sink_->plan(day, 1, rows(1, 10, "a"), 8)).error().code, "fenced");
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
}

TEST_P(SinkContract, FencesOfOnePartitionLeaveTheOthersAlone) {
  sink_->prepare();
  load(sink_->plan(day, 1, rows(1, 5, "a"), 9));
  load(sink_->plan(other_day, 1, rows(6, 9, "b"), 2));
  Rows both = rows(1, 5, "a");
  for (const std::string& row : rows(6, 9, "b")) both.push_back(row);
  EXPECT_THAT(sink_->visible(), testing::UnorderedElementsAreArray(both));
}

TEST_P(SinkContract, ReplaceLeavesOnlyTheNewGeneration) {
  sink_->prepare();
  load(sink_->plan(day, 1, rows(1, 10, "a"), 5));
  load(sink_->plan(day, 2, rows(4, 6, "b"), 6));
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(4, 6, "b")));
  load(sink_->plan(day, 3, {}, 7));
  EXPECT_THAT(sink_->visible(), IsEmpty());
  expect_sound();
  auto inventory = sink_->open()->inventory(false);
  ASSERT_TRUE(inventory);
  ASSERT_EQ(inventory->size(), 3U);
  EXPECT_FALSE((*inventory)[1].current);
  EXPECT_TRUE((*inventory)[2].current);
}

TEST_P(SinkContract, AppendAddsToWhatIsThere) {
  sink_->prepare(LoadMode::append);
  load(sink_->plan(day, 1, rows(1, 3, "a"), 5, LoadMode::append));
  const LoadPlan second = sink_->plan(day, 2, rows(4, 6, "a"), 6, LoadMode::append);
  load(second);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 6, "a")));
  auto undone = sink_->open()->compensate(sink_->compensation(second, nullptr, 7));
  ASSERT_TRUE(undone) << undone.error().detail;
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 3, "a")));
  expect_sound();
}

// Of a writer the book does not know of, as of a copy of it: adding to that would double its rows.
TEST_P(SinkContract, AppendAddsNothingToALoadTheBookNeverIntended) {
  load(refused_beside_anothers(LoadMode::append, rows(1, 8, "b")));
}

TEST_P(SinkContract, MergeIsPutOverNoLoadTheBookNeverIntended) {
  load(refused_beside_anothers(LoadMode::merge, rows(4, 8, "b")));
}

// The book calls the first load lost: whatever is left of it goes out of sight with the load that
// comes in its place, and never comes back.
TEST_P(SinkContract, AppendTakesWhatIsLeftOfALostLoadOutOfSight) {
  for (const Harm harm : {Harm::change, Harm::remove}) {
    SCOPED_TRACE(static_cast<int>(harm));
    sink_ = GetParam() == "directory" ? SinkUnderTest::directory() : SinkUnderTest::postgres();
    sink_->prepare(LoadMode::append);
    const LoadPlan first = sink_->plan(day, 1, rows(1, 6, "a"), 5, LoadMode::append);
    const LoadPlan second = sink_->plan(day, 2, rows(7, 9, "b"), 6, LoadMode::append);
    load(first);
    load(second);
    sink_->harm(first, harm);
    LoadPlan again = sink_->plan(day, 3, rows(1, 6, "a"), 7, LoadMode::append);
    again.lost = {{first.generation, first.load_id}};
    load(again);
    Rows whole = rows(1, 6, "a");
    for (const std::string& row : rows(7, 9, "b")) whole.push_back(row);
    EXPECT_THAT(sink_->visible(), testing::UnorderedElementsAreArray(whole));
    expect_sound();
    ASSERT_TRUE(sink_->open()->compensate(sink_->compensation(again, nullptr, 8)));
    EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(7, 9, "b")));
    expect_sound();
  }
}

TEST_P(SinkContract, ReplaceDoesNotBringALostLoadBack) {
  sink_->prepare();
  const LoadPlan first = sink_->plan(day, 1, rows(1, 6, "a"), 5);
  load(first);
  sink_->harm(first, Harm::remove);
  LoadPlan again = sink_->plan(day, 2, rows(1, 6, "a"), 6);
  again.lost = {{first.generation, first.load_id}};
  load(again);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 6, "a")));
  auto undone = sink_->open()->compensate(sink_->compensation(again, nullptr, 7));
  ASSERT_TRUE(undone) << undone.error().detail;
  EXPECT_EQ(undone->rows_restored, 0U);
  EXPECT_THAT(sink_->visible(), IsEmpty());
  expect_sound();
}

TEST_P(SinkContract, TidyingKeepsWhatTheNewestCompensationsRestore) {
  sink_->prepare();
  std::vector<LoadPlan> loads;
  EntryIndex fence = 0;
  for (Generation generation = 1; generation <= 5; ++generation) {
    const int base = static_cast<int>(generation) * 10;
    loads.push_back(sink_->plan(day, generation, rows(base, base + 3, "a"), ++fence));
    load(loads.back());
  }
  for (int twice = 0; twice < 2; ++twice) {
    LoadPlan last = loads.back();
    last.fence = ++fence;
    auto tidied = sink_->open()->tidy(last);
    ASSERT_TRUE(tidied) << tidied.error().detail;
  }
  expect_sound();
  for (std::size_t at : {4U, 3U}) {
    auto back = sink_->open()->compensate(sink_->compensation(loads[at], &loads[at - 1], ++fence));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(back->rows_restored, 4U);
  }
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(30, 33, "a")));
  auto gone = sink_->open()->compensate(sink_->compensation(loads[2], &loads[1], ++fence));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "conflict");
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(30, 33, "a")));
  // A zombie tidies nothing.
  LoadPlan zombie = loads.back();
  zombie.fence = 1;
  EXPECT_EQ(sink_->open()->tidy(zombie).error().code, "fenced");
}

TEST_P(SinkContract, RefusesAnotherLoadOfAGenerationThatIsTaken) {
  sink_->prepare();
  load(sink_->plan(day, 2, rows(1, 10, "a"), 5));
  for (const Generation generation : {1U, 2U}) {
    auto other = sink_->open()->load(sink_->plan(day, generation, rows(1, 10, "b"), 6));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, "conflict");
    EXPECT_EQ(other.error().error, ErrorClass::data);
  }
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
}

// Of two keepers of copies of one book the other one loaded under this number: ours is not there
// and can not come, and is not asked for without end.
TEST_P(SinkContract, SettlesAsAbsentWhatAnotherLoadCameInsteadOf) {
  sink_->prepare();
  load(sink_->plan(day, 2, rows(1, 10, "a"), 5));
  const auto settled = sink_->open()->settle(sink_->plan(day, 2, rows(1, 10, "b"), 7));
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_FALSE(*settled);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
}

TEST_P(SinkContract, SettlesAsAbsentWhatWasTakenBack) {
  sink_->prepare();
  const LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  load(plan);
  ASSERT_TRUE(sink_->open()->compensate(sink_->compensation(plan, nullptr, 6)));
  const auto settled = sink_->open()->settle(sink_->plan(day, 1, rows(1, 10, "a"), 7));
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_FALSE(*settled);
  EXPECT_THAT(sink_->visible(), IsEmpty());
}

// Its marker is there, so it came in; that it is no longer what came in is the second look's.
TEST_P(SinkContract, SettlesAsCommittedWhatWasHarmedAfterItCameIn) {
  sink_->prepare();
  const LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  load(plan);
  sink_->harm(plan, Harm::change);
  const auto settled = sink_->open()->settle(sink_->plan(day, 1, rows(1, 10, "a"), 7));
  ASSERT_TRUE(settled) << settled.error().detail;
  ASSERT_TRUE(*settled);
  EXPECT_TRUE((*settled)->recovered);
  const auto verified = sink_->open()->verify(plan);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, "conflict");
  LoadPlan again = sink_->plan(day, 2, rows(1, 10, "a"), 8);
  again.lost = {{plan.generation, plan.load_id}};
  load(again);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 10, "a")));
  expect_sound();
}

TEST_P(SinkContract, RefusesStagedFilesThatChanged) {
  sink_->prepare();
  LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  plan.files[1].digest[0] ^= 1U;
  auto loaded = sink_->open()->load(plan);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "staged.changed");
  EXPECT_THAT(sink_->visible(), IsEmpty());
  load(sink_->plan(day, 1, rows(1, 10, "a"), 6));
}

TEST_P(SinkContract, CompensationRestoresExactlyWhatStoodBefore) {
  sink_->prepare();
  const LoadPlan first = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  const LoadPlan second = sink_->plan(day, 2, rows(4, 20, "b"), 6);
  load(first);
  const Rows before = sink_->visible();
  load(second);
  const CompensationPlan plan = sink_->compensation(second, &first, 7);
  auto dry = sink_->open()->dry_run(plan);
  ASSERT_TRUE(dry) << dry.error().detail;
  EXPECT_EQ(dry->rows_removed, 17U);
  EXPECT_EQ(dry->rows_restored, 10U);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(4, 20, "b")));

  auto done = sink_->open()->compensate(plan);
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_FALSE(done->recovered);
  EXPECT_EQ(done->rows_removed, 17U);
  EXPECT_EQ(done->rows_restored, 10U);
  EXPECT_EQ(sink_->visible(), before);

  CompensationPlan again = plan;
  again.fence = 8;
  auto twice = sink_->open()->compensate(again);
  ASSERT_TRUE(twice) << twice.error().detail;
  EXPECT_TRUE(twice->recovered);
  EXPECT_EQ(twice->rows_restored, 10U);
  EXPECT_EQ(sink_->visible(), before);
  expect_sound();

  // The slot goes on: what was taken back stays away, the next generation replaces.
  auto reloaded = sink_->open()->load(sink_->plan(day, 2, rows(4, 20, "b"), 9));
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, "conflict");
  load(sink_->plan(day, 3, rows(7, 8, "c"), 10));
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(7, 8, "c")));
  expect_sound();
}

TEST_P(SinkContract, RemovingLeavesNothing) {
  sink_->prepare();
  const LoadPlan first = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  const LoadPlan second = sink_->plan(day, 2, rows(4, 20, "b"), 6);
  load(first);
  load(second);
  auto done = sink_->open()->compensate(
      sink_->compensation(second, nullptr, 7, CompensationAction::remove));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->rows_removed, 17U);
  EXPECT_EQ(done->rows_restored, 0U);
  EXPECT_THAT(sink_->visible(), IsEmpty());
  expect_sound();
}

TEST_P(SinkContract, RefusesToTakeBackWhatALaterLoadReplaced) {
  sink_->prepare();
  const LoadPlan first = sink_->plan(day, 1, rows(1, 10, "a"), 5);
  const LoadPlan second = sink_->plan(day, 2, rows(4, 20, "b"), 6);
  load(first);
  load(second);
  auto refused = sink_->open()->compensate(sink_->compensation(first, nullptr, 7));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "conflict");
  EXPECT_THAT(refused.error().detail, HasSubstr("compensate load " + hex(second.load_id)));
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(4, 20, "b")));
}

TEST_P(SinkContract, FindsChangedRemovedAndAddedData) {
  for (const Harm harm : {Harm::change, Harm::remove, Harm::add}) {
    sink_ = GetParam() == "directory" ? SinkUnderTest::directory() : SinkUnderTest::postgres();
    sink_->prepare();
    const LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 5);
    load(plan);
    EXPECT_EQ(damage_of(plan), "");
    sink_->harm(plan, harm);
    EXPECT_NE(damage_of(plan), "") << static_cast<int>(harm);
    auto shallow = sink_->open()->inventory(false);
    ASSERT_TRUE(shallow);
    EXPECT_EQ(shallow->front().damage, "");
    if (harm != Harm::add || GetParam() == "postgres") {
      EXPECT_FALSE(sink_->open()->verify(plan));
    }
  }
}

TEST_P(SinkContract, LeavesWhatAnotherWriterPutThere) {
  sink_->prepare();
  sink_->add_foreign(day);
  const LoadPlan first = sink_->plan(day, 1, rows(1, 3, "a"), 5);
  const LoadPlan second = sink_->plan(day, 2, rows(4, 5, "b"), 6);
  const auto with_foreign = [](Rows rows) {
    rows.emplace_back("foreign");
    return rows;
  };
  load(first);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(with_foreign(rows(1, 3, "a"))));
  load(second);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(with_foreign(rows(4, 5, "b"))));
  ASSERT_TRUE(sink_->open()->compensate(sink_->compensation(second, &first, 7)));
  EXPECT_THAT(sink_->visible(), ElementsAreArray(with_foreign(rows(1, 3, "a"))));
  ASSERT_TRUE(sink_->open()->compensate(
      sink_->compensation(first, nullptr, 8, CompensationAction::remove)));
  EXPECT_THAT(sink_->visible(), ElementsAreArray(with_foreign({})));
}

// The process dies at every step of a load and of a compensation; whoever comes next finishes it or
// starts over, and the target holds it once.
TEST_P(SinkContract, HoldsEveryLoadOnceWhereverTheProcessDied) {
  std::set<std::string_view> never_reached;
  for (const std::string_view point : crash_points) {
    if (point.starts_with(sink_->crash_prefix())) never_reached.insert(point);
  }
  ASSERT_GT(never_reached.size(), 10U);
  sink_->prepare();
  EntryIndex fence = 0;
  const auto all_points = never_reached;
  int partition_number = 0;
  for (const std::string_view point : all_points) {
    const std::string partition = fmt::format("p{}", ++partition_number);
    const int base = partition_number * 100;
    const Rows old_rows = rows(base, base + 9, "old"), new_rows = rows(base + 5, base + 20, "new");
    const auto mine = [&] {
      Rows found = sink_->visible();
      std::erase_if(found, [&](const std::string& row) {
        const int id = std::stoi(row);
        return id < base || id >= base + 100;
      });
      return found;
    };
    const LoadPlan first = sink_->plan(partition, 1, old_rows, ++fence);
    load(first);

    const LoadPlan dying = sink_->plan(partition, 2, new_rows, ++fence);
    const ChildEnd loading = in_child([&] {
      if (!crash_point::arm(point)) return 9;
      return sink_->open()->load(dying) ? 0 : 1;
    });
    if (loading.signal == SIGKILL) never_reached.erase(point);
    ASSERT_TRUE(loading.signal == SIGKILL || loading.status == 0) << point << loading.status;
    EXPECT_THAT(mine(), testing::AnyOf(ElementsAreArray(old_rows), ElementsAreArray(new_rows)))
        << point << ": neither generation is whole";
    const LoadPlan second = sink_->plan(partition, 2, new_rows, ++fence);
    finish(second);
    EXPECT_THAT(mine(), ElementsAreArray(new_rows)) << point;

    const CompensationPlan dying_back = sink_->compensation(second, &first, ++fence);
    const ChildEnd taking_back = in_child([&] {
      if (!crash_point::arm(point)) return 9;
      return sink_->open()->compensate(dying_back) ? 0 : 1;
    });
    if (taking_back.signal == SIGKILL) never_reached.erase(point);
    ASSERT_TRUE(taking_back.signal == SIGKILL || taking_back.status == 0) << point;
    EXPECT_THAT(mine(), testing::AnyOf(ElementsAreArray(old_rows), ElementsAreArray(new_rows)));
    auto back = sink_->open()->compensate(sink_->compensation(second, &first, ++fence));
    ASSERT_TRUE(back) << point << ": " << back.error().detail;
    EXPECT_EQ(back->rows_restored, old_rows.size());
    EXPECT_THAT(mine(), ElementsAreArray(old_rows)) << point;
    ASSERT_TRUE(sink_->open()->tidy(sink_->plan(partition, 1, {}, ++fence)));
  }
  EXPECT_THAT(never_reached, IsEmpty()) << "crash points no protocol passed";
  expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Sinks, SinkContract, testing::Values("directory", "postgres"),
                         [](const auto& sink) { return sink.param; });

}  // namespace
}  // namespace daybook
