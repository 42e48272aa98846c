#include "runner/quarantine.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "ledger/payload_store.h"
#include "replay/queries.h"
#include "runner/dataplane/quarantine_file.h"
#include "runner/keeper.h"
#include "statemachine/batch_name.h"
#include "statemachine/open_batch.h"

namespace daybook {
namespace {

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

// Calls `visit` with each line of the batch, its LF left out; memory does not grow with the batch.
Result<void> each_line(const BookView& book, const BatchState& batch,
                       const std::function<Result<bool>(std::string_view)>& visit) {
  std::string rest;
  bool stopped = false;
  const auto piece = [&](Bytes bytes) -> Result<void> {
    rest.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos;
         end = rest.find('\n', begin)) {
      const auto more = visit(std::string_view(rest).substr(begin, end - begin));
      if (!more) return std::unexpected(more.error());
      begin = end + 1;
      if (*more) continue;
      stopped = true;
      return fail(Error::Code::conflict, "enough");
    }
    rest.erase(0, begin);
    return {};
  };
  const auto read = book.payloads.read(as_address(batch.payload), piece);
  if (stopped) return {};
  if (!read) return read;
  if (!rest.empty()) return fail(Error::Code::corrupt, "the last quarantined record is cut off");
  return {};
}

}  // namespace

Result<BatchReader> BatchReader::open(const BookView& book, BatchId id) {
  BatchReader out(book, id);
  const BatchState* batch = book.state.find(id);
  if (batch == nullptr) return fail(Error::Code::not_found, "there is no quarantine batch {}", id);
  const auto entry = entry_at(book.ledger, batch->at);
  if (!entry) return std::unexpected(entry.error());
  const auto* staged = std::get_if<AttemptStaged>(&entry->event);
  if (staged == nullptr)
    return fail(Error::Code::corrupt, "entry {} does not stage batch {}", batch->at, id);
  out.files_ = staged->files;
  out.name_ = batch_name(book.state, id);
  return out;
}

const BatchState& BatchReader::batch() const { return *book_.state.find(id_); }

Digest BatchReader::source_of(std::uint32_t input) const {
  return input < files_.size() ? files_[input].digest : Digest{};
}

Result<void> BatchReader::each_own(const Visit& visit) const {
  std::uint64_t count = 0;
  bool stopped = false;
  const auto& touched = batch().touched;
  if (batch().erased_whole) {
    for (std::uint32_t position = 0; position < batch().records; ++position) {
      const auto more = visit({.batch = id_,
                               .position = position,
                               .source = {},
                               .row = 0,
                               .status = RecordStatus::erased,
                               .replacement = {},
                               .line = {}});
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
    }
    return {};
  }
  const auto done = each_line(book_, batch(), [&](std::string_view line) -> Result<bool> {
    const auto place = quarantine_place(line);
    if (!place) return fail(Error::Code::corrupt, "quarantine record {}: no place", count + 1);
    PassingRecord record{.batch = id_,
                         .position = static_cast<std::uint32_t>(count++),
                         .source = source_of(place->first),
                         .row = place->second,
                         .status = RecordStatus::held,
                         .replacement = {},
                         .line = line};
    if (batch().is_erased(record.position)) {
      record.status = RecordStatus::erased;
    } else if (const auto found = touched.find(record.position); found != touched.end()) {
      record.status = status_of(found->second.status);
      record.replacement = found->second.replacement.value_or(PayloadRef{});
    }
    const auto more = visit(record);
    stopped = more && !*more;
    return more;
  });
  if (!done) return done;
  if (!stopped && count != batch().records)
    return fail(Error::Code::corrupt, "batch {} holds {} records, the book says {}", name_, count,
                batch().records);
  return {};
}

Result<void> BatchReader::look_back() {
  if (looked_back_) return {};
  looked_back_ = true;
  for (const BatchId other : book_.state.find(batch().slot)->batches) {
    if (other >= id_ || book_.state.find(other)->touched.empty()) continue;
    auto reader = open(book_, other);
    if (!reader) return std::unexpected(reader.error());
    std::size_t left = reader->batch().touched.size();
    const auto read = reader->each_own([&](const PassingRecord& record) -> Result<bool> {
      if (!reader->batch().touched.contains(record.position)) return true;
      // What was erased and is here again was received again.
      if (record.status != RecordStatus::erased)
        earlier_.insert_or_assign(Identity{record.source, record.row},
                                  Earlier{record.status, record.replacement});
      return --left > 0;
    });
    if (!read) return read;
  }
  return {};
}

