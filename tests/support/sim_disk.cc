#include "tests/support/sim_disk.h"

#include <algorithm>
#include <cstring>

namespace daybook {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Guard = std::lock_guard<std::recursive_mutex>;

std::string plain(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  }
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::size_t read_from(const std::string& data, std::uint64_t offset, char* into, std::size_t size) {
  if (offset >= data.size()) return 0;
  const std::size_t take = std::min<std::size_t>(size, data.size() - offset);
  std::memcpy(into, data.data() + offset, take);
  return take;
}

std::vector<std::string> children(const SimDisk& disk, const std::string& dir) {
  std::set<std::string> found;
  const std::string below = plain(dir) + "/";
  const auto add = [&](const std::string& path) {
    if (path.starts_with(below)) {
      found.insert(path.substr(below.size(), path.find('/', below.size()) - below.size()));
    }
  };
  for (const auto& [path, inode] : disk.names) add(path);
  for (const std::string& path : disk.dirs) add(path);
  return {found.begin(), found.end()};
}

// --- beneath the anchor --------------------------------------------------------------------------

std::unexpected<Error> broken(std::string_view what) {
  return fail(Error::Code::io, "simulated: {} failed", what);
}

class SimFile : public File {
 public:
  SimFile(SimDisk& disk, SimDisk::InodePtr inode, std::string lock = {})
      : disk_(disk), inode_(std::move(inode)), lock_(std::move(lock)) {}
  ~SimFile() override {
    const Guard guard(disk_.mutex);
    if (!lock_.empty()) disk_.locks.erase(lock_);
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const Guard guard(disk_.mutex);
    return read_from(inode_->data, offset, reinterpret_cast<char*>(into.data()), into.size());
  }
  Result<void> write_at(std::uint64_t offset, Bytes data) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("write")) return broken("write");
    if (inode_->data.size() < offset + data.size()) inode_->data.resize(offset + data.size());
    std::memcpy(inode_->data.data() + offset, data.data(), data.size());
    return {};
  }
  Result<void> sync() override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("sync")) {
      inode_->sync_failed = true;
      return broken("sync");
    }
    if (!disk_.lies) inode_->synced = inode_->data;
    return {};
  }
  Result<std::uint64_t> size() const override { return inode_->data.size(); }
  unsigned mode() const override { return 0600; }

 private:
  SimDisk& disk_;
  SimDisk::InodePtr inode_;
  std::string lock_;
};

class SimFiles : public FileSystem {
 public:
  explicit SimFiles(SimDisk& disk) : disk_(disk) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    const Guard guard(disk_.mutex);
    const auto found = disk_.names.find(plain(path));
    const bool there = found != disk_.names.end();
    if (how != Open::create_new) {
      if (!there) return fail(Error::Code::not_found, "{}", path);
      return std::make_unique<SimFile>(disk_, found->second);
    }
    if (there) return fail(Error::Code::conflict, "{} exists", path);
    return create(path);
  }
  bool exists(const std::string& path) const override {
    const Guard guard(disk_.mutex);
    return disk_.names.contains(plain(path)) || disk_.dirs.contains(plain(path));
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("rename")) return broken("rename");
    const auto found = disk_.names.find(plain(from));
    if (found == disk_.names.end()) return fail(Error::Code::not_found, "{}", from);
    const SimDisk::InodePtr inode = found->second;
    disk_.names.erase(found);
    disk_.names[plain(to)] = inode;
    disk_.unsynced_names.emplace_back(plain(to), inode);
    disk_.unsynced_names.emplace_back(plain(from), nullptr);
    return {};
  }
  Result<void> remove(const std::string& path) override {
    const Guard guard(disk_.mutex);
    if (disk_.names.erase(plain(path)) > 0) disk_.unsynced_names.emplace_back(plain(path), nullptr);
    return {};
  }
  Result<void> make_dir(const std::string& path) override {
    const Guard guard(disk_.mutex);
    disk_.dirs.insert(plain(path));
    return {};
  }
  Result<void> sync_dir(const std::string& path) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("sync_dir")) return broken("sync_dir");
    if (!disk_.lies) disk_.sync_names(plain(path));
    return {};
  }
  Result<std::vector<std::string>> list(const std::string& path) const override {
    const Guard guard(disk_.mutex);
    return children(disk_, path);
  }
  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    const Guard guard(disk_.mutex);
    if (!disk_.locks.insert(plain(path)).second) return fail(Error::Code::conflict, "held");
    const auto found = disk_.names.find(plain(path));
    if (found == disk_.names.end()) {
      auto made = create(path);
      if (!made) return made;
    }
    return std::make_unique<SimFile>(disk_, disk_.names[plain(path)], plain(path));
  }

 private:
  Result<std::unique_ptr<File>> create(const std::string& path) {
    if (!disk_.operate("create")) return broken("create");
    const auto inode = std::make_shared<SimDisk::Inode>();
    disk_.names[plain(path)] = inode;
    disk_.unsynced_names.emplace_back(plain(path), inode);
    return std::make_unique<SimFile>(disk_, inode);
  }

  SimDisk& disk_;
};

