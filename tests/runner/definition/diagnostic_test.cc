#include "runner/definition/diagnostic.h"

#include <gmock/gmock.h>

#include "runner/definition/source_text.h"
#include "runner/definition/suggestion.h"

namespace daybook {
namespace {

TEST(Diagnostic, ShowsTheLineTheCaretAndTheHint) {
  const SourceText text("p.yaml", "one\n      expr: decimal(trim(amunt))\n");
  Diagnostics diagnostics;
  Report report(text, diagnostics);
  report.error(code::unknown_column, {4 + 25, 4 + 30}, "there is no column \"amunt\"",
               "unknown column", "did you mean \"amount\"?");
  EXPECT_TRUE(has_errors(diagnostics));
  EXPECT_EQ(render(diagnostics[0]),
            "error[DB-2021]: there is no column \"amunt\"\n"
            "  --> p.yaml:2:26\n"
            "   |\n"
            "2  |       expr: decimal(trim(amunt))\n"
            "   |                          ^^^^^ unknown column\n"
            "   |\n"
            "   = hint: did you mean \"amount\"?\n");
}

TEST(Diagnostic, CountsCodePointsNotBytes) {
  const SourceText text("p", "naïve: größe\n");
  EXPECT_EQ(text.span({8, 15}), (Span{.line = 1, .column = 8, .length = 5}));
}

TEST(Diagnostic, NeverPrintsAControlCharacter) {
  const SourceText text("p\x1b[31m", "a\x1b[2J\tb\xE2\x80\xAE\x7F\n");
  Diagnostics diagnostics;
  Report(text, diagnostics).error(code::bad_text, {1, 2}, "x\x1b]0;evil\x07y\nz");
  const std::string shown = render(diagnostics[0]);
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.find('\x07'), std::string::npos);
  EXPECT_EQ(shown.find("\xE2\x80\xAE"), std::string::npos);
  EXPECT_EQ(shown.find('\x7F'), std::string::npos);
}

TEST(Diagnostic, ShowsAtMostAWindowOfALongLine) {
  const std::string line = std::string(1500, 'a') + "HERE" + std::string(1500, 'b');
  const SourceText text("p", line);
  Diagnostics diagnostics;
  Report(text, diagnostics).error(code::bad_value, {1500, 1504}, "m");
  const std::string shown = render(diagnostics[0]);
  EXPECT_LT(shown.size(), 600u);
  EXPECT_NE(shown.find("aHEREb"), std::string::npos);
  EXPECT_NE(shown.find("^^^^"), std::string::npos);
}

TEST(Diagnostic, AFaultOfTheWholeFileHasNoLine) {
  Diagnostics diagnostics;
  report_file(diagnostics, code::unreadable, "p.yaml", "no such file");
  EXPECT_EQ(render(diagnostics[0]), "error[DB-2001]: no such file\n  --> p.yaml\n");
}

TEST(Diagnostic, CodesAreUniqueAndInOrder) {
  std::string_view last;
  for (const DiagnosticCode& code : diagnostic_codes()) {
    EXPECT_GT(code.id, last);
    last = code.id;
  }
}

TEST(Suggestion, IsTheNearestNameOrNothing) {
  const std::vector<std::string> names{"amount", "currency", "order_date"};
  EXPECT_EQ(nearest("amunt", names), "amount");
  EXPECT_EQ(nearest("Amount", names), "amount");
  EXPECT_EQ(nearest("oder_date", names), "order_date");
  EXPECT_EQ(nearest("zzz", names), "");
  EXPECT_EQ(suggest("amunt", names, "columns"),
            "did you mean \"amount\"?  columns: amount, currency, order_date");
}

}  // namespace
}  // namespace daybook
