// The ledger on disk: entries, sealed tiles and named values in RocksDB under `<book>/book`, the
// anchor beside it, one keeper at a time under `<book>/ledger.lock`.
//
// Promise: what append returned survives kill -9 and loss of power; damage is refused with
// `corrupt`, never served as a shorter history. The first failed write stops the ledger for good.
#pragma once

#include <memory>
#include <string>

#include "ledger/anchor.h"
#include "ledger/staged_ledger.h"

namespace rocksdb {
class FileSystem;
}

namespace daybook {

struct RocksdbLedgerOptions {
  std::string anchor_path = {};  // empty: `<book>/anchor`; better on another device
  FileSystem* files = nullptr;   // null: posix_file_system()
  std::shared_ptr<rocksdb::FileSystem> rocksdb_files = nullptr;  // null: RocksDB's own
  // Bounds what a crash leaves to replay, and so the time to open after one.
  std::size_t write_buffer_bytes = std::size_t{8} << 20;
};

// Makes an empty book in `dir`, which is absent or empty (else conflict). `id` is random.
Result<void> create_ledger(const std::string& dir, const LedgerId& id,
                           const RocksdbLedgerOptions& options = {});

class RocksdbLedger : public StagedLedger {
 public:
  // For the keeper. Takes the lock (conflict names who holds it), then looks without writing: the
  // end of the log must reach the anchor and the root at the anchor's size must be the anchored
  // one; otherwise `corrupt`, with every file of the database and the anchor as it was. Entries
  // after the anchor (a crash came before it) are kept if the tree over them can be recomputed.
  static Result<std::unique_ptr<RocksdbLedger>> open(const std::string& dir,
                                                     const RocksdbLedgerOptions& options = {});
  // Beside a living keeper, or without one: takes no lock, writes nothing to the book. append and
  // put fail with `conflict`. Shows what was there at open and at each refresh().
  static Result<std::unique_ptr<RocksdbLedger>> open_reader(
      const std::string& dir, const RocksdbLedgerOptions& options = {});

  // Readers: catches up with the keeper. Never shows less than the anchor says now; `unavailable`
  // where the keeper's writes can not be seen yet. One thread, no read beside it.
  virtual Result<void> refresh() = 0;

  virtual LedgerId id() const = 0;
  virtual std::uint64_t boot_epoch() const = 0;  // 1 at the first open; each open adds one
};

}  // namespace daybook
