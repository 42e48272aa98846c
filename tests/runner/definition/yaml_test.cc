#include "runner/definition/yaml.h"

#include <gmock/gmock.h>

#include <chrono>

namespace daybook {
namespace {

struct Parsed {
  std::optional<YamlNode> root;
  Diagnostics diagnostics;
  std::string code() const { return diagnostics.empty() ? "" : diagnostics[0].code; }
};

Parsed parse(std::string_view bytes) {
  Parsed parsed;
  const SourceText text("file.yaml", bytes);
  parsed.root = parse_yaml(text, parsed.diagnostics);
  return parsed;
}

void expect_refused(std::string_view bytes, const DiagnosticCode& code, std::uint32_t line,
                    std::uint32_t column) {
  const Parsed parsed = parse(bytes);
  EXPECT_FALSE(parsed.root) << excerpt(bytes);
  ASSERT_EQ(parsed.diagnostics.size(), 1u) << excerpt(bytes);
  EXPECT_EQ(parsed.code(), code.id) << excerpt(bytes) << ": " << render(parsed.diagnostics[0]);
  EXPECT_EQ(parsed.diagnostics[0].span.line, line) << render(parsed.diagnostics[0]);
  EXPECT_EQ(parsed.diagnostics[0].span.column, column) << render(parsed.diagnostics[0]);
}

TEST(Yaml, KeepsScalarsAsTextWithTheirPlaces) {
  const std::string bytes = "a: on\nb: 0o17\nc: '2001-01-01'\nd: [1_000, .inf, \"x\\ty\"]\ne:\n";
  const SourceText text("f", bytes);
  Diagnostics diagnostics;
  const auto root = parse_yaml(text, diagnostics);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->find("a")->text, "on");
  EXPECT_EQ(root->find("b")->text, "0o17");
  EXPECT_EQ(root->find("c")->text, "2001-01-01");
  EXPECT_FALSE(root->find("c")->plain);
  EXPECT_EQ(root->find("d")->items[2].text, "x\ty");
  EXPECT_TRUE(root->find("e")->is_null());
  for (const YamlEntry& entry : root->entries) {
    const ByteRange key = entry.key.range;
    EXPECT_EQ(bytes.substr(key.begin, key.end - key.begin), entry.key.text);
  }
  const ByteRange quoted = root->find("c")->range;
  EXPECT_EQ(bytes.substr(quoted.begin, quoted.end - quoted.begin), "'2001-01-01'");
  const ByteRange escaped = root->find("d")->items[2].range;
  EXPECT_EQ(bytes.substr(escaped.begin, escaped.end - escaped.begin), "\"x\\ty\"");
}

TEST(Yaml, FindsAPartOfAScalarInTheFile) {
  const std::string bytes =
      "plain: a + bad\nquoted: \"a\\t+ bad\"\nsingle: 'it''s bad'\nblock: |\n  one\n  a bad\n"
      "folded: >-\n  one\n  a bad\nempty: ''\n";
  const SourceText text("f", bytes);
  Diagnostics diagnostics;
  const auto root = parse_yaml(text, diagnostics);
  ASSERT_TRUE(root);
  for (const char* key : {"plain", "quoted", "single", "block", "folded"}) {
    const YamlNode& node = *root->find(key);
    const std::size_t at = node.text.find("bad");
    const ByteRange found = range_in_file(text, node, {at, at + 3});
    EXPECT_EQ(bytes.substr(found.begin, found.end - found.begin), "bad") << key;
    const Span span = text.span(found);
    EXPECT_EQ(text.line_text(span.line).substr(span.column - 1, 3), "bad") << key;
  }
}

TEST(Yaml, RefusesAnchorsAliasesAndTags) {
  expect_refused("a: &x [1]\nb: *x\n", code::refused_yaml, 1, 4);
  expect_refused("a: &a [*a]\n", code::refused_yaml, 1, 4);
  expect_refused("a: *x\n", code::refused_yaml, 1, 4);
  expect_refused("a: !!str 1\n", code::refused_yaml, 1, 4);
  expect_refused("a: !x 1\n", code::refused_yaml, 1, 4);
  expect_refused("<<: {a: 1}\n", code::refused_yaml, 1, 1);
  expect_refused("%TAG ! tag:x,2000:\n---\na: 1\n", code::refused_yaml, 1, 1);
  expect_refused("a: 1\n---\nb: 2\n", code::refused_yaml, 2, 1);
}

TEST(Yaml, RefusesABillionLaughsAtTheFirstAnchor) {
  expect_refused("a: &a [lol,lol]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", code::refused_yaml, 1, 4);
}

TEST(Yaml, RefusesDuplicateKeys) {
  expect_refused("a: 1\nb: 2\na: 3\n", code::duplicate_key, 3, 1);
  expect_refused("x: {a: 1, 'a': 2}\n", code::duplicate_key, 1, 11);
}

TEST(Yaml, RefusesTextThatIsNotPlainUtf8) {
  expect_refused(
      "\xEF\xBB\xBF"
      "a: 1\n",
      code::bad_text, 1, 1);
  expect_refused(std::string_view("\xFF\xFE"
                                  "a\0:\0",
                                  6),
                 code::bad_text, 1, 1);
  expect_refused("a: \xC0\xAF\n", code::bad_text, 1, 4);
  expect_refused("a: \xED\xA0\x80\n", code::bad_text, 1, 4);
  expect_refused("é: \xFF\n", code::bad_text, 1, 4);
  expect_refused(std::string_view("a: x\0y\n", 7), code::bad_text, 1, 5);
  expect_refused("a: b\xE2\x80\xAE c\n", code::bad_text, 1, 5);
  expect_refused(
      "us\xE2\x80\x8B"
      "er: 1\n",
      code::bad_text, 1, 1);
  expect_refused("a:\n\tb: 1\n", code::bad_yaml, 2, 1);
}

TEST(Yaml, RefusesDepthInsideTheLoop) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& bomb :
       {std::string(4 << 20, '['), std::string(900 << 10, '['), std::string(900 << 10, '{')}) {
    EXPECT_EQ(parse(bomb).code(), code::too_large.id);
  }
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  EXPECT_EQ(parse(dashes).code(), code::too_large.id);
  std::string questions;
  for (int i = 0; i < 3'000; ++i) questions += "? ";
  EXPECT_FALSE(parse(questions).root);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Yaml, RefusesTooManyNodesLongKeysAndLongScalars) {
  std::string many = "a: [";
  for (int i = 0; i < 50'001; ++i) many += "1,";
  EXPECT_EQ(parse(many + "1]\n").code(), code::too_large.id);
  EXPECT_EQ(parse(std::string(257, 'k') + ": 1\n").code(), code::too_large.id);
  EXPECT_EQ(parse("a: " + std::string((64 << 10) + 1, 'v') + "\n").code(), code::too_large.id);
  EXPECT_TRUE(parse("a: " + std::string(64 << 10, 'v') + "\n").root);
}

TEST(Yaml, NamesThePlaceOfASyntaxFault) {
  const Parsed parsed = parse("a: 1\nb: [1, 2\nc: 3\n");
  EXPECT_FALSE(parsed.root);
  EXPECT_EQ(parsed.code(), code::bad_yaml.id);
  EXPECT_GE(parsed.diagnostics.at(0).span.line, 2u);
  EXPECT_EQ(parse("").code(), code::bad_yaml.id);
  EXPECT_EQ(parse("# nothing\n").code(), code::bad_yaml.id);
}

}  // namespace
}  // namespace daybook
