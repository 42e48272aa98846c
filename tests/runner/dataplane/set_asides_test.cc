// What waits in files where it does not fit into memory: in order, and nothing lost.
#include "runner/dataplane/set_asides.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "runner/dataplane/row_set.h"
#include "tests/support/temporary_directory.h"

namespace daybook::testing {
namespace {

SetAside aside(std::int64_t row, std::size_t bytes) {
  return {row, {{"rule", "column", "row " + std::to_string(row)}}, std::string(bytes, 'x')};
}

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(SetAsides, ComeBackInOrderHoweverManyTheyAre) {
  for (const bool shuffled : {false, true}) {
    const TemporaryDirectory root;
    std::vector<std::int64_t> rows(100'000);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i) * 3;
    if (shuffled) std::shuffle(rows.begin(), rows.end(), std::mt19937(7));
    SetAsides asides;
    asides.spill_to(root / "aside");
    for (const std::int64_t row : rows) asides.add(aside(row, 500));  // about 60 MB
    EXPECT_EQ(asides.size(), rows.size());
    // Rows that come as they were read need one file.
    EXPECT_EQ(files_in(root.path()) > 1, shuffled);
    ASSERT_TRUE(asides.finish());
    std::int64_t next = 0;
    for (;;) {
      const auto taken = asides.take(1000);
      ASSERT_TRUE(taken);
      if (taken->empty()) break;
      for (const SetAside& one : *taken) {
        EXPECT_EQ(one.row, next);
        EXPECT_EQ(one.violations.at(0).message, "row " + std::to_string(next));
        EXPECT_EQ(one.bytes.size(), 500U);
        next += 3;
      }
    }
    EXPECT_EQ(next, 300'000);
    EXPECT_EQ(files_in(root.path()), 0U);
  }
}

TEST(SetAsides, OfOneRowStayAsTheyCame) {
  SetAsides asides;
  for (const char* rule : {"b", "a", "c"}) asides.add({5, {{rule, "", ""}}, ""});
  asides.add({4, {{"first", "", ""}}, ""});
  ASSERT_TRUE(asides.finish());
  const auto taken = asides.take(10);
  ASSERT_TRUE(taken);
  std::string rules;
  for (const SetAside& one : *taken) rules += one.violations[0].rule + " ";
  EXPECT_EQ(rules, "first b a c ");
}

TEST(SetAsides, SayWhenTheyCanNotBeKept) {
  SetAsides asides;
  asides.spill_to("/proc/nowhere/aside");
  for (int i = 0; i < 50; ++i) asides.add(aside(i, 1 << 20));
  EXPECT_FALSE(asides.finish());
}

TEST(RowSet, HoldsWhatWasPutIntoIt) {
  std::mt19937_64 random(3);
  for (const int every : {1, 2, 50, 100'000}) {
    RowSet set;
    std::set<std::int64_t> rows;
    for (std::int64_t row = std::int64_t{1} << 40; rows.size() < 30'000;
         row += 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(every))) {
      set.add(row);
      set.add(row);
      rows.insert(row);
    }
    EXPECT_EQ(set.size(), rows.size());
    for (const std::int64_t row : rows)
      for (const std::int64_t near : {row - 1, row, row + 1})
        ASSERT_EQ(set.contains(near), rows.contains(near)) << near;
  }
  EXPECT_FALSE(RowSet().contains(0));
}

}  // namespace
}  // namespace daybook::testing
