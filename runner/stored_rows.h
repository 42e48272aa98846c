// The rows of one generation as its sink keeps them, found again and held against the book.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "runner/book_view.h"
#include "runner/definition/pipeline.h"

namespace daybook {

struct StoredRows {
  FileFormat format = FileFormat::parquet;
  std::vector<std::filesystem::path> files;  // in order; none for a generation without rows
};

// Reads every file once, to see that it is what LoadCommitted recorded. `not_found` where the data
// are not kept any more (directory sinks keep the newest few superseded generations), or where the
// sink keeps no generations of its own (a database); `corrupt` where a file is another one.
Result<StoredRows> stored_rows(const BookView& book, const Pipeline& pipeline, const Slot& slot,
                               const GenerationState& generation);

}  // namespace daybook
