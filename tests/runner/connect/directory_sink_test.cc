// What holds for directories alone: names, links, what patterns find, what tidying leaves.
#include "runner/connect/directory_sink.h"

#include <gmock/gmock.h>

#include <fstream>

#include "runner/connect/slot_store.h"
#include "tests/runner/connect/sink_under_test.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string day = "2022-06-01";

class DirectorySinkTest : public testing::Test {
 protected:
  DirectorySinkTest() : sink_(SinkUnderTest::directory()) { sink_->prepare(); }
  fs::path root() const { return fs::path(sink_->pipeline().project) / "lake/things"; }
  void load(const LoadPlan& plan) {
    auto loaded = sink_->open()->load(plan);
    ASSERT_TRUE(loaded) << loaded.error().detail;
  }
  std::vector<fs::path> everything_named_parquet() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.path().extension() == ".parquet") found.push_back(entry.path());
    }
    return found;
  }

  std::unique_ptr<SinkUnderTest> sink_;
};

TEST_F(DirectorySinkTest, ARecursivePatternFindsNoRetainedGeneration) {
  load(sink_->plan(day, 1, rows(1, 10, "a"), 1));
  load(sink_->plan(day, 2, rows(1, 10, "b"), 2));
  for (const fs::path& path : everything_named_parquet()) {
    EXPECT_EQ(path.parent_path(), root() / day);
    EXPECT_THAT(path.filename().string(), testing::StartsWith("part-2-"));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
  }
  EXPECT_THAT(everything_named_parquet(), SizeIs(2));
}

TEST_F(DirectorySinkTest, EvidenceNamesTheFilesReadersSee) {
  const LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 1);
  auto loaded = sink_->open()->load(plan);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  ASSERT_THAT(loaded->files, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(loaded->files[i].digest, plan.files[i].digest);
    EXPECT_EQ(fs::file_size(root() / loaded->files[i].name), plan.files[i].bytes);
  }
  EXPECT_THAT(loaded->evidence, testing::StartsWith("manifest sha256:"));
}

TEST_F(DirectorySinkTest, CurrentFilesAreThoseThatStand) {
  load(sink_->plan(day, 1, rows(1, 10, "a"), 1));
  const LoadPlan second = sink_->plan(day, 2, rows(1, 4, "b"), 2);
  load(second);
  auto files = sink_->open()->current_files({"things", day, 2, second.load_id, {}});
  ASSERT_TRUE(files);
  std::string text;
  for (const fs::path& file : *files) {
    ASSERT_TRUE(file.is_absolute());
    std::ifstream in(file);
    text.append(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_EQ(text, "1\tb-1\n2\tb-2\n3\tb-3\n4\tb-4\n");
  EXPECT_THAT(*sink_->open()->current_files({"things", "other", 0, {}, {}}), IsEmpty());
}

// A late writer's load had its rows merged into the next one of a book that knew nothing of them;
// where the next one brought nothing new, it was even taken for that one.
TEST_F(DirectorySinkTest, AMergeIsPutOverWhatTheBookHasAsCurrentAndNothingElse) {
  const LoadPlan first = sink_->plan(day, 1, rows(1, 4, "a"), 1, LoadMode::merge);
  load(first);
  LoadPlan others = sink_->plan(day, 2, rows(1, 6, "b"), 2, LoadMode::merge);
  others.replaces = 1;
  others.replaces_load_id = first.load_id;
  load(others);
  const auto of_first = sink_->open()->current_files({"things", day, 1, first.load_id, {}});
  ASSERT_TRUE(of_first) << of_first.error().detail;
  EXPECT_THAT(of_first->front().string(), testing::HasSubstr(hex(first.load_id).substr(0, 16)));
  EXPECT_THAT(*sink_->open()->current_files({"things", day, 0, {}, {}}), IsEmpty());
  for (const MergeBase& other :
       {MergeBase{"things", day, 2, first.load_id, {}},
        MergeBase{"things", day, 3, first.load_id, {}},
        MergeBase{"things", day, 2, others.load_id, {{2, others.load_id}}}}) {
    const auto refused = sink_->open()->current_files(other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "conflict");
  }
  // Over what somebody else put there nothing comes in.
  LoadPlan ours = sink_->plan(day, 3, rows(1, 6, "c"), 3, LoadMode::merge);
  ours.replaces = 1;
  ours.replaces_load_id = first.load_id;
  const auto refused = sink_->open()->load(ours);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, testing::HasSubstr(hex(others.load_id)));
}

TEST_F(DirectorySinkTest, MergeIsRefusedWhenItWasStagedOverAnotherGeneration) {
  const LoadPlan first = sink_->plan(day, 1, rows(1, 4, "a"), 1, LoadMode::merge);
  load(first);
  LoadPlan stale = sink_->plan(day, 2, rows(1, 6, "b"), 2, LoadMode::merge);
  auto refused = sink_->open()->load(stale);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "conflict");
  stale.replaces = 1;
  EXPECT_FALSE(sink_->open()->load(stale));
  stale.replaces_load_id = first.load_id;
  load(stale);
}

