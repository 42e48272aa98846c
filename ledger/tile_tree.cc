#include "ledger/tile_tree.h"

#include <algorithm>

#include "ledger/assertion.h"
#include "ledger/tiles.h"

namespace daybook {

Result<Digest> subtree_hash(const OpenTiles& open, const ReadTile& read_tile, unsigned level,
                            std::uint64_t index) {
  const unsigned tile_level = level / tile_height;
  const unsigned height = level % tile_height;
  const std::uint64_t first = index << height;
  const std::uint64_t tile = first / tile_width;
  const std::size_t count = std::size_t{1} << height;
  std::vector<Digest> sealed;
  std::span<const Digest> hashes;
  const unsigned shift = tile_height * (tile_level + 1);
  if (tile_level < open.levels.size() && tile == (shift < 64 ? open.size >> shift : 0)) {
    hashes = open.levels[tile_level];
  } else {
    Result<std::vector<Digest>> read = read_tile(tile_level, tile);
    if (!read) return std::unexpected(read.error());
    sealed = std::move(*read);
    hashes = sealed;
  }
  const std::size_t offset = first % tile_width;
  DAYBOOK_ASSERT(offset + count <= hashes.size(), "subtree ({}, {}) of {}", level, index,
                 open.size);
  return merkle_root(hashes.subspan(offset, count));
}

Result<TileTree> TileTree::rebuild(std::uint64_t size, std::span<const Digest> tail_leaves,
                                   const ReadTile& read_tile) {
  DAYBOOK_ASSERT(tail_leaves.size() == size % tile_width, "{} leaves of {}", tail_leaves.size(),
                 size);
  TileTree tree;
  tree.open_.size = size;
  tree.open_.levels.emplace_back(tail_leaves.begin(), tail_leaves.end());
  for (unsigned level = 1; level * tile_height < 64 && size >> level * tile_height > 0; ++level) {
    const unsigned width = partial_width(level, size);
    const std::uint64_t first = (size >> level * tile_height) - width;
    std::vector<Digest>& hashes = tree.open_.levels.emplace_back();
    for (unsigned i = 0; i < width; ++i) {
      const Result<std::vector<Digest>> below = read_tile(level - 1, first + i);
      if (!below) return std::unexpected(below.error());
      hashes.push_back(merkle_root(*below));
    }
  }
  Result<Frontier> frontier =
      Frontier::rebuild(size, [&](unsigned level, std::uint64_t index) -> Result<Digest> {
        return subtree_hash(tree.open_, read_tile, level, index);
      });
  if (!frontier) return std::unexpected(frontier.error());
  tree.frontier_ = std::move(*frontier);
  return tree;
}

void TileTree::append(std::span<const Digest> leaves, const Seal& seal) {
  frontier_.append(leaves, [&](unsigned level, std::uint64_t first,
                               std::span<const Digest> hashes) {
    const unsigned tile_level = level / tile_height;
    if (open_.levels.size() <= tile_level) open_.levels.resize(tile_level + 1);
    std::vector<Digest>& tile = open_.levels[tile_level];
    std::uint64_t index = first / tile_width;
    while (!hashes.empty()) {
      const std::size_t take = std::min<std::size_t>(hashes.size(), tile_width - tile.size());
      tile.insert(tile.end(), hashes.begin(), hashes.begin() + static_cast<std::ptrdiff_t>(take));
      hashes = hashes.subspan(take);
      if (tile.size() < tile_width) break;
      seal(tile_level, index++, tile);
      tile.clear();
    }
  });
  open_.size = frontier_.size();
}

}  // namespace daybook
