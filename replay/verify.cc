#include "replay/verify.h"

#include <algorithm>
#include <map>
#include <optional>

#include "ledger/codec/event_codec.h"
#include "ledger/note.h"
#include "ledger/tile_tree.h"
#include "ledger/tiles.h"
#include "replay/checkpoint.h"
#include "replay/entry_batch.h"
#include "replay/fold.h"
#include "replay/state_bytes.h"
#include "replay/timestamps.h"
#include "statemachine/apply.h"
#include "statemachine/invariants.h"

namespace daybook {
namespace {

constexpr std::size_t findings_kept_per_rule = 10;

class Verifier {
 public:
  Verifier(const Ledger& ledger, const VerifyProgress& progress, const PlanText& plans)
      : ledger_(ledger), progress_(progress), plans_(plans), head_(ledger.head()) {
    report_.size = head_.size;
  }

  Result<BookReport> run() {
    read_entries();
    if (world_failed_) return std::unexpected(*world_failed_);
    compare_head();
    if (folding_)
      for (const auto& violation : violations(state_))
        found(no_entry, violation.rule, violation.detail);
    report_.folded = state_.size;
    report_.state_root = state_root(state_);
    check_recorded();
    check_kept();
    check_stamps();
    if (world_failed_) return std::unexpected(*world_failed_);
    conclude();
    return report_;
  }

 private:
  struct Recorded {
    EntryIndex at = 0;
    CheckpointSigned event;
    bool good = false;  // root and state root
  };

  void found(EntryIndex index, std::string rule, std::string detail) {
    ++report_.findings_total;
    if (index != no_entry) report_.first_bad = std::min(report_.first_bad, index);
    if (++by_rule_[rule] <= findings_kept_per_rule)
      report_.findings.push_back({index, std::move(rule), std::move(detail)});
  }

  // Bytes that are wrong are a finding; a disk that does not answer is not.
  void failed(EntryIndex index, std::string rule, const Error& error) {
    if (error.code == Error::Code::corrupt || error.code == Error::Code::newer_version ||
        error.code == Error::Code::not_found || error.code == Error::Code::invalid)
      found(index, std::move(rule), error.detail);
    else
      world_failed_ = error;
  }

  // --- one pass over the entries

  void read_entries() {
    const auto read = ledger_.read(0, head_.size, [&](std::uint64_t index, Bytes bytes) {
      batch_.add(bytes);
      fold_entry(index, bytes);
      if (batch_.full()) hash_batch();
      return !world_failed_;
    });
    hash_batch();
    if (!read) failed(tree_.size(), "entry", read.error());
  }

  void hash_batch() {
    tree_.append(batch_.take(), [&](unsigned level, std::uint64_t index,
                                    std::span<const Digest> tile) { compare(level, index, tile); });
    if (progress_) progress_(tree_.size(), head_.size);
  }

  void compare(unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    const EntryIndex covers = EntryIndex{1} << (tile_height * level);
    const auto stored = ledger_.tile(level, index);
    if (!stored) return failed(index * tile_width * covers, "tree", stored.error());
    const auto differ = std::ranges::mismatch(*stored, tile).in2;
    if (differ == tile.end()) return;
    const auto first = index * tile_width + static_cast<EntryIndex>(differ - tile.begin());
    found(first * covers, "tree",
          level == 0
              ? fmt::format("entry {} does not have the hash in its tile", first)
              : fmt::format("a tile of level {} does not follow from the tiles below", level));
  }

  void fold_entry(EntryIndex index, Bytes bytes) {
    if (!folding_) return;
    if (auto decoded = decode(bytes, entry_); !decoded) {
      failed(index, "entry", decoded.error());
      folding_ = false;  // what follows has no state to be applied to
      return;
    }
    if (!is_canonical(bytes)) found(index, "canonical", "the entry is not in canonical form");
    for (const auto& violation : violations(state_, entry_))
      found(index, violation.rule, violation.detail);
    check_signature(index);
    if (const auto* checkpoint = std::get_if<CheckpointSigned>(&entry_.event)) {
      Recorded recorded{index, *checkpoint};
      // Nearly always this entry comes right after what it covers.
      const bool here = checkpoint->size == state_.size;
      recorded.good = check_state_root(recorded, here ? &state_ : state_at(checkpoint->size));
      recorded_.push_back(recorded);
    }
    if (const auto* rotated = std::get_if<LogKeyRotated>(&entry_.event))
      vouched_.emplace_back(index, rotated->root);
    else if (const auto* changed = std::get_if<LogOriginChanged>(&entry_.event))
      vouched_.emplace_back(index, changed->root);
    else if (const auto* witness = std::get_if<WitnessAdded>(&entry_.event))
      if (const auto key = parse_vkey(witness->vkey)) witnesses_.push_back(*key);
    apply(state_, entry_);
  }

