// Order of an export: full tiles and bundles, partial bundle, partial tiles, their directories
// synced, then the checkpoint. Files that are there already are compared, not written.
#include "replay/export.h"

#include <algorithm>
#include <optional>
#include <set>

#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/tile_tree.h"
#include "ledger/tiles.h"
#include "replay/timestamps.h"

namespace daybook {
namespace {

// Both stand in the directory itself, so that whatever a stopped export leaves has a known name.
constexpr std::string_view lock_name = "export.lock";
constexpr std::string_view fresh_name = "export.new";

struct Signed {
  std::string note;
  Checkpoint checkpoint;
};

Result<Signed> read_signed(std::string note) {
  const auto parsed = parse_note(note);
  if (!parsed) return std::unexpected(parsed.error());
  auto checkpoint = parse_checkpoint(parsed->text);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return Signed{std::move(note), std::move(*checkpoint)};
}

Result<Signed> latest_signed(const Ledger& ledger) {
  const auto keys = ledger.keys("checkpoint/");
  if (!keys) return std::unexpected(keys.error());
  const std::uint64_t size = ledger.head().size;
  for (auto key = keys->rbegin(); key != keys->rend(); ++key) {
    auto note = ledger.get(*key);
    if (!note) return std::unexpected(note.error());
    auto latest = read_signed(std::move(*note));
    if (!latest) return fail(Error::Code::corrupt, "{}: {}", *key, latest.error().detail);
    const TreeHead& head = latest->checkpoint.head;
    if (head.size > size) continue;  // of what was appended since the ledger was opened
    const auto root = ledger.root_at(head.size);
    if (!root) return std::unexpected(root.error());
    if (*root != head.root)
      return fail(Error::Code::corrupt, "the root of {} entries is {}, signed was {}", head.size,
                  hex(*root), hex(head.root));
    return latest;
  }
  return std::unexpected(Error{Error::Code::not_found, "no checkpoint of this book was signed yet",
                               "a checkpoint is signed at the end of each run"});
}

Bytes bytes_of_hashes(std::span<const Digest> hashes) { return std::as_bytes(hashes); }

class Export {
 public:
  Export(const Ledger& ledger, const std::string& directory, FileSystem& files)
      : ledger_(ledger), directory_(directory), files_(files) {}

  Result<ExportReport> run() {
    const auto latest = latest_signed(ledger_);
    if (!latest) return std::unexpected(latest.error());
    report_.head = latest->checkpoint.head;
    report_.checkpoint = latest->note;
    if (auto done = files_.make_dir(directory_); !done) return std::unexpected(done.error());
    if (auto done = files_.sync_dir(parent_of(directory_)); !done)
      return std::unexpected(done.error());
    const auto lock = files_.lock(at(lock_name));
    if (!lock) return std::unexpected(lock.error());
    Result<void> done = write(*latest);
    if (!done) return std::unexpected(done.error());
    if (done = files_.remove(at(lock_name)); !done) return std::unexpected(done.error());
    return report_;
  }

 private:
  std::string at(std::string_view path) const { return fmt::format("{}/{}", directory_, path); }

  Result<void> write(const Signed& latest) {
    if (auto done = files_.remove(at(fresh_name)); !done) return done;
    const auto before = present(latest);
    if (!before) return std::unexpected(before.error());
    report_.before = *before ? (*before)->checkpoint.head.size : 0;
    const bool same = *before && (*before)->note == latest.note;
    if (!same)
      if (auto done = write_tree(); !done) return done;
    if (auto done = write_timestamps(latest.checkpoint); !done) return done;
    for (const std::string& directory : touched_)
      if (auto done = files_.sync_dir(directory); !done) return done;
    if (!same)
      if (auto done = write_file("checkpoint", bytes_of(latest.note)); !done) return done;
    return files_.sync_dir(directory_);
  }

