#include "runner/connect/history.h"

#include <gmock/gmock.h>

#include "runner/connect/manifest.h"

namespace daybook {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum CompensationAction;

MarkedGeneration load(Generation n, LoadMode mode = LoadMode::replace) { return {n, {}, mode, {}}; }
MarkedGeneration undone(Generation n, CompensationAction action,
                        LoadMode mode = LoadMode::replace) {
  return {n, {}, mode, TakenBack{action, {}}};
}
std::vector<Generation> stand(std::vector<MarkedGeneration> history) { return standing(history); }

TEST(History, ReplaceLeavesTheNewestGenerationAndAppendAddsOne) {
  EXPECT_THAT(stand({}), IsEmpty());
  EXPECT_THAT(stand({load(1), load(2)}), ElementsAre(2));
  EXPECT_THAT(stand({load(1), load(2, LoadMode::merge)}), ElementsAre(2));
  EXPECT_THAT(stand({load(1, LoadMode::append), load(4, LoadMode::append)}), ElementsAre(1, 4));
  EXPECT_THAT(stand({load(1), load(2, LoadMode::append), load(3)}), ElementsAre(3));
}

TEST(History, ALostGenerationStandsNoMoreEvenWhenWhatCameInsteadIsTakenBack) {
  MarkedGeneration instead = load(3, LoadMode::append);
  instead.lost = {1};
  EXPECT_THAT(stand({load(1, LoadMode::append), load(2, LoadMode::append), instead}),
              ElementsAre(2, 3));
  instead.taken_back = TakenBack{restore_previous, {}};
  EXPECT_THAT(stand({load(1, LoadMode::append), load(2, LoadMode::append), instead}),
              ElementsAre(2));
  MarkedGeneration replacing = load(2);
  replacing.lost = {1};
  EXPECT_EQ(standing_before(std::vector{load(1), replacing}, 2), 0U);
}

TEST(History, RestoringMakesAGenerationAsIfItHadNeverBeen) {
  EXPECT_THAT(stand({load(1), undone(2, restore_previous)}), ElementsAre(1));
  EXPECT_THAT(stand({load(1), load(2), undone(3, restore_previous)}), ElementsAre(2));
  EXPECT_THAT(stand({load(1), undone(2, restore_previous), undone(3, restore_previous)}),
              ElementsAre(1));
  EXPECT_THAT(stand({undone(1, restore_previous)}), IsEmpty());
}

TEST(History, RemovingLeavesTheSlotEmptySaveInAppendMode) {
  EXPECT_THAT(stand({load(1), undone(2, remove)}), IsEmpty());
  EXPECT_THAT(stand({load(1, LoadMode::append), undone(2, remove, LoadMode::append)}),
              ElementsAre(1));
  EXPECT_THAT(stand({load(1), undone(2, remove), load(3)}), ElementsAre(3));
}

TEST(History, KnowsWhatStoodBefore) {
  const std::vector<MarkedGeneration> history = {load(1), undone(2, restore_previous), load(3)};
  EXPECT_EQ(standing_before(history, 3), 1U);
  EXPECT_EQ(standing_before(history, 1), 0U);
}

TEST(Manifest, ReadsBackWhatItWrites) {
  Manifest manifest{.origin = "book",
                    .pipeline = "runways",
                    .partition = "2022-06-01",
                    .generation = 3,
                    .replaces = 2,
                    .load_id = sha256(bytes_of("load")),
                    .content = sha256(bytes_of("content")),
                    .rows = 7,
                    .fence = 41,
                    .mode = LoadMode::append,
                    .files = {{"part-3-0.parquet", 10, 7, sha256(bytes_of("file"))}}};
  const auto read = read_manifest(to_json(manifest));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, manifest);
  Tombstone tombstone{.origin = "book",
                      .pipeline = "runways",
                      .partition = "2022-06-01",
                      .generation = 3,
                      .restores = 2,
                      .generation_load_id = manifest.load_id,
                      .load_id = sha256(bytes_of("back")),
                      .action = remove,
                      .fence = 50,
                      .rows_removed = 7,
                      .rows_restored = 5};
  const auto back = read_tombstone(to_json(tombstone));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, tombstone);
}

TEST(Manifest, RefusesWhatIsNoManifest) {
  const std::string good = to_json(Manifest{});
  for (std::string text : {std::string(), std::string("{}"), std::string("[1]"),
                           good.substr(0, good.size() / 2), to_json(Tombstone{})}) {
    EXPECT_FALSE(read_manifest(text)) << text;
  }
  std::string newer = good;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  EXPECT_FALSE(read_manifest(newer));
  for (const char* number : {"-1", "2.5", "1e30", "4294967297", "\"1\""}) {
    std::string other = good;
    other.replace(other.find("\"generation\": 0"), 15, std::string("\"generation\": ") + number);
    EXPECT_FALSE(read_manifest(other)) << number;
  }
  EXPECT_TRUE(read_manifest(good));
}

}  // namespace
}  // namespace daybook
