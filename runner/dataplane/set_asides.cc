#include "runner/dataplane/set_asides.h"

#include <algorithm>

#include "runner/dataplane/quarantine_file.h"

namespace daybook {
namespace {

constexpr std::size_t held_bytes_max = 16 << 20;

std::size_t memory_of(const SetAside& aside) {
  std::size_t bytes = sizeof aside + aside.bytes.size();
  for (const Violation& violation : aside.violations) {
    bytes += sizeof violation + violation.rule.size() + violation.column.size() +
             violation.message.size();
  }
  return bytes;
}

}  // namespace

SetAsides::~SetAsides() {
  std::error_code ignored;
  for (const Sorted& run : runs_) std::filesystem::remove(run.path, ignored);
}

void SetAsides::add(SetAside aside) {
  ++size_;
  held_bytes_ += memory_of(aside);
  held_.push_back(std::move(aside));
  if (held_bytes_ < held_bytes_max || prefix_.empty() || !trouble_.empty()) return;
  if (auto done = flush(); !done) trouble_ = done.error().detail;
}

// Lines of a quarantine file, the row standing for its record. What follows in order goes on in the
// same file: rows mostly come as they were read.
Result<void> SetAsides::flush() {
  if (held_.empty()) return {};
  std::stable_sort(held_.begin(), held_.end(),
                   [](const SetAside& a, const SetAside& b) { return a.row < b.row; });
  if (runs_.empty() || held_.front().row < last_row_) {
    runs_.emplace_back().path = fmt::format("{}.{}", prefix_.string(), runs_.size());
  }
  std::ofstream out(runs_.back().path, std::ios::binary | std::ios::app);
  for (const SetAside& aside : held_) {
    QuarantinedRecord record;
    record.row = static_cast<std::uint64_t>(aside.row);
    record.bytes = aside.bytes;
    record.violations = aside.violations;
    out << quarantine_line(record);
  }
  out.close();
  if (!out) return fail(Error::Code::io, "{}: can not be written", runs_.back().path.string());
  last_row_ = held_.back().row;
  held_.clear();
  held_bytes_ = 0;
  return {};
}

Result<void> SetAsides::advance(Sorted& run) {
  std::string line;
  run.more = static_cast<bool>(std::getline(run.in, line));
  if (!run.more) {
    std::error_code ignored;
    run.in.close();
    std::filesystem::remove(run.path, ignored);
    return {};
  }
  auto parsed = parse_quarantine(line + "\n");
  if (!parsed) return std::unexpected(parsed.error());
  QuarantinedRecord& record = parsed->front();
  run.next = {static_cast<std::int64_t>(record.row), std::move(record.violations),
              std::move(record.bytes)};
  return {};
}

Result<void> SetAsides::finish() {
  if (trouble_.empty() && !runs_.empty()) {
    if (auto done = flush(); !done) return done;
  }
  if (!trouble_.empty()) return fail(Error::Code::io, "{}", trouble_);
  std::stable_sort(held_.begin(), held_.end(),
                   [](const SetAside& a, const SetAside& b) { return a.row < b.row; });
  for (Sorted& run : runs_) {
    run.in.open(run.path, std::ios::binary);
    if (!run.in) return fail(Error::Code::io, "{}: can not be read", run.path.string());
    if (auto done = advance(run); !done) return done;
  }
  return {};
}

Result<std::vector<SetAside>> SetAsides::take(std::size_t rows_max) {
  std::vector<SetAside> out;
  if (runs_.empty()) {
    for (; taken_ < held_.size() && out.size() < rows_max; ++taken_) {
      out.push_back(std::move(held_[taken_]));
    }
    return out;
  }
  while (out.size() < rows_max) {
    Sorted* least = nullptr;
    for (Sorted& run : runs_) {
      if (run.more && (least == nullptr || run.next.row < least->next.row)) least = &run;
    }
    if (least == nullptr) break;
    out.push_back(std::move(least->next));
    if (auto done = advance(*least); !done) return std::unexpected(done.error());
  }
  return out;
}

}  // namespace daybook
