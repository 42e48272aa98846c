#include "tools/daybook/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/daybook/terminal.h"

namespace daybook {

std::expected<std::string, Problem> whole_file(const std::string& path, std::size_t bytes_max) {
  const bool input = path == "-";
  const int fd = input ? 0 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return std::unexpected(
        Problem{.exit = errno == ENOENT ? Exit::not_found : Exit::bad,
                .code = errno == ENOENT ? "DB-1004" : "DB-1001",
                .message = fmt::format("{}: {}", printable(path), std::strerror(errno))});
  std::string out;
  char buffer[65536];
  std::expected<void, Problem> trouble;
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      trouble = std::unexpected(
          Problem{.message = fmt::format("{}: {}", printable(path), std::strerror(errno))});
    if (got <= 0) break;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > bytes_max) {
      trouble = std::unexpected(Problem{
          .exit = Exit::invalid,
          .code = "DB-1013",
          .message = fmt::format("{} is larger than {}", printable(path), spell_bytes(bytes_max))});
      break;
    }
  }
  if (!input) ::close(fd);
  if (!trouble) return std::unexpected(trouble.error());
  return out;
}

std::expected<NewFile, Problem> NewFile::open(const std::string& path) {
  NewFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file.fd_ >= 0) return file;
  return std::unexpected(
      Problem{.exit = errno == EEXIST ? Exit::conflict : Exit::bad,
              .code = errno == EEXIST ? "DB-1005" : "DB-1001",
              .message = fmt::format("{}: {}", printable(path), std::strerror(errno)),
              .hint = errno == EEXIST ? "nothing is written over" : ""});
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

void NewFile::write(std::string_view text) {
  while (error_ == 0 && !text.empty()) {
    const ssize_t put = ::write(fd_, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      error_ = put < 0 ? errno : EIO;
    } else {
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
}

std::expected<void, Problem> NewFile::finish() {
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
  if (error_ != 0)
    return std::unexpected(
        Problem{.message = fmt::format("{}: {}", printable(path_), std::strerror(error_))});
  ::close(fd_);
  fd_ = -1;
  return {};
}

std::expected<void, Problem> new_file(const std::string& path, std::string_view text) {
  auto file = NewFile::open(path);
  if (!file) return std::unexpected(file.error());
  file->write(text);
  return file->finish();
}

}  // namespace daybook
