// The YAML of definitions, and where in the file its parts stand.
#include "runner/definition/yaml.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

namespace {

void walk(const SourceText& text, const YamlNode& node) {
  DAYBOOK_ASSERT(node.range.begin <= node.range.end && node.range.end <= text.bytes().size());
  if (node.is_scalar() && !node.text.empty()) {
    const ByteRange part = range_in_file(text, node, {0, 1});
    DAYBOOK_ASSERT(part.begin <= part.end && part.end <= text.bytes().size());
    (void)text.span(part);
  }
  for (const YamlNode& item : node.items) walk(text, item);
  for (const YamlEntry& entry : node.entries) {
    walk(text, entry.key);
    walk(text, entry.value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText text("fuzz.yaml", fuzz::text(data, size));
  Diagnostics diagnostics;
  const auto root = parse_yaml(text, diagnostics);
  DAYBOOK_ASSERT(root.has_value() != has_errors(diagnostics));
  for (const Diagnostic& one : diagnostics) (void)render(one);
  if (root) walk(text, *root);
  return 0;
}
