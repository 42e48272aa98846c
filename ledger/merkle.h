// The RFC 6962 Merkle tree as pure functions: hashes, roots, proofs. No storage.
//
// A *complete subtree* (level, index) covers the leaves [index << level, (index + 1) << level);
// level 0 is a leaf hash. Verifiers are total: any input gives true or false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

inline constexpr std::size_t proof_hashes_max = 63;

Digest empty_root();
Digest hash_leaf(Bytes entry);                              // SHA-256(0x00 || entry)
Digest hash_node(const Digest& left, const Digest& right);  // SHA-256(0x01 || left || right)

// Many at once, several times faster than one after the other. Any thread.
void hash_leaves(std::span<const Bytes> entries, std::span<Digest> out);
void hash_nodes(std::span<const Digest> pairs,
                std::span<Digest> out);  // out does not overlap pairs

// The root over all of `leaves`. For tests and small trees; keeps a copy.
Digest merkle_root(std::span<const Digest> leaves);

// Gives the hash of a complete subtree. Roots and proofs ask only for those within their size.
using SubtreeHash = std::function<Result<Digest>(unsigned level, std::uint64_t index)>;

// The right edge of a growing tree: one hash for each set bit of size(). A value.
class Frontier {
 public:
  // `complete(level, first, hashes)` receives, for the levels 0, 8, 16 ... , the complete subtrees
  // (level, first), (level, first + 1) ... in order: what fills tiles. `hashes` lives during the
  // call.
  using Complete =
      std::function<void(unsigned level, std::uint64_t first, std::span<const Digest> hashes)>;
  void append(std::span<const Digest> leaves, const Complete& complete = {});
  static Result<Frontier> rebuild(std::uint64_t size, const SubtreeHash& subtree);

  std::uint64_t size() const { return size_; }
  Digest root() const;

 private:
  std::uint64_t size_ = 0;
  std::array<Digest, 64> pending_{};  // pending_[l] counts where bit l of size_ is set
  std::vector<Digest> lower_;         // scratch
  std::vector<Digest> upper_;         // scratch
};

Result<Digest> root_of(std::uint64_t size, const SubtreeHash& subtree);
// Requires index < size.
Result<std::vector<Digest>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                            const SubtreeHash& subtree);
// Requires from <= to.
Result<std::vector<Digest>> prove_consistency(std::uint64_t from, std::uint64_t to,
                                              const SubtreeHash& subtree);

bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Digest> proof, const Digest& root);
bool verify_consistency(std::uint64_t from, const Digest& from_root, std::uint64_t to,
                        const Digest& to_root, std::span<const Digest> proof);

}  // namespace daybook
