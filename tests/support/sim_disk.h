// A disk in memory under RocksDB and the anchor, with a power switch and with faults at the n-th
// operation. What was not synced may be lost or cut when power goes; names may be lost until their
// directory is synced.
//
// Operations are creating, appending, writing, truncating, syncing and renaming. Deleting is none
// of them: RocksDB deletes on a thread of its own, and the count must not depend on the scheduler.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ledger/file_system.h"

namespace daybook {

class SimDisk {
 public:
  SimDisk();

  FileSystem& files() { return *files_; }
  std::shared_ptr<rocksdb::FileSystem> rocksdb_files() { return rocksdb_files_; }

  enum class Fault { none, once, sticky, power };
  // The `operation`-th from now (0: the next) fails: that one, all from it on, or the power goes.
  void fail_at(std::uint64_t operation, Fault fault);
  std::uint64_t operations() const;
  // Power off and on. Files keep what was synced and a random part of the rest; with `torn`, some
  // of that rest is not what was written.
  enum class Rest { cut, torn };
  void power_cycle(std::mt19937_64& random, Rest rest = Rest::cut);
  // Nothing works any more, as for a process that was killed; and again for the next one: what was
  // cached is there, save what a failed sync was to write (Linux takes such pages for clean).
  void switch_off();
  void restart();
  // Makes this disk, which is empty, one with the same content; both go on by themselves.
  void copy_from(const SimDisk& other);

  struct Inode {
    std::string data;
    std::string synced;  // as of the last sync
    bool sync_failed = false;
  };
  using InodePtr = std::shared_ptr<Inode>;

  // For the file systems. Each throws nothing; false: the operation fails. Calls of other threads
  // than the one that made the disk are not counted and fail only where power is off: which of them
  // comes when is the scheduler's.
  bool operate(std::string_view what);
  bool off() const { return off_; }
  bool failed() const { return failed_; }  // something, since it was last started

  bool lies = false;  // a sync succeeds and writes nothing

  mutable std::recursive_mutex mutex;
  std::map<std::string, InodePtr> names;  // as running programs see them
  std::set<std::string> dirs;
  std::set<std::string> locks;
  // Changes of names in order, until their directory is synced. Null: removed.
  std::vector<std::pair<std::string, InodePtr>> unsynced_names;
  void sync_names(const std::string& dir);

 private:
  bool ours() const { return std::this_thread::get_id() == thread_; }

  const std::thread::id thread_ = std::this_thread::get_id();
  std::map<std::string, InodePtr> durable_names_;
  std::uint64_t operations_ = 0;
  std::uint64_t fault_at_ = 0;
  Fault fault_ = Fault::none;
  bool off_ = false, failed_ = false;
  std::unique_ptr<FileSystem> files_;
  std::shared_ptr<rocksdb::FileSystem> rocksdb_files_;
};

}  // namespace daybook
