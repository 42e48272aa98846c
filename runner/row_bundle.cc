#include "runner/row_bundle.h"

#include "ledger/codec/event_codec.h"
#include "ledger/note.h"
#include "ledger/payload_store.h"
#include "replay/export.h"
#include "replay/log_keys.h"
#include "runner/keeper.h"

namespace daybook {
namespace {

BundleLeaf as_leaf(const LeafProof& proof) {
  return {.index = proof.index,
          .count = proof.count,
          .salt = proof.salt,
          .bytes = proof.bytes,
          .path = proof.path};
}

// The entries a proof rests on: of the attempt, its run, definition and partition, and its load.
Result<std::vector<EntryIndex>> entries_of(const BookView& book, const RecordedAttempt& recorded) {
  std::vector<EntryIndex> found;
  Digest load{};
  for (const GenerationState& generation : book.state.find(recorded.staged.slot)->generations)
    if (generation.staged_at == recorded.at) load = generation.load_id;
  std::optional<Error> failure;
  Entry entry;
  const auto read = book.ledger.read(0, book.state.size, [&](std::uint64_t index, Bytes bytes) {
    if (auto decoded = decode(bytes, entry); !decoded) {
      failure = decoded.error();
      return false;
    }
    const bool wanted = std::visit(
        [&]<typename E>(const E& event) {
          if constexpr (std::is_same_v<E, RunStarted>) return event.run == recorded.staged.run;
          if constexpr (std::is_same_v<E, DefinitionRegistered>)
            return event.definition == recorded.definition;
          if constexpr (std::is_same_v<E, SlotOpened>) return event.slot == recorded.staged.slot;
          if constexpr (std::is_same_v<E, AttemptStaged>) return index == recorded.at;
          // An aborted load is intended again under the same id: the last attempt at it counts.
          if constexpr (std::is_same_v<E, LoadIntended>)
            return event.load_id == load && event.run == recorded.staged.run &&
                   event.attempt == recorded.staged.attempt;
          if constexpr (std::is_same_v<E, LoadCommitted> || std::is_same_v<E, LoadVerified>)
            return event.load_id == load && event.run == recorded.staged.run;
          return false;
        },
        entry.event);
    if (!wanted) return true;
    // Verified again and again: the first time tells.
    if (std::holds_alternative<LoadVerified>(entry.event)) load = {};
    found.push_back(index);
    return true;
  });
  if (!read) return std::unexpected(read.error());
  if (failure) return std::unexpected(*failure);
  return found;
}

}  // namespace

Result<RowBundles> RowBundles::open(const BookView& book, const Reexecution& again) {
  if (!again.identical())
    return fail(Error::Code::conflict, "the partition does not come out as it was recorded: {}",
                again.differences.front().what);
  RowBundles out(again);
  const auto entries = entries_of(book, again.recorded);
  if (!entries) return std::unexpected(entries.error());
  for (const EntryIndex index : *entries) {
    auto proof = export_proof(book.ledger, index);
    if (!proof) {
      // What came after the latest checkpoint of a book at work can be proved later.
      if (proof.error().code == Error::Code::not_found && index > again.recorded.at) continue;
      return std::unexpected(proof.error());
    }
    ProofBundle::ProvenEntry& entry = out.common_.entries[index];
    entry.proof = std::move(*proof);
    const auto read = book.ledger.read(index, index + 1, [&](std::uint64_t, Bytes bytes) {
      entry.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return true;
    });
    if (!read) return std::unexpected(read.error());
    const std::size_t blank = entry.proof.find("\n\n");
    const std::string note = entry.proof.substr(blank + 2);
    if (!out.common_.checkpoint.empty() && out.common_.checkpoint != note)
      return fail(Error::Code::unavailable,
                  "a checkpoint was signed meanwhile; ask again for the proof");
    out.common_.checkpoint = note;
  }
  const auto note = parse_note(out.common_.checkpoint);
  const auto head = note ? parse_checkpoint(note->text) : std::unexpected(note.error());
  if (!head) return std::unexpected(head.error());
  const auto key = parse_vkey(log_name(book.state, head->head.size).vkey);
  if (!key) return std::unexpected(key.error());
  const auto checkpoint = open_checkpoint(out.common_.checkpoint, *key);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  auto chain = log_key_chain(book.ledger, book.state);
  if (!chain) return std::unexpected(chain.error());
  out.common_.log_keys = std::move(*chain);
  out.origin_ = checkpoint->origin;
  out.head_ = checkpoint->head;

  const DefinitionState* definition = book.state.find_definition(again.recorded.definition);
  auto text = book.payloads.get(as_address(definition->files));
  if (!text) return std::unexpected(text.error());
  const auto salt = book.payloads.salt_of(as_address(definition->files));
  if (!salt) return std::unexpected(salt.error());
  out.common_.definition = std::move(*text);
  out.common_.definition_salt = *salt;
  return out;
}

EntryIndex RowBundles::staged_at() const { return again_->recorded.at; }

Result<StoredFiles> RowBundles::of(const OutputTold& row, Sources sources) const {
  ProofBundle bundle = common_;
  bundle.row = as_leaf(row.proof);
  for (const Column& column : again_->result.columns)
    bundle.schema +=
        fmt::format("{} {} {}\n", column.name.size(), column.name, sql_name(column.type));
  for (const RecordTold& record : row.records)
    if (record.proof && sources == Sources::shown)
      bundle.records[{record.input, record.row}] = as_leaf(*record.proof);
  return checked(bundle);
}

Result<StoredFiles> RowBundles::of(const QuarantinedTold& record, Sources sources) const {
  ProofBundle bundle = common_;
  bundle.quarantined = as_leaf(record.proof);
  if (record.source && record.source->proof && sources == Sources::shown)
    bundle.records[{record.source->input, record.source->row}] = as_leaf(*record.source->proof);
  return checked(bundle);
}

Result<StoredFiles> RowBundles::checked(const ProofBundle& bundle) const {
  const auto facts = check_bundle(bundle, origin_, head_);
  if (!facts) return fail(Error::Code::corrupt, "{}: {}", facts.error().path, facts.error().detail);
  return files_of(bundle, *facts);
}

}  // namespace daybook
