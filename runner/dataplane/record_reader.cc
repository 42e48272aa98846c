#include "runner/dataplane/record_reader.h"

#include <algorithm>
#include <cstring>

#include "ledger/assertion.h"
#include "runner/dataplane/csv_reader.h"
#include "runner/dataplane/jsonl_reader.h"

namespace daybook {
namespace {
using namespace dataplane_limits;
constexpr std::size_t block_bytes = 1 << 20;
constexpr std::size_t padding = 128;  // readable past a block's end: SIMD loads

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

void RecordReader::quarantine(const QuarantinedRecord& bad) {
  ++out_.read;
  ++out_.quarantined;
  std::vector<std::string_view> seen;
  for (const Violation& violation : bad.violations) {
    if (std::find(seen.begin(), seen.end(), violation.rule) != seen.end()) continue;
    seen.push_back(violation.rule);
    ++out_.tally.rows[violation.rule];
  }
  if (out_.quarantine != nullptr) out_.quarantine->add(bad);
  if (out_.on_quarantined) out_.on_quarantined(bad);
}

void RecordReader::set_aside(std::uint32_t record, std::vector<Violation> violations) {
  // Where the source is partitioned by a column, what has no readable key belongs to "unkeyed".
  if (context_.partition.by_column() && !context_.column_key.empty() &&
      context_.column_key != PartitionKey::unkeyed) {
    return;
  }
  QuarantinedRecord bad;
  bad.input = input_;
  bad.row = row_of_record_.empty() ? block_row_ + record : row_of_record_[record];
  bad.byte_offset = offset_of_record_.empty() ? block_offset_ + records_[record].begin
                                              : offset_of_record_[record];
  bad.bytes = record_text(record);
  bad.violations = std::move(violations);
  quarantine(bad);
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
  bad.violations.push_back({"structure", "",
                            range.unterminated
                                ? "a quote is opened and not closed within the record limit"
                                : fmt::format("is longer than {} MiB", record_bytes_max >> 20)});
  if (context_.record_leaves) {
    leaf_batch_.add(bad.bytes);
    leaf_batch_.flush(out_.leaves);
  }
  if (context_.partition.by_column() && !context_.column_key.empty() &&
      context_.column_key != PartitionKey::unkeyed) {
    return;
  }
  quarantine(bad);
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

// Puts replacements in place of the records they replace, and drops those that are not exactly one
// record into quarantine at once.
void RecordReader::patch() {
  waived_.clear();
  row_of_record_.clear();
  offset_of_record_.clear();
  if (context_.overlay.empty() || listed_mode_) return;
  std::vector<std::uint32_t> hit;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    if (context_.overlay.contains(source_row(input_, block_row_ + i))) hit.push_back(i);
  }
  if (hit.empty()) return;
  std::string text;
  std::vector<std::uint64_t> rows, offsets;
  std::vector<std::uint8_t> waived;
  std::size_t next_hit = 0;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    std::string_view bytes = record_text(i);
    bool waive = false;
    if (next_hit < hit.size() && hit[next_hit] == i) {
      ++next_hit;
      const Replacement& replacement = context_.overlay.at(source_row(input_, block_row_ + i));
      bytes = replacement.bytes;
      waive = replacement.waive_rules;
    }
    rows.push_back(block_row_ + i);
    offsets.push_back(block_offset_ + records_[i].begin);
    waived.push_back(waive ? 1 : 0);
    text += bytes;
    text.push_back('\n');
  }
  const std::size_t expected = records_.size();
  const std::vector<char> original(
      block_->bytes.begin(), block_->bytes.begin() + static_cast<std::ptrdiff_t>(block_->size));
  const auto load = [&](std::string_view content) {
    block_->size = content.size();
    block_->bytes.resize(std::max(block_->bytes.size(), content.size() + padding + 1));
    std::memcpy(block_->bytes.data(), content.data(), content.size());
    std::memset(block_->bytes.data() + block_->size, 0, padding);
    block_->strings.resize(std::max(block_->strings.size(), block_->size + padding));
    records_.clear();
    split();
  };
  load(text);
  if (records_.size() != expected) {
    // A replacement is not one record by itself: replace those by an empty line, which is set
    // aside.
    text.clear();
    for (std::uint32_t i = 0, h = 0; i < expected; ++i) {
      const auto found = context_.overlay.find(source_row(input_, block_row_ + i));
      if (h < hit.size() && hit[h] == i) {
        ++h;
        const std::string alone = found->second.bytes + "\n";
        load(alone);
        if (records_.size() == 1)
          text += alone;
        else
          text += "\n";
      } else {
        load(std::string_view(original.data(), original.size()));
        text += std::string(record_text(i)) + "\n";
      }
    }
    load(text);
  }
  DAYBOOK_ASSERT(records_.size() == expected, "{} of {}", records_.size(), expected);
  row_of_record_ = std::move(rows);
  offset_of_record_ = std::move(offsets);
  waived_ = std::move(waived);
}

Staged<bool> RecordReader::next_block() {
  if (context_.progress->cancel) return no_stage(ErrorClass::transient, "cancelled", "cancelled");
  block_ = block_ == &blocks_[0] ? &blocks_[1] : &blocks_[0];
  block_->strings_used = 0;
  records_.clear();
  next_ = 0;
  if (listed_mode_) {
    if (listed_done_ || listed_.empty()) return false;
    // All of one input at a time; each replacement alone decides whether it is one record.
    input_ = input_of(listed_.front().first);
    std::string text;
    row_of_record_.clear();
    offset_of_record_.clear();
    waived_.clear();
    std::size_t taken = 0;
    for (; taken < listed_.size() && input_of(listed_[taken].first) == input_; ++taken) {
      std::string alone = listed_[taken].second.bytes + "\n";
      block_->bytes.assign(alone.begin(), alone.end());
      block_->bytes.resize(alone.size() + padding);
      block_->size = alone.size();
      records_.clear();
      split();
      text += records_.size() == 1 ? alone : "\n";
      row_of_record_.push_back(row_of(listed_[taken].first));
      offset_of_record_.push_back(0);
      waived_.push_back(listed_[taken].second.waive_rules ? 1 : 0);
    }
    listed_.erase(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(taken));
    records_.clear();
    block_->bytes.assign(text.begin(), text.end());
    block_->bytes.resize(text.size() + padding);
    block_->size = text.size();
    block_->strings.resize(std::max(block_->strings.size(), block_->size + padding));
    split();
    return true;
  }
  auto loaded = load_range_piece();
  if (!loaded || !*loaded) return loaded;
  block_->strings.resize(std::max(block_->strings.size(), block_->size + padding));
  split();
  row_ += records_.size();
  if (context_.record_leaves) {
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      leaf_batch_.add(record_text(i));
      if (leaf_batch_.size() == 256) leaf_batch_.flush(out_.leaves);
    }
    leaf_batch_.flush(out_.leaves);
  }
  context_.progress->rows_read += records_.size();
  patch();
  return true;
}

