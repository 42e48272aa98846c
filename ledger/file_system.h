// The files beneath the anchor and the payload store: a seam, so that a simulated disk can stand
// under them. Paths are plain strings. Errors name the call, the path and errno.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

class File {
 public:
  virtual ~File() = default;
  // Fills `into` from `offset`; fewer bytes only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const = 0;
  virtual Result<void> write_at(std::uint64_t offset, Bytes data) = 0;
  // What was written is on stable storage when this returns. After a failure nothing is known of
  // any earlier write: never call it again, stop.
  virtual Result<void> sync() = 0;
  virtual Result<std::uint64_t> size() const = 0;
  virtual unsigned mode() const = 0;  // permission bits
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  enum class Open {
    read,        // not_found where absent
    write,       // an existing file, for reading and writing
    create_new,  // mode 0600; conflict where it exists
  };
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
  virtual bool exists(const std::string& path) const = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;    // success where absent
  virtual Result<void> make_dir(const std::string& path) = 0;  // mode 0700, success where present
  virtual Result<void> sync_dir(const std::string& path) = 0;  // makes names in it durable
  virtual Result<std::vector<std::string>> list(const std::string& path) const = 0;  // sorted names

  // An exclusive lock that ends with the returned object or with the process; made where absent.
  // `conflict` names the process that wrote itself into the file. The file stays as it was: the new
  // holder calls sign_lock when it goes to work.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
  // Whether somebody holds that lock now. Takes nothing; true where it can not be told.
  virtual bool locked(const std::string&) const { return true; }
};

FileSystem& posix_file_system();

Result<std::string> read_whole(const File& file);
// Writes `<path>.new`, syncs, renames over `path`, syncs the directory.
Result<void> replace_file(FileSystem& files, const std::string& path, Bytes content);
// Writes this process into a lock file it holds.
Result<void> sign_lock(File& lock);
std::string parent_of(const std::string& path);

}  // namespace daybook
