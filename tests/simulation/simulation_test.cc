// Worlds with one fault and much of it, and what must not come of that. The seeds of
// `tools/dev sim` mix them; what those found is kept here.
#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

#include "tests/simulation/trial.h"

namespace daybook::sim {
namespace {

Options calm(std::uint64_t seed) {
  Options o = options_of(seed, Tier::memory);
  o.per_million = {};
  o.partitions = 3;
  o.rounds = 3;
  return o;
}

Options with(Options o, Fault fault, std::uint32_t per_million) {
  o.per_million[static_cast<std::size_t>(fault)] = per_million;
  return o;
}

class World_ {
 public:
  explicit World_(const Options& options) : simulation_(options, figures_) {
    try {
      simulation_.run();
    } catch (const Broken& broken) {
      ADD_FAILURE() << describe(options) << "\n" << broken.what;
    }
  }
  Figures& figures() { return figures_; }
  Timestamp time() const { return simulation_.world.time; }
  std::vector<Event> events() {
    std::vector<Event> out;
    for (Entry& entry : simulation_.decoded()) out.push_back(std::move(entry.event));
    return out;
  }

 private:
  Figures figures_ = empty_figures();
  Simulation simulation_;
};

constexpr std::uint64_t seeds = 20;

TEST(Simulation, GoesTheSameWayTwice) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    for (const Tier tier : {Tier::memory, Tier::rocksdb}) {
      if (tier == Tier::rocksdb && seed % 4 != 0) continue;
      Figures one = empty_figures(), other = empty_figures();
      const Options options = options_of(seed, tier);
      EXPECT_EQ(simulate(options, one).trace, simulate(options, other).trace) << describe(options);
      EXPECT_EQ(one.points, other.points);
    }
}

// A clock that was set back by years held every retry until it had caught up.
TEST(Simulation, WaitsForNoWallClock) {
  std::uint64_t jumps = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Options options = with(calm(seed), Fault::clock, 500'000);
    options = with(options, Fault::source, 200'000);
    World_ world(options);
    jumps += world.figures().happened["clock"];
    EXPECT_LT(world.time(), 14 * 86'400 * second) << describe(options);  // days between rounds
  }
  EXPECT_GT(jumps, seeds);
}

TEST(Simulation, EndsWhateverItsSourcesDo) {
  std::uint64_t times = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World_ world(with(calm(seed), Fault::source, 400'000));
    times += world.figures().happened["source"];
  }
  EXPECT_GT(times, seeds);
}

// One that was frozen while it held its folder's lock brought in what its successor had given up as
// locked: the book said that it was not there.
TEST(Simulation, GivesUpNoLoadThatALateWriterStillBringsIn) {
  std::uint64_t takeovers = 0, waited = 0;
  for (std::uint64_t seed = 1; seed <= 4 * seeds; ++seed) {
    Options options = with(calm(seed), Fault::takeover, 200'000);
    options = with(options, Fault::pause, 60'000);
    options = with(options, Fault::server_error, 50'000);
    options.aim_at(seed % 4 < 2 ? Target::directory : Target::server);
    options.mode = seed % 2 == 0 ? LoadMode::append : LoadMode::replace;
    World_ world(options);
    takeovers += world.figures().happened["takeover"];
    waited += world.figures().sometimes.find("a load waited for another's lock")->second;
    for (const Event& event : world.events()) {
      const auto* aborted = std::get_if<LoadAborted>(&event);
      if (aborted == nullptr || aborted->evidence == "not committed: fenced") continue;
      EXPECT_NE(aborted->evidence.find("asked under the fence"), std::string::npos)
          << aborted->evidence << "\n"
          << describe(options);
    }
  }
  EXPECT_GT(takeovers, seeds);
  EXPECT_GT(waited, 0U);
}

// A run that was cancelled just while it planned took the process along: what its source offered
// was dropped with its end, and planning went on with it.
TEST(Simulation, ComesToItsEndWhoeverInterferes) {
  std::uint64_t times = 0, paused = 0, cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 6 * seeds; ++seed) {
    Options options = with(calm(seed), Fault::interference, 400'000);
    options.partitions = seed % 10 == 0 ? 80 : 3;  // of a large run, planning takes several groups
    World_ world(options);
    times += world.figures().happened["interference"];
    paused += world.figures().sometimes.find("something was paused")->second;
    cancelled += world.figures().sometimes.find("a partition was cancelled")->second;
  }
  EXPECT_GT(times, seeds);
  EXPECT_GT(paused, 0U);
  EXPECT_GT(cancelled, 0U);
}

// What a killed process had begun to erase, the next one ends: check_end asks for the bytes.
TEST(Simulation, ErasesForGoodWhereverItWasKilled) {
  std::uint64_t erased = 0, by_the_next = 0;
  for (std::uint64_t seed = 1; seed <= 4 * seeds; ++seed) {
    Options options = with(calm(seed), Fault::kill, 20'000);
    options = with(options, Fault::power, 10'000);
    options.rounds = 5;
    World_ world(options);
    erased += world.figures().happened["erased"];
    by_the_next +=
        world.figures().sometimes.find("an erasure was carried out by the process after")->second;
  }
  EXPECT_GT(erased, 0U);
  EXPECT_GT(by_the_next, 0U);
}

// A folder or a swap that an earlier process made, and did not live to sync, was taken for durable:
// the path to the target (met by seed 343), the swap of a partition's folder (336, 495), the
// folders of a partition (406, 833, 900). A file system that keeps each directory by itself undid
// it after the load was reported. One in some hundred of these worlds meets it; whoever changes
// what they draw looks for new ones.
TEST(Simulation, KeepsWhatItReportsWhereEachDirectoryIsKeptByItself) {
  for (const std::uint64_t seed : {336U, 343U, 406U, 495U, 833U, 900U}) {
    Options options = with(with(calm(seed), Fault::kill, 40'000), Fault::power, 4'000);
    options.aim_at(Target::directory);
    options.ordered_names = false;
    options.partitions = 1;
    if (options.merges()) options.mode = LoadMode::replace;
    World_ world(options);
    EXPECT_GT(world.figures().happened["power-loss"], 0U);
    for (const Event& event : world.events())
      EXPECT_FALSE(std::holds_alternative<LoadLost>(event)) << describe(options);
  }
}

// Each generation is what its inputs give, put by key over what it replaced; whatever is killed,
// taken over and taken back meanwhile. check_end folds it again from the inputs.
TEST(Simulation, MergesEveryGenerationOverWhatItReplaced) {
  std::uint64_t kept = 0, loads = 0;
  for (std::uint64_t seed = 1; seed <= 3 * seeds; ++seed) {
    Options options = with(with(calm(seed), Fault::kill, 10'000), Fault::takeover, 20'000);
    options.aim_at(Target::directory);
    options.mode = LoadMode::merge;
    options.rounds = 5;
    World_ world(options);
    kept += world.figures().sometimes.find("a merge kept rows that stood")->second;
    loads += world.figures().loads;
  }
  EXPECT_GT(kept, seeds);
  EXPECT_GT(loads, seeds);
}

// A server that refused the second look, or failed in it, was taken for one that had lost the load.
TEST(Simulation, TakesNoErrorOfASinkForALoss) {
  std::uint64_t errors = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Options options = with(calm(seed), Fault::server_error, 150'000);
    options.aim_at(Target::server);
    World_ world(options);
    errors += world.figures().happened["server-error"];
    for (const Event& event : world.events())
      EXPECT_FALSE(std::holds_alternative<LoadLost>(event)) << describe(options);
  }
  EXPECT_GT(errors, seeds);
}

}  // namespace
}  // namespace daybook::sim
