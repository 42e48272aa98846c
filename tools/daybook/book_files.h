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

// Reads every payload an entry refers to and authenticates it. A copy of a book without its signing
// key is whole; one whose key is another is not. An error only where the ledger can not be read.
Result<BookFiles> check_book_files(
    const BookPaths& paths, const BookConfig& config, const Ledger& ledger,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace daybook
