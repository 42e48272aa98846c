// A data contract (ODCS).
#include "runner/definition/contract.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Diagnostics diagnostics;
  const auto contract = read_contract("fuzz.odcs.yaml", fuzz::text(data, size), diagnostics);
  DAYBOOK_ASSERT(contract.has_value() != has_errors(diagnostics));
  for (const Diagnostic& one : diagnostics) (void)render(one);
  return 0;
}
