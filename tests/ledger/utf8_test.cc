#include "ledger/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace daybook {
namespace {

// The table of RFC 3629, section 3, as written.
std::string encoded(char32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, ReadsEveryCodePointAndNoSurrogate) {
  for (char32_t c = 0; c < 0x120000; ++c) {
    const std::string text = encoded(c) + "x";
    const CodePoint read = first_code_point(text);
    const bool is_one = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    ASSERT_EQ(read.length, is_one ? text.size() - 1 : 0) << static_cast<std::uint32_t>(c);
    ASSERT_EQ(read.value, is_one ? c : 0) << static_cast<std::uint32_t>(c);
    ASSERT_EQ(valid_utf8(text), is_one) << static_cast<std::uint32_t>(c);
  }
}

TEST(Utf8, RefusesWhatIsCutOverlongOrNoLead) {
  EXPECT_EQ(first_code_point("").length, 0U);
  for (const char32_t c : {0x80U, 0x7ffU, 0x800U, 0xffffU, 0x10000U, 0x10ffffU}) {
    const std::string whole = encoded(c);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(valid_utf8(whole.substr(0, size))) << static_cast<std::uint32_t>(c);
      EXPECT_FALSE(valid_utf8(whole.substr(0, size) + "x")) << static_cast<std::uint32_t>(c);
    }
  }
  for (const std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"})
    EXPECT_FALSE(valid_utf8(bad));
}

TEST(Utf8, SaysWhereTextCeasesToBeIt) {
  EXPECT_EQ(invalid_utf8("größe"), std::string_view::npos);
  EXPECT_EQ(invalid_utf8(""), std::string_view::npos);
  EXPECT_EQ(invalid_utf8("gr\xf6\xdf"), 2U);
  EXPECT_EQ(invalid_utf8("größ\xc3"), 6U);
}

}  // namespace
}  // namespace daybook
