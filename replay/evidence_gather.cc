#include "replay/evidence_gather.h"

#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "ledger/slice_proof.h"
#include "replay/checkpoint.h"
#include "replay/fold.h"
#include "replay/log_keys.h"
#include "replay/queries.h"
#include "replay/timestamps.h"

namespace daybook {

namespace {

constexpr std::size_t entries_max = 50'000;

// Where the entries stand that introduce what others name.
struct Index {
  std::map<SlotId, EntryIndex> slots;
  std::map<DefinitionId, EntryIndex> definitions;
  std::map<ApprovalId, EntryIndex> approvals;
  std::map<LegalHoldId, EntryIndex> holds;
  std::map<std::string, std::vector<EntryIndex>> principals;
  std::map<ApprovalId, Uuid> approval_runs;  // correlation of its request
  std::map<SlotId, ApprovalId> asked;        // last, for a load
  std::map<ApprovalId, std::vector<EntryIndex>> given;
};

class Gather {
 public:
  Gather(const EvidenceSource& book, const EvidenceWish& wish, const NoteSigner& key)
      : book_(book), wish_(wish), key_(key) {}

  Result<StoredFiles> run() {
    if (const auto done = head(); !done) return std::unexpected(done.error());
    if (const auto done = choose(); !done) return std::unexpected(done.error());
    if (const auto done = close(); !done) return std::unexpected(done.error());
    if (const auto done = prove(); !done) return std::unexpected(done.error());
    if (const auto done = texts(); !done) return std::unexpected(done.error());
    const NoteVerifier log = key_.verifier();
    const auto facts = check_evidence(out_, log.name, head_, std::span(&log, 1));
    if (!facts)
      return fail(
          Error::Code::corrupt, "{}{}: {}", facts.error().path,
          facts.error().entry == no_entry ? "" : fmt::format(", entry {}", facts.error().entry),
          facts.error().detail);
    StoredFiles files = files_of(out_, *facts);
    std::size_t bytes = 0;
    for (const auto& [name, content] : files) bytes += content.size() + 2 * name.size() + 128;
    if (files.size() >= stored_files_max || bytes + (1 << 20) > stored_bytes_max)
      return std::unexpected(Error{
          Error::Code::invalid,
          fmt::format("{} files with {} bytes are too much for one archive", files.size(), bytes),
          "ask for a part: a run, or a smaller range"});
    const std::string manifest = manifest_text(out_, key_.name, files);
    const auto signature = sign_note(key_, manifest);
    if (!signature) return std::unexpected(signature.error());
    files[std::string(manifest_name)] = format_note({manifest, {*signature}});
    return files;
  }

 private:
  // The latest checkpoint that is kept and is within what is shown.
  Result<void> head() {
    const auto keys = book_.ledger.keys("checkpoint/");
    if (!keys) return std::unexpected(keys.error());
    for (auto key = keys->rbegin(); key != keys->rend(); ++key) {
      auto note = book_.ledger.get(*key);
      if (!note) return std::unexpected(note.error());
      const auto parsed = parse_note(*note);
      const auto checkpoint =
          parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
      if (!checkpoint) return fail(Error::Code::corrupt, "{}: {}", *key, checkpoint.error().detail);
      if (checkpoint->head.size > book_.ledger.head().size) continue;
      out_.checkpoint = std::move(*note);
      head_ = checkpoint->head;
      return {};
    }
    return std::unexpected(Error{Error::Code::not_found,
                                 "no checkpoint of this book was signed yet",
                                 "a checkpoint is signed at the end of each run"});
  }

  bool loaded_by(const CompensationState& compensation, RunId run) const {
    return std::ranges::any_of(compensation.steps, [&](const CompensationStep& step) {
      const Slot* slot = book_.state.find(step.slot);
      const GenerationState* taken = slot == nullptr ? nullptr : generation(*slot, step.generation);
      return taken != nullptr && taken->run == run;
    });
  }
  bool erases_of(const ErasureState& erasure, RunId run) const {
    return std::ranges::find(erasure.items, run, &ErasureItem::run) != erasure.items.end();
  }

