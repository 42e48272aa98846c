// Entries: hostile bytes to the decoder, and what it takes through encoder and printers.
#include "ledger/codec/event_codec.h"
#include "ledger/ledger.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = fuzz::bytes(data, size);
  (void)describe(bytes);
  const bool canonical = is_canonical(bytes);
  const auto entry = decode(bytes);
  if (!entry) return 0;
  (void)entry_json(*entry, 0);
  const auto once = encode(*entry);
  if (once.size() > entry_bytes_max) return 0;  // lists that share their bytes: refused by append
  DAYBOOK_ASSERT(is_canonical(once));
  const auto again = decode(once);
  DAYBOOK_ASSERT(again.has_value(), "{}", again.error().detail);
  DAYBOOK_ASSERT(*again == *entry);
  DAYBOOK_ASSERT(encode(*again) == once);
  (void)canonical;
  return 0;
}
