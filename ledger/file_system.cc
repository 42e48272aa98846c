#include "ledger/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace daybook {
namespace {

std::unexpected<Error> failed(const char* call, const std::string& path, int error) {
  const Error::Code code = error == ENOENT   ? Error::Code::not_found
                           : error == EEXIST ? Error::Code::conflict
                                             : Error::Code::io;
  return fail(code, "{} {}: {}", call, path, std::strerror(error));
}

class PosixFile : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t n =
          ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, Bytes data) override {
    std::size_t done = 0;
    while (done < data.size()) {
      const ssize_t n =
          ::pwrite(fd_, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("write", path_, n < 0 ? errno : ENOSPC);
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return failed("fdatasync", path_, errno);
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status;
    if (::fstat(fd_, &status) != 0) return failed("stat", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  unsigned mode() const override {
    struct stat status;
    return ::fstat(fd_, &status) == 0 ? status.st_mode & 07777U : 07777U;
  }

  int fd() const { return fd_; }

 private:
  int fd_;
  std::string path_;
};

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    const int flags = how == Open::read    ? O_RDONLY
                      : how == Open::write ? O_RDWR
                                           : O_RDWR | O_CREAT | O_EXCL;
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed("open", path, errno);
    return std::make_unique<PosixFile>(fd, path);
  }

  bool exists(const std::string& path) const override {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path, errno);
    return {};
  }

  Result<void> make_dir(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("mkdir", path, errno);
    return {};
  }

  Result<void> sync_dir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("open", path, errno);
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (result != 0) return failed("fsync", path, error);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) const override {
    DIR* const dir = ::opendir(path.c_str());
    if (dir == nullptr) return failed("list", path, errno);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(dir);
    std::ranges::sort(names);
    return names;
  }

  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed("open", path, errno);
    auto file = std::make_unique<PosixFile>(fd, path);
    struct flock request = {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &request) != 0) {
      if (errno != EAGAIN && errno != EACCES) return failed("lock", path, errno);
      const Result<std::string> text = read_whole(*file);
      return std::unexpected(
          Error{Error::Code::conflict,
                fmt::format("{} is held by process {}", path,
                            text && !text->empty() ? text->substr(0, text->find_first_of(" \n"))
                                                   : "unknown"),
                "stop that process first, or send the command to it"});
    }
    return file;
  }

  bool locked(const std::string& path) const override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno != ENOENT;
    struct flock request = {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    const bool asked = ::fcntl(fd, F_OFD_GETLK, &request) == 0;
    ::close(fd);
    return !asked || request.l_type != F_UNLCK;
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

Result<std::string> read_whole(const File& file) {
  const Result<std::uint64_t> size = file.size();
  if (!size) return std::unexpected(size.error());
  std::string content(*size, '\0');
  const Result<std::size_t> got =
      file.read_at(0, std::as_writable_bytes(std::span(content.data(), content.size())));
  if (!got) return std::unexpected(got.error());
  content.resize(*got);
  return content;
}

Result<void> replace_file(FileSystem& files, const std::string& path, Bytes content) {
  const std::string fresh = path + ".new";
  if (const auto removed = files.remove(fresh); !removed) return removed;
  const auto file = files.open(fresh, FileSystem::Open::create_new);
  if (!file) return std::unexpected(file.error());
  if (const auto written = (*file)->write_at(0, content); !written) return written;
  if (const auto synced = (*file)->sync(); !synced) return synced;
  if (const auto renamed = files.rename(fresh, path); !renamed) return renamed;
  return files.sync_dir(parent_of(path));
}

// Always as long: what another process wrote before is covered.
Result<void> sign_lock(File& lock) {
  return lock.write_at(0, bytes_of(fmt::format("{:<11}\n", ::getpid())));
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace daybook
