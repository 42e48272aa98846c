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
  // Power off and on. Files keep what was synced and a random part of the rest.
  void power_cycle(std::mt19937_64& random);

  struct Inode {
    std::string data;
    std::string synced;  // as of the last sync
  };
  using InodePtr = std::shared_ptr<Inode>;

  // For the file systems. Each throws nothing; false: the operation fails.
  bool operate(std::string_view what);
  bool off() const { return off_; }

  mutable std::recursive_mutex mutex;
  std::map<std::string, InodePtr> names;  // as running programs see them
  std::set<std::string> dirs;
  std::set<std::string> locks;
  // Changes of names in order, until their directory is synced. Null: removed.
  std::vector<std::pair<std::string, InodePtr>> unsynced_names;
  void sync_names(const std::string& dir);

 private:
  std::map<std::string, InodePtr> durable_names_;
  std::uint64_t operations_ = 0;
  std::uint64_t fault_at_ = 0;
  Fault fault_ = Fault::none;
  bool off_ = false;
  std::unique_ptr<FileSystem> files_;
  std::shared_ptr<rocksdb::FileSystem> rocksdb_files_;
};

}  // namespace daybook
