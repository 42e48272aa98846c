// Time stamps of checkpoints that came with what is verified: counted where they are about what is
// signed, and held against an authority where one was named.
#pragma once

#include <string>
#include <vector>

#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

struct StampedNote {
  std::string path;  // of the response
  std::string note, response;
};

// Of notes that are known to be checkpoints of what is verified. With an authority in the policy,
// at least one of the stamps has to be its own: `unmet` otherwise.
void judge_stamps(const std::vector<StampedNote>& stamps, const TrustPolicy& policy,
                  Judgement& judgement);

}  // namespace daybook