  // Of this checkpoint and of those before it under the same origin.
  Result<void> write_timestamps(const Checkpoint& latest) {
    const auto kept = kept_timestamps(ledger_, latest.head.size);
    if (!kept) return std::unexpected(kept.error());
    for (const KeptTimestamp& stamp : *kept) {
      const auto stamped = read_signed(stamp.note);
      if (!stamped) return std::unexpected(stamped.error());
      if (stamped->checkpoint.origin != latest.origin) continue;
      const std::string stem = "timestamps/" + stamp.name();
      if (auto done = write_file(stem + ".checkpoint", bytes_of(stamp.note)); !done) return done;
      if (auto done = write_file(stem + ".tsr", bytes_of(stamp.response)); !done) return done;
    }
    return {};
  }

  // What the directory holds: nothing, or an earlier checkpoint of this book.
  Result<std::optional<Signed>> present(const Signed& latest) const {
    const auto other = [&](std::string_view what) {
      return std::unexpected(Error{Error::Code::conflict,
                                   fmt::format("{}/checkpoint {}", directory_, what),
                                   "export into a new directory"});
    };
    const auto file = files_.open(at("checkpoint"), FileSystem::Open::read);
    if (!file && file.error().code == Error::Code::not_found) return std::nullopt;
    if (!file) return std::unexpected(file.error());
    auto note = read_whole(**file);
    if (!note) return std::unexpected(note.error());
    auto found = read_signed(std::move(*note));
    if (!found) return other("is no checkpoint");
    const Checkpoint& checkpoint = found->checkpoint;
    if (checkpoint.origin != latest.checkpoint.origin) return other("is of another book");
    if (checkpoint.head.size > latest.checkpoint.head.size)
      return other("is of a longer book than this one");
    const auto root = ledger_.root_at(checkpoint.head.size);
    if (!root) return std::unexpected(root.error());
    if (*root != checkpoint.head.root) return other("is of another history");
    return std::move(*found);
  }

  Result<void> write_tree() {
    const std::uint64_t size = report_.head.size;
    auto tree = TileTree::rebuild(
        report_.before / tile_width * tile_width, {},
        [&](unsigned level, std::uint64_t index) { return ledger_.tile(level, index); });
    if (!tree) return std::unexpected(tree.error());
    std::string bundle;
    while (tree->size() < size) {
      const std::uint64_t first = tree->size();
      const std::uint64_t end = std::min(size, first + tile_width);
      if (auto done = read_bundle(first, end, bundle, *tree); !done) return done;
      const auto width = static_cast<unsigned>(end - first);
      if (tree->size() == size && tree->root() != report_.head.root)
        return fail(Error::Code::corrupt, "{} entries read again have root {}, signed was {}", size,
                    hex(tree->root()), hex(report_.head.root));
      if (auto done = write_file(bundle_path(first / tile_width, width), bytes_of(bundle)); !done)
        return done;
    }
    const OpenTiles& open = tree->open();
    for (unsigned level = 0; level < open.levels.size(); ++level) {
      const auto& hashes = open.levels[level];
      if (hashes.empty()) continue;
      const std::uint64_t index = size >> tile_height * level >> tile_height;
      const std::string path = tile_path(level, index, static_cast<unsigned>(hashes.size()));
      if (auto done = write_file(path, bytes_of_hashes(hashes)); !done) return done;
    }
    return {};
  }

  // Entries [first, end) into `bundle` and under the tree; the tiles they fill are written.
  Result<void> read_bundle(std::uint64_t first, std::uint64_t end, std::string& bundle,
                           TileTree& tree) {
    bundle.clear();
    std::vector<Digest> leaves;
    const auto read = ledger_.read(first, end, [&](std::uint64_t, Bytes entry) {
      bundle += encode_bundle(std::span(&entry, 1));
      leaves.push_back(hash_leaf(entry));
      return true;
    });
    if (!read) return read;
    if (leaves.size() != end - first)
      return fail(Error::Code::corrupt, "read {} entries from {} on, not {}", leaves.size(), first,
                  end - first);
    Result<void> done;
    tree.append(leaves, [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
      if (done) done = write_tile(level, index, tile);
    });
    return done;
  }

