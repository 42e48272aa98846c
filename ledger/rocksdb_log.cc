#include "ledger/rocksdb_log.h"

#include <rocksdb/file_system.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "ledger/tiles.h"

namespace daybook::rocksdb_log {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr std::size_t key_bytes = std::tuple_size_v<Key>;

Key log_key(std::uint64_t index, unsigned kind) {
  Key key;
  key[0] = 'e';
  for (std::size_t i = 0; i < 8; ++i) key[1 + i] = static_cast<char>(index >> (56 - 8 * i));
  key[9] = static_cast<char>(kind);
  return key;
}

Bytes bytes(const Slice& s) { return bytes_of(std::string_view(s.data(), s.size())); }

bool is_row(const Slice& key) { return key.size() == key_bytes && key[9] == 0; }

std::uint64_t index_of(const Slice& key) {
  std::uint64_t index = 0;
  for (std::size_t i = 1; i <= 8; ++i) {
    index = index << 8 | static_cast<std::uint8_t>(key[i]);
  }
  return index;
}

class QuietLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// RocksDB sleeps a second after a background error; on an injected file system nobody waits.
class InjectedEnv : public rocksdb::EnvWrapper {
 public:
  explicit InjectedEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper(rocksdb::NewCompositeEnv(files)) {}
  const char* Name() const override { return "DaybookInjectedEnv"; }
  void SleepForMicroseconds(int) override {}
};

rocksdb::ReadOptions scan_options() {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  return read;
}

std::unexpected<Error> bad_at(std::uint64_t index, std::string_view what) {
  return fail(Error::Code::corrupt, "first bad index {}: {}", index, what);
}

}  // namespace

Key row_key(std::uint64_t first) { return log_key(first, 0); }

Key tile_key(unsigned level, std::uint64_t index) {
  return log_key(((index + 1) << tile_height * (level + 1)) - tile_width, 1 + level);
}

Error error_of(const Status& status, std::string_view what) {
  const Error::Code code = status.IsCorruption() ? Error::Code::corrupt
                           : status.IsNotFound() ? Error::Code::not_found
                           : status.IsTryAgain() ? Error::Code::unavailable
                                                 : Error::Code::io;
  return {code, fmt::format("{}: {}", what, status.ToString())};
}

std::unique_ptr<rocksdb::Env> env_of(const RocksdbLedgerOptions& options) {
  return options.rocksdb_files ? std::make_unique<InjectedEnv>(options.rocksdb_files) : nullptr;
}

rocksdb::Options database_options(const RocksdbLedgerOptions& options, rocksdb::Env* env) {
  rocksdb::Options o;
  if (env != nullptr) o.env = env;
  o.info_log = std::make_shared<QuietLog>();
  o.create_if_missing = false;
  o.paranoid_checks = true;
  o.track_and_verify_wals_in_manifest = true;  // and SyncWAL is never called: 7.8 then misreports
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;  // the anchor decides
  o.recycle_log_file_num = 0;
  o.max_bgerror_resume_count = 0;
  o.memtable_protection_bytes_per_key = 8;
  o.max_background_jobs = 2;
  o.write_buffer_size = options.write_buffer_bytes;
  o.max_write_buffer_number = 4;
  o.allow_concurrent_memtable_write = false;  // there is one writer
  o.level_compaction_dynamic_level_bytes = true;
  o.compression = rocksdb::kNoCompression;
  // Opening touches a few files, not all: a table is opened when it is read.
  o.max_open_files = 64;
  o.skip_stats_update_on_db_open = true;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 32 << 10;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

Result<std::vector<Digest>> read_tile(rocksdb::DB& db, unsigned level, std::uint64_t index) {
  std::string value;
  const Status status = db.Get({}, slice(tile_key(level, index)), &value);
  const std::uint64_t first = index << tile_height * (level + 1);
  if (status.IsNotFound() || status.IsCorruption() ||
      (status.ok() && value.size() != tile_width * sizeof(Digest))) {
    return bad_at(first, fmt::format("tile {} of level {}: {}", index, level, status.ToString()));
  }
  if (!status.ok()) return std::unexpected(error_of(status, "reading a tile"));
  std::vector<Digest> tile(tile_width);
  std::memcpy(tile.data(), value.data(), value.size());
  return tile;
}

Result<void> read_rows(rocksdb::DB& db, std::uint64_t from, std::uint64_t to,
                       const VisitRow& visit) {
  if (from >= to) return {};
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(scan_options()));
  it->SeekForPrev(slice(row_key(from)));
  while (it->Valid() && it->key()[0] == 'e' && !is_row(it->key())) it->Prev();
  std::uint64_t next = from;
  std::vector<std::uint64_t> aligned;
  std::vector<Bytes> entries;
  for (; next < to && it->Valid() && it->key()[0] == 'e'; it->Next()) {
    if (!is_row(it->key())) continue;
    const std::uint64_t first = index_of(it->key());
    if (first > next) return bad_at(next, fmt::format("the log goes on at {}", first));
    Bytes row = bytes(it->value());
    if (reinterpret_cast<std::uintptr_t>(row.data()) % 8 != 0) {
      aligned.resize((row.size() + 7) / 8);
      std::memcpy(aligned.data(), row.data(), row.size());
      row = std::as_bytes(std::span(aligned)).first(row.size());
    }
    if (const auto parsed = parse_row(row, entries); !parsed) {
      return bad_at(next, parsed.error().detail);
    }
    const std::uint64_t end = std::min(first + entries.size(), to);
    if (end <= next) return bad_at(next, "the log has a gap");
    if (!visit(next, std::span(entries).subspan(next - first, end - next))) return {};
    next = end;
  }
  // An iterator that met a read error may look like one at its end: only the count is trusted.
  if (!it->status().ok()) return bad_at(next, it->status().ToString());
  if (next < to) return bad_at(next, fmt::format("the log ends here, {} were promised", to));
  return {};
}