bool RecordReader::in_partition(std::span<const VectorView> columns, std::uint32_t row) const {
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
    std::uint32_t n = fill(columns);
    if (n == 0) continue;
    context_.rules->check(columns, n, faults_, hits_);

    std::vector<std::uint8_t> drop;  // per row: 1 other partition, 2 set aside
    const auto mark = [&](std::uint32_t row, std::uint8_t why) {
      if (drop.empty()) drop.resize(n);
      drop[row] = why;
    };
    if (context_.partition.by_column() && !context_.column_key.empty()) {
      for (std::uint32_t r = 0; r < n; ++r) {
        if (!in_partition(columns, r)) mark(r, 1);
      }
    }
    const bool any_duplicates = !context_.duplicates.empty();
    const auto number_of = [&](std::uint32_t r) {
      return row_of_record_.empty() ? block_row_ + chunk_[r] : row_of_record_[chunk_[r]];
    };
    if (!hits_.empty() || !faults_.empty() || !notes_.empty() || any_duplicates) {
      std::vector<std::uint32_t> suspects;
      for (const RuleHit& hit : hits_) suspects.push_back(hit.row);
      for (const TypeFault& fault : faults_) suspects.push_back(fault.row);
      for (const auto& note : notes_) suspects.push_back(note.first);
      if (any_duplicates) {
        for (std::uint32_t r = 0; r < n; ++r) {
          if (context_.duplicates.contains(source_row(input_, number_of(r)))) suspects.push_back(r);
        }
      }
      std::sort(suspects.begin(), suspects.end());
      suspects.erase(std::unique(suspects.begin(), suspects.end()), suspects.end());
      for (const std::uint32_t r : suspects) {
        if (!drop.empty() && drop[r] == 1) continue;
        const bool waived = !waived_.empty() && waived_[chunk_[r]] != 0;
        std::vector<Violation> violations;
        for (const auto& [row, more] : notes_) {
          if (row == r) violations.insert(violations.end(), more.begin(), more.end());
        }
        for (const TypeFault& fault : faults_) {
          if (fault.row != r) continue;
          violations.push_back(
              context_.rules->type_violation(fault.column, raw_text(chunk_[r], fault.column)));
        }
        if (!waived) {
          std::vector<Violation> warnings;
          for (const RuleHit& hit : hits_) {
            if (hit.row != r) continue;
            const RowRule& rule = context_.rules->rules()[hit.rule];
            if (rule.on_violation == OnViolation::warn) {
              ++out_.tally.rows[rule.id + " (warning)"];
              continue;
            }
            if (rule.on_violation == OnViolation::fail_run) out_.tally.fatal.insert(rule.id);
            violations.push_back(context_.rules->violation(hit, columns));
          }
          if (any_duplicates) {
            const auto found = context_.duplicates.find(source_row(input_, number_of(r)));
            if (found != context_.duplicates.end()) {
              violations.insert(violations.end(), found->second.begin(), found->second.end());
            }
          }
        }
        if (violations.empty()) continue;
        mark(r, 2);
        // The key of this row was read, whatever else is wrong with it: it is of this partition.
        QuarantinedRecord bad;
        bad.input = input_;
        bad.row = number_of(r);
        bad.byte_offset = offset_of_record_.empty() ? block_offset_ + records_[chunk_[r]].begin
                                                    : offset_of_record_[chunk_[r]];
        bad.bytes = record_text(chunk_[r]);
        bad.violations = std::move(violations);
        quarantine(bad);
      }
    }
    // Rows that stay close ranks, run by run.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> runs;  // first, one past the last
    std::uint32_t kept = 0;
    for (std::uint32_t r = 0; r < n; ++r) {
      if (!drop.empty() && drop[r] != 0) continue;
      if (runs.empty() || runs.back().second != r) runs.emplace_back(r, r);
      runs.back().second = r + 1;
      rows[kept++] = source_row(input_, number_of(r));
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