Result<void> BatchReader::each(const Visit& visit) {
  if (auto looked = look_back(); !looked) return looked;
  return each_own([&](PassingRecord record) {
    if (record.status != RecordStatus::held || earlier_.empty()) return visit(record);
    const auto found = earlier_.find({record.source, record.row});
    if (found == earlier_.end()) return visit(record);
    // A record that was released and is here again failed again: it waits for a new decision.
    const RecordStatus before = found->second.status;
    record.replacement = found->second.replacement;
    if (before == RecordStatus::released || before == RecordStatus::delivered)
      record.status = record.replacement.bytes > 0 ? RecordStatus::amended : RecordStatus::held;
    else
      record.status = before;
    return visit(record);
  });
}

Result<HeldRecord> BatchReader::whole(const PassingRecord& record) const {
  HeldRecord held;
  held.batch = id_;
  held.batch_name = name_;
  held.position = record.position;
  held.slot = batch().slot;
  if (record.status == RecordStatus::erased) {
    held.status = record.status;
    held.erased_at = erased_at(book_.state, id_, record.position);
    if (record.line.empty()) return held;
  }
  auto parsed = parse_quarantine(std::string(record.line) + "\n");
  if (!parsed) return std::unexpected(parsed.error());
  held.record = std::move(parsed->front());
  held.source_digest = record.source;
  if (held.record.input < files_.size()) {
    held.source = files_[held.record.input].name;
    held.source_copy = files_[held.record.input].copy;
  }
  held.status = record.status;
  held.replacement = record.replacement;
  if (held.replacement.bytes > 0) {
    const auto text = book_.payloads.get(as_address(held.replacement));
    if (!text) return std::unexpected(text.error());
    held.amendment = *text;
  }
  return held;
}

Result<HeldRecord> read_record(const BookView& book, BatchId id, std::uint32_t position) {
  auto reader = BatchReader::open(book, id);
  if (!reader) return std::unexpected(reader.error());
  std::optional<HeldRecord> out;
  const auto read = reader->each([&](const PassingRecord& record) -> Result<bool> {
    if (record.position != position) return true;
    auto whole = reader->whole(record);
    if (!whole) return std::unexpected(whole.error());
    out = std::move(*whole);
    return false;
  });
  if (!read) return std::unexpected(read.error());
  if (!out)
    return fail(Error::Code::not_found, "batch {} has no record {}", batch_name(book.state, id),
                position);
  return std::move(*out);
}

