// One entry under one signed checkpoint: https://c2sp.org/tlog-proof@v1.
#pragma once

#include <string_view>
#include <vector>

#include "ledger/digest.h"
#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

struct TlogProof {
  std::uint64_t index = 0;
  std::vector<Digest> path;  // leaf sibling first
  std::string checkpoint;    // signed note
  std::string extra;         // not authenticated by anything
};
// Strict. A chain of keys (replay/log_keys.h) may stand on the `extra` line: it speaks for itself.
// Anything else there means nothing.
Result<TlogProof> parse_proof(std::string_view text);

Judgement verify_proof(std::string_view proof, Bytes entry, const TrustPolicy& policy);

}  // namespace daybook
