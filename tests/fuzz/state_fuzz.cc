// A snapshot's bytes: whatever is read is what would be written.
#include <algorithm>

#include "replay/state_bytes.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto state = state_from_bytes(fuzz::bytes(data, size));
  if (!state) return 0;
  DAYBOOK_ASSERT(std::ranges::equal(state_bytes(*state), fuzz::bytes(data, size)));
  return 0;
}
