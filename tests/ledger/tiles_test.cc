#include "ledger/tiles.h"

#include <gtest/gtest.h>

#include "ledger/ledger.h"

namespace daybook {
namespace {

TEST(Tiles, HaveThePathsOfTheSpecification) {
  EXPECT_EQ(tile_path(0, 5), "tile/0/005");
  EXPECT_EQ(tile_path(0, 1234067), "tile/0/x001/x234/067");
  EXPECT_EQ(tile_path(0, 1, 1), "tile/0/001.p/1");
  EXPECT_EQ(bundle_path(273, 112), "tile/entries/273.p/112");
  EXPECT_EQ(tile_path(63, 1000), "tile/63/x001/000");
}

TEST(Tiles, PartialWidthsOfSeventyThousand) {
  EXPECT_EQ(partial_width(0, 70000), 112U);
  EXPECT_EQ(partial_width(1, 70000), 17U);
  EXPECT_EQ(partial_width(2, 70000), 1U);
  EXPECT_EQ(partial_width(3, 70000), 0U);
  EXPECT_EQ(partial_width(63, ~0ULL), 0U);
}

std::vector<std::string> some_entries() {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < 256; ++i) entries.push_back(std::string(1 + i * 7 % 90, 'a'));
  entries[3] = std::string(65535, 'z');
  return entries;
}

TEST(Bundle, ComesBackAsItWas) {
  const std::vector<std::string> entries = some_entries();
  const std::vector<Bytes> views = [&] {
    std::vector<Bytes> v;
    for (const auto& e : entries) v.push_back(bytes_of(e));
    return v;
  }();
  std::string bundle = encode_bundle(views);
  const auto parsed = parse_bundle(bytes_of(bundle));
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 256U);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_TRUE(std::ranges::equal((*parsed)[i], views[i]));
  EXPECT_FALSE(parse_bundle(bytes_of(bundle + std::string("\0\1x", 3))));
  bundle.pop_back();
  EXPECT_FALSE(parse_bundle(bytes_of(bundle)));
  EXPECT_FALSE(parse_bundle(bytes_of(std::string_view("\0\0", 2))));

  std::string row;
  encode_row(views, row);
  std::vector<Bytes> back;
  ASSERT_TRUE(parse_row(bytes_of(row), back));
  ASSERT_EQ(back.size(), 256U);
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_TRUE(std::ranges::equal(back[i], views[i]));
    EXPECT_EQ((back[i].data() - reinterpret_cast<const std::byte*>(row.data())) % 8, 0);
  }
}

TEST(Bundle, HoldsAtMostATileOfEntries) {
  std::string bundle;
  for (int i = 0; i < 256; ++i) bundle += std::string_view("\0\1x", 3);
  EXPECT_TRUE(parse_bundle(bytes_of(bundle)));
  EXPECT_FALSE(parse_bundle(bytes_of(bundle + std::string("\0\1x", 3))));
  EXPECT_FALSE(parse_bundle(bytes_of(std::string_view("\0", 1))));
}

TEST(Row, IsRefusedWithACountOrASizeThatNoRowHas) {
  std::vector<Bytes> back;
  const auto of_words = [](std::vector<std::uint32_t> words) {
    return std::string(reinterpret_cast<const char*>(words.data()), 4 * words.size());
  };
  EXPECT_TRUE(parse_row(bytes_of(of_words({1, 9, 7, 0})), back));
  EXPECT_FALSE(parse_row(bytes_of(of_words({0, 0})), back));
  EXPECT_FALSE(parse_row(bytes_of(of_words({257, 0, 0, 0})), back));
  EXPECT_FALSE(parse_row(bytes_of(of_words({4, 24, 32, 40})), back));
  std::vector<std::uint32_t> large(2 + (entry_bytes_max + 8) / 4);
  large[0] = 1;
  large[1] = 8 + entry_bytes_max + 1;
  EXPECT_FALSE(parse_row(bytes_of(of_words(large)), back));
}

TEST(Row, IsRefusedWhenAnyHeaderOrPadByteDiffers) {
  const std::vector<Bytes> views = {bytes_of("one"), bytes_of("seventeen")};
  std::string row;
  encode_row(views, row);
  ASSERT_EQ(row.size(), 40U);
  std::vector<Bytes> back;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool content = (i >= 16 && i < 19) || (i >= 24 && i < 33);
    std::string other = row;
    other[i] = static_cast<char>(other[i] ^ 0x40);
    EXPECT_EQ(parse_row(bytes_of(other), back).has_value(), content) << i;
  }
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(parse_row(bytes_of(std::string_view(row).substr(0, size)), back));
  }
}

}  // namespace
}  // namespace daybook