  void check_signature(EntryIndex index) {
    using Kind = SignatureVerdict::Kind;
    const SignatureVerdict verdict = check_signatures(state_, entry_, plans_);
    if (verdict.kind == Kind::good) ++report_.approvals;
    if (verdict.kind == Kind::unchecked) ++report_.unchecked;
    if (verdict.kind == Kind::wrong) found(index, "signature", verdict.detail);
  }

  bool check_state_root(const Recorded& recorded, const State* state) {
    if (state == nullptr) return false;
    const Digest reached = state_root(*state);
    if (reached == recorded.event.state_root) return true;
    found(recorded.at, "state root",
          fmt::format("the state of {} entries has digest {}, recorded was {}", recorded.event.size,
                      hex(reached), hex(recorded.event.state_root)));
    return false;
  }

  // A second fold that trails behind; sizes only rise in a good book.
  const State* state_at(EntryIndex size) {
    if (size > state_.size) return nullptr;  // a violation already says so
    if (trailing_.size > size) trailing_ = {};
    if (auto done = fold_on(trailing_, ledger_, size); !done) {
      failed(trailing_.size, "entry", done.error());
      return nullptr;
    }
    return &trailing_;
  }

  // --- afterwards

  void compare_head() {
    report_.root = tree_.root();
    if (tree_.size() != head_.size)
      found(tree_.size(), "tree",
            fmt::format("{} of {} entries can be read", tree_.size(), head_.size));
    else if (tree_.root() != head_.root)
      found(head_.size == 0 ? no_entry : (head_.size - 1) / tile_width * tile_width, "tree",
            fmt::format("the root is {}, the head says {}", hex(tree_.root()), hex(head_.root)));
  }

  bool check_root(EntryIndex index, EntryIndex size, const Digest& root) {
    if (size > head_.size) {
      found(index, "checkpoint",
            fmt::format("{} entries were signed, the book has {}", size, head_.size));
      return false;
    }
    const auto reached = ledger_.root_at(size);
    if (!reached) {
      failed(index, "checkpoint", reached.error());
      return false;
    }
    if (*reached == root) return true;
    found(
        index, "checkpoint",
        fmt::format("the root of {} entries is {}, signed was {}", size, hex(*reached), hex(root)));
    return false;
  }

  void check_recorded() {
    for (Recorded& recorded : recorded_) {
      if (!check_root(recorded.at, recorded.event.size, recorded.event.root)) recorded.good = false;
      if (const auto note = ledger_.get(checkpoint_key(recorded.event.size)); !note) {
        failed(recorded.at, "checkpoint", note.error());
        recorded.good = false;
      }
      if (recorded.good) ++report_.checkpoints;
    }
    for (const auto& [index, root] : vouched_) check_root(index, index, root);
  }

  // The checkpoint that the key of its time signed, and every cosignature of a witness of the book.
  Result<Checkpoint> open_kept(const std::string& bytes) {
    const auto note = parse_note(bytes);
    if (!note) return std::unexpected(note.error());
    const auto read = parse_checkpoint(note->text);
    if (!read) return std::unexpected(read.error());
    const auto log = parse_vkey(log_name(state_, read->head.size).vkey);
    if (!log) return std::unexpected(log.error());
    auto checkpoint = open_checkpoint(bytes, *log);
    if (!checkpoint) return checkpoint;
    const auto cosigned = verify_note(*note, witnesses_);
    if (cosigned) {
      report_.cosignatures += cosigned->size();
      return checkpoint;
    }
    const auto by_one = [&](const NoteSignature& line) {
      return std::ranges::any_of(witnesses_, [&](const NoteVerifier& witness) {
        return witness.name == line.name && witness.id() == line.key_id;
      });
    };
    if (std::ranges::any_of(note->signatures, by_one)) return std::unexpected(cosigned.error());
    return checkpoint;
  }

