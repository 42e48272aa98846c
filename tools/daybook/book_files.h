// What lies beside the ledger of a book: configuration, signing key, payloads. The entries say what
// they have to be.
#pragma once

#include <functional>
#include <vector>

#include "ledger/ledger.h"
#include "replay/verify.h"
#include "runner/book.h"

namespace daybook {

struct BookFiles {
  std::uint64_t payloads = 0, bytes = 0;  // that are what their entries say
  std::uint64_t erased = 0;               // that an entry says are gone
  std::vector<Finding> findings;
};

// Reads every payload that one of the first `size` entries refers to and authenticates it; all
// entries say what was erased, and which key signs. A copy of a book without its signing key is
// whole; one whose key is another is not. An error only where the ledger can not be read.
Result<BookFiles> check_book_files(
    const BookPaths& paths, const BookConfig& config, const Ledger& ledger, EntryIndex size,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace daybook
