#include "tools/daybook/held_records.h"

#include <algorithm>

#include "statemachine/batch_name.h"

namespace daybook {

std::string_view word(RecordStatus status) {
  switch (status) {
    case RecordStatus::held: return "held";
    case RecordStatus::amended: return "amended";
    case RecordStatus::released: return "released";
    case RecordStatus::delivered: return "delivered";
    case RecordStatus::discarded: return "discarded";
    case RecordStatus::erased: return "erased";
  }
  return "?";
}

std::expected<HeldRange, Problem> record_range(const State& state, const std::string& text) {
  HeldRange out;
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const auto batch = batch_named(state, name);
  if (!batch)
    return not_found("daybook quarantine list shows them", "there is no quarantine batch {}",
                     printable(name));
  out.batch = *batch;
  if (colon == std::string::npos) return out;
  const std::string_view range = std::string_view(text).substr(colon + 1);
  const std::size_t dash = range.find('-');
  const auto first = parse_number(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(range.substr(dash + 1));
  const std::uint64_t records = state.find(out.batch)->records;
  if (!first || !last || *last >= records)
    return not_found("", "batch {} has {} records, numbered from 0; {} is not one of them", name,
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
  for (const RecordStatus one :
       {RecordStatus::held, RecordStatus::amended, RecordStatus::released, RecordStatus::delivered,
        RecordStatus::discarded, RecordStatus::erased})
    if (word(one) == status) wish.statuses = {one};
  return wish;
}

std::expected<void, Problem> each_record(const BookView& book, const RecordWish& wish,
                                         const RecordVisit& visit) {
  std::vector<BatchId> batches;
  if (wish.ranges.empty()) {
    batches = open_batches(book.state, wish.pipeline);
    // By name: the order in which partitions ended says nothing.
    std::ranges::sort(batches, {}, [&](BatchId id) {
      return std::pair{book.state.find(id)->slot, id};
    });
  } else {
    for (const HeldRange& range : wish.ranges)
      if (std::ranges::find(batches, range.batch) == batches.end()) batches.push_back(range.batch);
  }
  for (const BatchId batch : batches) {
    const Slot& slot = *book.state.find(book.state.find(batch)->slot);
    if ((!wish.pipeline.empty() && slot.pipeline != wish.pipeline) ||
        (!wish.partition.empty() && slot.partition != wish.partition))
      continue;
    auto reader = BatchReader::open(book, batch);
    if (!reader) return std::unexpected(problem_of(reader.error()));
    std::optional<Problem> trouble;
    bool ended = false;
    const auto pass = [&](const PassingRecord& record) -> Result<bool> {
      if (!wish.ranges.empty() && std::ranges::none_of(wish.ranges, [&](const HeldRange& range) {
            return range.holds(batch, record.position);
          }))
        return true;
      if (!wish.statuses.empty() &&
          std::ranges::find(wish.statuses, record.status) == wish.statuses.end())
        return true;
      if (!wish.rule.empty()) {
        const auto whole = reader->whole(record);
        if (!whole) return std::unexpected(whole.error());
        if (std::ranges::find(whole->record.violations, wish.rule, &Violation::rule) ==
            whole->record.violations.end())
          return true;
      }
      const auto more = visit(record, [&] { return reader->whole(record); });
      if (!more) trouble = more.error();
      ended = !more || !*more;
      return !ended;
    };
    if (const auto read = reader->each(pass); !read)
      return std::unexpected(problem_of(read.error()));
    if (trouble) return std::unexpected(std::move(*trouble));
    if (ended) break;
  }
  return {};
}

}  // namespace daybook