  void check_kept() {
    const auto keys = ledger_.keys("checkpoint/");
    if (!keys) return failed(no_entry, "checkpoint", keys.error());
    if (keys->empty()) return;
    for (const std::string& key : *keys) {
      const auto note = ledger_.get(key);
      const auto checkpoint = note ? open_kept(*note) : std::unexpected(note.error());
      if (!checkpoint) {
        auto error = checkpoint.error();
        error.detail = fmt::format("{}: {}", key, error.detail);
        failed(no_entry, "signature", error);
        forget(key);
        continue;
      }
      const TreeHead& head = checkpoint->head;
      if (key != checkpoint_key(head.size)) {
        found(no_entry, "signature", fmt::format("{} is of {} entries", key, head.size));
        forget(key);
      } else if (check_root(head.size < head_.size ? head.size : no_entry, head.size, head.root)) {
        ++report_.signatures;
      } else {
        forget(key);
      }
    }
  }

  // Each is about a checkpoint that its key signed, of these entries.
  void check_stamps() {
    const auto stamps = kept_timestamps(ledger_, ~std::uint64_t{0});
    if (!stamps) return failed(no_entry, "time stamp", stamps.error());
    for (const KeptTimestamp& stamp : *stamps) {
      const auto log = parse_vkey(log_name(state_, stamp.size).vkey);
      const auto head = log ? stamped_head(stamp.note, stamp.response, std::span(&*log, 1))
                            : std::unexpected(log.error());
      if (!head)
        found(no_entry, "time stamp", fmt::format("{}: {}", stamp.name(), head.error().detail));
      else if (check_root(no_entry, head->size, head->root))
        ++report_.timestamps;
    }
  }

  // Nothing rests on a checkpoint whose signature is not good.
  void forget(const std::string& key) {
    for (Recorded& recorded : recorded_)
      if (checkpoint_key(recorded.event.size) == key) recorded.good = false;
  }

  void conclude() {
    for (const Recorded& recorded : recorded_)
      if (recorded.good && recorded.event.size <= report_.first_bad)
        report_.trustworthy = std::max(report_.trustworthy, recorded.event.size);
  }

  const Ledger& ledger_;
  const VerifyProgress& progress_;
  const PlanText& plans_;
  const TreeHead head_;
  BookReport report_;
  std::map<std::string, std::uint64_t> by_rule_;
  std::optional<Error> world_failed_;
  EntryBatch batch_;
  TileTree tree_;
  Entry entry_;
  State state_;
  State trailing_;
  bool folding_ = true;
  std::vector<Recorded> recorded_;
  std::vector<std::pair<EntryIndex, Digest>> vouched_;  // roots that a key was named after
  std::vector<NoteVerifier> witnesses_;                 // that were ever asked
};

}  // namespace

Result<BookReport> verify_book(const Ledger& ledger, const VerifyProgress& progress,
                               const PlanText& plans) {
  return Verifier(ledger, progress, plans).run();
}

std::string BookReport::summary() const {
  if (good()) {
    std::string out = fmt::format(
        "All {} entries are there and in order. Their root is {}; folding them gives the state {}. "
        "{} recorded checkpoints were reached again and {} signatures are good.",
        size, hex(root), hex(state_root), checkpoints, signatures);
    if (cosignatures > 0)
      out += fmt::format(" {} cosignatures of witnesses are good.", cosignatures);
    if (approvals > 0) out += fmt::format(" {} approvals carry good signatures.", approvals);
    if (unchecked > 0)
      out += fmt::format(" {} could not be checked: their plans are not here.", unchecked);
    return out;
  }
  std::string out = fmt::format("{} findings in {} entries. ", findings_total, size);
  const Finding* first = &findings.front();
  for (const Finding& finding : findings)
    if (finding.index < first->index) first = &finding;
  out += first->index == no_entry
             ? fmt::format("First: {}. ", first->detail)
             : fmt::format("First bad entry: {} ({}). ", first->index, first->detail);
  out += trustworthy == 0
             ? "No checkpoint vouches for a part of the book."
             : fmt::format("The first {} entries agree with their signed checkpoint.", trustworthy);
  return out;
}

}  // namespace daybook