// --- beneath RocksDB -----------------------------------------------------------------------------

IOStatus refused(const char* what) { return IOStatus::IOError("simulated", what); }

class Writable : public rocksdb::FSWritableFile {
 public:
  Writable(SimDisk& disk, SimDisk::InodePtr inode) : disk_(disk), inode_(std::move(inode)) {}
  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    const bool was_on = !disk_.off();
    if (!disk_.operate("append")) {
      // Torn: half of it had reached the cache when power went.
      if (was_on && disk_.off()) inode_->data.append(data.data(), data.size() / 2);
      return refused("append");
    }
    inode_->data.append(data.data(), data.size());
    return IOStatus::OK();
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("truncate")) return refused("truncate");
    inode_->data.resize(size);
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("sync")) {
      inode_->sync_failed = true;
      return refused("sync");
    }
    if (!disk_.lies) inode_->synced = inode_->data;
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  bool IsSyncThreadSafe() const override { return true; }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    return inode_->data.size();
  }

 private:
  SimDisk& disk_;
  SimDisk::InodePtr inode_;
};

class Sequential : public rocksdb::FSSequentialFile {
 public:
  Sequential(SimDisk& disk, SimDisk::InodePtr inode) : disk_(disk), inode_(std::move(inode)) {}
  IOStatus Read(std::size_t size, const IOOptions&, Slice* out, char* into,
                IODebugContext*) override {
    const Guard guard(disk_.mutex);
    const std::size_t got = read_from(inode_->data, at_, into, size);
    at_ += got;
    *out = Slice(into, got);
    return IOStatus::OK();
  }
  IOStatus Skip(std::uint64_t size) override {
    at_ += size;
    return IOStatus::OK();
  }

 private:
  SimDisk& disk_;
  SimDisk::InodePtr inode_;
  std::uint64_t at_ = 0;
};

class Random : public rocksdb::FSRandomAccessFile {
 public:
  Random(SimDisk& disk, SimDisk::InodePtr inode) : disk_(disk), inode_(std::move(inode)) {}
  IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions&, Slice* out, char* into,
                IODebugContext*) const override {
    const Guard guard(disk_.mutex);
    *out = Slice(into, read_from(inode_->data, offset, into, size));
    return IOStatus::OK();
  }

 private:
  SimDisk& disk_;
  SimDisk::InodePtr inode_;
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("sync_dir")) return refused("sync_dir");
    if (!disk_.lies) disk_.sync_names(path_);
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  SimDisk& disk_;
  std::string path_;
};

struct Lock : rocksdb::FileLock {
  explicit Lock(std::string p) : path(std::move(p)) {}
  std::string path;
};

class SimRocksdbFiles : public rocksdb::FileSystem {
 public:
  explicit SimRocksdbFiles(SimDisk& disk) : disk_(disk), files_(disk) {}
  const char* Name() const override { return "SimDisk"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* out,
                           IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.operate("create")) return refused("create");
    const auto inode = std::make_shared<SimDisk::Inode>();
    disk_.names[plain(path)] = inode;
    disk_.unsynced_names.emplace_back(plain(path), inode);
    *out = std::make_unique<Writable>(disk_, inode);
    return IOStatus::OK();
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* out,
                              IODebugContext*) override {
    return with(path, [&](const auto& inode) { *out = std::make_unique<Writable>(disk_, inode); });
  }
  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* out,
                             IODebugContext*) override {
    return with(path,
                [&](const auto& inode) { *out = std::make_unique<Sequential>(disk_, inode); });
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                               IODebugContext*) override {
    return with(path, [&](const auto& inode) { *out = std::make_unique<Random>(disk_, inode); });
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* out, IODebugContext*) override {
    *out = std::make_unique<Directory>(disk_, plain(path));
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return files_.exists(path) ? IOStatus::OK() : IOStatus::NotFound(path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* out,
                       IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.dirs.contains(plain(path))) return IOStatus::NotFound(path);
    *out = children(disk_, path);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (disk_.off()) return refused("delete");
    if (!disk_.names.contains(plain(path))) return IOStatus::PathNotFound(path);
    (void)files_.remove(path);
    return IOStatus::OK();
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    (void)files_.make_dir(path);
    return IOStatus::OK();
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    (void)files_.make_dir(path);
    return IOStatus::OK();
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    disk_.dirs.erase(plain(path));
    return IOStatus::OK();
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* size,
                       IODebugContext*) override {
    return with(path, [&](const auto& inode) { *size = inode->data.size(); });
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                   IODebugContext*) override {
    *time = 1;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return files_.rename(from, to) ? IOStatus::OK() : refused("rename");
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** out,
                    IODebugContext*) override {
    const Guard guard(disk_.mutex);
    if (!disk_.locks.insert(plain(path)).second) return refused("lock");
    *out = new Lock(plain(path));
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    const Guard guard(disk_.mutex);
    const std::unique_ptr<Lock> ours(static_cast<Lock*>(lock));
    disk_.locks.erase(ours->path);
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/test";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* out,
                           IODebugContext*) override {
    *out = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is,
                       IODebugContext*) override {
    const Guard guard(disk_.mutex);
    *is = disk_.dirs.contains(plain(path));
    return IOStatus::OK();
  }

 private:
  template <typename Use>
  IOStatus with(const std::string& path, const Use& use) {
    const Guard guard(disk_.mutex);
    if (disk_.off()) return refused("open");
    const auto found = disk_.names.find(plain(path));
    if (found == disk_.names.end()) return IOStatus::PathNotFound(path);
    use(found->second);
    return IOStatus::OK();
  }

  SimDisk& disk_;
  SimFiles files_;
};

}  // namespace

