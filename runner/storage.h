// Where a keeper's book lies: the one place that names the machine's own disk. The seam at which
// the simulator puts a simulated one in its place, by linking its own storage.cc.
#pragma once

#include <memory>

#include "ledger/anchor.h"
#include "ledger/file_system.h"
#include "ledger/ledger.h"
#include "runner/book.h"

namespace daybook {

// Beneath keys, payloads and the anchor.
FileSystem& book_files();

// create_ledger() and RocksdbLedger::open() at the book's place.
Result<void> make_book_ledger(const BookPaths& paths, const BookConfig& config, const LedgerId& id);
Result<std::unique_ptr<Ledger>> open_book_ledger(const BookPaths& paths, const BookConfig& config);

Result<void> make_book_folders(const BookPaths& paths);
// Removes what earlier processes staged. What can not be removed costs space and nothing else.
void clear_staging(const BookPaths& paths);

// Says so and ends the process: there is one recovery path, and it runs at the next start.
[[noreturn]] void storage_failed(const Error& error);

}  // namespace daybook