  bool about_compensation(CompensationId id) const {
    if (wish_.compensation) return id == *wish_.compensation;
    const CompensationState* c = book_.state.find(id);
    return wish_.run && c != nullptr && loaded_by(*c, *wish_.run);
  }
  bool about_erasure(ErasureId id) const {
    const ErasureState* x = book_.state.find(id);
    return wish_.run && x != nullptr && erases_of(*x, *wish_.run);
  }
  bool about_approval(ApprovalId id) const {
    const ApprovalState* a = book_.state.find(id);
    if (a == nullptr) return false;
    if (a->subject == ApprovalSubject::compensation) return about_compensation(a->compensation);
    if (a->subject == ApprovalSubject::erasure) return about_erasure(a->erasure);
    const auto run = index_.approval_runs.find(id);
    return wish_.run && run != index_.approval_runs.end() &&
           run->second == book_.state.find(*wish_.run)->uuid;
  }
  bool about_hold(const Scope& scope) const {
    if (!wish_.run) return false;
    switch (scope.kind) {
      case ScopeKind::book: return true;
      case ScopeKind::pipeline: return scope.pipeline == book_.state.find(*wish_.run)->pipeline;
      case ScopeKind::run: return scope.run == *wish_.run;
      case ScopeKind::partition: {
        const auto& slots = book_.state.find(*wish_.run)->slots;
        return std::ranges::find(slots, scope.slot) != slots.end();
      }
    }
    return false;
  }

  bool wanted(EntryIndex index, const Entry& entry) const {
    if (wish_.range) return index >= wish_.range->first && index <= wish_.range->second;
    if (wish_.run && entry.envelope.correlation == book_.state.find(*wish_.run)->uuid) return true;
    return std::visit(
        [&](const auto& e) {
          using E = std::decay_t<decltype(e)>;
          if constexpr (requires { e.approval; }) {
            return about_approval(e.approval);
          } else if constexpr (requires { e.compensation; }) {
            return about_compensation(e.compensation);
          } else if constexpr (requires { e.erasure; }) {
            return about_erasure(e.erasure);
          } else if constexpr (std::is_same_v<E, LegalHoldPlaced>) {
            return about_hold(e.scope);
          } else if constexpr (std::is_same_v<E, LegalHoldReleased>) {
            const LegalHold* hold = book_.state.find(e.hold);
            return hold != nullptr && about_hold(hold->scope);
          } else {
            return wish_.run && run_of(book_.state, entry.event) == wish_.run;
          }
        },
        entry.event);
  }

  void introduce(EntryIndex index, const Entry& entry) {
    if (const auto* slot = std::get_if<SlotOpened>(&entry.event)) {
      index_.slots[slot->slot] = index;
    } else if (const auto* definition = std::get_if<DefinitionRegistered>(&entry.event)) {
      index_.definitions[definition->definition] = index;
    } else if (const auto* approval = std::get_if<ApprovalRequested>(&entry.event)) {
      index_.approvals[approval->approval] = index;
      index_.approval_runs[approval->approval] = entry.envelope.correlation;
      if (approval->subject == ApprovalSubject::load)
        index_.asked[approval->slot] = approval->approval;
    } else if (const auto* given = std::get_if<ApprovalGiven>(&entry.event)) {
      index_.given[given->approval].push_back(index);
    } else if (const auto* hold = std::get_if<LegalHoldPlaced>(&entry.event)) {
      index_.holds[hold->hold] = index;
    } else if (const auto* principal = std::get_if<PrincipalEnrolled>(&entry.event)) {
      index_.principals[principal->principal].push_back(index);
    }
  }

  Result<void> choose() {
    std::optional<Error> wrong;
    const auto read = book_.ledger.read(0, head_.size, [&](EntryIndex index, Bytes bytes) {
      Entry entry;
      if (auto decoded = decode(bytes, entry); !decoded) {
        wrong = std::move(decoded.error());
        wrong->detail = fmt::format("entry {}: {}", index, wrong->detail);
        return false;
      }
      introduce(index, entry);
      if (!wanted(index, entry)) return true;
      // What lets it load may have been asked and answered in an earlier run.
      if (const auto* intended = std::get_if<LoadIntended>(&entry.event))
        if (const auto asked = index_.asked.find(intended->slot); asked != index_.asked.end()) {
          const auto& given = index_.given[asked->second];
          leave_.insert(given.begin(), given.end());
        }
      keep(index, bytes, std::move(entry));
      return chosen_.size() <= entries_max;
    });
    if (wrong) return std::unexpected(std::move(*wrong));
    if (!read) return read;
    if (chosen_.empty())
      return std::unexpected(Error{Error::Code::not_found,
                                   "no entry of that is under a signed checkpoint yet",
                                   "a checkpoint is signed at the end of each run"});
    if (chosen_.size() > entries_max)
      return std::unexpected(Error{Error::Code::invalid,
                                   fmt::format("that is more than {} entries", entries_max),
                                   "ask for a part: a run, or a smaller range"});
    return {};
  }

