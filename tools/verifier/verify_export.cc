// The tree is grown from the entries; tiles are only ever compared with it. Which of the two is
// wrong where they differ, the signed root says at the end: entries that lead to it are right.
#include "tools/verifier/verify_export.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "ledger/tile_tree.h"
#include "ledger/tiles.h"
#include "ledger/timestamp.h"
#include "replay/log_keys.h"
#include "replay/timestamps.h"
#include "tools/verifier/book_check.h"
#include "tools/verifier/export_directory.h"
#include "tools/verifier/stamps.h"

namespace daybook {
namespace {

constexpr std::size_t checkpoint_bytes_max = 1'000'000;
constexpr std::size_t tile_bytes_max = tile_width * sizeof(Digest);
constexpr std::size_t bundle_bytes_max = tile_width * (2 + entry_bytes_max);
constexpr std::string_view stamps_directory = "timestamps";
constexpr std::size_t differences_max = Judgement::faults_max;

// How many entries stand whole at the start of a bundle that does not parse.
std::uint64_t whole_entries(Bytes bundle) {
  std::uint64_t count = 0;
  while (bundle.size() > 2 && count < tile_width) {
    const auto size =
        std::to_integer<std::size_t>(bundle[0]) << 8 | std::to_integer<std::size_t>(bundle[1]);
    if (size == 0 || bundle.size() - 2 < size) break;
    bundle = bundle.subspan(2 + size);
    ++count;
  }
  return count;
}

class ExportCheck {
 public:
  ExportCheck(const ExportDirectory& directory, Entries entries, const TrustPolicy& policy,
              Judgement& judgement)
      : directory_(directory),
        policy_(policy),
        judgement_(judgement),
        size_(judgement.head.size),
        book_([this](std::uint64_t size) { return root_at(size); },
              [this](std::uint64_t from, std::uint64_t to, const BookCheck::Visit& visit) {
                return read_again(from, to, visit);
              }),
        folding_(entries == Entries::fold) {}

  void run() {
    bool whole = true;
    while (whole && tree_.size() < size_) whole = add_bundle();
    if (whole) compare_open_tiles();
    conclude(whole);
    check_names();
    if (whole) check_stamps();
  }

  const State& state() const { return book_.state(); }
  const std::string& key_chain() const { return book_.key_chain(); }

 private:
  struct Difference {
    unsigned level;
    std::uint64_t index;  // of the first entry below the hash that differs
    std::string path;
  };

  // --- the tree

  bool add_bundle() {
    const std::uint64_t first = tree_.size();
    const auto width = static_cast<unsigned>(std::min<std::uint64_t>(tile_width, size_ - first));
    const std::string path = bundle_path(first / tile_width, width);
    const auto refuse = [&](std::uint64_t index, std::string detail) {
      judgement_.found({Verdict::tampered, index, path, std::move(detail)});
      return false;
    };
    auto content = directory_.read(path, bundle_bytes_max);
    if (!content) {
      judgement_.found(fault_of(content.error(), first, path));
      return false;
    }
    const auto entries = parse_bundle(bytes_of(*content));
    if (!entries) return refuse(first + whole_entries(bytes_of(*content)), entries.error().detail);
    if (entries->size() != width)
      return refuse(first + std::min<std::uint64_t>(width, entries->size()),
                    fmt::format("holds {} entries, not {}", entries->size(), width));
    ++judgement_.files;
    judgement_.bytes += content->size() - 2 * entries->size();
    leaves_.resize(width);
    hash_leaves(*entries, leaves_);
    if (folding_)
      for (unsigned i = 0; i < width; ++i) book_.add(first + i, (*entries)[i]);
    tree_.append(leaves_, [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
      compare(level, index, tile);
    });
    return true;
  }

  void compare_open_tiles() {
    const OpenTiles& open = tree_.open();
    for (unsigned level = 0; level < open.levels.size(); ++level)
      if (!open.levels[level].empty())
        compare(level, size_ >> tile_height * level >> tile_height, open.levels[level]);
  }

