// Files and directories by descriptor, for names we made ourselves: every name is one component
// below an open directory and is never followed where it is a symbolic link. A directory sink
// touches its target through these and through nothing else: the simulator links its own files.cc.
// What is made of several of them is in file_steps.h, once for both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/digest.h"
#include "runner/connect/sink.h"

namespace daybook {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// A directory and the path it is called by in messages.
struct Directory {
  Descriptor descriptor;
  std::string path;
  int fd() const { return descriptor.get(); }
  std::string at(std::string_view name) const;
};

// What a directory lies on: the device, and the kind of file system (statfs(2), f_type).
struct Medium {
  std::uint64_t device = 0, kind = 0;
};

struct FileIdentity {
  std::uint64_t bytes = 0, device = 0, inode = 0;
  Digest digest{};
};

SinkResult<Directory> open_directory(const std::filesystem::path& path);
// `below` may have several components; every missing one is made (and its parent synced).
SinkResult<Directory> make_directories(const Directory& parent, const std::filesystem::path& below);
// nullopt: there is none.
SinkResult<std::optional<Directory>> find_directory(const Directory& parent, std::string_view name);

SinkResult<Medium> medium_of(const Directory& directory);
SinkResult<void> sync_directory(const Directory& directory);

// Whole content, small files only; nullopt: there is none.
SinkResult<std::optional<std::string>> read_small_file(const Directory& directory,
                                                       const std::string& name);
// A new file, synced; that the name is taken is an error.
SinkResult<void> write_file(const Directory& directory, const std::string& name,
                            std::string_view content);

// Reads and hashes through a fresh descriptor; nullopt: there is no such regular file.
SinkResult<std::optional<FileIdentity>> identify(const Directory& directory,
                                                 const std::string& name);
// Device and inode only; bytes too.
SinkResult<std::optional<FileIdentity>> status_of(const Directory& directory,
                                                  const std::string& name);

// Gives `to` the bytes of `from`: a hard link on the same file system, a copy otherwise. Mode 0644
// less the umask; synced.
SinkResult<void> bring_file(const Directory& source, const std::string& from,
                            const Directory& target, const std::string& to);

// Another name of the same file; what is there under that name is an error.
SinkResult<void> link_file(const Directory& source, const std::string& from,
                           const Directory& target, const std::string& to);

SinkResult<std::vector<std::string>> names_in(const Directory& directory);  // sorted
// What is already gone is no error.
SinkResult<void> remove_file(const Directory& directory, const std::string& name);
SinkResult<void> remove_empty_directory(const Directory& parent, const std::string& name);
// Takes the place of what has the name.
SinkResult<void> move_over(const Directory& directory, const std::string& name,
                           const std::string& new_name);
// renameat2; false when `to` exists and must not be replaced.
SinkResult<bool> move_new(const Directory& from, const std::string& name, const Directory& to,
                          const std::string& new_name);
SinkResult<void> exchange(const Directory& a, const std::string& name_a, const Directory& b,
                          const std::string& name_b);

// An exclusive lock on an open file description: released when this ends or the process dies.
class FileLock {
 public:
  // Waits up to `wait_ms_max`; then fails as transient, code "locked".
  static SinkResult<FileLock> take(const Directory& directory, const std::string& name,
                                   std::uint32_t wait_ms_max);

 private:
  Descriptor descriptor_;
};

}  // namespace daybook