  void keep(EntryIndex index, Bytes bytes, Entry entry) {
    out_.entries.emplace(index,
                         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    chosen_.emplace(index, std::move(entry));
  }

  // Adds what introduces the names in what is there, until nothing is missing.
  Result<void> close() {
    std::set<EntryIndex> missing = leave_;
    missing.insert(0);
    std::set<EntryIndex> seen;
    do {
      for (const EntryIndex index : missing) {
        if (index >= head_.size || chosen_.contains(index)) continue;
        std::optional<Error> wrong;
        const auto read = book_.ledger.read(index, index + 1, [&](EntryIndex at, Bytes bytes) {
          auto entry = decode(bytes);
          if (!entry)
            wrong = entry.error();
          else
            keep(at, bytes, std::move(*entry));
          return true;
        });
        if (wrong) return std::unexpected(std::move(*wrong));
        if (!read) return read;
      }
      missing.clear();
      for (const auto& [index, entry] : chosen_)
        if (seen.insert(index).second)
          std::visit([&](const auto& e) { names_in(e, missing); }, entry.event);
    } while (!missing.empty());
    return {};
  }

  template <typename Map, typename Key>
  static void add(const Map& map, const Key& key, std::set<EntryIndex>& out) {
    if (const auto found = map.find(key); found != map.end()) out.insert(found->second);
  }
  template <typename E>
  void names_in(const E& e, std::set<EntryIndex>& out) const {
    const State& state = book_.state;
    if constexpr (requires { e.slot; }) add(index_.slots, e.slot, out);
    if constexpr (requires { e.definition; }) add(index_.definitions, e.definition, out);
    if constexpr (requires { e.approval; }) add(index_.approvals, e.approval, out);
    if constexpr (requires { e.hold; }) add(index_.holds, e.hold, out);
    if constexpr (requires { e.run; })
      if (const RunState* run = state.find(e.run)) out.insert(run->started);
    if constexpr (requires { e.batch; })
      if (const BatchState* batch = state.find(e.batch)) out.insert(batch->at);
    if constexpr (requires { e.compensation; })
      if (const CompensationState* c = state.find(e.compensation)) out.insert(c->at);
    if constexpr (requires { e.erasure; })
      if (const ErasureState* x = state.find(e.erasure)) out.insert(x->at);
    if constexpr (requires { e.approver; })
      if (const auto who = index_.principals.find(e.approver); who != index_.principals.end())
        out.insert(who->second.begin(), who->second.end());
    if constexpr (requires { e.scope; }) {
      add(index_.slots, e.scope.slot, out);
      if (const RunState* run = state.find(e.scope.run)) out.insert(run->started);
    }
    if constexpr (requires { e.steps; })
      for (const CompensationStep& step : e.steps) {
        add(index_.slots, step.slot, out);
        const Slot* slot = state.find(step.slot);
        const GenerationState* taken =
            slot == nullptr ? nullptr : generation(*slot, step.generation);
        if (taken != nullptr) out.insert({taken->staged_at, taken->committed_at});
      }
    if constexpr (requires { e.items; })
      for (const auto& item : e.items) {
        add(index_.slots, item.slot, out);
        out.insert(item.entry);
      }
  }

  Result<void> prove() {
    std::vector<std::uint64_t> indices;
    for (const auto& [index, entry] : chosen_) indices.push_back(index);
    auto path = prove_slice(book_.ledger, indices, head_.size);
    if (!path) return std::unexpected(path.error());
    out_.path = std::move(*path);
    for (const auto& [index, entry] : chosen_) {
      const auto* e = std::get_if<CheckpointSigned>(&entry.event);
      if (e == nullptr || e->size > head_.size) continue;
      auto note = book_.ledger.get(checkpoint_key(e->size));
      if (!note && note.error().code == Error::Code::not_found) continue;
      if (!note) return std::unexpected(note.error());
      auto consistency = book_.ledger.consistency_proof(e->size, head_.size);
      if (!consistency) return std::unexpected(consistency.error());
      // One of before another origin was begun is another log's.
      if (log_name(book_.state, e->size).origin != key_.name) continue;
      out_.checkpoints[e->size] = {std::move(*note), std::move(*consistency)};
    }
    auto chain = log_key_chain(book_.ledger, book_.state);
    if (!chain) return std::unexpected(chain.error());
    out_.log_keys = std::move(*chain);
    auto stamps = kept_timestamps(book_.ledger, head_.size);
    if (!stamps) return std::unexpected(stamps.error());
    for (KeptTimestamp& stamp : *stamps)
      if (log_name(book_.state, stamp.size).origin == key_.name &&
          (stamp.size == head_.size || out_.checkpoints.contains(stamp.size)))
        out_.timestamps[stamp.name()] = {std::move(stamp.note), std::move(stamp.response)};
    return {};
  }
  // A text that was erased is not there; that is no fault, and the report says so.
  Result<std::optional<SaltedText>> salted_text(const PayloadRef& ref) const {
    if (ref.bytes == 0 || book_.now.erased.contains(ref.digest)) return std::nullopt;
    auto text = book_.payloads.get(PayloadAddress{ref.digest, ref.bytes});
    if (!text) return std::unexpected(text.error());
    const auto salt = book_.payloads.salt_of(PayloadAddress{ref.digest, ref.bytes});
    if (!salt) return std::unexpected(salt.error());
    return SaltedText{std::move(*text), *salt};
  }

  Result<void> texts() {
    for (const auto& [index, entry] : chosen_) {
      if (const auto* definition = std::get_if<DefinitionRegistered>(&entry.event)) {
        auto text = salted_text(definition->files);
        if (!text) return std::unexpected(text.error());
        if (*text) out_.definitions[definition->definition] = std::move(**text);
      } else if (const auto* asked = std::get_if<ApprovalRequested>(&entry.event)) {
        if (const auto done = approval(index, asked->approval); !done) return done;
      } else if (const auto* staged = std::get_if<AttemptStaged>(&entry.event)) {
        if (const auto done = batch(*staged); !done) return done;
      }
    }
    out_.about = title();
    out_.made_at = wish_.made_at;
    return {};
  }

  Result<void> approval(EntryIndex index, ApprovalId id) {
    // What was to be signed for a load is told by the state of that moment.
    const auto then = fold(book_.ledger, index + 1);
    if (!then) return std::unexpected(then.error());
    auto text = book_.approval_text(*then, id);
    if (text)
      out_.approvals[id] = std::move(*text);
    else if (text.error().code != Error::Code::conflict &&
             text.error().code != Error::Code::not_found)
      return std::unexpected(text.error());
    return {};
  }

  Result<void> batch(const AttemptStaged& staged) {
    const BatchState* batch = book_.state.find(staged.batch);
    if (batch == nullptr || batch->erased_whole) return {};
    // What an erasure left of it is told by an entry; where that is not signed yet, nothing is.
    const bool told =
        batch->payload == staged.quarantine || std::ranges::any_of(chosen_, [&](const auto& one) {
          const auto* e = std::get_if<ErasureProposed>(&one.second.event);
          return e != nullptr && std::ranges::find(e->items, batch->payload,
                                                   &ErasureItem::replacement) != e->items.end();
        });
    if (!told) return {};
    auto records = salted_text(batch->payload);
    if (!records) return std::unexpected(records.error());
    if (!*records) return {};
    auto listing = quarantine_listing(**records, staged);
    if (!listing) return std::unexpected(listing.error());
    out_.quarantine[staged.batch] = std::move(*listing);
    if (wish_.with_records) out_.records[staged.batch] = std::move(**records);
    return {};
  }

  std::string title() const {
    if (wish_.run)
      return fmt::format("run {} of {}", *wish_.run, book_.state.find(*wish_.run)->pipeline);
    if (wish_.compensation) return fmt::format("compensation {}", *wish_.compensation);
    return fmt::format("entries {} to {}", wish_.range->first, wish_.range->second);
  }

  const EvidenceSource& book_;
  const EvidenceWish& wish_;
  const NoteSigner& key_;
  TreeHead head_;
  Index index_;
  std::map<EntryIndex, Entry> chosen_;
  std::set<EntryIndex> leave_;  // approvals of the loads that were chosen
  Evidence out_;
};

}  // namespace

Result<StoredFiles> gather_evidence(const EvidenceSource& book, const EvidenceWish& wish,
                                    const NoteSigner& key) {
  return Gather(book, wish, key).run();
}

}  // namespace daybook