  Result<void> write_tile(unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    const auto stored = ledger_.tile(level, index);
    if (!stored) return std::unexpected(stored.error());
    const auto differ = std::ranges::mismatch(*stored, tile).in2;
    if (differ != tile.end() || stored->size() != tile.size()) {
      const auto offset = static_cast<std::uint64_t>(differ - tile.begin());
      return fail(Error::Code::corrupt, "first bad index {}: the entry and {} differ",
                  (index * tile_width + offset) << tile_height * level, tile_path(level, index));
    }
    return write_file(tile_path(level, index), bytes_of_hashes(tile));
  }

  Result<bool> holds(const std::string& path, Bytes content) const {
    const auto file = files_.open(path, FileSystem::Open::read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    if (*size != content.size()) return false;
    const auto found = read_whole(**file);
    if (!found) return std::unexpected(found.error());
    return std::ranges::equal(bytes_of(*found), content);
  }

  // Durable when its directory is synced. Only the checkpoint is ever replaced.
  Result<void> write_file(const std::string& name, Bytes content) {
    const std::string path = at(name);
    const std::string parent = parent_of(path);
    if (auto done = make_dirs(parent); !done) return done;
    if (name != "checkpoint" && files_.exists(path)) {
      touched_.insert(parent);  // a stopped export may not have come to syncing it
      const auto same = holds(path, content);
      if (!same) return std::unexpected(same.error());
      if (*same) return {};
      return std::unexpected(Error{Error::Code::conflict,
                                   fmt::format("{} holds something else than the book", path),
                                   "somebody changed it; export into a new directory"});
    }
    const std::string fresh = at(fresh_name);
    {
      const auto file = files_.open(fresh, FileSystem::Open::create_new);
      if (!file) return std::unexpected(file.error());
      if (auto done = (*file)->write_at(0, content); !done) return done;
      if (auto done = (*file)->sync(); !done) return done;
    }
    if (auto done = files_.rename(fresh, path); !done) return done;
    touched_.insert(parent);
    ++report_.files;
    report_.bytes += content.size();
    return {};
  }

  Result<void> make_dirs(const std::string& directory) {
    if (directory == directory_ || known_.contains(directory)) return {};
    const std::string parent = parent_of(directory);
    if (auto done = make_dirs(parent); !done) return done;
    if (auto done = files_.make_dir(directory); !done) return done;
    touched_.insert(parent);
    known_.insert(directory);
    return {};
  }

  const Ledger& ledger_;
  const std::string directory_;
  FileSystem& files_;
  ExportReport report_;
  std::set<std::string> known_;    // directories that are there
  std::set<std::string> touched_;  // directories with new names in them
};

}  // namespace

Result<ExportReport> export_tiles(const Ledger& ledger, const std::string& directory,
                                  FileSystem& files) {
  std::string plain = directory;
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  if (plain.empty()) return fail(Error::Code::invalid, "an export needs a directory");
  return Export(ledger, plain, files).run();
}

Result<std::string> latest_checkpoint(const Ledger& ledger) {
  auto latest = latest_signed(ledger);
  if (!latest) return std::unexpected(latest.error());
  return std::move(latest->note);
}

Result<std::string> export_proof(const Ledger& ledger, std::uint64_t index, std::string_view keys) {
  const auto latest = latest_signed(ledger);
  if (!latest) return std::unexpected(latest.error());
  const std::uint64_t size = latest->checkpoint.head.size;
  if (index >= size)
    return std::unexpected(
        Error{Error::Code::not_found,
              fmt::format("the latest checkpoint covers {} entries, not entry {}", size, index),
              "a checkpoint is signed at the end of each run"});
  const auto proof = ledger.inclusion_proof(index, size);
  if (!proof) return std::unexpected(proof.error());
  std::string out = "c2sp.org/tlog-proof@v1\n";
  if (!keys.empty()) out += fmt::format("extra {}\n", base64(bytes_of(keys)));
  out += fmt::format("index {}\n", index);
  for (const Digest& hash : *proof)
    out += fmt::format("{}\n", base64(std::as_bytes(std::span(hash))));
  return out + "\n" + latest->note;
}

}  // namespace daybook
