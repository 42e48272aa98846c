// One group on its way into RocksDB. Private to the rocksdb_* sources.
#pragma once

#include <rocksdb/write_batch.h>

#include "ledger/rocksdb_log.h"
#include "ledger/staged_ledger.h"

namespace daybook::rocksdb_log {

struct RocksdbGroup : StagedLedger::Group {
  std::uint64_t first = 0;
  rocksdb::WriteBatch batch{0, 0, 8, 0};  // 8 protection bytes a key
  OpenTiles open;                         // of the tree with this group
};

// Leaves, tree and rows of the group: `tail` moves on to its end. A bundle that came in more than a
// few rows is written again as one row when it is full, in the batch that fills it.
Result<void> prepare_group(Tail& tail, std::span<const Bytes> entries, RocksdbGroup& group);

}  // namespace daybook::rocksdb_log