TEST_F(DirectorySinkTest, SettlesAMergeThatIsNotThereWhateverStands) {
  load(sink_->plan(day, 1, rows(1, 4, "a"), 1, LoadMode::merge));
  const LoadPlan stale = sink_->plan(day, 2, rows(1, 6, "b"), 2, LoadMode::merge);
  auto settled = sink_->open()->settle(stale);
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_FALSE(*settled);
}

// A writer that stands still under the lock may bring its load in when it goes on: nothing can be
// said of it meanwhile.
TEST_F(DirectorySinkTest, SaysNothingOfALoadWhileAnotherHoldsTheLock) {
  const LoadPlan plan = sink_->plan(day, 1, rows(1, 4, "a"), 2);
  load(sink_->plan(day, 1, rows(1, 4, "a"), 1));
  {
    const auto slot = open_directory(root() / ".daybook" / slot_name(day));
    ASSERT_TRUE(slot);
    const auto frozen = FileLock::take(*slot, "lock", 0);
    ASSERT_TRUE(frozen);
    const auto settled = sink_->open()->settle(plan);
    ASSERT_FALSE(settled);
    EXPECT_EQ(settled.error().code, "locked");
    EXPECT_EQ(settled.error().error, ErrorClass::transient);
    EXPECT_THAT(settled.error().detail, HasSubstr((root() / ".daybook").string()));
  }
  const auto settled = sink_->open()->settle(plan);
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_TRUE(*settled);
}

// On shared storage the process numbers of two machines, or of two containers, are often the same.
TEST_F(DirectorySinkTest, TriesAFileSystemBesideAnotherThatDoes) {
  const auto names_of_probes = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root() / ".stage"))
      names.push_back(entry.path().filename().string());
    return names;
  };
  EXPECT_THAT(names_of_probes(), IsEmpty());
  const fs::path others = root() / ".stage/probe-0000000000000008-a";
  fs::create_directory(others);
  std::ofstream(others / "file") << "probe of another\n";
  ASSERT_TRUE(sink_->open()->prepare(test_columns(), LoadMode::replace, {}, 7));
  EXPECT_THAT(names_of_probes(), ElementsAre(others.filename().string()));
  EXPECT_TRUE(fs::exists(others / "file"));
}

TEST_F(DirectorySinkTest, TidyKeepsTheNewestSupersededGenerationsAndNoLeftovers) {
  for (Generation n = 1; n <= 5; ++n) load(sink_->plan(day, n, rows(1, 3, "a"), n));
  const fs::path leftover =
      root() / ".stage" / slot_name(day) / (hex(sha256(bytes_of("x"))) + ".3");
  const fs::path alive = root() / ".stage" / slot_name(day) / (hex(sha256(bytes_of("x"))) + ".9");
  for (const fs::path& path : {leftover, alive}) {
    fs::create_directories(path);
    std::ofstream(path / "part-0") << "x";
  }
  const fs::path uncommitted = root() / ".daybook" / slot_name(day) / "6-0123456789abcdef";
  fs::create_directories(uncommitted);
  std::ofstream(uncommitted / "part-0") << "x";
  for (int twice = 0; twice < 2; ++twice)
    ASSERT_TRUE(sink_->open()->tidy(sink_->plan(day, 1, {}, 6)));
  EXPECT_FALSE(fs::exists(leftover));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_FALSE(fs::exists(uncommitted));
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(root() / ".daybook" / slot_name(day))) {
    if (entry.is_directory()) kept.push_back(entry.path().filename().string().substr(0, 1));
  }
  EXPECT_THAT(kept, testing::UnorderedElementsAre("3", "4", "5"));
  auto inventory = sink_->open()->inventory(true);
  ASSERT_TRUE(inventory);
  for (const SinkGeneration& each : *inventory) EXPECT_EQ(each.damage, "");
}

