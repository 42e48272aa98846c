// The proof of one row, or of one quarantined record (replay/proof_bundle.h): everything in it is
// checked or made again and compared, so that no byte of it is without meaning.
#pragma once

#include <string_view>

#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

// Total. `proof.zip` as bytes.
Judgement verify_row_proof(std::string_view archive, const TrustPolicy& policy);

}  // namespace daybook
