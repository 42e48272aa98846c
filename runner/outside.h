// What the runner asks of sources, data plane and scratch files goes through outside.cc and through
// nothing else (offers_of of planning.h and execute_attempt of attempt.h are there, too): the seam
// at which the simulator puts a simulated outside in its place, by linking its own.
#pragma once

#include <expected>
#include <filesystem>
#include <vector>

#include "runner/attempt.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// inputs_digest_of() of what the source offers now. Not for the loop: it reads the source.
std::expected<Digest, StageFailure> inputs_now(const Pipeline& pipeline, const Offered& offered,
                                               const std::vector<OverlayRecord>& overlay);

// Removes what an attempt staged. What can not be removed is removed at the next boot.
void discard(const std::filesystem::path& staged);

}  // namespace daybook
