#include "runner/service/keeper_socket.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace daybook {

namespace asio = boost::asio;
using Stream = asio::local::stream_protocol::socket;

namespace {

constexpr unsigned connections_max = 32;
constexpr std::chrono::seconds message_deadline{10};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A socket's name has 108 bytes at most, a book's path may have more: it is named by its folder's
// descriptor instead.
struct Address {
  explicit Address(const BookPaths& paths)
      : folder(::open(paths.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        path(fmt::format("/proc/self/fd/{}/{}", folder.get(), paths.socket().filename().string())) {
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.c_str(), std::min(path.size() + 1, sizeof(name.sun_path)));
  }
  Descriptor folder;
  std::string path;
  sockaddr_un name{};
};

std::string user_name(uid_t uid) {
  const struct passwd* user = ::getpwuid(uid);
  return user != nullptr ? user->pw_name : fmt::format("uid-{}", uid);
}

std::uint32_t length_of(const std::array<unsigned char, 4>& head) {
  return std::uint32_t{head[0]} << 24 | std::uint32_t{head[1]} << 16 | std::uint32_t{head[2]} << 8 |
         head[3];
}

std::string framed(const std::string& text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(size >> shift & 0xffU);
  return out + text;
}

class Server final : public KeeperSocket, public std::enable_shared_from_this<Server> {
 public:
  Server(Keeper& keeper, Runner* runner, std::filesystem::path file, Descriptor&& listener)
      : keeper_(keeper),
        runner_(runner),
        file_(std::move(file)),
        acceptor_(keeper.executor().loop(), asio::local::stream_protocol(), listener.release()) {}

  asio::awaitable<void> accept(std::shared_ptr<Server> self) {
    while (acceptor_.is_open()) {
      boost::system::error_code error;
      Stream stream(keeper_.executor().loop());
      co_await acceptor_.async_accept(stream, asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
      if (error || connections_ >= connections_max) continue;
      ++connections_;
      asio::co_spawn(keeper_.executor().loop(), serve(self, std::move(stream)), asio::detached);
    }
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    std::error_code unseen;
    std::filesystem::remove(file_, unseen);
  }

 private:
  asio::awaitable<void> serve(std::shared_ptr<Server> /*keeps this alive*/, Stream opened) {
    auto stream = std::make_shared<Stream>(std::move(opened));
    auto timer = std::make_shared<asio::steady_timer>(keeper_.executor().loop());
    const auto watch = [&] {
      timer->expires_after(message_deadline);
      timer->async_wait([stream](const boost::system::error_code& error) {
        boost::system::error_code ignored;
        if (!error) stream->close(ignored);
      });
    };
    ucred peer{};
    socklen_t size = sizeof(peer);
    const bool known =
        ::getsockopt(stream->native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    // The mode of the file keeps others out already; this holds where it was changed.
    if (known && (peer.uid == ::geteuid() || peer.uid == 0)) {
      watch();
      boost::system::error_code error;
      std::array<unsigned char, 4> head{};
      co_await asio::async_read(*stream, asio::buffer(head),
                                asio::redirect_error(asio::use_awaitable, error));
      const std::uint32_t length = length_of(head);
      std::string text;
      if (!error && length > 0 && length <= message_bytes_max) {
        text.resize(length);
        co_await asio::async_read(*stream, asio::buffer(text),
                                  asio::redirect_error(asio::use_awaitable, error));
        timer->cancel();
        if (!error) {
          auto request = request_from_wire(text);
          RequestAnswer answer = std::unexpected(RequestFailure(Error{}));
          if (request) {
            const Actor actor{
                .principal = user_name(peer.uid), .kind = ActorKind::human, .on_behalf_of = {}};
            answer = co_await handle(keeper_, runner_, actor, std::move(*request));
          } else {
            answer = std::unexpected(RequestFailure(request.error()));
          }
          std::string reply = to_wire(answer);
          if (reply.size() > message_bytes_max)
            reply = to_wire(RequestAnswer(std::unexpected(RequestFailure(
                Error{Error::Code::invalid, "the answer is too large; ask for less"}))));
          const std::string message = framed(reply);
          watch();
          co_await asio::async_write(*stream, asio::buffer(message),
                                     asio::redirect_error(asio::use_awaitable, error));
        }
      }
    }
    timer->cancel();
    boost::system::error_code ignored;
    stream->close(ignored);
    --connections_;
  }

  Keeper& keeper_;
  Runner* runner_;
  std::filesystem::path file_;
  asio::local::stream_protocol::acceptor acceptor_;
  unsigned connections_ = 0;
};

// What the caller holds; the server itself lives as long as its last coroutine.
class Handle final : public KeeperSocket {
 public:
  explicit Handle(std::shared_ptr<Server> server) : server_(std::move(server)) {}
  ~Handle() override { server_->close(); }

 private:
  std::shared_ptr<Server> server_;
};

}  // namespace

Result<std::unique_ptr<KeeperSocket>> KeeperSocket::listen(Keeper& keeper, Runner* runner) {
  const Address address(keeper.paths());
  // Only the keeper gets here, so whatever lies at this name is left over.
  ::unlink(address.path.c_str());
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Nobody can connect before listen(): the mode is right by then, whatever the umask was.
  if (listener.get() < 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address.name),
             sizeof(address.name)) != 0 ||
      ::chmod(address.path.c_str(), 0600) != 0 || ::listen(listener.get(), 16) != 0)
    return fail(Error::Code::io, "{}: {}", keeper.paths().socket().string(), std::strerror(errno));
  auto server =
      std::make_shared<Server>(keeper, runner, keeper.paths().socket(), std::move(listener));
  asio::co_spawn(keeper.executor().loop(), server->accept(server), asio::detached);
  return std::make_unique<Handle>(std::move(server));
}

namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int fd, void* into, std::size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = ::recv(fd, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

std::optional<RequestAnswer> ask_keeper(const BookPaths& paths, const Request& request,
                                        int patience_ms) {
  const auto failed = [](std::string detail, std::string hint) {
    return RequestAnswer(std::unexpected(
        RequestFailure(Error{Error::Code::unavailable, std::move(detail), std::move(hint)})));
  };
  const Address address(paths);
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0 || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.name),
                                sizeof(address.name)) != 0)
    return std::nullopt;
  const timeval patience{.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const std::string message = to_wire(request);
  if (message.size() > message_bytes_max)
    return RequestAnswer(std::unexpected(
        RequestFailure(Error{Error::Code::invalid, "too much for one request", "ask for less"})));
  std::array<unsigned char, 4> head{};
  if (!send_all(fd.get(), framed(message)) || !receive_all(fd.get(), head.data(), head.size()))
    return failed("the keeper of this book ended, or does not answer",
                  "whether it was done is in the book: daybook log");
  const std::uint32_t length = length_of(head);
  if (length == 0 || length > message_bytes_max)
    return failed("the keeper's answer is not readable", "is it of another version of daybook?");
  std::string text(length, '\0');
  if (!receive_all(fd.get(), text.data(), text.size()))
    return failed("the keeper of this book ended while it answered",
                  "whether it was done is in the book: daybook log");
  auto answer = answer_from_wire(text);
  if (!answer) return failed("the keeper's answer is not readable: " + answer.error().detail, "");
  return std::move(*answer);
}

}  // namespace daybook
