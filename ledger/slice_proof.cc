#include "ledger/slice_proof.h"

#include <algorithm>
#include <bit>

#include "ledger/assertion.h"
#include "ledger/merkle.h"

namespace daybook {
namespace {

struct Range {
  std::uint64_t begin = 0, end = 0;
  auto operator<=>(const Range&) const = default;
};

// Where a tree of more than one leaf parts.
std::uint64_t middle_of(const Range& range) {
  return range.begin + std::bit_floor(range.end - range.begin - 1);
}

// The subtrees beside the way from a leaf to the root, in the order of an inclusion proof.
std::vector<Range> siblings(std::uint64_t index, std::uint64_t size) {
  std::vector<Range> out;
  for (Range at{0, size}; at.end - at.begin > 1;) {
    const std::uint64_t middle = middle_of(at);
    const bool left = index < middle;
    out.push_back(left ? Range{middle, at.end} : Range{at.begin, middle});
    at = left ? Range{at.begin, middle} : Range{middle, at.end};
  }
  std::ranges::reverse(out);
  return out;
}

void collect(const Range& range, std::span<const std::uint64_t> indices,
             const std::map<Range, Digest>& known, std::vector<Digest>& out) {
  const auto first = std::ranges::lower_bound(indices, range.begin);
  if (first == indices.end() || *first >= range.end) {
    out.push_back(known.at(range));
    return;
  }
  if (range.end - range.begin == 1) return;
  const std::uint64_t middle = middle_of(range);
  collect({range.begin, middle}, indices, known, out);
  collect({middle, range.end}, indices, known, out);
}

class Walk {
 public:
  Walk(const std::map<std::uint64_t, Digest>& leaves, std::span<const Digest> proof)
      : leaves_(leaves), proof_(proof) {}

  std::optional<Digest> root(const Range& range) {
    const auto first = leaves_.lower_bound(range.begin);
    if (first == leaves_.end() || first->first >= range.end) {
      if (proof_.empty()) return std::nullopt;
      const Digest hash = proof_.front();
      proof_ = proof_.subspan(1);
      return hash;
    }
    if (range.end - range.begin == 1) return first->second;
    const std::uint64_t middle = middle_of(range);
    const auto left = root({range.begin, middle});
    if (!left) return std::nullopt;
    const auto right = root({middle, range.end});
    if (!right) return std::nullopt;
    return hash_node(*left, *right);
  }
  bool used_up() const { return proof_.empty(); }

 private:
  const std::map<std::uint64_t, Digest>& leaves_;
  std::span<const Digest> proof_;
};

}  // namespace

Result<std::vector<Digest>> prove_slice(const Ledger& ledger,
                                        std::span<const std::uint64_t> indices,
                                        std::uint64_t size) {
  DAYBOOK_ASSERT(!indices.empty() && std::ranges::is_sorted(indices) && indices.back() < size,
                 "{} indices of {}", indices.size(), size);
  std::map<Range, Digest> known;
  for (const std::uint64_t index : indices) {
    const auto path = ledger.inclusion_proof(index, size);
    if (!path) return std::unexpected(path.error());
    const std::vector<Range> ranges = siblings(index, size);
    DAYBOOK_ASSERT(ranges.size() == path->size(), "{} hashes for {} levels", path->size(),
                   ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) known.emplace(ranges[i], (*path)[i]);
  }
  std::vector<Digest> out;
  collect({0, size}, indices, known, out);
  return out;
}

std::optional<Digest> slice_root(const std::map<std::uint64_t, Digest>& leaves, std::uint64_t size,
                                 std::span<const Digest> proof) {
  if (leaves.empty() || leaves.rbegin()->first >= size) return std::nullopt;
  Walk walk(leaves, proof);
  const auto root = walk.root({0, size});
  return walk.used_up() ? root : std::nullopt;
}

}  // namespace daybook
