// The log in RocksDB: keys, options, and reading. Private to the rocksdb_* sources.
//
// One column family, with keys such that the log only grows to the right and files are never
// rewritten (docs/ledger_format.md has the bytes):
//   "e" | u64 big-endian first index | 0        a row of entries (ledger/tiles.h), never across a
//                                               multiple of 256
//   "e" | u64 of the last bundle | 1 + level    a sealed tile, 256 hashes, beside the bundle that
//                                               sealed it
//   "i"                                         the ledger id
//   "k" | name                                  named values
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/anchor.h"
#include "ledger/ledger.h"
#include "ledger/rocksdb_ledger.h"
#include "ledger/tile_tree.h"

namespace daybook::rocksdb_log {

using Key = std::array<char, 10>;
Key row_key(std::uint64_t first);
Key tile_key(unsigned level, std::uint64_t index);

inline rocksdb::Slice slice(const Key& key) { return {key.data(), key.size()}; }
inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

Error error_of(const rocksdb::Status& status, std::string_view what);

// Null where RocksDB's own file system is used.
std::unique_ptr<rocksdb::Env> env_of(const RocksdbLedgerOptions& options);
rocksdb::Options database_options(const RocksdbLedgerOptions& options, rocksdb::Env* env);

Result<std::vector<Digest>> read_tile(rocksdb::DB& db, unsigned level, std::uint64_t index);

// Rows of [from, to), dense or an error: `visit(first, entries)` for each row, cut to the range.
// False stops.
using VisitRow = std::function<bool(std::uint64_t first, std::span<const Bytes> entries)>;
Result<void> read_rows(rocksdb::DB& db, std::uint64_t from, std::uint64_t to,
                       const VisitRow& visit);

Result<std::uint64_t> end_of_log(rocksdb::DB& db);

// What a keeper needs to go on: the tree, and the open bundle.
struct Tail {
  TileTree tree;
  std::vector<std::string> open_entries;
  std::vector<std::uint64_t> open_rows;  // first indexes
};

// Looks without writing: the end of the log reaches the anchor and the root at the anchor's size is
// the anchored one, else `corrupt`.
Result<Tail> load_tail(rocksdb::DB& db, const AnchorHead& anchor);

}  // namespace daybook::rocksdb_log
