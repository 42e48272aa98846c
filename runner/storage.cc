#include "runner/storage.h"

#include <cstdio>
#include <cstdlib>

#include "ledger/rocksdb_ledger.h"

namespace daybook {

namespace {

RocksdbLedgerOptions ledger_options(const BookPaths& paths, const BookConfig& config) {
  const std::filesystem::path anchor(config.anchor);
  return {.anchor_path = (anchor.is_absolute() ? anchor : paths.root / anchor).string()};
}

}  // namespace

FileSystem& book_files() { return posix_file_system(); }

Result<void> make_book_ledger(const BookPaths& paths, const BookConfig& config,
                              const LedgerId& id) {
  return create_ledger(paths.root.string(), id, ledger_options(paths, config));
}

Result<std::unique_ptr<Ledger>> open_book_ledger(const BookPaths& paths, const BookConfig& config) {
  auto ledger = RocksdbLedger::open(paths.root.string(), ledger_options(paths, config));
  if (!ledger) return std::unexpected(ledger.error());
  return std::unique_ptr<Ledger>(std::move(*ledger));
}

Result<void> make_book_folders(const BookPaths& paths) {
  std::error_code error;
  for (const auto& folder : {paths.keys(), paths.payloads(), paths.staging()}) {
    std::filesystem::create_directories(folder, error);
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return fail(Error::Code::io, "{}: {}", folder.string(), error.message());
  }
  return {};
}

void clear_staging(const BookPaths& paths) {
  std::error_code ignored;
  for (const auto& left : std::filesystem::directory_iterator(paths.staging(), ignored))
    std::filesystem::remove_all(left.path(), ignored);
}

void storage_failed(const Error& error) {
  std::fprintf(stderr,
               "daybook: the book can not be written: %s\n"
               "daybook: stopped here; nothing acknowledged is lost, and the next start recovers\n",
               error.detail.c_str());
  std::fflush(stderr);
  std::_Exit(10);
}

}  // namespace daybook
