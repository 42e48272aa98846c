#include "runner/connect/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "runner/connect/failure.h"
#include "runner/connect/readers_umask.h"

namespace daybook {
namespace {

constexpr mode_t directory_mode = 0755, file_mode = 0644;
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
constexpr std::size_t small_file_bytes_max = std::size_t{64} << 20;

int open_beneath(int parent, const char* name, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof(how)));
}

SinkResult<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_failure(errno, "write", path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::atomic<int> readers_umask = -1;

mode_t umask_now() {
  if (const int mask = readers_umask; mask >= 0) return static_cast<mode_t>(mask);
  // The only portable way to read it is to set it; /proc tells without touching it.
  std::unique_ptr<FILE, int (*)(FILE*)> status(::fopen("/proc/self/status", "re"), ::fclose);
  std::array<char, 256> line{};
  unsigned mask = 022;
  while (status && ::fgets(line.data(), line.size(), status.get()) != nullptr) {
    if (::sscanf(line.data(), "Umask: %o", &mask) == 1) break;
  }
  return mask;
}

// What was just made is for those who read the target, whatever the program's own umask is.
SinkResult<void> open_to_readers(int fd, mode_t mode, const std::string& path) {
  if (readers_umask < 0 || ::fchmod(fd, mode & ~umask_now()) == 0) return {};
  return errno_failure(errno, "chmod", path);
}

SinkResult<void> copy_file(int from, int to, const std::string& path) {
  auto buffer = std::make_unique<char[]>(chunk_bytes);
  for (;;) {
    const ssize_t got = ::read(from, buffer.get(), chunk_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read", path);
    if (got == 0) return {};
    auto written = write_all(to, {buffer.get(), static_cast<std::size_t>(got)}, path);
    if (!written) return written;
  }
}

}  // namespace

void set_readers_umask(mode_t mask) { readers_umask = static_cast<int>(mask); }

void Descriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string Directory::at(std::string_view name) const { return fmt::format("{}/{}", path, name); }

SinkResult<Directory> open_directory(const std::filesystem::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_failure(errno, "open", path.string());
  return Directory{std::move(fd), path.string()};
}

SinkResult<Directory> make_directories(const Directory& parent,
                                       const std::filesystem::path& below) {
  Descriptor at(::fcntl(parent.fd(), F_DUPFD_CLOEXEC, 0));
  if (!at) return errno_failure(errno, "dup", parent.path);
  std::string path = parent.path;
  for (const auto& part : below) {
    const std::string name = part.string();
    if (name.empty() || name == ".") continue;
    if (name == ".." || name == "/") {
      return sink_failure(ErrorClass::definition, "path", "the sink's path leaves the project",
                          fmt::format("{} leaves {}", below.string(), parent.path), "sink.path");
    }
    path += "/" + name;
    const bool made = ::mkdirat(at.get(), name.c_str(), directory_mode) == 0;
    if (made) {
      if (::fsync(at.get()) != 0) return errno_failure(errno, "fsync", path);
    } else if (errno != EEXIST) {
      return errno_failure(errno, "mkdir", path);
    }
    Descriptor next(open_beneath(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    if (!next) return errno_failure(errno, "open (symbolic links are refused)", path);
    if (made) {
      if (auto open = open_to_readers(next.get(), directory_mode, path); !open) {
        return std::unexpected(open.error());
      }
    }
    at = std::move(next);
  }
  return Directory{std::move(at), std::move(path)};
}

SinkResult<std::optional<Directory>> find_directory(const Directory& parent,
                                                    std::string_view name) {
  std::string path = parent.at(name);
  Descriptor fd(open_beneath(parent.fd(), std::string(name).c_str(), O_RDONLY | O_DIRECTORY));
  if (fd) return Directory{std::move(fd), std::move(path)};
  if (errno == ENOENT) return std::nullopt;
  return errno_failure(errno, "open (symbolic links are refused)", path);
}

SinkResult<Medium> medium_of(const Directory& directory) {
  struct stat status {};
  if (::fstat(directory.fd(), &status) != 0) return errno_failure(errno, "stat", directory.path);
  struct statfs system {};
  if (::fstatfs(directory.fd(), &system) != 0)
    return errno_failure(errno, "statfs", directory.path);
  return Medium{.device = status.st_dev, .kind = static_cast<std::uint64_t>(system.f_type)};
}

SinkResult<void> sync_directory(const Directory& directory) {
  if (::fsync(directory.fd()) != 0) return errno_failure(errno, "fsync", directory.path);
  return {};
}

SinkResult<std::optional<std::string>> read_small_file(const Directory& directory,
                                                       const std::string& name) {
  const std::string path = directory.at(name);
  const Descriptor file(
      ::openat(directory.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return errno_failure(errno, "open", path);
  std::string content;
  std::array<char, 65'536> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read", path);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > small_file_bytes_max) return errno_failure(EFBIG, "read", path);
  }
}

SinkResult<void> write_file(const Directory& directory, const std::string& name,
                            std::string_view content) {
  const std::string path = directory.at(name);
  const Descriptor file(::openat(directory.fd(), name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode));
  if (!file) return errno_failure(errno, "create", path);
  if (auto written = write_all(file.get(), content, path); !written) return written;
  if (::fsync(file.get()) != 0) return errno_failure(errno, "fsync", path);
  return {};
}

SinkResult<std::optional<FileIdentity>> status_of(const Directory& directory,
                                                  const std::string& name) {
  struct stat status {};
  if (::fstatat(directory.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return errno_failure(errno, "stat", directory.at(name));
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return FileIdentity{.bytes = static_cast<std::uint64_t>(status.st_size),
                      .device = status.st_dev,
                      .inode = status.st_ino};
}

SinkResult<std::optional<FileIdentity>> identify(const Directory& directory,
                                                 const std::string& name) {
  auto status = status_of(directory, name);
  if (!status || !*status) return status;
  const std::string path = directory.at(name);
  const Descriptor file(
      ::openat(directory.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno_failure(errno, "open", path);
  auto buffer = std::make_unique<char[]>(chunk_bytes);
  Sha256 hash;
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.get(), chunk_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read", path);
    if (got == 0) break;
    bytes += static_cast<std::uint64_t>(got);
    hash.update(bytes_of({buffer.get(), static_cast<std::size_t>(got)}));
  }
  (*status)->bytes = bytes;
  (*status)->digest = hash.finish();
  return status;
}

SinkResult<void> bring_file(const Directory& source, const std::string& from,
                            const Directory& target, const std::string& to) {
  const std::string path = target.at(to);
  const Descriptor in(
      ::openat(source.fd(), from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!in) return errno_failure(errno, "open", source.at(from));
  if (::linkat(source.fd(), from.c_str(), target.fd(), to.c_str(), 0) == 0) {
    if (::fchmod(in.get(), file_mode & ~umask_now()) != 0) {
      return errno_failure(errno, "chmod", path);
    }
    if (::fsync(in.get()) != 0) return errno_failure(errno, "fsync", path);
    return {};
  }
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP) {
    return errno_failure(errno, "link", path);
  }
  const Descriptor out(::openat(target.fd(), to.c_str(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode));
  if (!out) return errno_failure(errno, "create", path);
  if (auto open = open_to_readers(out.get(), file_mode, path); !open) return open;
  if (auto copied = copy_file(in.get(), out.get(), path); !copied) return copied;
  if (::fsync(out.get()) != 0) return errno_failure(errno, "fsync", path);
  return {};
}

SinkResult<void> link_file(const Directory& source, const std::string& from,
                           const Directory& target, const std::string& to) {
  if (::linkat(source.fd(), from.c_str(), target.fd(), to.c_str(), 0) != 0) {
    return errno_failure(errno, "link", target.at(to));
  }
  return {};
}

SinkResult<std::vector<std::string>> names_in(const Directory& directory) {
  const int fd = ::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_failure(errno, "open", directory.path);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (!stream) {
    ::close(fd);
    return errno_failure(errno, "opendir", directory.path);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return errno_failure(errno, "readdir", directory.path);
  std::sort(names.begin(), names.end());
  return names;
}

SinkResult<void> remove_file(const Directory& directory, const std::string& name) {
  if (::unlinkat(directory.fd(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return errno_failure(errno, "unlink", directory.at(name));
  }
  return {};
}

SinkResult<void> remove_empty_directory(const Directory& parent, const std::string& name) {
  if (::unlinkat(parent.fd(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return errno_failure(errno, "rmdir", parent.at(name));
  }
  return {};
}

SinkResult<void> move_over(const Directory& directory, const std::string& name,
                           const std::string& new_name) {
  if (::renameat(directory.fd(), name.c_str(), directory.fd(), new_name.c_str()) != 0) {
    return errno_failure(errno, "rename", directory.at(new_name));
  }
  return {};
}

SinkResult<bool> move_new(const Directory& from, const std::string& name, const Directory& to,
                          const std::string& new_name) {
  if (::renameat2(from.fd(), name.c_str(), to.fd(), new_name.c_str(), RENAME_NOREPLACE) == 0) {
    return true;
  }
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  return errno_failure(errno, "rename", to.at(new_name));
}

SinkResult<void> exchange(const Directory& a, const std::string& name_a, const Directory& b,
                          const std::string& name_b) {
  if (::renameat2(a.fd(), name_a.c_str(), b.fd(), name_b.c_str(), RENAME_EXCHANGE) != 0) {
    return errno_failure(errno, "exchange", b.at(name_b));
  }
  return {};
}

SinkResult<FileLock> FileLock::take(const Directory& directory, const std::string& name,
                                    std::uint32_t wait_ms_max) {
  using namespace std::chrono_literals;
  FileLock lock;
  lock.descriptor_ = Descriptor(
      ::openat(directory.fd(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, file_mode));
  if (!lock.descriptor_) return errno_failure(errno, "open", directory.at(name));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms_max);
  for (;;) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(lock.descriptor_.get(), F_OFD_SETLK, &whole) == 0) return lock;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return errno_failure(errno, "lock", directory.at(name));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return sink_failure(ErrorClass::transient, "locked", "another attempt holds the slot's lock",
                          fmt::format("{} is held by another process: it is waited for until that "
                                      "one goes on or is ended (fuser names it)",
                                      directory.at(name)),
                          "sink.lock");
    }
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace daybook
