// Recomputes a ledger from its stored bytes: every leaf, every sealed tile, the root. Memory does
// not grow with the ledger.
#pragma once

#include <functional>

#include "ledger/ledger.h"

namespace daybook {

struct VerifyReport {
  TreeHead head;            // as recomputed
  std::uint64_t tiles = 0;  // compared
  std::uint64_t bytes = 0;  // of entries
};

// `progress(done, size)` every few thousand entries. corrupt names the first bad index: everything
// before it agreed with its tiles.
Result<VerifyReport> verify_tree(
    const Ledger& ledger,
    const std::function<void(std::uint64_t done, std::uint64_t size)>& progress = {});

}  // namespace daybook
