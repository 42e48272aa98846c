#include "runner/dataplane/csv_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace daybook {
namespace {

std::vector<SimdPath> paths() {
  std::vector<SimdPath> all{SimdPath::portable};
  if (best_simd_path() >= SimdPath::avx2) all.push_back(SimdPath::avx2);
  if (best_simd_path() == SimdPath::avx512) all.push_back(SimdPath::avx512);
  return all;
}

// The grammar once more, as plainly as it can be said.
std::vector<std::uint32_t> reference(const std::string& text) {
  std::vector<std::uint32_t> ends;
  enum { start, plain, quoted, closed } state = start;
  for (std::uint32_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (state == quoted) {
      if (c == '"') state = closed;
    } else if (c == '"' && (state == start || state == closed)) {
      state = quoted;
    } else if (c == ',' || c == '\n') {
      ends.push_back(i | (c == '\n' ? CsvIndex::record_end : 0U));
      state = start;
    } else if (state != closed || c != '\r') {
      state = plain;
    }
  }
  return ends;
}

std::string random_text(std::mt19937& random, std::size_t size, std::string_view alphabet) {
  std::string text;
  while (text.size() < size) text.push_back(alphabet[random() % alphabet.size()]);
  return text;
}

TEST(CsvSplitter, FindsTheSameEndsOnEveryPathAsTheGrammarSays) {
  std::mt19937 random(7);
  for (const std::string_view alphabet :
       {"ab,\n", "a,\"\n", "aaaaaaaa,\"\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,,,\"\"\n"}) {
    for (int round = 0; round < 400; ++round) {
      std::string text = random_text(random, random() % 700, alphabet) + "\n";
      const auto expected = reference(text);
      const std::size_t size = text.size();
      text.append(128, '\0');
      for (const SimdPath path : paths()) {
        CsvIndex index;
        index_csv(text.data(), size, {}, path, index);
        index.ends.resize(index.count);
        ASSERT_EQ(index.ends, expected) << "path " << static_cast<int>(path);
      }
    }
  }
}

TEST(CsvSplitter, FindsRecordEndsHoweverTheStreamIsCut) {
  std::mt19937 random(8);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 1000, "aaaaaaaaaaaa,\"\r\n");
    std::uint64_t expected = 0;
    for (const std::uint32_t end : reference(text)) expected += (end & CsvIndex::record_end) != 0;
    for (const SimdPath path : paths()) {
      CsvBoundary boundary;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t piece = std::min<std::size_t>(text.size() - at, 1 + random() % 300);
        ASSERT_EQ(advance_boundary(text.data() + at, piece, {}, path, piece + 1, boundary), piece);
        at += piece;
      }
      ASSERT_EQ(boundary.records, expected) << "path " << static_cast<int>(path);
    }
  }
}

TEST(CsvSplitter, PointsAtEverythingThatNeedsACloserLook) {
  for (const std::string& bad : {std::string("a\0b", 3), std::string("a\xffz"), std::string("a\rb"),
                                 std::string("a\"b"), std::string("\"a\"b")}) {
    for (std::size_t shift = 0; shift < 130; ++shift) {
      std::string text = std::string(shift, 'x') + "," + bad + "\n";
      const std::size_t size = text.size();
      text.append(128, '\0');
      for (const SimdPath path : paths()) {
        CsvIndex index;
        index_csv(text.data(), size, {}, path, index);
        EXPECT_FALSE(index.suspects.empty()) << shift << " " << static_cast<int>(path);
      }
    }
  }
  std::string fine = "a,\"b\"\"c\",d\r\n\"x\r\ny\",,\r\n";
  const std::size_t size = fine.size();
  fine.append(128, '\0');
  CsvIndex index;
  index_csv(fine.data(), size, {}, best_simd_path(), index);
  EXPECT_EQ(index.count, 6U);
}

}  // namespace
}  // namespace daybook
