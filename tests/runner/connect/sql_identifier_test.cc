#include "runner/connect/sql_identifier.h"

#include <gtest/gtest.h>

namespace daybook {
namespace {

TEST(SqlIdentifier, QuotesEverythingSoThatNothingEndsTheName) {
  EXPECT_EQ(quote_identifier("runways"), R"("runways")");
  EXPECT_EQ(quote_identifier("select"), R"("select")");
  EXPECT_EQ(quote_identifier(R"(x"; DROP TABLE y;--)"), R"("x""; DROP TABLE y;--")");
  EXPECT_EQ(quote_identifier(R"(a\"b)"), R"("a\""b")");
}

TEST(SqlIdentifier, RefusesWhatPostgresWouldCutOrMisread) {
  EXPECT_EQ(sql_identifier_fault("größe"), "");
  EXPECT_EQ(sql_identifier_fault(std::string(63, 'a')), "");
  EXPECT_NE(sql_identifier_fault(std::string(64, 'a')), "");
  EXPECT_NE(sql_identifier_fault(""), "");
  EXPECT_NE(sql_identifier_fault(std::string("a\0b", 3)), "");
  EXPECT_NE(sql_identifier_fault("a\nb"), "");
  for (const char* bad :
       {"\xC0\xA2", "\x80", "a\xE2\x82", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3"}) {
    EXPECT_EQ(sql_identifier_fault(bad), "is not valid UTF-8");
  }
}

TEST(SqlIdentifier, SplitsATableNameIntoTwo) {
  std::string fault;
  const auto plain = table_name("runways", fault);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->quoted(), R"("public"."runways")");
  const auto full = table_name("sales.runways", fault);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->quoted(), R"("sales"."runways")");
  EXPECT_EQ(full->readable(), "sales.runways");
  for (const char* bad : {"", ".", "a.", ".b", "a.b.c"}) {
    EXPECT_FALSE(table_name(bad, fault)) << bad;
    EXPECT_FALSE(fault.empty());
  }
}

}  // namespace
}  // namespace daybook