TEST_F(DirectorySinkTest, RefusesKeysAndPathsThatLeaveTheirPlace) {
  for (const char* partition : {"", ".", "..", ".daybook", "a/b", "a b", "../x"}) {
    LoadPlan plan = sink_->plan(day, 1, rows(1, 2, "a"), 1);
    plan.partition = partition;
    auto refused = sink_->open()->load(plan);
    ASSERT_FALSE(refused) << partition;
    EXPECT_EQ(refused.error().error, ErrorClass::definition);
    const auto settled = sink_->open()->settle(plan);
    ASSERT_TRUE(settled) << settled.error().detail;
    EXPECT_FALSE(*settled);
  }
  Pipeline pipeline = sink_->pipeline();
  for (const char* path : {"", "/tmp/x", "../x", "a/../../x"}) {
    pipeline.sink.to = DirectorySink{FileFormat::csv, path};
    EXPECT_FALSE(open_sink(pipeline)) << path;
  }
  fs::create_directory_symlink("/tmp", fs::path(pipeline.project) / "link");
  pipeline.sink.to = DirectorySink{FileFormat::csv, "link/x"};
  auto refused = open_sink(pipeline);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("symbolic links are refused"));
}

TEST_F(DirectorySinkTest, FollowsNoLinkSetWhereAPartitionShouldBe) {
  fs::create_directory_symlink("/tmp", root() / day);
  EXPECT_FALSE(sink_->open()->load(sink_->plan(day, 1, rows(1, 2, "a"), 1)));
}

TEST_F(DirectorySinkTest, RefusesAPartitionOfAnotherBook) {
  load(sink_->plan(day, 1, rows(1, 2, "a"), 1));
  LoadPlan other = sink_->plan(day, 2, rows(1, 2, "b"), 2);
  other.origin = "another/book";
  auto refused = sink_->open()->load(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "conflict");
  // It is not there and can not come: no run waits for it.
  const auto settled = sink_->open()->settle(other);
  ASSERT_TRUE(settled) << settled.error().detail;
  EXPECT_FALSE(*settled);
}

TEST_F(DirectorySinkTest, TakesStagedFilesFromAnotherFileSystem) {
  const fs::path memory = "/dev/shm";
  if (!fs::is_directory(memory)) GTEST_SKIP() << "no second file system here";
  LoadPlan plan = sink_->plan(day, 1, rows(1, 10, "a"), 1);
  const fs::path elsewhere = memory / plan.staged.filename();
  fs::copy(plan.staged, elsewhere);
  plan.staged = elsewhere;
  auto loaded = sink_->open()->load(plan);
  fs::remove_all(elsewhere);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(sink_->visible(), testing::ElementsAreArray(rows(1, 10, "a")));
}

TEST_F(DirectorySinkTest, HasNoRowsToFlag) {
  Pipeline pipeline = sink_->pipeline();
  pipeline.sink.compensate = CompensateBy::flag;
  auto refused = open_sink(pipeline);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, ErrorClass::definition);
}

TEST_F(DirectorySinkTest, RestoresNothingThatWasDamagedMeanwhile) {
  const LoadPlan first = sink_->plan(day, 1, rows(1, 10, "a"), 1);
  const LoadPlan second = sink_->plan(day, 2, rows(1, 3, "b"), 2);
  load(first);
  load(second);
  const fs::path kept =
      root() / ".daybook" / slot_name(day) / generation_directory(1, first.load_id) / "part-0";
  std::ofstream(kept, std::ios::app) << "more";
  auto refused = sink_->open()->compensate(sink_->compensation(second, &first, 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "conflict");
  EXPECT_THAT(sink_->visible(), testing::ElementsAreArray(rows(1, 3, "b")));
}

}  // namespace
}  // namespace daybook
