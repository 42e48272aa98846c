#include "ledger/merkle.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ledger/assertion.h"
#include "ledger/sha256_lanes.h"

namespace daybook {
namespace {

constexpr std::uint8_t leaf_prefix = 0;
constexpr std::uint8_t node_prefix = 1;

// Root over the leaves [first, end) where `first` is a multiple of the largest power of two in the
// length: true of every range the recursions below reach.
Result<Digest> range_root(std::uint64_t first, std::uint64_t end, const SubtreeHash& subtree) {
  const std::uint64_t length = end - first;
  if (std::has_single_bit(length)) {
    const auto level = static_cast<unsigned>(std::countr_zero(length));
    return subtree(level, first >> level);
  }
  const std::uint64_t split = first + std::bit_floor(length);
  const Result<Digest> left = range_root(first, split, subtree);
  if (!left) return left;
  const Result<Digest> right = range_root(split, end, subtree);
  if (!right) return right;
  return hash_node(*left, *right);
}

std::uint64_t split_of(std::uint64_t first, std::uint64_t end) {
  return first + std::bit_floor(end - first - 1);  // largest power of two below the length
}

}  // namespace

Digest empty_root() { return sha256({}); }

Digest hash_leaf(Bytes entry) {
  Digest digest;
  sha256_many(leaf_prefix, std::span(&entry, 1), std::span(&digest, 1));
  return digest;
}

Digest hash_node(const Digest& left, const Digest& right) {
  const std::array<Digest, 2> pair{left, right};
  Digest digest;
  sha256_pairs(node_prefix, pair, std::span(&digest, 1));
  return digest;
}

void hash_leaves(std::span<const Bytes> entries, std::span<Digest> out) {
  sha256_many(leaf_prefix, entries, out);
}

void hash_nodes(std::span<const Digest> pairs, std::span<Digest> out) {
  sha256_pairs(node_prefix, pairs, out);
}

Digest merkle_root(std::span<const Digest> leaves) {
  Frontier frontier;
  frontier.append(leaves);
  return frontier.root();
}

// Level by level over the whole group: each interior node is computed once, all nodes of one level
// together, so that the hashes run in lanes.
void Frontier::append(std::span<const Digest> leaves, const Complete& complete) {
  lower_.assign(1, Digest{});  // room for the pending left sibling
  lower_.insert(lower_.end(), leaves.begin(), leaves.end());
  std::uint64_t first = size_;  // index at this level of the first new hash
  for (unsigned level = 0; lower_.size() > 1; ++level, first >>= 1) {
    const std::span<const Digest> fresh = std::span(lower_).subspan(1);
    if (level % 8 == 0 && complete) complete(level, first, fresh);
    const bool has_left = (size_ >> level & 1) != 0;
    if (has_left) lower_[0] = pending_[level];
    const std::span<const Digest> row = has_left ? std::span<const Digest>(lower_) : fresh;
    const std::size_t pairs = row.size() / 2;
    if (row.size() % 2 == 1) pending_[level] = row.back();
    upper_.resize(pairs + 1);
    hash_nodes(row.first(2 * pairs), std::span(upper_).subspan(1));
    std::swap(lower_, upper_);
  }
  size_ += leaves.size();
}

Result<Frontier> Frontier::rebuild(std::uint64_t size, const SubtreeHash& subtree) {
  Frontier frontier;
  frontier.size_ = size;
  for (std::uint64_t bits = size; bits != 0; bits &= bits - 1) {
    const auto level = static_cast<unsigned>(std::countr_zero(bits));
    const Result<Digest> hash = subtree(level, (size >> level) - 1);
    if (!hash) return std::unexpected(hash.error());
    frontier.pending_[level] = *hash;
  }
  return frontier;
}

Digest Frontier::root() const {
  if (size_ == 0) return empty_root();
  std::uint64_t bits = size_;
  Digest root = pending_[static_cast<std::size_t>(std::countr_zero(bits))];
  for (bits &= bits - 1; bits != 0; bits &= bits - 1) {
    root = hash_node(pending_[static_cast<std::size_t>(std::countr_zero(bits))], root);
  }
  return root;
}

Result<Digest> root_of(std::uint64_t size, const SubtreeHash& subtree) {
  if (size == 0) return empty_root();
  return range_root(0, size, subtree);
}

Result<std::vector<Digest>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                            const SubtreeHash& subtree) {
  DAYBOOK_ASSERT(index < size, "index {} of {}", index, size);
  std::vector<Digest> proof;
  std::uint64_t first = 0;
  std::uint64_t end = size;
  while (end - first > 1) {
    const std::uint64_t split = split_of(first, end);
    const bool left = index < split;
    const Result<Digest> sibling =
        left ? range_root(split, end, subtree) : range_root(first, split, subtree);
    if (!sibling) return std::unexpected(sibling.error());
    proof.push_back(*sibling);
    (left ? end : first) = split;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Digest>> prove_consistency(std::uint64_t from, std::uint64_t to,
                                              const SubtreeHash& subtree) {
  DAYBOOK_ASSERT(from <= to, "from {} to {}", from, to);
  std::vector<Digest> proof;
  if (from == 0 || from == to) return proof;
  std::uint64_t first = 0;
  std::uint64_t end = to;
  while (end != from) {
    const std::uint64_t split = split_of(first, end);
    const bool left = from <= split;
    const Result<Digest> sibling =
        left ? range_root(split, end, subtree) : range_root(first, split, subtree);
    if (!sibling) return std::unexpected(sibling.error());
    proof.push_back(*sibling);
    (left ? end : first) = split;
  }
  if (first != 0) {
    const Result<Digest> last = range_root(first, end, subtree);
    if (!last) return std::unexpected(last.error());
    proof.push_back(*last);
  }
  std::ranges::reverse(proof);
  return proof;
}

// The iterative verifiers of RFC 9162 2.1.3.2 and 2.1.4.2.
bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Digest> proof, const Digest& root) {
  if (index >= size || proof.size() > proof_hashes_max) return false;
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : proof) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      r = hash_node(p, r);
      while (fn != 0 && (fn & 1) == 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = hash_node(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && r == root;
}

bool verify_consistency(std::uint64_t from, const Digest& from_root, std::uint64_t to,
                        const Digest& to_root, std::span<const Digest> proof) {
  if (from > to || proof.size() > proof_hashes_max) return false;
  if (from == to) return proof.empty() && from_root == to_root;
  if (from == 0) return proof.empty() && from_root == empty_root();
  if (proof.empty()) return false;
  std::uint64_t fn = from - 1;
  std::uint64_t sn = to - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  const bool whole =
      std::has_single_bit(from);  // then the proof leaves out what is known: the root
  Digest fr = whole ? from_root : proof.front();
  Digest sr = fr;
  for (const Digest& c : proof.subspan(whole ? 0 : 1)) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = hash_node(c, fr);
      sr = hash_node(c, sr);
      while (fn != 0 && (fn & 1) == 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = hash_node(sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == from_root && sr == to_root;
}

}  // namespace daybook
