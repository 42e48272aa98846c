#include "runner/dataplane/record_finder.h"

#include <algorithm>
#include <cstring>

namespace daybook {

Staged<bool> RecordFinder::load() {
  position_ += begin_;
  begin_ = 0;
  if (position_ >= range_->end) return false;
  const std::size_t size = std::min<std::uint64_t>(want_, range_->end - position_);
  bytes_.resize(size + 1);
  const SourceFile& file = context_.parts->files()[range_->input];
  if (auto got = read_exactly(file, position_, position_ + size, bytes_.data()); !got) {
    return std::unexpected(got.error());
  }
  usable_ = size;
  if (position_ + size == range_->end && bytes_[size - 1] != '\n') bytes_[usable_++] = '\n';
  return true;
}

Staged<RecordFinder::Found> RecordFinder::find(SourceRow row) {
  Found found;
  const auto replaced = of_ == Of::source ? context_.overlay.end() : context_.overlay.find(row);
  const RecordRange* range =
      context_.parts == nullptr ? nullptr : context_.parts->find(input_of(row), row_of(row));
  if (range == nullptr || range->oversize) {
    if (replaced != context_.overlay.end()) found.bytes = replaced->second.bytes;
    return found;
  }
  if (range_ == nullptr || range->input != range_->input || range->begin != range_->begin ||
      row_of(row) < row_) {
    range_ = range;
    position_ = range->begin;
    begin_ = usable_ = 0;
    row_ = range->first_row;
  }
  const bool csv = context_.parts->source().format == FileFormat::csv;
  for (;;) {
    std::size_t end = 0;
    if (begin_ < usable_) {
      const char* from = bytes_.data() + begin_;
      if (csv) {
        CsvBoundary boundary;
        advance_boundary(from, usable_ - begin_, context_.parts->syntax(), context_.path, 1,
                         boundary);
        if (boundary.records != 0) end = begin_ + boundary.last_end;
      } else if (const void* line = std::memchr(from, '\n', usable_ - begin_)) {
        end = static_cast<std::size_t>(static_cast<const char*>(line) - bytes_.data()) + 1;
      }
    }
    if (end == 0) {
      if (begin_ == 0 && usable_ != 0) want_ *= 2;
      const auto more = load();
      if (!more) return std::unexpected(more.error());
      if (*more) continue;
      return no_stage(ErrorClass::transient, "source.changed", "{} changed while it was read",
                      context_.parts->files()[range_->input].name);
    }
    if (row_ == row_of(row)) {
      found.offset = position_ + begin_;
      std::string_view record(bytes_.data() + begin_, end - begin_);
      if (record.ends_with('\n')) record.remove_suffix(1);
      if (record.ends_with('\r')) record.remove_suffix(1);
      found.bytes = replaced != context_.overlay.end() ? replaced->second.bytes : record;
      return found;
    }
    ++row_;
    begin_ = end;
  }
}

}  // namespace daybook
