#include "replay/stored_zip.h"

#include <gtest/gtest.h>

#include "replay/row_text.h"

namespace daybook {
namespace {

const StoredFiles files = {
    {"README.txt", "hello\n"}, {"a/b", ""}, {"a/c", std::string("\0\xff", 2)}};

TEST(StoredZip, IsReadBackAndHasOneSpelling) {
  const std::string archive = write_stored_zip(files);
  const auto read = read_stored_zip(archive);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, files);
  EXPECT_EQ(write_stored_zip({}).size(), 22U);
  EXPECT_TRUE(read_stored_zip(write_stored_zip({})));
}

TEST(StoredZip, RefusesEveryChangedByteEveryCutAndEveryAddition) {
  const std::string archive = write_stored_zip(files);
  for (std::size_t i = 0; i < archive.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string changed = archive;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(read_stored_zip(changed)) << "byte " << i;
    }
    EXPECT_FALSE(read_stored_zip(archive.substr(0, i))) << "cut at " << i;
  }
  EXPECT_EQ(read_stored_zip(archive + "x").error().detail,
            "byte " + std::to_string(archive.size()) + ": bytes after the end");
}

TEST(StoredZip, RefusesNamesThatLeadElsewhereAndFilesThatStandTwice) {
  const std::string archive = write_stored_zip({{"abc", "1"}, {"abd", "2"}});
  for (const std::string_view name : {"/bc", "../", "a//", "abd", "aaa", "a\\c", "a c"}) {
    std::string other = archive;
    const std::string_view old = name == "aaa" ? "abd" : "abc";
    for (std::size_t at = other.find(old); at != std::string::npos; at = other.find(old, at + 3))
      other.replace(at, 3, name);
    EXPECT_FALSE(read_stored_zip(other)) << name;
  }
}

TEST(RowText, ReadsTheCanonicalBytesAndNothingElse) {
  const auto schema =
      parse_row_schema("2 id INTEGER\n4 name VARCHAR\n1 p DECIMAL(12,2)\n1 d DATE\n");
  ASSERT_TRUE(schema);
  const std::string row =
      std::string("\x08", 1) + std::string("\x07\0\0\0", 4) + std::string("\x05\0\0\0", 4) +
      std::string("\x18\xfc\xff\xff\xff\xff\xff\xff", 8) + std::string(4, '\0') + "anvil";
  const auto texts = row_texts(*schema, row);
  ASSERT_TRUE(texts);
  EXPECT_EQ(*texts,
            (std::vector<std::optional<std::string>>{"7", "anvil", "-10.00", std::nullopt}));
  EXPECT_FALSE(row_texts(*schema, row + "x"));
  EXPECT_FALSE(row_texts(*schema, row.substr(0, row.size() - 1)));
  EXPECT_FALSE(row_texts(*schema, ""));
  EXPECT_FALSE(parse_row_schema("3 id INTEGER\n"));
  EXPECT_FALSE(parse_row_schema("2 id INTEGER"));
}

}  // namespace
}  // namespace daybook
