// Evidence of an incident or an audit (replay/evidence.h), as an archive.
#pragma once

#include <string_view>

#include "replay/stored_zip.h"
#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

// Is this what somebody means to be evidence? Says nothing about whether it is good.
bool looks_like_evidence(const StoredFiles& files);

Judgement verify_evidence(const StoredFiles& files, const TrustPolicy& policy);

}  // namespace daybook
