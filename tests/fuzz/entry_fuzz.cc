// Entries: hostile bytes to the decoder, and what it takes through encoder and printers.
#include "ledger/codec/event_codec.h"
#include "ledger/ledger.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = fuzz::bytes(data, size);
  (void)describe(bytes);
  (void)is_canonical(bytes);
  const auto entry = decode(bytes);
  if (!entry) return 0;
  (void)entry_json(*entry, 0);
  const auto once = encode(*entry);
  if (once.size() > entry_bytes_max) return 0;  // lists that share their bytes: refused by append
  const auto again = decode(once);
  if (!again) {
    // Forged: a list of more empty elements than decide lets into one, which are nothing but a
    // count.
    DAYBOOK_ASSERT(again.error().detail.find("limit") != std::string::npos ||
                       again.error().detail.find("amplified") != std::string::npos,
                   "{}", again.error().detail);
    return 0;
  }
  DAYBOOK_ASSERT(is_canonical(once));
  DAYBOOK_ASSERT(*again == *entry);
  DAYBOOK_ASSERT(encode(*again) == once);
  return 0;
}
