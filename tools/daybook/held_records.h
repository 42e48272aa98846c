// Which quarantined records a command is about.
#pragma once

#include <functional>
#include <vector>

#include "runner/quarantine.h"
#include "tools/daybook/book_reader.h"

namespace daybook {

std::string_view word(RecordStatus status);

// BATCH, BATCH:RECORD, BATCH:FIRST-LAST.
struct HeldRange {
  BatchId batch{};
  std::uint32_t first = 0, last = 0xffff'ffff;
  bool holds(BatchId in, std::uint32_t position) const {
    return in == batch && position >= first && position <= last;
  }
};
std::expected<HeldRange, Problem> record_range(const State& state, const std::string& text);

// Which records a command is about.
struct RecordWish {
  std::vector<HeldRange> ranges;  // empty: all open batches
  std::string pipeline, partition, rule;
  std::vector<RecordStatus> statuses;  // empty: any
};
std::expected<RecordWish, Problem> record_wish(Invocation& in, const State& state);
// Calls `visit` with each of them, in order, and with what reads the whole of it; false ends it.
// Memory does not grow with the records.
using WholeRecord = std::function<Result<HeldRecord>()>;
using RecordVisit =
    std::function<std::expected<bool, Problem>(const PassingRecord&, const WholeRecord&)>;
std::expected<void, Problem> each_record(const BookView& book, const RecordWish& wish,
                                         const RecordVisit& visit);

}  // namespace daybook