Result<std::uint64_t> end_of_log(rocksdb::DB& db) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}));
  it->SeekForPrev("f");
  while (it->Valid() && it->key()[0] == 'e' && !is_row(it->key())) it->Prev();
  if (!it->status().ok()) return std::unexpected(error_of(it->status(), "finding the end"));
  if (!it->Valid() || it->key()[0] != 'e') return 0;
  std::vector<Bytes> entries;
  const std::uint64_t first = index_of(it->key());
  if (const auto parsed = parse_row(bytes(it->value()), entries); !parsed) {
    return bad_at(first, parsed.error().detail);
  }
  return first + entries.size();
}

namespace {

// Entry by entry.
Result<void> read_log(rocksdb::DB& db, std::uint64_t from, std::uint64_t to,
                      const Ledger::Visit& visit) {
  return read_rows(db, from, to, [&](std::uint64_t first, std::span<const Bytes> entries) {
    return std::ranges::all_of(entries, [&](const Bytes& entry) { return visit(first++, entry); });
  });
}

// The first entry that differs from the tile that covers it, once a root was found wrong.
Error locate_damage(rocksdb::DB& db, std::uint64_t size, const std::string& found) {
  std::vector<Digest> tile;
  std::optional<std::uint64_t> bad;
  std::optional<Error> tile_error;
  const auto read =
      read_log(db, 0, size / tile_width * tile_width, [&](std::uint64_t index, Bytes entry) {
        if (index % tile_width == 0) {
          auto stored = read_tile(db, 0, index / tile_width);
          if (!stored) {
            tile_error = stored.error();
            return false;
          }
          tile = std::move(*stored);
        }
        if (tile[index % tile_width] == hash_leaf(entry)) return true;
        bad = index;
        return false;
      });
  if (tile_error) return *tile_error;
  if (!read) return read.error();
  if (bad) {
    return {Error::Code::corrupt,
            fmt::format("first bad index {}: entry and tile differ; entries before it are "
                        "consistent with their tiles; {}",
                        *bad, found)};
  }
  return {Error::Code::corrupt,
          fmt::format("first bad index unknown, nothing can be trusted against this anchor: {}",
                      found)};
}

}  // namespace

Result<Tail> load_tail(rocksdb::DB& db, const AnchorHead& anchor) {
  std::string id;
  const Status status = db.Get({}, "i", &id);
  if (!status.ok()) return std::unexpected(error_of(status, "reading the ledger id"));
  if (id != std::string_view(reinterpret_cast<const char*>(anchor.ledger.data()), 16)) {
    return fail(Error::Code::corrupt, "the anchor belongs to ledger {}, the database to {}",
                hex(std::as_bytes(std::span(anchor.ledger))), hex(bytes_of(id)));
  }
  const Result<std::uint64_t> end = end_of_log(db);
  if (!end) return std::unexpected(end.error());
  if (*end < anchor.head.size) {
    return std::unexpected(
        Error{Error::Code::corrupt,
              fmt::format("first bad index {0}: the ledger ends at {0}, the anchor proves {1}",
                          *end, anchor.head.size),
              "restore the database from a copy; nothing was changed"});
  }
  const ReadTile tiles = [&](unsigned level, std::uint64_t index) {
    return read_tile(db, level, index);
  };
  // Entries of the bundle the anchor ends in, and after it, are hashed again.
  Tail tail;
  std::vector<Digest> leaves;
  const std::uint64_t from = std::min(anchor.head.size, *end) / tile_width * tile_width;
  const std::uint64_t open_from = *end / tile_width * tile_width;
  const auto read = read_log(db, from, *end, [&](std::uint64_t index, Bytes entry) {
    leaves.push_back(hash_leaf(entry));
    if (index >= open_from) {
      tail.open_entries.emplace_back(reinterpret_cast<const char*>(entry.data()), entry.size());
    }
    return true;
  });
  if (!read) return std::unexpected(read.error());
  for (std::uint64_t bundle = from; bundle < open_from; bundle += tile_width) {
    const auto stored = read_tile(db, 0, bundle / tile_width);
    if (!stored) return std::unexpected(stored.error());
    const auto fresh = std::span(leaves).subspan(bundle - from, tile_width);
    const auto differ = std::ranges::mismatch(*stored, fresh);
    if (differ.in1 != stored->end()) {
      return bad_at(bundle + static_cast<std::uint64_t>(differ.in1 - stored->begin()),
                    "entry and tile differ");
    }
  }
  Result<TileTree> tree =
      TileTree::rebuild(*end, std::span(leaves).subspan(open_from - from), tiles);
  if (!tree) return std::unexpected(tree.error());
  tail.tree = std::move(*tree);
  const Result<Digest> root = root_of(anchor.head.size, [&](unsigned level, std::uint64_t index) {
    return subtree_hash(tail.tree.open(), tiles, level, index);
  });
  if (!root) return std::unexpected(root.error());
  if (*root != anchor.head.root) {
    return std::unexpected(
        locate_damage(db, *end,
                      fmt::format("the root at {} is {}, the anchor proves {}", anchor.head.size,
                                  hex(*root), hex(anchor.head.root))));
  }
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}));
  for (it->Seek(slice(row_key(open_from))); it->Valid() && it->key()[0] == 'e'; it->Next()) {
    if (is_row(it->key())) tail.open_rows.push_back(index_of(it->key()));
  }
  if (!it->status().ok()) return std::unexpected(error_of(it->status(), "reading the tail"));
  return tail;
}

}  // namespace daybook::rocksdb_log
