#include "runner/definition/project_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace daybook {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_beneath(const std::string& project, const std::string& path) {
  const Descriptor root(open(project.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) return -1;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a FIFO must not make us wait
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how));
}

std::string reason(int error) {
  switch (error) {
    case ENOENT: return "there is no such file";
    case EXDEV:
    case ELOOP: return "a link on the path leads out of the project";
    case EACCES: return "it may not be read";
    default: return std::strerror(error);
  }
}

}  // namespace

std::optional<std::string> project_path_fault(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.size() > 1024) return "is longer than 1024 bytes";
  if (path.front() == '/') return "is absolute";
  if (path.size() > 1 && path[1] == ':') return "names a drive";
  for (char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == '%' || c == '~' || c == 0x7F)
      return fmt::format(
          "holds a character that paths here may not have ({})",
          static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? "control" : std::string(1, c));
  }
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t slash = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, slash - start);
    if (part == "..") return "leaves the project (..)";
    if (part.empty()) return slash == path.size() ? "ends with a slash" : "has an empty part (//)";
    if (part == ".") return "has a part that says nothing (.)";
    // The book lies there, and in sinks the markers of their loads.
    if (part == ".daybook") return "leads into a folder of Daybook's own (.daybook)";
    if (part.back() == '.' || part.back() == ' ' || part.front() == ' ')
      return "has a part that ends with a dot, or starts or ends with a blank";
    if (part.size() > 255) return "has a part longer than 255 bytes";
    start = slash + 1;
  }
  return std::nullopt;
}

std::expected<std::string, std::string> read_project_file(const std::string& project,
                                                          const std::string& path,
                                                          std::uint64_t bytes_max) {
  const Descriptor file(open_beneath(project, path));
  if (file.get() < 0) return std::unexpected(reason(errno));
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::unexpected("it is not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max)
    return std::unexpected(fmt::format("it has more than {} bytes", bytes_max));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(reason(errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

bool is_project_file(const std::string& project, const std::string& path) {
  return find_project_file(project, path).value_or(false);
}

std::expected<bool, std::string> find_project_file(const std::string& project,
                                                   const std::string& path, bool folder) {
  const Descriptor file(open_beneath(project, path));
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return std::unexpected(reason(errno));
  }
  if (S_ISREG(status.st_mode)) return !folder;
  if (S_ISDIR(status.st_mode)) return folder;
  return std::unexpected("it is not a regular file");
}

}  // namespace daybook
