#include "tools/verifier/export_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "ledger/tiles.h"

namespace daybook {
namespace {

std::unexpected<Error> failed(int error) {
  switch (error) {
    case ENOENT: return fail(Error::Code::not_found, "is missing");
    case ELOOP: return fail(Error::Code::invalid, "is a symbolic link, or behind one");
    case ENOTDIR: return fail(Error::Code::invalid, "is below something that is no directory");
    case ENXIO: return fail(Error::Code::invalid, "is no plain file");
    default: return fail(Error::Code::io, "can not be read: {}", std::strerror(error));
  }
}

// O_DIRECTORY with O_NOFOLLOW answers ENOTDIR for a link: say what it is.
int open_directory_at(int parent, const std::string& name) {
  const int fd = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 || errno != ENOTDIR) return fd;
  struct stat status;
  const bool link =
      ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  errno = link ? ELOOP : ENOTDIR;
  return -1;
}

Result<std::string> read_plain(int fd, std::size_t bytes_max) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) return fail(Error::Code::invalid, "is no plain file");
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max)
    return fail(Error::Code::invalid, "has {} bytes, at most {} belong there", status.st_size,
                bytes_max);
  std::string content(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::read(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (done == content.size()) return fail(Error::Code::io, "grows while it is read");
  content.resize(done);
  return content;
}

bool is_decimal(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!is_decimal(text) || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::string_view head = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), head.size() + separator.size()));
  return head;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}
Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<ExportDirectory> ExportDirectory::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(Error::Code::io, "{}: {}", path, std::strerror(errno));
  return ExportDirectory(Descriptor(fd));
}

Result<std::string> ExportDirectory::read(const std::string& name, std::size_t bytes_max) const {
  const std::size_t slash = name.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : name.substr(0, slash);
  if (!parent.empty() && (parent != parent_ || opened_.get() < 0)) {
    std::string_view rest = parent;
    Descriptor at(::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (at.get() >= 0 && !rest.empty()) {
      const std::string part(take_until(rest, "/"));
      at = Descriptor(open_directory_at(at.get(), part));
    }
    if (at.get() < 0) return failed(errno);
    opened_ = std::move(at);
    parent_ = parent;
  }
  const int in = parent.empty() ? root_.get() : opened_.get();
  const std::string leaf = slash == std::string::npos ? name : name.substr(slash + 1);
  const Descriptor file(
      ::openat(in, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) return failed(errno);
  return read_plain(file.get(), bytes_max);
}

Result<void> ExportDirectory::walk(const Visit& visit) const {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const auto inside = [&](const auto& self, int fd, const std::string& prefix) -> Result<void> {
    const std::unique_ptr<DIR, Close> dir(::fdopendir(fd));
    if (!dir) {
      const int error = errno;
      ::close(fd);
      return failed(error);
    }
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) return failed(errno);
      if (entry == nullptr) return {};
      const std::string leaf = entry->d_name;
      if (leaf == "." || leaf == "..") continue;
      struct stat status;
      if (::fstatat(::dirfd(dir.get()), leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(errno);
      const Kind kind = S_ISREG(status.st_mode)   ? Kind::file
                        : S_ISDIR(status.st_mode) ? Kind::directory
                                                  : Kind::other;
      const std::string name = prefix + leaf;
      if (!visit(name, kind) || kind != Kind::directory) continue;
      const int below = open_directory_at(::dirfd(dir.get()), leaf);
      if (below < 0) return failed(errno);
      if (auto done = self(self, below, name + "/"); !done) return done;
    }
  };
  const int fd = ::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(errno);
  return inside(inside, fd, "");
}

Result<std::string> read_named_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  auto content =
      file.get() < 0 ? Result<std::string>(failed(errno)) : read_plain(file.get(), bytes_max);
  if (!content) content.error().detail = fmt::format("{} {}", path, content.error().detail);
  return content;
}

std::optional<TileName> parse_tile_name(std::string_view path) {
  std::string_view rest = path;
  if (path.size() > 100 || take_until(rest, "/") != "tile") return std::nullopt;
  TileName name;
  if (const std::string_view level = take_until(rest, "/"); level != "entries") {
    name.level = number<unsigned>(level);
    if (!name.level || *name.level > 63) return std::nullopt;
  }
  name.width = tile_width;
  if (const std::size_t dot = rest.find(".p/"); dot != std::string_view::npos) {
    const auto width = number<unsigned>(rest.substr(dot + 3));
    if (!width || *width == 0 || *width >= tile_width) return std::nullopt;
    name.width = *width;
    rest = rest.substr(0, dot);
  }
  std::string digits;
  while (!rest.empty()) {
    std::string_view group = take_until(rest, "/");
    if (!rest.empty() && group.starts_with('x')) group.remove_prefix(1);
    digits += group;
  }
  const auto index = number<std::uint64_t>(digits);
  if (!index) return std::nullopt;
  name.index = *index;
  // Whatever else was read above, the one spelling decides.
  const std::string spelled = name.level ? tile_path(*name.level, name.index, name.width)
                                         : bundle_path(name.index, name.width);
  if (spelled != path) return std::nullopt;
  return name;
}

bool is_tile_directory(std::string_view path) {
  if (path.size() > 100) return false;
  std::string_view rest = path;
  if (take_until(rest, "/") != "tile") return false;
  if (rest.empty()) return true;
  const std::string_view level = take_until(rest, "/");
  if (level != "entries" && !(is_decimal(level) && level.size() <= 2)) return false;
  while (!rest.empty()) {
    const std::string_view group = take_until(rest, "/");
    const bool partial = rest.empty() && group.size() == 5 && group.ends_with(".p") &&
                         is_decimal(group.substr(0, 3));
    const bool full = group.size() == 4 && group[0] == 'x' && is_decimal(group.substr(1));
    if (!partial && !full) return false;
  }
  return true;
}

bool is_within(const TileName& name, std::uint64_t size) {
  const unsigned shift = tile_height * name.level.value_or(0);
  const std::uint64_t count = shift < 64 ? size >> shift : 0;
  if (name.index > count / tile_width) return false;
  return name.width <= count - name.index * tile_width;
}

}  // namespace daybook
