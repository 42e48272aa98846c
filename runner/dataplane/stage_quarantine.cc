// What the steps of a stage set aside, with the records behind it, in the order of the source.
#include <fstream>

#include "runner/dataplane/stage_job.h"

namespace daybook {

// Rows of a Parquet source again, by number, rising: the source is read once, and only as far as it
// is wanted.
class StageJob::ParquetFinder {
 public:
  explicit ParquetFinder(StageJob& job) : job_(job) {}
  Staged<std::string> find(SourceRow row) {
    if (!result_) {
      auto begun = duck_query(job_.database_->main(),
                              fmt::format("SELECT * FROM {}", job_.parquet_rows("")));
      if (!begun) return std::unexpected(failure_of(begun.error(), "reading what is set aside"));
      result_.emplace(std::move(*begun));
    }
    for (;;) {
      for (; at_ < rows_ && views_[0].at<std::int64_t>(at_) < row; ++at_) {
      }
      if (at_ < rows_) break;
      rows_ = result_->next(views_);
      at_ = 0;
      if (rows_ != 0) continue;
      DuckError error;
      if (result_->failed(error))
        return std::unexpected(failure_of(error, "reading what is set aside"));
      break;
    }
    if (at_ >= rows_ || views_[0].at<std::int64_t>(at_) != row) {
      return no_stage(ErrorClass::transient, "source.changed", "a record is not there any more");
    }
    const std::span<const VectorView> all(views_);
    const std::size_t count = job_.context_.columns.size();
    return record_as_json(all.subspan(1, count), all.subspan(1 + count), job_.context_.columns,
                          at_);
  }

 private:
  StageJob& job_;
  std::optional<DuckResult> result_;
  std::vector<VectorView> views_;
  std::uint32_t rows_ = 0, at_ = 0;
};

Staged<std::string> StageJob::parquet_record(SourceRow row) {
  return ParquetFinder(*this).find(row);
}

// The record behind a row that the steps set aside.
Staged<QuarantinedRecord> StageJob::record_of(SetAside aside, RecordFinder& finder,
                                              ParquetFinder& parquet) {
  QuarantinedRecord record;
  record.violations = std::move(aside.violations);
  if (aside.row >= derived_rows) {  // made by a query: of no one record
    record.row = static_cast<std::uint64_t>(aside.row - derived_rows);
    record.bytes = std::move(aside.bytes);
    return record;
  }
  record.input = input_of(aside.row);
  record.row = row_of(aside.row);
  const auto replaced = context_.overlay.find(aside.row);
  if (parquet_source() && replaced != context_.overlay.end()) {
    record.bytes = replaced->second.bytes;
  } else if (parquet_source()) {
    auto bytes = parquet.find(aside.row);
    if (!bytes) return std::unexpected(bytes.error());
    record.bytes = std::move(*bytes);
  } else {
    auto found = finder.find(aside.row);
    if (!found) return std::unexpected(found.error());
    record.byte_offset = found->offset;
    record.bytes = std::move(found->bytes);
  }
  return record;
}

// The reader's set-asides are in order already; those of the steps are put between them, line by
// line.
Staged<void> StageJob::write_quarantine_of(StageRun& run, PartDone& done) {
  const auto io = [](const Error& error) {
    return std::unexpected(stage_failure(ErrorClass::transient, "io", error.detail));
  };
  if (auto closed = run.quarantine->close(); !closed) return io(closed.error());
  if (run.quarantine->records() != 0) done.quarantine = run.quarantine->path();
  if (run.set_aside.empty()) return {};
  if (auto sorted = run.set_aside.finish(); !sorted) return io(sorted.error());
  std::ifstream earlier;
  if (!done.quarantine.empty()) earlier.open(done.quarantine, std::ios::binary);
  QuarantineWriter writer(run.quarantine->path().string() + ".all");
  std::string line;
  bool more = !done.quarantine.empty() && std::getline(earlier, line);
  RecordFinder finder(context_);
  ParquetFinder parquet(*this);
  for (;;) {
    auto asides = run.set_aside.take(1024);
    if (!asides) return io(asides.error());
    if (asides->empty()) break;
    for (SetAside& aside : *asides) {
      const SourceRow row = aside.row;
      while (more) {
        const auto place = quarantine_place(line);
        if (place && source_row(place->first, place->second) >= row) break;
        writer.add_line(line + "\n");
        more = static_cast<bool>(std::getline(earlier, line));
      }
      auto record = record_of(std::move(aside), finder, parquet);
      if (!record) return std::unexpected(record.error());
      writer.add(*record);
    }
  }
  for (; more; more = static_cast<bool>(std::getline(earlier, line))) writer.add_line(line + "\n");
  if (auto closed = writer.close(); !closed) return io(closed.error());
  std::error_code ignored;
  std::filesystem::remove(done.quarantine, ignored);
  done.quarantine = writer.path();
  return {};
}

}  // namespace daybook
