// Decisions about quarantined records, as `quarantine import` reads them.
#include "tests/fuzz/fuzz.h"
#include "tools/daybook/decision_lines.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const auto lines = parse_decisions(text);
  if (!lines) {
    DAYBOOK_ASSERT(lines.error().line > 0 && !lines.error().what.empty());
    return 0;
  }
  std::size_t last = 0;
  for (const DecisionLine& line : *lines) {
    DAYBOOK_ASSERT(line.line > last);
    last = line.line;
  }
  return 0;
}