Result<std::vector<HeldRecord>> read_batch(const BookView& book, BatchId id) {
  auto reader = BatchReader::open(book, id);
  if (!reader) return std::unexpected(reader.error());
  std::vector<HeldRecord> out;
  const auto read = reader->each([&](const PassingRecord& record) -> Result<bool> {
    auto whole = reader->whole(record);
    if (!whole) return std::unexpected(whole.error());
    out.push_back(std::move(*whole));
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return out;
}

namespace {

// The first bytes of the source a record came from: those that were kept, else what lies there now.
Result<std::string> head_of(const BookView& book, const Pipeline& pipeline,
                            const HeldRecord& record) {
  constexpr std::size_t head_bytes = 1 << 20;
  std::string head;
  if (record.source_copy.bytes > 0) {
    const auto read =
        book.payloads.read(as_address(record.source_copy), [&](Bytes piece) -> Result<void> {
          head.append(reinterpret_cast<const char*>(piece.data()), piece.size());
          if (head.size() < head_bytes) return {};
          return fail(Error::Code::conflict, "enough");
        });
    if (read || head.size() >= head_bytes) return head;
    if (read.error().code != Error::Code::not_found) return std::unexpected(read.error());
  }
  std::ifstream in(pipeline.project + "/" + record.source, std::ios::binary);
  head.resize(head_bytes);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  return head;
}

}  // namespace

Result<std::vector<Violation>> ReplacementCheck::operator()(const HeldRecord& record,
                                                            const std::string& bytes, Waive waive) {
  const BatchState& batch = *book_.state.find(record.batch);
  const auto pipeline = definitions_.get(book_.state.find(batch.run)->definition);
  if (!pipeline) return std::unexpected(pipeline.error());
  const auto* source = std::get_if<FileSource>(&(*pipeline)->source);
  std::string header;
  if (source != nullptr && source->format == FileFormat::csv && source->csv.header) {
    auto known = headers_.find(record.source_digest);
    if (known == headers_.end()) {
      const auto head = head_of(book_, **pipeline, record);
      if (!head) return std::unexpected(head.error());
      known = headers_.emplace(record.source_digest, header_in(*source, *head)).first;
    }
    header = known->second;
  }
  return validate_replacement(**pipeline, header, bytes, waive);
}

std::vector<BatchId> open_batches(const State& state, const std::string& pipeline) {
  std::vector<BatchId> out;
  for (std::uint32_t i = 0; i < state.batches.size(); ++i) {
    const Slot* slot = state.find(state.batches[i].slot);
    if (slot == nullptr || (!pipeline.empty() && slot->pipeline != pipeline)) continue;
    if (is_open(state, BatchId{i})) out.push_back(BatchId{i});
  }
  return out;
}

namespace {

// Whether a release into the slot may begin by itself: something stands to which it is appended,
// and nobody has to be asked first nor has decided about the partition since.
bool may_deliver(const State& state, const Slot& slot) {
  if (slot.phase == SlotPhase::verified) return true;
  // Another run's work on it is not a release's to take up.
  const RunState* run = state.find(slot.run);
  if (slot.current == 0 || run == nullptr || run->kind != RunKind::release) return false;
  switch (slot.phase) {
    case SlotPhase::failed:
    case SlotPhase::retry_waiting:
    case SlotPhase::staged: return true;
    case SlotPhase::awaiting_approval:
      return slot.approval && state.find(*slot.approval)->satisfied();
    default: return false;
  }
}

}  // namespace

std::vector<std::string> undelivered_partitions(const State& state, const std::string& pipeline,
                                                const std::string& sink) {
  std::vector<std::string> out;
  for (const BatchId id : open_batches(state, pipeline)) {
    const BatchState& batch = *state.find(id);
    const Slot& slot = *state.find(batch.slot);
    const bool owed = std::ranges::any_of(batch.touched, [](const auto& entry) {
      return entry.second.status == RecordState::Status::released;
    });
    if (owed && slot.sink == sink && may_deliver(state, slot) &&
        std::ranges::find(out, slot.partition) == out.end())
      out.push_back(slot.partition);
  }
  return out;
}

namespace {

Result<std::vector<OverlayRecord>> collect(const BookView& book, SlotId id, bool undelivered_only) {
  std::vector<OverlayRecord> out;
  const Slot* slot = book.state.find(id);
  if (slot == nullptr) return out;
  using Identity = std::pair<Digest, std::uint64_t>;  // source digest, row
  std::map<Identity, OverlayRecord> latest;           // a later decision on the same record wins
  std::set<Identity> arrived;                         // under the name of whatever attempt
  for (const BatchId batch_id : slot->batches) {
    const BatchState& batch = *book.state.find(batch_id);
    const bool any = std::ranges::any_of(batch.touched, [](const auto& entry) {
      return entry.second.status == RecordState::Status::released ||
             entry.second.status == RecordState::Status::delivered;
    });
    if (!any) continue;
    auto reader = BatchReader::open(book, batch_id);
    if (!reader) return std::unexpected(reader.error());
    std::size_t left = batch.touched.size();
    const auto read = reader->each_own([&](const PassingRecord& passing) -> Result<bool> {
      if (!batch.touched.contains(passing.position)) return true;
      --left;
      const bool released = passing.status == RecordStatus::released;
      const bool delivered = passing.status == RecordStatus::delivered;
      const Identity identity{passing.source, passing.row};
      if (delivered) arrived.insert(identity);
      if (released || (delivered && !undelivered_only)) {
        auto record = reader->whole(passing);
        if (!record) return std::unexpected(record.error());
        latest.insert_or_assign(
            identity,
            OverlayRecord{.source = record->source_digest,
                          .row = record->record.row,
                          .bytes = record->amendment ? *record->amendment : record->record.bytes,
                          .waive_rules = !record->amendment});
      }
      return left > 0;
    });
    if (!read) return std::unexpected(read.error());
  }
  for (auto& [identity, record] : latest)
    if (!undelivered_only || !arrived.contains(identity)) out.push_back(std::move(record));
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