  void compare(unsigned level, std::uint64_t index, std::span<const Digest> expected) {
    const std::string path = tile_path(level, index, static_cast<unsigned>(expected.size()));
    const auto entry = [&](std::uint64_t offset) {
      return (index * tile_width + offset) << tile_height * level;
    };
    const auto content = directory_.read(path, tile_bytes_max);
    if (!content) return judgement_.found(fault_of(content.error(), entry(0), path));
    const Bytes right = std::as_bytes(expected);
    const auto differ = std::ranges::mismatch(bytes_of(*content), right).in2;
    const auto offset = static_cast<std::uint64_t>(differ - right.begin()) / sizeof(Digest);
    ++judgement_.files;
    if (differ == right.end() && content->size() == right.size()) return;
    if (content->size() != right.size())
      return judgement_.found({Verdict::tampered,
                               entry(std::min<std::uint64_t>(offset, expected.size() - 1)), path,
                               fmt::format("has {} bytes, not {}", content->size(), right.size())});
    if (differences_.size() < differences_max) differences_.push_back({level, entry(offset), path});
  }

  void conclude(bool whole) {
    const bool reached = whole && tree_.root() == judgement_.head.root;
    const bool leaf = std::ranges::find(differences_, 0U, &Difference::level) != differences_.end();
    for (const Difference& d : differences_) {
      if (reached)
        judgement_.found({Verdict::tampered, d.index, d.path,
                          "does not hold the hash that the entries give; the entries are those "
                          "that were signed"});
      else if (d.level == 0)
        judgement_.found({Verdict::tampered, d.index,
                          bundle_path(d.index / tile_width, width_at(d.index)),
                          fmt::format("the entry does not have the hash that {} holds", d.path)});
      else if (!leaf)
        judgement_.found({Verdict::tampered, d.index, d.path,
                          "does not hold the hash that the entries from this one on give"});
    }
    if (whole && !reached)
      judgement_.found({Verdict::tampered, no_index, "checkpoint",
                        fmt::format("signs root {} of {} entries; theirs is {}",
                                    hex(judgement_.head.root), size_, hex(tree_.root()))});
    // What entries tell that nobody signed is of no interest.
    if (reached && folding_) book_.finish(judgement_, judgement_.log_key);
  }

  unsigned width_at(std::uint64_t index) const {
    return static_cast<unsigned>(
        std::min<std::uint64_t>(tile_width, size_ - index / tile_width * tile_width));
  }

  // --- what the fold asks for, while the bundle of `leaves_` is not yet in the tree

  Result<Digest> root_at(std::uint64_t size) const {
    const std::uint64_t first = tree_.size();
    if (size < first)
      return root_of(size, [&](unsigned level, std::uint64_t index) {
        return subtree_hash(
            tree_.open(), [&](unsigned l, std::uint64_t i) { return tile(l, i); }, level, index);
      });
    TileTree grown = tree_;
    grown.append(std::span(leaves_).first(size - first), [](auto&&...) {});
    return grown.root();
  }

  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const {
    const auto content = directory_.read(tile_path(level, index), tile_bytes_max);
    if (!content) return std::unexpected(content.error());
    if (content->size() != tile_bytes_max) return fail(Error::Code::corrupt, "is no full tile");
    std::vector<Digest> hashes(tile_width);
    std::memcpy(hashes.data(), content->data(), content->size());
    return hashes;
  }

  Result<void> read_again(std::uint64_t from, std::uint64_t to, const BookCheck::Visit& visit) {
    while (from < to) {
      const auto content =
          directory_.read(bundle_path(from / tile_width, width_at(from)), bundle_bytes_max);
      if (!content) return std::unexpected(content.error());
      const auto entries = parse_bundle(bytes_of(*content));
      if (!entries) return std::unexpected(entries.error());
      for (std::uint64_t i = from % tile_width; i < entries->size() && from < to; ++i, ++from)
        if (!visit(from, (*entries)[i])) return {};
      if (from < to && from % tile_width != 0) return fail(Error::Code::corrupt, "is cut");
    }
    return {};
  }

  // --- the names

  void check_names() {
    const auto walked = directory_.walk([&](const std::string& name, ExportDirectory::Kind kind) {
      return check_name(name, kind);
    });
    if (!walked) judgement_.found(fault_of(walked.error(), no_index, ""));
  }

