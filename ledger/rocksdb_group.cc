#include "ledger/rocksdb_group.h"

#include <algorithm>

#include "ledger/tiles.h"

namespace daybook::rocksdb_log {
namespace {

constexpr std::size_t rows_max = 8;

void put_rows(Tail& tail, std::span<const Bytes> entries, rocksdb::WriteBatch& batch) {
  thread_local std::string row;
  std::vector<Bytes> whole;
  std::uint64_t first = tail.tree.size();
  while (!entries.empty()) {
    const std::uint64_t bundle = first / tile_width * tile_width;
    const std::size_t take = std::min<std::size_t>(entries.size(), bundle + tile_width - first);
    const std::span<const Bytes> piece = entries.first(take);
    const bool full = first + take == bundle + tile_width;
    if (full && tail.open_rows.size() >= rows_max) {
      whole.clear();
      for (const std::string& entry : tail.open_entries) whole.push_back(bytes_of(entry));
      whole.insert(whole.end(), piece.begin(), piece.end());
      for (const std::uint64_t other : tail.open_rows) {
        if (other != bundle) batch.Delete(slice(row_key(other)));
      }
      encode_row(whole, row);
      batch.Put(slice(row_key(bundle)), row);
    } else {
      encode_row(piece, row);
      batch.Put(slice(row_key(first)), row);
    }
    if (full) {
      tail.open_entries.clear();
      tail.open_rows.clear();
    } else {
      tail.open_rows.push_back(first);
      for (const Bytes& entry : piece) {
        tail.open_entries.emplace_back(reinterpret_cast<const char*>(entry.data()), entry.size());
      }
    }
    first += take;
    entries = entries.subspan(take);
  }
}

}  // namespace

Result<void> prepare_group(Tail& tail, std::span<const Bytes> entries, RocksdbGroup& group) {
  if (entries.empty()) return fail(Error::Code::invalid, "a group has entries");
  for (const Bytes& entry : entries) {
    if (entry.empty() || entry.size() > entry_bytes_max) {
      return fail(Error::Code::invalid, "an entry has 1 to {} bytes, not {}", entry_bytes_max,
                  entry.size());
    }
  }
  thread_local std::vector<Digest> leaves;
  leaves.resize(entries.size());
  hash_leaves(entries, leaves);
  group.first = tail.tree.size();
  group.batch.Clear();
  put_rows(tail, entries, group.batch);
  tail.tree.append(leaves, [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    group.batch.Put(slice(tile_key(level, index)),
                    rocksdb::Slice(reinterpret_cast<const char*>(tile.data()), tile.size_bytes()));
  });
  group.head = {tail.tree.size(), tail.tree.root()};
  group.open = tail.tree.open();
  return {};
}

}  // namespace daybook::rocksdb_log
