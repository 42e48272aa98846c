// Keys, one column family, so that the log only grows to the right and files are never rewritten:
//   "e" | u64 big-endian first index | 0        a row of entries (ledger/tiles.h), never across a
//                                               multiple of 256
//   "e" | u64 of the last bundle | 1 + level    a sealed tile, 256 hashes, beside the bundle that
//                                               sealed it
//   "i"                                         the ledger id
//   "k" | name                                  named values
// A bundle that came in more than `rows_max` rows is written again as one row when it is full, in
// the batch that fills it.
#include "ledger/rocksdb_ledger.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <optional>

#include "ledger/assertion.h"
#include "ledger/tile_tree.h"
#include "ledger/tiles.h"

namespace daybook {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr std::size_t rows_max = 8;
constexpr std::size_t key_bytes = 10;
using Key = std::array<char, key_bytes>;

Key log_key(std::uint64_t index, unsigned kind) {
  Key key;
  key[0] = 'e';
  for (std::size_t i = 0; i < 8; ++i) key[1 + i] = static_cast<char>(index >> (56 - 8 * i));
  key[9] = static_cast<char>(kind);
  return key;
}

Key tile_key(unsigned level, std::uint64_t index) {
  return log_key(((index + 1) << tile_height * (level + 1)) - tile_width, 1 + level);
}

Slice slice(const Key& key) { return {key.data(), key.size()}; }
Slice slice(std::string_view text) { return {text.data(), text.size()}; }
Bytes bytes(const Slice& s) { return bytes_of(std::string_view(s.data(), s.size())); }

bool is_row(const Slice& key) { return key.size() == key_bytes && key[9] == 0; }

std::uint64_t index_of(const Slice& key) {
  std::uint64_t index = 0;
  for (std::size_t i = 1; i <= 8; ++i) {
    index = index << 8 | static_cast<std::uint8_t>(key[i]);
  }
  return index;
}

Error error_of(const Status& status, std::string_view what) {
  const Error::Code code = status.IsCorruption() ? Error::Code::corrupt
                           : status.IsNotFound() ? Error::Code::not_found
                           : status.IsTryAgain() ? Error::Code::unavailable
                                                 : Error::Code::io;
  return {code, fmt::format("{}: {}", what, status.ToString())};
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

struct Places {
  std::string dir, database, anchor, lock;
  FileSystem* files;
};

Places places_of(const std::string& dir, const RocksdbLedgerOptions& options) {
  return {dir, dir + "/book", options.anchor_path.empty() ? dir + "/anchor" : options.anchor_path,
          dir + "/ledger.lock", options.files != nullptr ? options.files : &posix_file_system()};
}

rocksdb::Options rocksdb_options(const RocksdbLedgerOptions& options, rocksdb::Env* env) {
  rocksdb::Options o;
  if (env != nullptr) o.env = env;
  o.info_log = std::make_shared<QuietLog>();
  o.create_if_missing = false;
  o.paranoid_checks = true;
  o.track_and_verify_wals_in_manifest = true;  // and SyncWAL is never called: 7.8 then misreports
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;  // the anchor decides
  o.recycle_log_file_num = 0;
  o.max_bgerror_resume_count = 0;
  o.memtable_protection_bytes_per_key = 0;
  o.max_background_jobs = 2;
  o.write_buffer_size = options.write_buffer_bytes;
  o.max_write_buffer_number = 4;
  o.allow_concurrent_memtable_write = false;  // there is one writer
  o.level_compaction_dynamic_level_bytes = true;
  o.compression = rocksdb::kNoCompression;
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

rocksdb::ReadOptions scan_options() {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  return read;
}

std::unexpected<Error> bad_at(std::uint64_t index, std::string_view what) {
  return fail(Error::Code::corrupt, "first bad index {}: {}", index, what);
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

// Rows of [from, to), dense or an error; see Ledger::read.
Result<void> read_log(rocksdb::DB& db, std::uint64_t from, std::uint64_t to,
                      const Ledger::Visit& visit) {
  if (from >= to) return {};
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(scan_options()));
  it->SeekForPrev(slice(log_key(from, 0)));
  while (it->Valid() && it->key()[0] == 'e' && !is_row(it->key())) it->Prev();
  std::uint64_t next = from;
  std::vector<std::uint64_t> aligned;
  std::vector<Bytes> entries;
  while (next < to) {
    if (!it->Valid() || it->key()[0] != 'e') break;
    if (!is_row(it->key())) {
      it->Next();
      continue;
    }
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
    if (first + entries.size() <= next) return bad_at(next, "the log has a gap");
    for (std::uint64_t i = next - first; i < entries.size() && next < to; ++i, ++next) {
      if (!visit(next, entries[i])) return {};
    }
    it->Next();
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

// What a keeper needs to go on: the tree, and the open bundle.
struct Tail {
  TileTree tree;
  std::vector<std::string> open_entries;
  std::vector<std::uint64_t> open_rows;  // first indexes
};

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
  for (it->Seek(slice(log_key(open_from, 0))); it->Valid() && it->key()[0] == 'e'; it->Next()) {
    if (is_row(it->key())) tail.open_rows.push_back(index_of(it->key()));
  }
  if (!it->status().ok()) return std::unexpected(error_of(it->status(), "reading the tail"));
  return tail;
}

class Keeper : public RocksdbLedger {
 public:
  enum class Role { keeper, reader };

  Keeper(Role role, Places places, std::unique_ptr<rocksdb::Env> env,
         std::unique_ptr<rocksdb::DB> db, Tail tail, std::unique_ptr<File> lock,
         std::optional<Anchor> anchor, const AnchorHead& anchored)
      : role_(role),
        places_(std::move(places)),
        env_(std::move(env)),
        lock_(std::move(lock)),
        db_(std::move(db)),
        tail_(std::move(tail)),
        anchor_(std::move(anchor)),
        anchored_(anchored) {
    publish();
  }

  ~Keeper() override {
    // A flushed book opens without replaying its write-ahead log.
    if (role_ == Role::keeper && !stopped_.load()) {
      (void)db_->Flush(rocksdb::FlushOptions());
      (void)db_->Close();
    }
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  Result<TreeHead> append(std::span<const Bytes> entries) override {
    if (const auto ready = writable(); !ready) return std::unexpected(ready.error());
    for (const Bytes& entry : entries) {
      if (entry.empty() || entry.size() > entry_bytes_max) {
        return fail(Error::Code::invalid, "an entry has 1 to {} bytes, not {}", entry_bytes_max,
                    entry.size());
      }
    }
    if (entries.empty()) return head();
    batch_.Clear();
    leaves_.resize(entries.size());
    hash_leaves(entries, leaves_);
    put_rows(entries);
    tail_.tree.append(
        leaves_, [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
          batch_.Put(slice(tile_key(level, index)),
                     Slice(reinterpret_cast<const char*>(tile.data()), tile.size_bytes()));
        });
    rocksdb::WriteOptions write;
    write.sync = true;
    if (const Status status = db_->Write(write, &batch_); !status.ok()) {
      return std::unexpected(stop(error_of(status, "appending")));
    }
    anchored_.head = {tail_.tree.size(), tail_.tree.root()};
    if (const auto advanced = anchor_->advance(anchored_); !advanced) {
      return std::unexpected(stop(advanced.error()));
    }
    publish();
    return anchored_.head;
  }

  TreeHead head() const override {
    const std::lock_guard guard(mutex_);
    return head_;
  }

  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override {
    if (const auto within = bounded(from, to); !within) return within;
    return read_log(*db_, from, to, visit);
  }

  Result<Digest> root_at(std::uint64_t size) const override {
    if (const auto within = bounded(0, size); !within) return std::unexpected(within.error());
    return root_of(size, subtrees());
  }

  Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                              std::uint64_t size) const override {
    if (const auto within = bounded(0, size); !within) return std::unexpected(within.error());
    if (index >= size) return fail(Error::Code::invalid, "index {} of {}", index, size);
    return prove_inclusion(index, size, subtrees());
  }

  Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                std::uint64_t to) const override {
    if (const auto within = bounded(from, to); !within) return std::unexpected(within.error());
    return prove_consistency(from, to, subtrees());
  }

  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override {
    return read_tile(*db_, level, index);
  }

  Result<void> put(std::string_view key, Bytes value) override {
    if (const auto ready = writable(); !ready) return ready;
    rocksdb::WriteOptions write;
    write.sync = true;
    const Status status =
        db_->Put(write, slice(std::string("k").append(key)),
                 Slice(reinterpret_cast<const char*>(value.data()), value.size()));
    if (!status.ok()) return std::unexpected(stop(error_of(status, "storing a value")));
    return {};
  }

  Result<std::string> get(std::string_view key) const override {
    std::string value;
    const Status status = db_->Get({}, slice(std::string("k").append(key)), &value);
    if (!status.ok()) return std::unexpected(error_of(status, key));
    return value;
  }

  Result<std::vector<std::string>> keys(std::string_view prefix) const override {
    const std::string start = std::string("k").append(prefix);
    std::vector<std::string> found;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->Seek(start); it->Valid() && it->key().starts_with(start); it->Next()) {
      found.push_back(it->key().ToString().substr(1));
    }
    if (!it->status().ok()) return std::unexpected(error_of(it->status(), "listing values"));
    return found;
  }

  Result<void> refresh() override {
    if (role_ == Role::keeper) return {};
    constexpr int attempts_max = 50;
    for (int attempt = 0;; ++attempt) {
      const Result<AnchorHead> anchor = Anchor::read(*places_.files, places_.anchor);
      if (!anchor) return std::unexpected(anchor.error());
      const Status caught = db_->TryCatchUpWithPrimary();
      Result<Tail> tail = caught.ok()
                              ? load_tail(*db_, *anchor)
                              : Result<Tail>(std::unexpected(error_of(caught, "catching up")));
      if (tail) {
        tail_ = std::move(*tail);
        anchored_ = *anchor;
        publish();
        return {};
      }
      if (attempt == attempts_max) {
        return fail(Error::Code::unavailable, "{} after {} attempts", tail.error().detail,
                    attempts_max);
      }
    }
  }

  LedgerId id() const override { return anchored_.ledger; }
  std::uint64_t boot_epoch() const override { return anchored_.boot_epoch; }

 private:
  Result<void> writable() const {
    if (role_ == Role::reader) return fail(Error::Code::conflict, "opened for reading");
    if (stopped_.load()) return fail(Error::Code::io, "stopped by an earlier failed write");
    return {};
  }

  Error stop(Error error) {
    stopped_.store(true);
    error.code = Error::Code::io;
    error.hint = "restart: the next open decides what was kept";
    return error;
  }

  Result<void> bounded(std::uint64_t from, std::uint64_t to) const {
    const std::uint64_t size = head().size;
    if (from <= to && to <= size) return {};
    return fail(Error::Code::invalid, "[{}, {}) of {}", from, to, size);
  }

  SubtreeHash subtrees() const {
    const std::lock_guard guard(mutex_);
    return [this, open = published_](unsigned level, std::uint64_t index) {
      return subtree_hash(
          open, [this](unsigned l, std::uint64_t i) { return read_tile(*db_, l, i); }, level,
          index);
    };
  }

  void publish() {
    const std::lock_guard guard(mutex_);
    published_ = tail_.tree.open();
    head_ = {tail_.tree.size(), tail_.tree.root()};
  }

  // Rows of the group into the batch; a bundle that is now full and came in many rows becomes one.
  void put_rows(std::span<const Bytes> entries) {
    std::uint64_t first = tail_.tree.size();
    while (!entries.empty()) {
      const std::uint64_t bundle = first / tile_width * tile_width;
      const std::size_t take = std::min<std::size_t>(entries.size(), bundle + tile_width - first);
      const std::span<const Bytes> piece = entries.first(take);
      const bool full = first + take == bundle + tile_width;
      if (full && tail_.open_rows.size() >= rows_max) {
        whole_.assign(tail_.open_entries.size(), {});
        std::ranges::transform(tail_.open_entries, whole_.begin(),
                               [](const std::string& e) { return bytes_of(e); });
        whole_.insert(whole_.end(), piece.begin(), piece.end());
        for (const std::uint64_t row : tail_.open_rows) {
          if (row != bundle) batch_.Delete(slice(log_key(row, 0)));
        }
        encode_row(whole_, row_);
        batch_.Put(slice(log_key(bundle, 0)), row_);
      } else {
        encode_row(piece, row_);
        batch_.Put(slice(log_key(first, 0)), row_);
      }
      if (full) {
        tail_.open_entries.clear();
        tail_.open_rows.clear();
      } else {
        tail_.open_rows.push_back(first);
        for (const Bytes& e : piece) {
          tail_.open_entries.emplace_back(reinterpret_cast<const char*>(e.data()), e.size());
        }
      }
      first += take;
      entries = entries.subspan(take);
    }
  }

  const Role role_;
  const Places places_;
  const std::unique_ptr<rocksdb::Env> env_;  // outlives db_
  const std::unique_ptr<File> lock_;         // outlives db_
  const std::unique_ptr<rocksdb::DB> db_;
  Tail tail_;
  std::optional<Anchor> anchor_;
  AnchorHead anchored_;
  std::atomic<bool> stopped_ = false;

  rocksdb::WriteBatch batch_{0, 0, 8, 0};  // 8 protection bytes a key
  std::vector<Digest> leaves_;
  std::vector<Bytes> whole_;
  std::string row_;

  mutable std::mutex mutex_;
  TreeHead head_;        // of what is durable
  OpenTiles published_;  // of what is durable
};

std::unique_ptr<rocksdb::Env> env_of(const RocksdbLedgerOptions& options) {
  return options.rocksdb_files ? std::make_unique<InjectedEnv>(options.rocksdb_files) : nullptr;
}

Result<void> exists(const Places& places) {
  if (places.files->exists(places.lock)) return {};
  return std::unexpected(Error{Error::Code::not_found, fmt::format("{} is not a book", places.dir),
                               "daybook init makes one"});
}

}  // namespace

Result<void> create_ledger(const std::string& dir, const LedgerId& id,
                           const RocksdbLedgerOptions& options) {
  const Places places = places_of(dir, options);
  FileSystem& files = *places.files;
  if (const auto made = files.make_dir(dir); !made) return made;
  const auto names = files.list(dir);
  if (!names) return std::unexpected(names.error());
  if (!names->empty()) return fail(Error::Code::conflict, "{} is not empty", dir);
  if (files.exists(places.anchor)) {
    return fail(Error::Code::conflict, "{} exists", places.anchor);
  }
  if (const auto made = files.make_dir(places.database); !made) return made;
  const std::unique_ptr<rocksdb::Env> env = env_of(options);
  rocksdb::Options rocks = rocksdb_options(options, env.get());
  rocks.create_if_missing = true;
  rocks.error_if_exists = true;
  rocksdb::DB* raw = nullptr;
  Status status = rocksdb::DB::Open(rocks, places.database, &raw);
  const std::unique_ptr<rocksdb::DB> db(raw);
  rocksdb::WriteOptions write;
  write.sync = true;
  if (status.ok()) {
    status = db->Put(write, "i", Slice(reinterpret_cast<const char*>(id.data()), id.size()));
  }
  if (status.ok()) status = db->Close();
  if (!status.ok()) return std::unexpected(error_of(status, "making the database"));
  const auto anchor = Anchor::create(files, places.anchor, {id, {0, empty_root()}, 0});
  if (!anchor) return std::unexpected(anchor.error());
  // The lock file comes last: a directory with it is a book.
  if (const auto lock = files.lock(places.lock); !lock) return std::unexpected(lock.error());
  return files.sync_dir(dir);
}

Result<std::unique_ptr<RocksdbLedger>> RocksdbLedger::open(const std::string& dir,
                                                           const RocksdbLedgerOptions& options) {
  Places places = places_of(dir, options);
  if (const auto there = exists(places); !there) return std::unexpected(there.error());
  auto lock = places.files->lock(places.lock);
  if (!lock) return std::unexpected(lock.error());
  auto anchor = Anchor::open(*places.files, places.anchor);
  if (!anchor) {
    Error error = anchor.error();
    if (error.code == Error::Code::not_found) error.code = Error::Code::corrupt;
    return std::unexpected(error);
  }
  const auto refused = [&](Error error) {
    if (error.code == Error::Code::not_found) error.code = Error::Code::corrupt;
    error.detail +=
        fmt::format(" ({}: the anchor proves {} entries)", dir, anchor->head().head.size);
    return std::unexpected(error);
  };
  std::unique_ptr<rocksdb::Env> env = env_of(options);
  const rocksdb::Options rocks = rocksdb_options(options, env.get());
  rocksdb::DB* raw = nullptr;
  std::optional<Tail> tail;
  {
    const Status status = rocksdb::DB::OpenForReadOnly(rocks, places.database, &raw);
    const std::unique_ptr<rocksdb::DB> looked(raw);
    if (!status.ok()) {
      Error error = error_of(status, "looking at the database");
      error.code = Error::Code::corrupt;
      return refused(error);
    }
    Result<Tail> loaded = load_tail(*looked, anchor->head());
    if (!loaded) return refused(loaded.error());
    tail = std::move(*loaded);
  }
  raw = nullptr;
  const Status status = rocksdb::DB::Open(rocks, places.database, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return refused(error_of(status, "opening the database"));
  const Result<std::uint64_t> end = end_of_log(*db);
  if (!end) return refused(end.error());
  if (*end != tail->tree.size()) {
    return refused({Error::Code::corrupt, fmt::format("first bad index {}: {} entries were there",
                                                      *end, tail->tree.size())});
  }
  AnchorHead head = anchor->head();
  head.head = {tail->tree.size(), tail->tree.root()};
  ++head.boot_epoch;
  if (const auto advanced = anchor->advance(head); !advanced) {
    return std::unexpected(advanced.error());
  }
  return std::make_unique<Keeper>(Keeper::Role::keeper, std::move(places), std::move(env),
                                  std::move(db), std::move(*tail), std::move(*lock),
                                  std::move(*anchor), head);
}

Result<std::unique_ptr<RocksdbLedger>> RocksdbLedger::open_reader(
    const std::string& dir, const RocksdbLedgerOptions& options) {
  Places places = places_of(dir, options);
  if (const auto there = exists(places); !there) return std::unexpected(there.error());
  std::unique_ptr<rocksdb::Env> env = env_of(options);
  rocksdb::Options rocks = rocksdb_options(options, env.get());
  rocks.max_open_files = -1;  // a secondary reads files its keeper may delete
  rocksdb::DB* raw = nullptr;
  // The second path is where a secondary would log; ours logs nowhere.
  const Status status = rocksdb::DB::OpenAsSecondary(rocks, places.database, "/tmp", &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return std::unexpected(error_of(status, "opening beside the keeper"));
  auto reader =
      std::make_unique<Keeper>(Keeper::Role::reader, std::move(places), std::move(env),
                               std::move(db), Tail{}, nullptr, std::nullopt, AnchorHead{});
  if (const auto fresh = reader->refresh(); !fresh) return std::unexpected(fresh.error());
  return reader;
}

}  // namespace daybook