  bool check_name(const std::string& name, ExportDirectory::Kind kind) {
    const auto refuse = [&](std::uint64_t index, std::string_view detail) {
      judgement_.found({Verdict::tampered, index, name, std::string(detail)});
      return false;
    };
    if (kind == ExportDirectory::Kind::directory &&
        (is_tile_directory(name) || name == stamps_directory))
      return true;
    if (kind == ExportDirectory::Kind::other) return refuse(no_index, "is no plain file");
    if (kind == ExportDirectory::Kind::file && name == "checkpoint") return false;
    if (kind == ExportDirectory::Kind::file && take_stamp(name)) return false;
    const auto tile = parse_tile_name(name);
    if (kind == ExportDirectory::Kind::directory || !tile)
      return refuse(no_index, "does not belong into an export");
    if (!is_within(*tile, size_))
      return refuse(no_index, fmt::format("is not of a tree of {} entries", size_));
    if (tile->width < width_in(*tile)) check_older(name, *tile);
    return false;
  }

  // --- the time stamps

  bool take_stamp(std::string_view name) {
    if (!name.starts_with(stamps_directory)) return false;
    name.remove_prefix(stamps_directory.size() + 1);
    for (const std::string_view suffix : {".checkpoint", ".tsr"}) {
      if (!name.ends_with(suffix)) continue;
      const std::string_view stem = name.substr(0, name.size() - suffix.size());
      if (!parse_timestamp_name(stem)) return false;
      stamps_[std::string(stem)] += suffix.size();
      return true;
    }
    return false;
  }

  // Each is of a checkpoint that a key of the log signed, and that this tree goes through.
  void check_stamps() {
    std::vector<NoteVerifier> keys = policy_.logs();
    if (const auto later = follow_keys(policy_.logs(), key_chain()))
      keys.insert(keys.end(), later->begin(), later->end());
    if (const auto earlier = earlier_keys(keys, key_chain()))
      keys.insert(keys.end(), earlier->begin(), earlier->end());
    std::vector<StampedNote> good;
    for (const auto& [stem, suffixes] : stamps_) {
      const std::string path = fmt::format("{}/{}", stamps_directory, stem);
      const auto note = directory_.read(path + ".checkpoint", checkpoint_bytes_max);
      const auto response = directory_.read(path + ".tsr", timestamp_bytes_max);
      if (!note || !response) {
        judgement_.found(fault_of((note ? response : note).error(), no_index,
                                  path + (note ? ".tsr" : ".checkpoint")));
        continue;
      }
      judgement_.files += 2;
      const auto head = stamped_head(*note, *response, keys);
      if (!head) {
        judgement_.found({Verdict::tampered, no_index, path + ".tsr", head.error().detail});
        continue;
      }
      const auto place = parse_timestamp_name(stem);
      const auto root = head->size <= size_
                            ? root_within(head->size)
                            : fail(Error::Code::invalid, "is beyond the checkpoint");
      if (!root || *root != head->root || place->first != head->size)
        judgement_.found({Verdict::tampered, no_index, path + ".checkpoint",
                          root ? "is no checkpoint of these entries" : root.error().detail});
      else
        good.push_back({path + ".tsr", *note, *response});
    }
    judge_stamps(good, policy_, judgement_);
  }

  // Of the finished tree.
  Result<Digest> root_within(std::uint64_t size) const {
    if (size == tree_.size()) return tree_.root();
    return root_of(size, [&](unsigned level, std::uint64_t index) {
      return subtree_hash(
          tree_.open(), [&](unsigned l, std::uint64_t i) { return tile(l, i); }, level, index);
    });
  }

  // Of the tile or bundle at the same place, as the whole tree has it.
  unsigned width_in(const TileName& name) const {
    const unsigned level = name.level.value_or(0);
    const std::uint64_t count = size_ >> tile_height * level;  // the name is within the tree
    return static_cast<unsigned>(
        std::min<std::uint64_t>(tile_width, count - name.index * tile_width));
  }

