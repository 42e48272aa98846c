#include "runner/quarantine.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "ledger/payload_store.h"
#include "replay/queries.h"
#include "runner/keeper.h"

namespace daybook {
namespace {

using Identity = std::tuple<Digest, std::uint64_t>;  // source digest, row

RecordStatus status_of(RecordState::Status status) {
  switch (status) {
    case RecordState::Status::amended: return RecordStatus::amended;
    case RecordState::Status::released: return RecordStatus::released;
    case RecordState::Status::delivered: return RecordStatus::delivered;
    case RecordState::Status::discarded: return RecordStatus::discarded;
  }
  return RecordStatus::held;
}

// The entry from which on the record counts as erased.
EntryIndex erased_at(const State& state, BatchId batch, std::uint32_t record) {
  for (const ErasureState& erasure : state.erasures)
    for (const ErasureItem& item : erasure.items)
      if (erasure.started != no_entry && item.kind == PayloadKind::quarantine &&
          item.batch == batch &&
          (item.records.empty() || std::ranges::binary_search(item.records, record)))
        return erasure.started;
  return no_entry;
}

// The batch's own records and decisions, without what earlier batches say.
Result<std::vector<HeldRecord>> read_own(const BookView& book, BatchId id) {
  const BatchState* batch = book.state.find(id);
  if (batch == nullptr) return fail(Error::Code::not_found, "there is no quarantine batch {}", id);
  const auto entry = entry_at(book.ledger, batch->at);
  if (!entry) return std::unexpected(entry.error());
  const auto* staged = std::get_if<AttemptStaged>(&entry->event);
  if (staged == nullptr)
    return fail(Error::Code::corrupt, "entry {} does not stage batch {}", batch->at, id);
  if (batch->erased_whole) {
    HeldRecord gone;
    gone.batch = id;
    gone.slot = batch->slot;
    gone.status = RecordStatus::erased;
    std::vector<HeldRecord> all(batch->records, gone);
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      all[i].position = i;
      all[i].erased_at = erased_at(book.state, id, i);
    }
    return all;
  }
  const auto bytes = book.payloads.get(as_address(batch->payload));
  if (!bytes) return std::unexpected(bytes.error());
  auto parsed = parse_quarantine(*bytes);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->size() != batch->records)
    return fail(Error::Code::corrupt, "batch {} holds {} records, the book says {}", id,
                parsed->size(), batch->records);

  std::vector<HeldRecord> out;
  out.reserve(parsed->size());
  for (QuarantinedRecord& record : *parsed) {
    HeldRecord held;
    held.batch = id;
    held.position = static_cast<std::uint32_t>(out.size());
    held.slot = batch->slot;
    held.record = std::move(record);
    if (held.record.input < staged->files.size()) {
      held.source = staged->files[held.record.input].name;
      held.source_digest = staged->files[held.record.input].digest;
    }
    if (batch->is_erased(held.position)) {
      held.status = RecordStatus::erased;
      held.erased_at = erased_at(book.state, id, held.position);
    } else if (const auto touched = batch->touched.find(held.position);
               touched != batch->touched.end()) {
      held.status = status_of(touched->second.status);
      if (touched->second.replacement) {
        held.replacement = *touched->second.replacement;
        const auto text = book.payloads.get(as_address(held.replacement));
        if (!text) return std::unexpected(text.error());
        held.amendment = *text;
      }
    }
    out.push_back(std::move(held));
  }
  return out;
}

}  // namespace

Result<std::vector<HeldRecord>> read_batch(const BookView& book, BatchId id) {
  auto own = read_own(book, id);
  if (!own) return own;
  const Slot& slot = *book.state.find(book.state.find(id)->slot);
  std::map<Identity, HeldRecord> earlier;
  for (const BatchId other : slot.batches) {
    const BatchState& batch = *book.state.find(other);
    if (other >= id || batch.touched.empty()) continue;
    auto records = read_own(book, other);
    if (!records) return records;
    for (HeldRecord& record : *records)
      // What was erased and is here again was received again.
      if (record.status != RecordStatus::held && record.status != RecordStatus::erased)
        earlier.insert_or_assign(Identity{record.source_digest, record.record.row}, record);
  }
  for (HeldRecord& record : *own) {
    if (record.status != RecordStatus::held) continue;
    const auto found = earlier.find({record.source_digest, record.record.row});
    if (found == earlier.end()) continue;
    // A record that was released and is here again failed again: it waits for a new decision.
    if (found->second.status == RecordStatus::released ||
        found->second.status == RecordStatus::delivered)
      record.status = found->second.amendment ? RecordStatus::amended : RecordStatus::held;
    else
      record.status = found->second.status;
    record.amendment = found->second.amendment;
    record.replacement = found->second.replacement;
  }
  return own;
}

std::vector<BatchId> open_batches(const State& state, const std::string& pipeline) {
  std::vector<BatchId> out;
  for (std::size_t i = 0; i < state.batches.size(); ++i) {
    const BatchState& batch = state.batches[i];
    if (batch.superseded) continue;
    const Slot* slot = state.find(batch.slot);
    if (slot == nullptr || (!pipeline.empty() && slot->pipeline != pipeline)) continue;
    // Of what was never loaded and is not waiting to be, a newer attempt tells the same story.
    const bool loaded = std::ranges::any_of(slot->generations, [&](const GenerationState& g) {
      return g.batch == BatchId{static_cast<std::uint32_t>(i)} &&
             (g.standing == Standing::committed || g.standing == Standing::verified);
    });
    const bool waiting =
        slot->staged && slot->staged->batch == BatchId{static_cast<std::uint32_t>(i)};
    if (loaded || waiting) out.push_back(BatchId{static_cast<std::uint32_t>(i)});
  }
  return out;
}

namespace {

Result<std::vector<OverlayRecord>> collect(const BookView& book, SlotId id, bool undelivered_only) {
  std::vector<OverlayRecord> out;
  const Slot* slot = book.state.find(id);
  if (slot == nullptr) return out;
  std::map<Identity, OverlayRecord> latest;  // a later decision on the same record wins
  for (const BatchId batch_id : slot->batches) {
    const BatchState& batch = *book.state.find(batch_id);
    const bool any = std::ranges::any_of(batch.touched, [](const auto& entry) {
      return entry.second.status == RecordState::Status::released ||
             entry.second.status == RecordState::Status::delivered;
    });
    if (!any) continue;
    auto records = read_own(book, batch_id);
    if (!records) return std::unexpected(records.error());
    for (HeldRecord& record : *records) {
      const bool released = record.status == RecordStatus::released;
      const bool delivered = record.status == RecordStatus::delivered;
      if (!released && !(delivered && !undelivered_only)) continue;
      latest.insert_or_assign(
          Identity{record.source_digest, record.record.row},
          OverlayRecord{.source = record.source_digest,
                        .row = record.record.row,
                        .bytes = record.amendment ? *record.amendment : record.record.bytes,
                        .waive_rules = !record.amendment});
    }
  }
  for (auto& [identity, record] : latest) out.push_back(std::move(record));
  return out;
}

}  // namespace

Result<std::vector<OverlayRecord>> overlay_of(const BookView& book, SlotId slot) {
  return collect(book, slot, false);
}

Result<std::vector<OverlayRecord>> undelivered_of(const BookView& book, SlotId slot) {
  return collect(book, slot, true);
}

}  // namespace daybook
