#include "runner/definition/definition_diff.h"

#include <gmock/gmock.h>

#include <ostream>

namespace daybook {

void PrintTo(const FieldChange& change, std::ostream* out) {
  *out << change.path << ": " << change.a << " -> " << change.b;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DefinitionDiff, SeesThroughComments_Blanks_QuotesAndTheOrderOfKeys) {
  EXPECT_THAT(diff_yaml("a: 1\nb: {c: x, d: [1, 2]}\n",
                        "# why\nb:\n  d:\n    - 1\n    - \"2\"\n  c: 'x'\na: 1\n"),
              IsEmpty());
}

TEST(DefinitionDiff, NamesTheFieldThatChanged_Came_OrWent) {
  EXPECT_THAT(diff_yaml("a: 1\nb: {c: x, gone: y}\n", "a: 2\nb: {c: x, come: [z]}\n"),
              ElementsAre(FieldChange{"a", "1", "2"}, FieldChange{"b.gone", "y", ""},
                          FieldChange{"b.come", "", "[z]"}));
}

TEST(DefinitionDiff, MatchesStepsByWhatTheySay) {
  const char* const before = "steps:\n  - filter: a > 1\n  - select: [a, b]\n  - rename: {a: c}\n";
  EXPECT_THAT(diff_yaml(before,
                        "steps:\n  - dedupe: {key: [a]}\n  - filter: a > 1\n  - select: [a, b]\n"
                        "  - rename: {a: c}\n"),
              ElementsAre(FieldChange{"steps[1]", "", "{dedupe: {key: [a]}}"}));
  EXPECT_THAT(
      diff_yaml(before, "steps:\n  - filter: a > 2\n  - select: [a, b]\n  - rename: {a: c}\n"),
      ElementsAre(FieldChange{"steps[1].filter", "a > 1", "a > 2"}));
  EXPECT_THAT(diff_yaml(before, "steps:\n  - filter: a > 1\n  - rename: {a: c}\n"),
              ElementsAre(FieldChange{"steps[2]", "{select: [a, b]}", ""}));
}

TEST(DefinitionDiff, MatchesColumnsByTheirName) {
  EXPECT_THAT(diff_yaml("properties:\n  - {name: id, required: true}\n  - {name: amount}\n",
                        "properties:\n  - {name: amount}\n  - {name: id, required: false}\n"),
              ElementsAre(FieldChange{"properties[id].required", "true", "false"}));
}

TEST(DefinitionDiff, ComparesWhatIsNoYamlAsAWhole) {
  EXPECT_THAT(diff_yaml("a: [1", "a: 1"), ElementsAre(FieldChange{"", "a: [1", "a: 1"}));
}

TEST(DefinitionDiff, TellsNothingFromAnEmptyText) {
  EXPECT_THAT(diff_yaml("a:\n", "a: \"\"\n"), ::testing::SizeIs(1));
}

}  // namespace
}  // namespace daybook
