// A tlog-proof as an auditor gets it from a stranger.
#include "ledger/note.h"
#include "ledger/tiles.h"
#include "tests/fuzz/fuzz.h"
#include "tools/verifier/proof.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TrustPolicy policy = [] {
    std::string key = fuzz::source_file("tests/golden/0.1.0.vkey");
    key.erase(key.find_last_not_of('\n') + 1);
    return TrustPolicy{.log = *parse_vkey(key), .origin = {}, .witnesses = {}, .quorum = 0};
  }();
  static const std::string bundle = fuzz::source_file("tests/golden/0.1.0/tile/entries/000.p/104");
  static const std::vector<Bytes> entries = *parse_bundle(bytes_of(bundle));
  static constexpr std::size_t proven = 17;  // the entry the corpus holds a proof of

  const std::string_view text = fuzz::text(data, size);
  const auto proof = parse_proof(text);
  const Judgement judgement = verify_proof(text, entries[proven], policy);
  (void)judgement.text();
  (void)judgement.json();
  if (judgement.verdict() != Verdict::good) return 0;
  DAYBOOK_ASSERT(proof.has_value() && proof->index == proven);
  // What proves one entry proves no other.
  DAYBOOK_ASSERT(verify_proof(text, entries[proven + 1], policy).verdict() != Verdict::good);
  return 0;
}
