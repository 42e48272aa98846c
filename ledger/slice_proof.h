// Some entries of a tree under its root, with one proof for all of them: the hashes of the subtrees
// that hold none of them, from left to right. Of one entry it is an inclusion proof in another
// order; of many it is much smaller than theirs together.
//
//   root(lo, size) := the next hash of the proof      where none of the leaves is in [lo, lo +
//   size)
//                   | the leaf's hash                 where size = 1
//                   | node(root(lo, k), root(lo + k, size - k)), k the greatest power of two < size
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "ledger/ledger.h"

namespace daybook {

// Requires every index < size <= ledger.head().size, rising, at least one.
Result<std::vector<Digest>> prove_slice(const Ledger& ledger,
                                        std::span<const std::uint64_t> indices, std::uint64_t size);

// The root that leaves (hash by index) and proof lead to; nothing where the proof is too short or
// too long, there is no leaf, or one is not within the size. Total.
std::optional<Digest> slice_root(const std::map<std::uint64_t, Digest>& leaves, std::uint64_t size,
                                 std::span<const Digest> proof);

}  // namespace daybook
