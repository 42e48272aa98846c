#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temporary_directory.h"
#include "tools/demo/demo_project.h"
#include "tools/demo/feed.h"

namespace daybook {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

auto records(const std::string& text) { return std::count(text.begin(), text.end(), '\n') - 1; }

TEST(DemoFeed, HasTheRowsAskedForOverDatedFilesAndIsTheSameEveryTime) {
  const TemporaryDirectory one, two;
  ASSERT_TRUE(write_demo_feed(one.path(), 3'001, 3));
  ASSERT_TRUE(write_demo_feed(two.path(), 3'001, 3));
  long all = 0;
  for (const char* day : {"2026-01-01", "2026-01-02", "2026-01-03"}) {
    const std::string text = read(one / day / "orders.csv");
    EXPECT_EQ(text, read(two / day / "orders.csv"));
    all += records(text);
  }
  EXPECT_EQ(all, 3'001);
  EXPECT_EQ(read(one / "countries.csv"), read(two / "countries.csv"));
  EXPECT_FALSE(std::filesystem::exists(one / "2026-01-04"));
}

TEST(DemoFeed, HasEveryKindOfFault) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_demo_feed(directory.path(), 20'000, 1));
  const std::string text = read(directory / "2026-01-01/orders.csv");
  for (const char* fault : {",,DE,", ",-", "2026-02-30T", ",yesterday\n", ",ZZ,", ",XBT,",
                            ",shop7\n", " \"Bo\" ", "\" jr.,", "Andr\xe9 ", ",test,"}) {
    EXPECT_THAT(text, HasSubstr(fault));
  }
}

TEST(DemoFeed, IsCorrectedOnce) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_demo_feed(directory.path(), 20'000, 2));
  const std::string other = read(directory / "2026-01-01/orders.csv");
  const std::string before = read(directory / "2026-01-02/orders.csv");
  ASSERT_TRUE(write_demo_correction(directory.path(), "2026-01-02"));
  const std::string after = read(directory / "2026-01-02/orders.csv");
  EXPECT_EQ(records(after), records(before) + 25);
  EXPECT_THAT(before, testing::ContainsRegex(R"(,"[0-9]+,[0-9][0-9]",)"));
  EXPECT_THAT(after, Not(testing::ContainsRegex(R"(,"[0-9]+,[0-9][0-9]",)")));
  ASSERT_TRUE(write_demo_correction(directory.path(), "2026-01-02"));
  EXPECT_EQ(read(directory / "2026-01-02/orders.csv"), after);
  EXPECT_EQ(read(directory / "2026-01-01/orders.csv"), other);
}

TEST(DemoFeed, RefusesWhatItCanNotWrite) {
  const TemporaryDirectory directory;
  EXPECT_EQ(write_demo_feed(directory.path(), 10, 0).error().code, Error::Code::invalid);
  EXPECT_EQ(write_demo_feed(directory.path(), 1, 2).error().code, Error::Code::invalid);
  EXPECT_EQ(write_demo_correction(directory.path(), "2026-01-09").error().code,
            Error::Code::not_found);
}

TEST(DemoProject, HoldsItsFilesInOrder) {
  const auto files = demo_project();
  EXPECT_TRUE(std::ranges::is_sorted(files, {}, &DemoFile::path));
  const auto pipeline = std::ranges::find(files, "orders.pipeline.yaml", &DemoFile::path);
  ASSERT_NE(pipeline, files.end());
  EXPECT_THAT(std::string(pipeline->text), HasSubstr("\npipeline: orders\n"));
  for (const DemoFile& file : files) EXPECT_TRUE(file.text.ends_with('\n')) << file.path;
}

}  // namespace
}  // namespace daybook
