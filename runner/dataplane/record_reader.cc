#include "runner/dataplane/record_reader.h"

#include <algorithm>
#include <cstring>

#include "ledger/assertion.h"
#include "runner/dataplane/csv_reader.h"
#include "runner/dataplane/jsonl_reader.h"

namespace daybook {
namespace {
using namespace dataplane_limits;
constexpr std::size_t block_bytes = 512 << 10;  // what is looked at several times stays near
constexpr std::size_t padding = 128;            // readable past a block's end: SIMD loads

std::string_view without_separator(std::string_view record) {
  if (record.ends_with('\n')) record.remove_suffix(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  return record;
}
}  // namespace

std::unique_ptr<RecordReader> RecordReader::open(const ReadContext& context, const SourcePart& part,
                                                 PartRead& out) {
  std::unique_ptr<RecordReader> reader;
  if (context.parts->source().format == FileFormat::csv) {
    reader = std::make_unique<CsvReader>(context, out);
  } else {
    reader = std::make_unique<JsonlReader>(context, out);
  }
  reader->part_ = &part;
  if (!part.ranges.empty()) {
    reader->position_ = part.ranges[0].begin;
    reader->row_ = part.ranges[0].first_row;
    reader->check_ = ~0U;
  }
  return reader;
}

std::unique_ptr<RecordReader> RecordReader::open(
    const ReadContext& context, std::vector<std::pair<SourceRow, Replacement>> records,
    PartRead& out) {
  static const SourcePart none;
  auto reader = open(context, none, out);
  reader->listed_ = std::move(records);
  reader->listed_mode_ = true;
  return reader;
}

char* RecordReader::room_for_text(std::size_t size) {
  // Few blocks need any; what is given out of one never moves.
  if (block_->strings_used == 0 && block_->strings.size() < block_->size + padding) {
    block_->strings.resize(block_->size + padding);
  }
  DAYBOOK_ASSERT(block_->strings_used + size <= block_->strings.size(), "{}", size);
  char* at = block_->strings.data() + block_->strings_used;
  block_->strings_used += size;
  return at;
}

bool RecordReader::check_text(std::uint32_t record, std::vector<Violation>& violations) const {
  const std::string_view text = record_text(record);
  if (std::memchr(text.data(), 0, text.size()) != nullptr) {
    violations.push_back({"encoding", "", "holds a NUL byte"});
  } else if (!is_text(text)) {
    violations.push_back({"encoding", "", "is not valid UTF-8: " + printable(text)});
  }
  return violations.empty();
}

// Counts a record that leaves; one that is kept for review goes to the file with its bytes.
void RecordReader::leave(QuarantinedRecord record, Verdict verdict) {
  ++out_.read;
  out_.tally.count(verdict);
  if (verdict.dropped()) {
    ++out_.filtered;
    record.violations = std::move(verdict.violations);
    if (out_.on_dropped) out_.on_dropped(record);
    return;
  }
  ++out_.quarantined;
  record.violations = std::move(verdict.violations);
  if (out_.on_quarantined) out_.on_quarantined(record);
  if (out_.quarantine != nullptr) pending_.push_back(std::move(record));
}

void RecordReader::write_pending() {
  std::stable_sort(
      pending_.begin(), pending_.end(),
      [](const QuarantinedRecord& a, const QuarantinedRecord& b) { return a.row < b.row; });
  for (const QuarantinedRecord& record : pending_) out_.quarantine->add(record);
  pending_.clear();
}

QuarantinedRecord RecordReader::record_at(std::uint32_t record) const {
  QuarantinedRecord bad;
  bad.input = input_;
  bad.row = number_of(record);
  bad.byte_offset = offset_of_record_.empty() ? block_offset_ + records_[record].begin
                                              : offset_of_record_[record];
  const auto refused = refused_.find(record);
  bad.bytes = refused == refused_.end() ? record_text(record) : refused->second.first;
  return bad;
}

void RecordReader::set_aside(std::uint32_t record, std::vector<Violation> violations) {
  // What has no readable key is of the partition "unkeyed"; a replacement is of the partition whose
  // record it replaces.
  const bool ours = replaced(record);
  if (context_.keys != nullptr && !ours) context_.keys->emplace(PartitionKey::unkeyed);
  if (!unkeyed_belong() && !ours) return;
  const auto refused = refused_.find(record);
  if (refused != refused_.end()) violations = {{"structure", "", refused->second.second}};
  Verdict verdict;
  for (Violation& violation : violations) {
    verdict.add(OnViolation::quarantine, std::move(violation));
  }
  leave(record_at(record), std::move(verdict));
}

void RecordReader::flush_leaves() {
  leaf_batch_.flush(out_.leaves);
  if (out_.on_leaves && !out_.leaves.empty()) {
    out_.on_leaves(input_, out_.leaves);
    out_.leaves.clear();
  }
}

void RecordReader::oversize(const RecordRange& range) {
  QuarantinedRecord bad;
  bad.input = range.input;
  bad.row = range.first_row;
  bad.byte_offset = range.begin;
  const std::uint64_t kept = std::min(range.end - range.begin, record_bytes_max);
  bad.bytes.resize(kept);
  const SourceFile& file = context_.parts->files()[range.input];
  if (!read_exactly(file, range.begin, range.begin + kept, bad.bytes.data())) bad.bytes.clear();
  bad.bytes = std::string(without_separator(bad.bytes));
  Verdict verdict;
  verdict.add(OnViolation::quarantine,
              {"structure", "",
               range.unterminated ? "a quote is opened and not closed within the record limit"
                                  : fmt::format("is longer than {} MiB", record_bytes_max >> 20)});
  if (context_.record_leaves) {
    input_ = range.input;
    leaf_batch_.add(static_cast<std::uint64_t>(source_row(range.input, range.first_row)),
                    bad.bytes);
    flush_leaves();
  }
  if (context_.keys != nullptr) context_.keys->emplace(PartitionKey::unkeyed);
  if (!unkeyed_belong()) return;
  leave(std::move(bad), std::move(verdict));
  if (out_.quarantine != nullptr) write_pending();
}

Staged<bool> RecordReader::load_range_piece() {
  while (part_ != nullptr && range_ < part_->ranges.size()) {
    const RecordRange& range = part_->ranges[range_];
    if (range.oversize) {
      oversize(range);
    } else if (position_ < range.end) {
      const SourceFile& file = context_.parts->files()[range.input];
      std::size_t want = std::min<std::uint64_t>(block_bytes, range.end - position_);
      std::size_t whole = 0;
      for (;;) {
        if (block_->bytes.size() < want + 1 + padding) block_->bytes.resize(want + 1 + padding);
        if (auto got = read_exactly(file, position_, position_ + want, block_->bytes.data());
            !got) {
          return std::unexpected(got.error());
        }
        if (position_ + want == range.end) {
          whole = want;
          break;
        }
        if (context_.parts->source().format == FileFormat::csv) {
          CsvBoundary boundary;
          advance_boundary(block_->bytes.data(), want, context_.parts->syntax(), context_.path,
                           want + 1, boundary);
          whole = boundary.last_end;
        } else {
          const void* line = ::memrchr(block_->bytes.data(), '\n', want);
          whole = line == nullptr ? 0
                                  : static_cast<std::size_t>(static_cast<const char*>(line) -
                                                             block_->bytes.data()) +
                                        1;
        }
        if (whole != 0) break;
        want = std::min<std::uint64_t>(want * 2, range.end - position_);
      }
      check_ = crc32c(check_, block_->bytes.data(), whole);
      block_->size = whole;
      if (block_->bytes[whole - 1] != '\n') block_->bytes[block_->size++] = '\n';
      std::memset(block_->bytes.data() + block_->size, 0, padding);
      input_ = range.input;
      block_offset_ = position_;
      block_row_ = row_;
      position_ += whole;
      if (position_ == range.end && check_ != range.check) {
        return no_stage(ErrorClass::transient, "source.changed", "{} changed while it was read",
                        file.name);
      }
      context_.progress->bytes_read += whole;
      return true;
    }
    ++range_;
    if (range_ < part_->ranges.size()) {
      position_ = part_->ranges[range_].begin;
      row_ = part_->ranges[range_].first_row;
      check_ = ~0U;
    }
  }
  return false;
}

std::string RecordReader::not_one_record(const std::string& bytes) const {
  if (bytes.size() > record_bytes_max) {
    return fmt::format("the replacement is longer than {} MiB", record_bytes_max >> 20);
  }
  std::uint64_t records = 0;
  if (context_.parts->source().format == FileFormat::csv) {
    const std::string alone = bytes + "\n";
    CsvBoundary boundary;
    advance_boundary(alone.data(), alone.size(), context_.parts->syntax(), SimdPath::portable,
                     alone.size() + 1, boundary);
    if (boundary.state == CsvState::quoted) {
      return "the replacement opens a quote that it does not close";
    }
    records = boundary.records;
  } else {
    records = 1 + static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  }
  if (records == 1) return {};
  return fmt::format("the replacement is {} records, not one", records);
}

// Puts replacements in place of the records they replace. An empty line, which can not be read as
// fields, stands for a replacement that is not one record.
void RecordReader::patch() {
  waived_.clear();
  row_of_record_.clear();
  offset_of_record_.clear();
  refused_.clear();
  if (context_.overlay.empty() || listed_mode_) return;
  bool any = false;
  for (std::uint32_t i = 0; i < records_.size() && !any; ++i) {
    any = context_.overlay.contains(source_row(input_, block_row_ + i));
  }
  if (!any) return;
  std::string text;
  std::vector<std::uint64_t> rows, offsets;
  std::vector<std::uint8_t> waived;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    std::string_view bytes = record_text(i);
    bool waive = false;
    const auto found = context_.overlay.find(source_row(input_, block_row_ + i));
    if (found != context_.overlay.end()) {
      bytes = found->second.bytes;
      waive = found->second.waive_rules;
      if (std::string why = not_one_record(found->second.bytes); !why.empty()) {
        refused_.emplace(i, std::pair{found->second.bytes, std::move(why)});
        bytes = {};
      }
    }
    rows.push_back(block_row_ + i);
    offsets.push_back(block_offset_ + records_[i].begin);
    waived.push_back(waive ? 1 : 0);
    text += bytes;
    text.push_back('\n');
  }
  const std::size_t expected = records_.size();
  load_text(text);
  DAYBOOK_ASSERT(records_.size() == expected, "{} of {}", records_.size(), expected);
  row_of_record_ = std::move(rows);
  offset_of_record_ = std::move(offsets);
  waived_ = std::move(waived);
}

void RecordReader::load_text(std::string_view text) {
  block_->size = text.size();
  block_->bytes.resize(std::max(block_->bytes.size(), text.size() + padding + 1));
  std::memcpy(block_->bytes.data(), text.data(), text.size());
  std::memset(block_->bytes.data() + block_->size, 0, padding);
  records_.clear();
  split();
}

Staged<bool> RecordReader::next_block() {
  if (context_.progress->cancel) return no_stage(ErrorClass::transient, "cancelled", "cancelled");
  block_ = block_ == &blocks_[0] ? &blocks_[1] : &blocks_[0];
  block_->strings_used = 0;
  records_.clear();
  next_ = 0;
  if (listed_mode_) {
    if (listed_done_ || listed_.empty()) return false;
    // All of one input at a time.
    input_ = input_of(listed_.front().first);
    std::string text;
    row_of_record_.clear();
    offset_of_record_.clear();
    waived_.clear();
    refused_.clear();
    std::size_t taken = 0;
    for (; taken < listed_.size() && input_of(listed_[taken].first) == input_; ++taken) {
      const Replacement& replacement = listed_[taken].second;
      if (std::string why = not_one_record(replacement.bytes); !why.empty()) {
        refused_.emplace(static_cast<std::uint32_t>(taken),
                         std::pair{replacement.bytes, std::move(why)});
      } else {
        text += replacement.bytes;
      }
      text.push_back('\n');
      row_of_record_.push_back(row_of(listed_[taken].first));
      offset_of_record_.push_back(0);
      waived_.push_back(replacement.waive_rules ? 1 : 0);
    }
    listed_.erase(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(taken));
    load_text(text);
    DAYBOOK_ASSERT(records_.size() == taken, "{} of {}", records_.size(), taken);
    return true;
  }
  auto loaded = load_range_piece();
  if (!loaded || !*loaded) return loaded;
  split();
  row_ += records_.size();
  if (context_.record_leaves) {
    constexpr std::size_t at_once = 512;  // whose copies stay in a near cache
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      leaf_batch_.add(static_cast<std::uint64_t>(source_row(input_, block_row_ + i)),
                      record_text(i));
      if (leaf_batch_.size() == at_once) flush_leaves();
    }
    flush_leaves();
  }
  context_.progress->rows_read += records_.size();
  patch();
  return true;
}

