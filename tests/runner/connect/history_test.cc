#include "runner/connect/history.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

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
                    .files = {{"part-3-0.parquet", 10, 7, sha256(bytes_of("file"))}},
                    .lost = {{2, sha256(bytes_of("gone"))}}};
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

TEST(Manifest, RefusesEachMemberThatIsNotWhatItSays) {
  Manifest manifest;
  manifest.lost.push_back({2, sha256(bytes_of("gone"))});
  manifest.files.push_back({"part-0", 10, 7, sha256(bytes_of("file"))});
  const nlohmann::json good = nlohmann::json::parse(to_json(manifest));
  const nlohmann::json tombstone = nlohmann::json::parse(to_json(Tombstone{}));
  const auto refused = [](nlohmann::json json, const char* where, const nlohmann::json& value) {
    json.at(nlohmann::json::json_pointer(where)) = value;
    const std::string text = json.dump();
    return !read_manifest(text) && !read_tombstone(text);
  };
  ASSERT_TRUE(read_manifest(good.dump()) && read_tombstone(tombstone.dump()));
  for (const char* digest : {"/load_id", "/content", "/files/0/sha256", "/lost/0/load_id"})
    for (const char* value : {"", "00", "no digest"})
      EXPECT_TRUE(refused(good, digest, value)) << digest;
  for (const char* number : {"/format", "/generation", "/replaces", "/rows", "/fence",
                             "/files/0/bytes", "/files/0/rows", "/lost/0/generation"})
    for (const nlohmann::json& value :
         {nlohmann::json(-1), nlohmann::json(2.9), nlohmann::json("1")})
      EXPECT_TRUE(refused(good, number, value)) << number << value;
  EXPECT_TRUE(refused(good, "/mode", "sideways"));
  EXPECT_TRUE(refused(good, "/files", 7));
  EXPECT_TRUE(refused(tombstone, "/action", "sideways"));
  EXPECT_TRUE(refused(tombstone, "/restores", -1));
  EXPECT_TRUE(refused(tombstone, "/generation_load_id", "00"));
}

}  // namespace
}  // namespace daybook
