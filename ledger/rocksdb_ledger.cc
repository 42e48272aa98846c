#include "ledger/rocksdb_ledger.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "ledger/rocksdb_framing.h"
#include "ledger/rocksdb_group.h"
#include "ledger/rocksdb_log.h"

namespace daybook {
namespace {

using namespace rocksdb_log;
using rocksdb::Slice;
using rocksdb::Status;

struct Places {
  std::string dir, database, anchor, lock;
  FileSystem* files;
};

Places places_of(const std::string& dir, const RocksdbLedgerOptions& options) {
  return {dir, dir + "/book", options.anchor_path.empty() ? dir + "/anchor" : options.anchor_path,
          dir + "/ledger.lock", options.files != nullptr ? options.files : &posix_file_system()};
}

// Beside a keeper that writes, what can not be seen yet looks like damage. Without one it is.
Error without_keeper(const Places& places, Error error) {
  if (error.code != Error::Code::not_found && error.code != Error::Code::unavailable) return error;
  return {Error::Code::corrupt,
          fmt::format("the database {} is not whole: {}", places.database, error.detail),
          "restore it from a copy; nothing was changed"};
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
    if (entries.empty()) return head();
    if (const auto done = prepare(entries, own_group_); !done) return std::unexpected(done.error());
    if (const auto done = store(own_group_); !done) return std::unexpected(done.error());
    if (const auto done = acknowledge(own_group_); !done) return std::unexpected(done.error());
    return own_group_.head;
  }

  std::unique_ptr<Group> new_group() const override { return std::make_unique<RocksdbGroup>(); }

  Result<void> prepare(std::span<const Bytes> entries, Group& group) override {
    if (const auto ready = writable(); !ready) return ready;
    return prepare_group(tail_, entries, static_cast<RocksdbGroup&>(group));
  }

  Result<void> store(Group& group) override {
    if (const auto ready = writable(); !ready) return ready;
    auto& ours = static_cast<RocksdbGroup&>(group);
    if (ours.first != stored_) return std::unexpected(stop(out_of_order(ours)));
    rocksdb::WriteOptions write;
    write.sync = true;
    if (const Status status = db_->Write(write, &ours.batch); !status.ok()) {
      return std::unexpected(stop(error_of(status, "appending")));
    }
    stored_ = ours.head.size;
    return {};
  }

  Result<void> acknowledge(Group& group) override {
    if (const auto ready = writable(); !ready) return ready;
    auto& ours = static_cast<RocksdbGroup&>(group);
    if (ours.head.size > stored_ || ours.head.size <= anchored_.head.size) {
      return std::unexpected(stop(out_of_order(ours)));
    }
    anchored_.head = ours.head;
    if (const auto advanced = anchor_->advance(anchored_); !advanced) {
      return std::unexpected(stop(advanced.error()));
    }
    const std::lock_guard guard(mutex_);
    std::swap(published_, ours.open);
    head_ = ours.head;
    return {};
  }

  TreeHead head() const override {
    const std::lock_guard guard(mutex_);
    return head_;
  }

  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override {
    if (const auto within = bounded(from, to); !within) return within;
    return read_rows(*db_, from, to, [&](std::uint64_t first, std::span<const Bytes> entries) {
      return std::ranges::all_of(entries,
                                 [&](const Bytes& entry) { return visit(first++, entry); });
    });
  }

  Result<void> read_groups(std::uint64_t from, std::uint64_t to,
                           const VisitGroup& visit) const override {
    if (const auto within = bounded(from, to); !within) return within;
    return read_rows(*db_, from, to, visit);
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
      if (attempt > attempts_max) return std::unexpected(without_keeper(places_, tail.error()));
      if (attempt == attempts_max) {
        // One more look once nobody writes: a keeper may have ended since the last one.
        if (!places_.files->locked(places_.lock)) continue;
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

  static Error out_of_order(const RocksdbGroup& group) {
    return {Error::Code::io,
            fmt::format("a group of entries from {} is out of order", group.first)};
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
    stored_ = tail_.tree.size();
    const std::lock_guard guard(mutex_);
    published_ = tail_.tree.open();
    head_ = {tail_.tree.size(), tail_.tree.root()};
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

  RocksdbGroup own_group_;                 // append's
  std::atomic<std::uint64_t> stored_ = 0;  // entries the database has: store() writes it

  mutable std::mutex mutex_;
  TreeHead head_;        // of what is durable
  OpenTiles published_;  // of what is durable
};

Result<void> exists(const Places& places) {
  if (places.files->exists(places.lock)) return {};
  // Another process may hold the file that was deleted: a new one would say nothing about that.
  if (places.files->exists(places.database + "/CURRENT"))
    return std::unexpected(
        Error{Error::Code::io, fmt::format("{} was deleted", places.lock),
              "when no daybook works on this book, put an empty file of that name there"});
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
  rocksdb::Options rocks = database_options(options, env.get());
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
  if (const auto synced = files.sync_dir(dir); !synced) return synced;
  return files.sync_dir(parent_of(dir));  // else the whole book may be gone with the power
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
  const rocksdb::Options rocks = database_options(options, env.get());
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
  if (const auto named = sign_lock(**lock); !named) return std::unexpected(named.error());
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
  rocksdb::Options rocks = database_options(options, env.get());
  rocks.max_open_files = -1;  // a secondary reads files its keeper may delete
  if (const auto framed = check_framing(*rocks.env, places.database); !framed)
    return std::unexpected(without_keeper(places, framed.error()));
  rocksdb::DB* raw = nullptr;
  // The second path is where a secondary logs. Ours has a logger of its own and never makes it.
  const std::string logs = places.database + "/reader";
  Status status = rocksdb::DB::OpenAsSecondary(rocks, places.database, logs, &raw);
  if (!status.ok()) {
    if (places.files->locked(places.lock))
      return std::unexpected(error_of(status, "opening beside the keeper"));
    // One more look now that nobody writes: a keeper may have ended since the first.
    status = rocksdb::DB::OpenAsSecondary(rocks, places.database, logs, &raw);
  }
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok())
    return std::unexpected(without_keeper(places, error_of(status, "opening for reading")));
  auto reader =
      std::make_unique<Keeper>(Keeper::Role::reader, std::move(places), std::move(env),
                               std::move(db), Tail{}, nullptr, std::nullopt, AnchorHead{});
  if (const auto fresh = reader->refresh(); !fresh) return std::unexpected(fresh.error());
  return reader;
}

}  // namespace daybook
