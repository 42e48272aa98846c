// Finds the original bytes of records again, by number. Asked in source order it walks the source
// once; asked backwards it starts a range over.
#pragma once

#include "runner/dataplane/record_reader.h"

namespace daybook {

class RecordFinder {
 public:
  // Which bytes of a record that was replaced: what was read, or what stands in the file.
  enum class Of : std::uint8_t { replacement, source };
  explicit RecordFinder(const ReadContext& context, Of of = Of::replacement)
      : context_(context), of_(of) {}
  struct Found {
    std::string bytes;
    std::uint64_t offset = 0;
  };
  Staged<Found> find(SourceRow row);

 private:
  Staged<bool> load();

  const ReadContext& context_;
  Of of_;
  const RecordRange* range_ = nullptr;
  std::vector<char> bytes_;
  std::size_t begin_ = 0, usable_ = 0;  // in bytes_
  std::uint64_t position_ = 0;          // file offset of bytes_[0]
  std::uint64_t row_ = 0;               // of the record at begin_
  std::size_t want_ = 1 << 20;
};

}  // namespace daybook
