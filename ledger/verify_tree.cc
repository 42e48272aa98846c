#include "ledger/verify_tree.h"

#include <algorithm>
#include <optional>

#include "ledger/tile_tree.h"
#include "ledger/tiles.h"

namespace daybook {
namespace {

// Enough leaves at a time that the upper levels of the tree are hashed in full lanes as well.
constexpr std::size_t leaves_per_round = 16 * tile_width;

}  // namespace

Result<VerifyReport> verify_tree(
    const Ledger& ledger,
    const std::function<void(std::uint64_t done, std::uint64_t size)>& progress) {
  const TreeHead expected = ledger.head();
  VerifyReport report;
  TileTree tree;
  std::optional<Error> error;
  std::vector<Digest> leaves;

  const Seal compare = [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    if (error) return;
    const auto stored = ledger.tile(level, index);
    if (!stored) {
      error = stored.error();
      return;
    }
    ++report.tiles;
    const auto differ = std::ranges::mismatch(*stored, tile);
    if (differ.in1 == stored->end()) return;
    const auto offset = static_cast<std::uint64_t>(differ.in1 - stored->begin());
    const std::uint64_t bad = (index * tile_width + offset) << tile_height * level;
    error = Error{Error::Code::corrupt,
                  fmt::format("first bad index {}: entry and tile of level {} differ", bad, level)};
  };
  const auto round = [&] {
    tree.append(leaves, compare);
    leaves.clear();
    if (progress) progress(tree.size(), expected.size);
  };
  // Entries are hashed where they were read, a row at a time; the tree takes many rows at once.
  const auto read =
      ledger.read_groups(0, expected.size, [&](std::uint64_t, std::span<const Bytes> entries) {
        const std::size_t before = leaves.size();
        leaves.resize(before + entries.size());
        hash_leaves(entries, std::span(leaves).subspan(before));
        for (const Bytes& entry : entries) report.bytes += entry.size();
        if (leaves.size() >= leaves_per_round) round();
        return !error.has_value();
      });
  if (!error && read && !leaves.empty()) round();
  if (error) return std::unexpected(*error);
  if (!read) return std::unexpected(read.error());
  report.head = {tree.size(), tree.root()};
  if (report.head != expected) {
    return fail(Error::Code::corrupt,
                "first bad index in [{}, {}): the root over {} entries is {}, the head says {}",
                tree.size() / tile_width * tile_width, tree.size(), tree.size(),
                hex(report.head.root), hex(expected.root));
  }
  return report;
}

}  // namespace daybook
