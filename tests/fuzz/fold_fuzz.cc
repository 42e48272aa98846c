// A bundle of entries through the state machine: apply is total, and so is every question asked of
// the state.
#include "ledger/codec/event_codec.h"
#include "ledger/tiles.h"
#include "replay/state_bytes.h"
#include "statemachine/apply.h"
#include "statemachine/effects.h"
#include "statemachine/invariants.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entries = parse_bundle(fuzz::bytes(data, size));
  if (!entries) return 0;
  State state;
  for (const Bytes bytes : *entries) {
    const auto entry = decode(bytes);
    if (!entry) continue;
    (void)violations(state, *entry);
    const EntryIndex before = state.size;
    apply(state, *entry);
    DAYBOOK_ASSERT(state.size == before + 1);
  }
  (void)violations(state);
  (void)pending(state);
  const auto bytes = state_bytes(state);
  const auto again = state_from_bytes(bytes);
  DAYBOOK_ASSERT(again.has_value(), "{}", again.error().detail);
  DAYBOOK_ASSERT(*again == state);
  return 0;
}