  // Partial files of an earlier checkpoint stay. They are the beginning of what is there now.
  void check_older(const std::string& name, const TileName& older) {
    const std::string now = older.level ? tile_path(*older.level, older.index, width_in(older))
                                        : bundle_path(older.index, width_in(older));
    if (now != now_path_) {
      now_ = directory_.read(now, bundle_bytes_max).value_or("");  // its own fault was told
      now_path_ = now;
    }
    const auto content = directory_.read(name, bundle_bytes_max);
    const std::uint64_t first = (older.index * tile_width) << tile_height * older.level.value_or(0);
    if (!content) return judgement_.found(fault_of(content.error(), first, name));
    ++judgement_.files;
    std::size_t end = older.width * sizeof(Digest);
    if (!older.level) {
      const auto entries = parse_bundle(bytes_of(now_));
      end = 0;
      for (std::size_t i = 0; i < older.width; ++i)
        end += entries && i < entries->size() ? 2 + (*entries)[i].size() : now_.size() + 1;
    }
    if (end > now_.size() || *content != std::string_view(now_).substr(0, end))
      judgement_.found(
          {Verdict::tampered, first, name, fmt::format("is not the beginning of {}", now)});
  }

  const ExportDirectory& directory_;
  const TrustPolicy& policy_;
  Judgement& judgement_;
  const std::uint64_t size_;
  BookCheck book_;
  const bool folding_;
  TileTree tree_;
  std::vector<Digest> leaves_;
  std::vector<Difference> differences_;
  std::string now_path_, now_;
  std::map<std::string, std::size_t> stamps_;  // by the stem of their names
};

// The whole is checked under the head that the checkpoint claims; what that came to is told only
// when a key that was asked for turns out to vouch for the one that signed it.
Judgement verify_by_successor(const ExportDirectory& directory, const std::string& note,
                              const TrustPolicy& policy, State* state) {
  Judgement claimed, judgement;
  claimed.subject = judgement.subject = "export";
  const auto parsed = parse_note(note);
  const auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  if (!checkpoint) {
    open_signed(note, policy, "checkpoint", judgement);
    return judgement;
  }
  claimed.origin = checkpoint->origin;
  claimed.head = checkpoint->head;
  ++claimed.files;
  ExportCheck check(directory, Entries::fold, policy, claimed);
  check.run();
  const auto followed = follow(policy, check.key_chain());
  if (!followed || followed->vouched.empty()) {
    open_signed(note, policy, "checkpoint", judgement);
    // Who trusted the old origin is told of the new one; trusting it is for them to say.
    if (claimed.folded && !check.state().log_keys.empty()) {
      const LogKeyChange& last = check.state().log_keys.back();
      if (last.old_origin != last.origin)
        judgement.found({Verdict::unmet, last.at, "",
                         fmt::format("the log goes on as {} since this entry, signed with {}; who "
                                     "trusts that verifies with that key",
                                     last.origin, last.vkey)});
    }
    return judgement;
  }
  if (!open_signed(note, *followed, "checkpoint", judgement)) return judgement;
  claimed.log_key = judgement.log_key;
  claimed.signed_by = judgement.signed_by;
  claimed.rotations = judgement.rotations;
  if (claimed.folded && check.state().log_vkey != judgement.log_key)
    claimed.found({Verdict::tampered, check.state().log_keys.back().at, "checkpoint",
                   fmt::format("the book names {}, the checkpoint is signed with {}",
                               check.state().log_vkey, judgement.log_key)});
  if (state != nullptr) *state = check.state();
  return claimed;
}

}  // namespace

Judgement verify_export(const std::string& path, const TrustPolicy& policy, Entries entries,
                        State* state) {
  Judgement judgement;
  judgement.subject = "export";
  const auto directory = ExportDirectory::open(path);
  if (!directory) {
    judgement.found({Verdict::unusable, no_index, "", directory.error().detail});
    return judgement;
  }
  const auto note = directory->read("checkpoint", checkpoint_bytes_max);
  if (!note) {
    // Without a checkpoint nothing was promised: this is no export.
    Fault fault = fault_of(note.error(), no_index, "checkpoint");
    if (note.error().code == Error::Code::not_found) fault.kind = Verdict::unusable;
    judgement.found(std::move(fault));
    return judgement;
  }
  // Not signed by a key that was asked for, and maybe by one that such a key vouches for: that
  // stands in the entries.
  if (entries == Entries::fold && !names_a_log(*note, policy))
    return verify_by_successor(*directory, *note, policy, state);
  if (open_signed(*note, policy, "checkpoint", judgement)) {
    ++judgement.files;
    ExportCheck check(*directory, entries, policy, judgement);
    check.run();
    if (state != nullptr) *state = check.state();
  }
  return judgement;
}

}  // namespace daybook