bool RecordReader::in_partition(std::span<const VectorView> columns, std::uint32_t row) const {
  if (replaced(chunk_[row])) return true;
  const VectorView& view = columns[context_.partition.column()];
  return context_.partition.key_of(view, row) == context_.column_key;
}

Staged<std::uint32_t> RecordReader::read(std::span<const VectorView> columns, SourceRow* rows) {
  for (;;) {
    if (next_ >= records_.size()) {
      const auto more = next_block();
      if (!more) return std::unexpected(more.error());
      if (!*more) return 0;
      continue;
    }
    chunk_.clear();
    faults_.clear();
    notes_.clear();
    hits_.clear();
    const std::uint32_t n = fill(columns);
    if (n == 0) {
      write_pending();
      continue;
    }
    for (std::uint32_t r = 0; !refused_.empty() && r < n; ++r) {
      const auto refused = refused_.find(chunk_[r]);
      if (refused == refused_.end()) continue;
      notes_.emplace_back(r, std::vector<Violation>{{"structure", "", refused->second.second}});
    }
    if (context_.keys != nullptr) {
      for (std::uint32_t r = 0; r < n; ++r) {
        context_.keys->insert(context_.partition.key_of(columns[context_.partition.column()], r));
      }
    }
    context_.rules->check(columns, n, faults_, hits_);

    std::vector<std::uint8_t> drop;  // per row: 1 other partition, 2 set aside
    const auto mark = [&](std::uint32_t row, std::uint8_t why) {
      if (drop.empty()) drop.resize(n);
      drop[row] = why;
    };
    std::uint32_t elsewhere = 0, suspects_elsewhere = 0;
    if (context_.partition.by_column() && !context_.column_key.empty()) {
      for (std::uint32_t r = 0; r < n; ++r) {
        if (in_partition(columns, r)) continue;
        mark(r, 1);
        ++elsewhere;
      }
    }
    const bool any_duplicates = !context_.duplicates.empty();
    if (!hits_.empty() || !faults_.empty() || !notes_.empty() || any_duplicates) {
      std::vector<std::uint32_t> suspects;
      for (const RuleHit& hit : hits_) suspects.push_back(hit.row);
      for (const TypeFault& fault : faults_) suspects.push_back(fault.row);
      for (const auto& note : notes_) suspects.push_back(note.first);
      if (any_duplicates) {
        for (std::uint32_t r = 0; r < n; ++r) {
          if (context_.is_duplicate(source_row(input_, number_of(chunk_[r]))))
            suspects.push_back(r);
        }
      }
      std::sort(suspects.begin(), suspects.end());
      suspects.erase(std::unique(suspects.begin(), suspects.end()), suspects.end());
      for (const std::uint32_t r : suspects) {
        if (!drop.empty() && drop[r] == 1) {
          ++suspects_elsewhere;
          continue;
        }
        const bool waived = !waived_.empty() && waived_[chunk_[r]] != 0;
        Verdict verdict;
        for (const auto& [row, more] : notes_) {
          if (row != r) continue;
          for (const Violation& note : more) verdict.add(OnViolation::quarantine, note);
        }
        for (const TypeFault& fault : faults_) {
          if (fault.row != r) continue;
          verdict.add(
              context_.rules->type_action(fault.column),
              context_.rules->type_violation(fault.column, raw_text(chunk_[r], fault.column)));
        }
        for (const RuleHit& hit : hits_) {
          if (hit.row != r) continue;
          const OnViolation action = context_.rules->rules()[hit.rule].on_violation;
          if (waived && waivable(action)) continue;
          verdict.add(action, context_.rules->violation(hit, columns));
        }
        if (any_duplicates) {
          for (const Duplicates& rule : context_.duplicates) {
            if (rule.rows.contains(source_row(input_, number_of(chunk_[r]))) &&
                (!waived || !waivable(rule.action))) {
              verdict.add(rule.action, rule.violation);
            }
          }
        }
        if (verdict.stays()) {
          out_.tally.count(verdict);
          continue;
        }
        mark(r, 2);
        // The key of this row was read, whatever else is wrong with it: it is of this partition.
        leave(record_at(chunk_[r]), std::move(verdict));
      }
    }
    if (elsewhere > suspects_elsewhere) out_.elsewhere_good = true;
    write_pending();
    // Rows that stay close ranks, run by run.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> runs;  // first, one past the last
    std::uint32_t kept = 0;
    for (std::uint32_t r = 0; r < n; ++r) {
      if (!drop.empty() && drop[r] != 0) continue;
      if (runs.empty() || runs.back().second != r) runs.emplace_back(r, r);
      runs.back().second = r + 1;
      rows[kept++] = source_row(input_, number_of(chunk_[r]));
    }
    if (kept != n) {
      for (std::size_t c = 0; c < columns.size(); ++c) {
        move_runs(columns[c], context_.parsers[c].physical(), n, runs);
      }
    }
    out_.read += kept;
    if (kept != 0) return kept;
  }
}

}  // namespace daybook
