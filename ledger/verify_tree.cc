#include "ledger/verify_tree.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "ledger/tile_tree.h"
#include "ledger/tiles.h"

namespace daybook {
namespace {

// Enough leaves at a time that the upper levels of the tree are hashed in full lanes as well.
constexpr std::size_t leaves_per_round = 4 * tile_width;

}  // namespace

Result<VerifyReport> verify_tree(
    const Ledger& ledger,
    const std::function<void(std::uint64_t done, std::uint64_t size)>& progress) {
  const TreeHead expected = ledger.head();
  VerifyReport report;
  TileTree tree;
  std::optional<Error> error;
  std::vector<std::byte> arena;
  std::vector<std::size_t> ends;
  std::vector<Bytes> entries;
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
    entries.clear();
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      entries.push_back(Bytes(arena).subspan(begin, end - begin));
      begin = end;
    }
    leaves.resize(entries.size());
    hash_leaves(entries, leaves);
    tree.append(leaves, compare);
    report.bytes += begin;
    ends.clear();
    if (progress) progress(tree.size(), expected.size);
  };
  const auto read = ledger.read(0, expected.size, [&](std::uint64_t, Bytes entry) {
    const std::size_t begin = ends.empty() ? 0 : ends.back();
    if (arena.size() < begin + entry.size()) arena.resize(2 * (begin + entry.size()));
    std::memcpy(arena.data() + begin, entry.data(), entry.size());
    ends.push_back(begin + entry.size());
    if (ends.size() == leaves_per_round) round();
    return !error.has_value();
  });
  if (!error && !ends.empty() && read) round();
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
