// The files of a source, cut into parts of whole records. Where a part ends depends on the bytes
// alone, never on who asks: parts are worked on in parallel and put together in order.
//
// Planning reads each file once, front to back, and fixes it: SHA-256 of its bytes, count of its
// records, and a check value of every range that the reader of that range must meet again.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/dataplane/csv_splitter.h"
#include "runner/dataplane/failure.h"
#include "runner/definition/pipeline.h"

namespace daybook {

namespace dataplane_limits {
inline constexpr std::uint64_t record_bytes_max = 8ULL << 20;
inline constexpr std::uint64_t field_bytes_max = 1ULL << 20;
inline constexpr std::size_t columns_max = 4096;
inline constexpr std::uint64_t part_bytes = 16ULL << 20;
inline constexpr std::uint64_t parts_wanted = 64;  // of one partition, where they stay small
inline constexpr std::uint64_t part_bytes_max = 32ULL
                                                << 20;  // what parts at work hold grows with it
}  // namespace dataplane_limits

// CRC-32C over a stream, in any portions: tells a source that changes while it is read.
std::uint32_t crc32c(std::uint32_t crc, const char* data, std::size_t size);

// Records [first_row, first_row + rows) of one file, whole.
struct RecordRange {
  std::uint32_t input = 0;
  std::uint64_t begin = 0, end = 0;  // byte offsets
  std::uint64_t first_row = 0, rows = 0;
  bool oversize = false;      // one record beyond the limit: set aside unread
  bool unterminated = false;  // … because a quote in it never closes
  std::uint32_t check = 0;
};

struct SourcePart {
  std::uint32_t index = 0;
  std::uint64_t bytes = 0;
  std::vector<RecordRange> ranges;
};

struct SourceFile {
  std::string path, name;
  int descriptor = -1;
  struct stat identity {};
  std::uint64_t size = 0, data_begin = 0;
  std::string header;        // the header record's bytes, without separator
  std::vector<int> columns;  // contract column at each place in the file; CSV only
  Digest digest{};           // once planned to its end
  std::uint64_t records = 0;
};

// Splits one CSV record (no separator) into its fields, quotes resolved; nullopt when malformed.
std::optional<std::vector<std::string>> split_csv_record(std::string_view record, CsvSyntax syntax);

class SourceParts {
 public:
  // Opens every file and reads the headers. `columns` is filled from the first header when it is
  // empty (a source without a contract).
  static Staged<std::unique_ptr<SourceParts>> open(const FileSource& source,
                                                   const std::vector<std::string>& paths,
                                                   const std::string& project,
                                                   std::vector<Column>& columns,
                                                   StageProgress& progress);
  // One nameless, empty file with this header: for records that come from elsewhere.
  static Staged<std::unique_ptr<SourceParts>> of_header(const FileSource& source,
                                                        const std::string& header,
                                                        std::vector<Column>& columns,
                                                        StageProgress& progress);
  ~SourceParts();

  // The part, or null past the last one. Plans as far as needed; any thread.
  Staged<const SourcePart*> part(std::size_t index);
  // Plans to the end. The source is unchanged since open, or this fails with source.changed.
  Staged<void> finish();

  const std::vector<SourceFile>& files() const { return files_; }
  std::uint64_t total_bytes() const { return total_bytes_; }
  const FileSource& source() const { return source_; }
  CsvSyntax syntax() const { return {source_.csv.delimiter, source_.csv.quote}; }
  // Row and offset of the range that holds the record; null when there is none such.
  const RecordRange* find(std::uint32_t input, std::uint64_t row);

 private:
  SourceParts(const FileSource& source, StageProgress& progress)
      : source_(source), progress_(progress) {}
  Staged<void> open_file(const std::string& path, const std::string& project,
                         std::vector<Column>& columns);
  Staged<void> match_header(SourceFile& file, std::vector<Column>& columns);
  Staged<bool> plan_one();  // one more part; false: there is none

  FileSource source_;
  StageProgress& progress_;
  std::vector<SourceFile> files_;
  std::uint64_t total_bytes_ = 0, part_target_ = 0;

  std::mutex mutex_;
  std::deque<SourcePart> parts_;
  std::size_t file_ = 0;  // being planned
  std::uint64_t position_ = 0, next_row_ = 1;
  std::unique_ptr<Sha256> hash_;
  std::uint64_t hashed_ = 0;
  std::vector<char> buffer_;
  bool planned_ = false;
  std::optional<StageFailure> failed_;
};

// Reads exactly [begin, end) or fails with source.changed or io.
Staged<void> read_exactly(const SourceFile& file, std::uint64_t begin, std::uint64_t end,
                          char* into);

}  // namespace daybook