SimDisk::SimDisk()
    : files_(std::make_unique<SimFiles>(*this)),
      rocksdb_files_(std::make_shared<SimRocksdbFiles>(*this)) {}

void SimDisk::fail_at(std::uint64_t operation, Fault fault) {
  const Guard guard(mutex);
  fault_at_ = operations_ + operation;
  fault_ = fault;
}

std::uint64_t SimDisk::operations() const {
  const Guard guard(mutex);
  return operations_;
}

bool SimDisk::operate(std::string_view) {
  if (off_) return false;
  if (!ours()) return true;
  const std::uint64_t now = operations_++;
  bool fails = false;
  switch (fault_) {
    case Fault::none: break;
    case Fault::once: fails = now == fault_at_; break;
    case Fault::sticky: fails = now >= fault_at_; break;
    case Fault::power: fails = off_ = now >= fault_at_; break;
  }
  failed_ = failed_ || fails;
  return !fails;
}

void SimDisk::sync_names(const std::string& dir) {
  std::erase_if(unsynced_names, [&](const auto& change) {
    const auto& [path, inode] = change;
    if (parent_of(path) != dir) return false;
    if (inode) {
      durable_names_[path] = inode;
    } else {
      durable_names_.erase(path);
    }
    return true;
  });
}

void SimDisk::power_cycle(std::mt19937_64& random, Rest rest) {
  const Guard guard(mutex);
  // A journal keeps changes of names in order: a part of them, from the first.
  unsynced_names.resize(random() % (unsynced_names.size() + 1));
  while (!unsynced_names.empty()) sync_names(parent_of(unsynced_names.front().first));
  names = durable_names_;
  for (const auto& [path, inode] : names) {
    const std::size_t synced = inode->synced.size();
    if (inode->data.size() > synced) {
      const std::size_t more = random() % (inode->data.size() - synced + 1);
      inode->synced += inode->data.substr(synced, more);
      if (rest == Rest::torn && more > 0 && random() % 2 == 0)
        inode->synced[synced + random() % more] ^= static_cast<char>(1U << random() % 8);
    } else if (inode->data.size() == synced && random() % 2 == 0) {
      inode->synced = inode->data;  // written over in place: it may have got there
    }
    inode->data = inode->synced;
    inode->sync_failed = false;
  }
  locks.clear();
  fault_ = Fault::none;
  off_ = failed_ = false;
}

void SimDisk::switch_off() {
  const Guard guard(mutex);
  off_ = true;
}

void SimDisk::restart() {
  const Guard guard(mutex);
  for (const auto& [path, inode] : names)
    if (std::exchange(inode->sync_failed, false)) inode->data = inode->synced;
  locks.clear();
  fault_ = Fault::none;
  off_ = failed_ = false;
}

void SimDisk::copy_from(const SimDisk& other) {
  const std::scoped_lock guard(mutex, other.mutex);
  std::map<const Inode*, InodePtr> made;
  const auto copy = [&](const InodePtr& inode) -> InodePtr {
    if (!inode) return nullptr;
    InodePtr& ours = made[inode.get()];
    if (!ours) ours = std::make_shared<Inode>(*inode);
    return ours;
  };
  for (const auto& [path, inode] : other.names) names[path] = copy(inode);
  for (const auto& [path, inode] : other.durable_names_) durable_names_[path] = copy(inode);
  for (const auto& [path, inode] : other.unsynced_names)
    unsynced_names.emplace_back(path, copy(inode));
  dirs = other.dirs;
}

}  // namespace daybook
