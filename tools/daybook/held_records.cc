#include "tools/daybook/held_records.h"

#include <algorithm>
#include <map>
#include <tuple>

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

Result<std::vector<HeldRecord>> own_records(const ReadBook& book, const PayloadStore& payloads,
                                            BatchId id) {
  const BatchState* batch = book.state.find(id);
  if (batch == nullptr) return fail(Error::Code::not_found, "there is no quarantine batch {}", id);
  const auto entry = entry_at(*book.ledger, batch->at);
  if (!entry) return std::unexpected(entry.error());
  const auto* staged = std::get_if<AttemptStaged>(&entry->event);
  if (staged == nullptr)
    return fail(Error::Code::corrupt, "entry {} does not stage batch {}", batch->at, id);
  const auto bytes = payloads.get(as_address(batch->payload));
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
    if (const auto touched = batch->touched.find(held.position); touched != batch->touched.end()) {
      held.status = status_of(touched->second.status);
      if (touched->second.replacement) {
        held.replacement = *touched->second.replacement;
        const auto text = payloads.get(as_address(held.replacement));
        if (!text) return std::unexpected(text.error());
        held.amendment = *text;
      }
    }
    out.push_back(std::move(held));
  }
  return out;
}

}  // namespace

Result<std::vector<HeldRecord>> held_records(const ReadBook& book, const PayloadStore& payloads,
                                             BatchId id) {
  auto own = own_records(book, payloads, id);
  if (!own) return own;
  const Slot& slot = *book.state.find(book.state.find(id)->slot);
  std::map<Identity, HeldRecord> earlier;
  for (const BatchId other : slot.batches) {
    if (other >= id || book.state.find(other)->touched.empty()) continue;
    auto records = own_records(book, payloads, other);
    if (!records) return records;
    for (HeldRecord& record : *records)
      if (record.status != RecordStatus::held)
        earlier.insert_or_assign(Identity{record.source_digest, record.record.row}, record);
  }
  for (HeldRecord& record : *own) {
    if (record.status != RecordStatus::held) continue;
    const auto found = earlier.find({record.source_digest, record.record.row});
    if (found == earlier.end()) continue;
    // What was released and is here again failed again: it waits for a new decision.
    const bool released = found->second.status == RecordStatus::released ||
                          found->second.status == RecordStatus::delivered;
    record.status = !released                 ? found->second.status
                    : found->second.amendment ? RecordStatus::amended
                                              : RecordStatus::held;
    record.amendment = found->second.amendment;
    record.replacement = found->second.replacement;
  }
  return own;
}

Result<std::vector<OverlayRecord>> released_records(const ReadBook& book,
                                                    const PayloadStore& payloads, SlotId id) {
  std::vector<OverlayRecord> out;
  const Slot* slot = book.state.find(id);
  if (slot == nullptr) return out;
  std::map<Identity, OverlayRecord> latest;  // a later decision on the same record wins
  for (const BatchId batch : slot->batches) {
    const bool any = std::ranges::any_of(book.state.find(batch)->touched, [](const auto& entry) {
      return entry.second.status == RecordState::Status::released ||
             entry.second.status == RecordState::Status::delivered;
    });
    if (!any) continue;
    auto records = own_records(book, payloads, batch);
    if (!records) return std::unexpected(records.error());
    for (const HeldRecord& record : *records) {
      if (record.status != RecordStatus::released && record.status != RecordStatus::delivered)
        continue;
      OverlayRecord overlay;
      overlay.source = record.source_digest;
      overlay.row = record.record.row;
      overlay.bytes = record.amendment ? *record.amendment : record.record.bytes;
      overlay.waive_rules = !record.amendment;
      latest.insert_or_assign(Identity{record.source_digest, record.record.row},
                              std::move(overlay));
    }
  }
  for (auto& [identity, record] : latest) out.push_back(std::move(record));
  return out;
}

std::string_view word(RecordStatus status) {
  switch (status) {
    case RecordStatus::held: return "held";
    case RecordStatus::amended: return "amended";
    case RecordStatus::released: return "released";
    case RecordStatus::delivered: return "delivered";
    case RecordStatus::discarded: return "discarded";
  }
  return "?";
}

std::expected<RecordRange, Problem> record_range(const State& state, const std::string& text) {
  RecordRange out;
  const std::size_t colon = text.find(':');
  const auto batch = parse_number(std::string_view(text).substr(0, colon));
  if (!batch || *batch >= state.batches.size())
    return not_found("daybook quarantine list shows them", "there is no quarantine batch {}",
                     printable(text.substr(0, colon)));
  out.batch = BatchId{static_cast<std::uint32_t>(*batch)};
  if (colon == std::string::npos) return out;
  const std::string_view range = std::string_view(text).substr(colon + 1);
  const std::size_t dash = range.find('-');
  const auto first = parse_number(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(range.substr(dash + 1));
  const std::uint64_t records = state.find(out.batch)->records;
  if (!first || !last || *last >= records)
    return not_found("", "batch {} has {} records, numbered from 0; {} is not one of them", *batch,
                     records, printable(std::string(range)));
  out.first = static_cast<std::uint32_t>(*first);
  out.last = static_cast<std::uint32_t>(*last);
  return out;
}

std::expected<RecordWish, Problem> record_wish(Invocation& in, const State& state) {
  RecordWish wish{.ranges = {},
                  .pipeline = in.arguments.text("pipeline"),
                  .partition = in.arguments.text("partition"),
                  .rule = in.arguments.text("rule"),
                  .statuses = {RecordStatus::held, RecordStatus::amended}};
  for (const std::string& text : in.arguments.all("RECORDS")) {
    const auto range = record_range(state, text);
    if (!range) return std::unexpected(range.error());
    wish.ranges.push_back(*range);
  }
  const std::string status = in.arguments.text("status");
  if (status == "all") wish.statuses.clear();
  for (const RecordStatus one : {RecordStatus::held, RecordStatus::amended, RecordStatus::released,
                                 RecordStatus::delivered, RecordStatus::discarded})
    if (word(one) == status) wish.statuses = {one};
  return wish;
}

std::expected<std::vector<HeldRecord>, Problem> find_records(const ReadBook& book,
                                                             const PayloadStore& payloads,
                                                             const RecordWish& wish) {
  std::vector<BatchId> batches;
  if (wish.ranges.empty()) {
    batches = open_batches(book.state, wish.pipeline);
  } else {
    for (const RecordRange& range : wish.ranges)
      if (std::ranges::find(batches, range.batch) == batches.end()) batches.push_back(range.batch);
  }
  std::vector<HeldRecord> out;
  for (const BatchId batch : batches) {
    const Slot& slot = *book.state.find(book.state.find(batch)->slot);
    if ((!wish.pipeline.empty() && slot.pipeline != wish.pipeline) ||
        (!wish.partition.empty() && slot.partition != wish.partition))
      continue;
    auto records = held_records(book, payloads, batch);
    if (!records) return std::unexpected(problem_of(records.error()));
    for (HeldRecord& record : *records) {
      if (!wish.ranges.empty() && std::ranges::none_of(wish.ranges, [&](const RecordRange& range) {
            return range.holds(batch, record.position);
          }))
        continue;
      if (!wish.statuses.empty() &&
          std::ranges::find(wish.statuses, record.status) == wish.statuses.end())
        continue;
      if (!wish.rule.empty() &&
          std::ranges::find(record.record.violations, wish.rule, &Violation::rule) ==
              record.record.violations.end())
        continue;
      out.push_back(std::move(record));
    }
  }
  return out;
}

}  // namespace daybook
