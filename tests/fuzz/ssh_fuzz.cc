// OpenSSH keys and signatures as somebody hands them over.
#include "ledger/ssh_signature.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (const auto key = parse_ssh_public_key(text)) {
    const auto again = parse_ssh_public_key(key->line);
    DAYBOOK_ASSERT(again && *again == *key);
  }
  // The corpus holds signatures over this message; over another one none of them is good.
  const auto good = verify_ssh_signature(text, "daybook fuzz corpus\n", "daybook");
  if (!good) return 0;
  DAYBOOK_ASSERT(!verify_ssh_signature(text, "daybook fuzz corpus\n", "file"));
  DAYBOOK_ASSERT(!verify_ssh_signature(text, "another message\n", "daybook"));
  return 0;
}
