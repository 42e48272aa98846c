// Claims about a book (replay/claims.h): each is made again from entries that are proven, and
// compared byte for byte. Whatever is changed in one is found.
#pragma once

#include <string>
#include <string_view>

#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

inline constexpr std::size_t claim_bytes_max = std::size_t{64} << 20;

// A directory with `claim.json` and `book`, an export: the export is verified and folded as
// verify_export does, and the claim is made again from the state it folds to.
Judgement verify_completeness(const std::string& directory, const TrustPolicy& policy);

// One file, with the entries of a load and the proof of each.
Judgement verify_conservation(std::string_view claim, const TrustPolicy& policy);

}  // namespace daybook
