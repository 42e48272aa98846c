// The Merkle tree of a ledger as it is kept: sealed tiles in storage, the last tile of each level
// in memory. No storage of its own: sealed tiles leave through `Seal` and come back through
// `ReadTile`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ledger/merkle.h"

namespace daybook {

using Seal = std::function<void(unsigned level, std::uint64_t index, std::span<const Digest> tile)>;
using ReadTile = std::function<Result<std::vector<Digest>>(unsigned level, std::uint64_t index)>;

// The tiles that are not full in a tree of `size`: levels[l] holds partial_width(l, size) hashes.
struct OpenTiles {
  std::uint64_t size = 0;
  std::vector<std::vector<Digest>> levels;
};

// The hash of a complete subtree within `open.size`.
Result<Digest> subtree_hash(const OpenTiles& open, const ReadTile& read_tile, unsigned level,
                            std::uint64_t index);

class TileTree {
 public:
  TileTree() = default;
  // From sealed tiles and the leaves after the last full bundle (size % 256 of them).
  static Result<TileTree> rebuild(std::uint64_t size, std::span<const Digest> tail_leaves,
                                  const ReadTile& read_tile);

  void append(std::span<const Digest> leaves, const Seal& seal);
  std::uint64_t size() const { return frontier_.size(); }
  Digest root() const { return frontier_.root(); }
  const OpenTiles& open() const { return open_; }

 private:
  Frontier frontier_;
  OpenTiles open_;
};

}  // namespace daybook
