// SIGKILL at random moments of loads, and a server that goes down under them: every load is in the
// target once. The seed is printed first; DAYBOOK_SEED repeats it.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/runner/connect/sink_under_test.h"

namespace daybook {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

const std::string day = "2022-06-01";
constexpr int kills_wanted = 200;

std::uint64_t seed() {
  const char* given = std::getenv("DAYBOOK_SEED");
  const std::uint64_t value =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "DAYBOOK_SEED=" << value << "\n";
  return value;
}

// One generation's rows, told apart from every other's.
Rows content(Generation generation) { return rows(1, 40, fmt::format("g{}", generation)); }

// As the runner: settle what an earlier attempt may have done, then load. 0: committed.
int attempt(const SinkUnderTest& sink, const LoadPlan& plan) {
  auto driver = sink.open();
  auto settled = driver->settle(plan);
  if (!settled) return 2;
  if (*settled) return 0;
  return driver->load(plan) ? 0 : 3;
}

class SinkKill : public testing::TestWithParam<std::string> {
 protected:
  SinkKill()
      : sink_(GetParam() == "directory" ? SinkUnderTest::directory() : SinkUnderTest::postgres()) {}

  void expect_once(Generation generation) {
    ASSERT_THAT(sink_->visible(), testing::ElementsAreArray(content(generation))) << generation;
    auto inventory = sink_->open()->inventory(true);
    ASSERT_TRUE(inventory) << inventory.error().detail;
    ASSERT_EQ(inventory->size(), generation);
    for (const SinkGeneration& each : *inventory) {
      ASSERT_EQ(each.damage, "") << each.generation;
      ASSERT_EQ(each.current, each.generation == generation);
    }
  }

  std::unique_ptr<SinkUnderTest> sink_;
};

TEST_P(SinkKill, NeitherLosesNorDoublesALoad) {
  std::mt19937_64 random(seed());
  sink_->prepare();
  EntryIndex fence = 0;
  // How long an attempt takes undisturbed: kills fall anywhere in it, and a little behind.
  const auto began = Clock::now();
  ASSERT_EQ(
      in_child([&] { return attempt(*sink_, sink_->plan(day, 1, content(1), ++fence)); }).status,
      0);
  ++fence;
  const auto usual = std::chrono::duration_cast<microseconds>(Clock::now() - began);
  std::uniform_int_distribution<std::int64_t> moment(0, usual.count() * 5 / 4);

  int kills = 0, attempts = 0;
  Generation generation = 1;
  while (kills < kills_wanted) {
    ++generation;
    for (;;) {
      ++attempts;
      const LoadPlan plan = sink_->plan(day, generation, content(generation), ++fence);
      const pid_t child = start_child([&] { return attempt(*sink_, plan); });
      std::this_thread::sleep_for(microseconds(moment(random)));
      ::kill(child, SIGKILL);
      const ChildEnd end = wait_child(child);
      if (end.signal == SIGKILL) {
        ++kills;
        continue;  // nobody knows: the next attempt settles it
      }
      ASSERT_EQ(end.status, 0);
      break;
    }
    if (generation % 10 == 0) expect_once(generation);
    ASSERT_TRUE(sink_->open()->tidy(sink_->plan(day, 1, {}, fence)));
  }
  expect_once(generation);
  std::cout << GetParam() << ": " << generation << " loads, " << attempts << " attempts, " << kills
            << " kills, 0 lost, 0 doubled\n";
}

INSTANTIATE_TEST_SUITE_P(Sinks, SinkKill, testing::Values("directory", "postgres"),
                         [](const auto& sink) { return sink.param; });

TEST(ServerCrash, NeitherLosesNorDoublesALoad) {
  std::mt19937_64 random(seed());
  auto sink = SinkUnderTest::postgres();
  sink->prepare();
  EntryIndex fence = 0;
  int attempts = 0, restarts = 0;
  Generation generation = 0;
  std::uniform_int_distribution<int> moment(0, 25'000);
  while (restarts < 10) {
    ++generation;
    for (bool committed = false; !committed;) {
      ++attempts;
      const LoadPlan plan = sink->plan(day, generation, content(generation), ++fence);
      const pid_t child = start_child([&] { return attempt(*sink, plan); });
      if (restarts < 10 && attempts % 3 == 0) {
        std::this_thread::sleep_for(microseconds(moment(random)));
        auto back = shared_cluster().restart(PostgresCluster::Stop::immediate);
        ASSERT_TRUE(back) << back.error().detail;
        ++restarts;
      }
      const ChildEnd end = wait_child(child);
      ASSERT_EQ(end.signal, 0);
      committed = end.status == 0;
    }
    ASSERT_THAT(sink->visible(), testing::ElementsAreArray(content(generation)));
  }
  auto inventory = sink->open()->inventory(true);
  ASSERT_TRUE(inventory) << inventory.error().detail;
  EXPECT_EQ(inventory->size(), generation);
  EXPECT_GT(attempts, static_cast<int>(generation)) << "no restart met a load";
  for (const SinkGeneration& each : *inventory) EXPECT_EQ(each.damage, "");
  std::cout << "server: " << generation << " loads, " << attempts << " attempts, " << restarts
            << " immediate restarts, 0 lost, 0 doubled\n";
}

}  // namespace
}  // namespace daybook
