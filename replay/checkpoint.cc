#include "replay/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "ledger/tile_tree.h"
#include "ledger/tiles.h"
#include "replay/entry_batch.h"
#include "replay/state_bytes.h"

namespace daybook {
namespace {

constexpr std::string_view prefix = "checkpoint/";

// The tree of the first `size` entries, grown from the last signed one by reading entries again.
Result<TreeHead> recompute(const Ledger& ledger, const TreeHead& last, EntryIndex size) {
  const EntryIndex sealed = last.size / tile_width * tile_width;
  auto tree = TileTree::rebuild(
      sealed, {}, [&](unsigned level, std::uint64_t index) { return ledger.tile(level, index); });
  if (!tree) return std::unexpected(tree.error());
  EntryBatch batch;
  std::optional<Error> wrong;
  const auto compare = [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    const auto stored = ledger.tile(level, index);
    if (!stored)
      wrong = stored.error();
    else if (!std::ranges::equal(*stored, tile))
      wrong = Error{Error::Code::corrupt,
                    fmt::format("tile {} of level {} is not what its entries give", index, level)};
  };
  const auto grow = [&](EntryIndex to) -> Result<void> {
    const auto read = ledger.read(tree->size(), to, [&](std::uint64_t, Bytes entry) {
      batch.add(entry);
      if (batch.full()) tree->append(batch.take(), compare);
      return !wrong;
    });
    if (!read) return read;
    tree->append(batch.take(), compare);
    if (wrong) return std::unexpected(*wrong);
    if (tree->size() != to)
      return fail(Error::Code::corrupt, "read {} entries again, not {}", tree->size(), to);
    return {};
  };
  if (auto done = grow(last.size); !done) return std::unexpected(done.error());
  if (last.size > 0 && tree->root() != last.root)
    return fail(Error::Code::corrupt, "the root of {} entries is {}, the signed one was {}",
                last.size, hex(tree->root()), hex(last.root));
  if (auto done = grow(size); !done) return std::unexpected(done.error());
  return TreeHead{tree->size(), tree->root()};
}

// The largest size a kept note speaks of.
Result<EntryIndex> largest_signed(const Ledger& ledger) {
  const auto keys = ledger.keys(prefix);
  if (!keys) return std::unexpected(keys.error());
  if (keys->empty()) return 0;
  const std::string_view digits = std::string_view(keys->back()).substr(prefix.size());
  EntryIndex size = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  return size;
}

}  // namespace

std::string checkpoint_key(EntryIndex size) { return fmt::format("{}{:020}", prefix, size); }

Result<CheckpointSigned> make_checkpoint(Ledger& ledger, const State& state,
                                         const NoteSigner& key) {
  const TreeHead head = ledger.head();
  if (state.size != head.size)
    return fail(Error::Code::invalid, "the state is of {} entries, the book has {}", state.size,
                head.size);
  const LogName name = log_name(state);
  if (key.name != name.origin || key.verifier().vkey() != name.vkey)
    return fail(Error::Code::invalid, "the key of {} does not sign for {}", key.name, name.origin);
  const auto before = largest_signed(ledger);
  if (!before) return std::unexpected(before.error());
  if (*before > head.size)
    return std::unexpected(Error{
        Error::Code::conflict,
        fmt::format("a checkpoint of {} entries was signed, this book has {}", *before, head.size),
        "this is an old copy of the book; find the newer one"});

  TreeHead last;
  if (state.checkpoint) last = {state.checkpoint->size, state.checkpoint->root};
  const auto again = recompute(ledger, last, head.size);
  if (!again) return std::unexpected(again.error());
  if (*again != head)
    return fail(Error::Code::corrupt, "{} entries read again have root {}, the head says {}",
                again->size, hex(again->root), hex(head.root));

  const auto note = sign_checkpoint({name.origin, head}, key);
  if (!note) return std::unexpected(note.error());
  if (auto kept = ledger.put(checkpoint_key(head.size), bytes_of(*note)); !kept)
    return std::unexpected(kept.error());
  return CheckpointSigned{.size = head.size, .root = head.root, .state_root = state_root(state)};
}

}  // namespace daybook
