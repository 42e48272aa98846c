#include "runner/transparency/tile_server.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <csignal>
#include <optional>

#include "ledger/merkle.h"
#include "ledger/tiles.h"
#include "replay/export.h"

namespace daybook {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t target_bytes_max = 200;

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return lower(x) == lower(y);
  });
}

std::string_view trim(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

bool is_ours(std::string_view host, std::uint16_t port) {
  const std::string suffix = fmt::format(":{}", port);
  if (host.ends_with(suffix)) host.remove_suffix(suffix.size());
  return same_word(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

// Of one field, after the checks of its form. 0: nothing is wrong.
unsigned refused_field(std::string_view name, std::string_view value, std::uint16_t port,
                       bool& host) {
  if (same_word(name, "transfer-encoding")) return 400;
  if (same_word(name, "content-length")) return value == "0" ? 0 : 413;
  if (same_word(name, "expect")) return 417;
  if (!same_word(name, "host")) return 0;
  if (std::exchange(host, true)) return 400;
  // A name that resolves to this machine is not enough: browsers go by names.
  return is_ours(value, port) ? 0 : 421;
}

unsigned refused_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return 400;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (method.empty() || !std::ranges::all_of(method, is_token)) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return version.starts_with("HTTP/") ? 505 : 400;
  if (method != "GET" && method != "HEAD") {
    constexpr std::string_view known[] = {"POST",    "PUT",   "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "CONNECT"};
    return std::ranges::find(known, method) != std::end(known) ? 405 : 501;
  }
  if (target.size() > target_bytes_max) return 414;
  // No path of the format has a character that would have to be decoded.
  if (!target.starts_with('/') || target.find_first_of("%?#;\\") != std::string_view::npos)
    return 400;
  return 0;
}

struct Request {
  bool head = false, keep = true;
  std::string path;   // without the first slash
  std::string known;  // If-None-Match
};

Request read_head(std::string_view head) {
  Request out;
  std::string_view line = head.substr(0, head.find("\r\n"));
  out.head = line.starts_with("HEAD ");
  const std::size_t first = line.find(' ');
  out.path = line.substr(first + 2, line.rfind(' ') - first - 2);
  out.keep = line.ends_with("1.1");
  head.remove_prefix(line.size() + 2);
  while (!head.empty() && !head.starts_with("\r\n")) {
    line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (same_word(name, "connection") && same_word(value, "close")) out.keep = false;
    if (same_word(name, "if-none-match")) out.known = value;
  }
  return out;
}

std::string_view reason(unsigned status) {
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

struct TilePath {
  std::optional<unsigned> level;  // none: entries
  std::uint64_t index = 0;
  unsigned width = tile_width;
};

std::optional<std::uint64_t> number(std::string_view text, std::size_t digits_max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.size() > digits_max || error != std::errc() ||
      end != text.data() + text.size())
    return std::nullopt;
  return value;
}

// The one spelling of a path of the format; nothing else.
std::optional<TilePath> parse_path(const std::string& path) {
  std::string_view rest = path;
  if (!rest.starts_with("tile/")) return std::nullopt;
  rest.remove_prefix(5);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  TilePath out;
  if (const std::string_view level = rest.substr(0, slash); level != "entries") {
    const auto value = number(level, 2);
    if (!value || *value > 63) return std::nullopt;
    out.level = static_cast<unsigned>(*value);
  }
  rest.remove_prefix(slash + 1);
  if (const std::size_t partial = rest.find(".p/"); partial != std::string_view::npos) {
    const auto width = number(rest.substr(partial + 3), 3);
    if (!width || *width == 0 || *width >= tile_width) return std::nullopt;
    out.width = static_cast<unsigned>(*width);
    rest = rest.substr(0, partial);
  }
  if (rest.size() > 27) return std::nullopt;
  std::uint64_t index = 0;
  while (!rest.empty()) {
    const bool more = rest.starts_with('x');
    if (more) rest.remove_prefix(1);
    const auto digits = number(rest.substr(0, 3), 3);
    if (!digits || rest.size() < 3 || index > (~std::uint64_t{0} - *digits) / 1'000)
      return std::nullopt;
    index = index * 1'000 + *digits;
    rest.remove_prefix(3);
    if (more != rest.starts_with('/')) return std::nullopt;
    if (more) rest.remove_prefix(1);
    if (more == rest.empty()) return std::nullopt;
  }
  out.index = index;
  const std::string again =
      out.level ? tile_path(*out.level, index, out.width) : bundle_path(index, out.width);
  if (again != path) return std::nullopt;
  return out;
}

class Server final : public TileServer {
 public:
  Server(TileSource source, const TileServerBounds& bounds)
      : source_(std::move(source)),
        bounds_(bounds),
        loop_(1),
        acceptor_(loop_),
        signals_(loop_, SIGINT, SIGTERM) {}

  Result<void> open(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error == boost::system::errc::address_in_use)
      return fail(Error::Code::conflict, "port {}: {}", endpoint.port(), error.message());
    if (error) return fail(Error::Code::io, "port {}: {}", endpoint.port(), error.message());
    port_ = acceptor_.local_endpoint().port();
    return {};
  }

  std::uint16_t port() const override { return port_; }

  TileServerReport serve(std::chrono::seconds time) override {
    signals_.async_wait([&](const boost::system::error_code& error, int number) {
      if (error) return;
      report_.signal = number;
      loop_.stop();
    });
    asio::steady_timer timer(loop_);
    if (time.count() > 0) {
      timer.expires_after(time);
      timer.async_wait([&](const boost::system::error_code& error) {
        if (!error) loop_.stop();
      });
    }
    asio::co_spawn(loop_, accept(), asio::detached);
    loop_.run();
    return report_;
  }

 private:
  asio::awaitable<void> accept() {
    while (true) {
      boost::system::error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        // Out of descriptors, for example: those that are open go on.
        asio::steady_timer pause(loop_, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      asio::co_spawn(loop_, talk(std::move(socket)), asio::detached);
    }
  }

  struct Counted {
    std::size_t& count;
    const std::size_t by;
    Counted(std::size_t& of, std::size_t more) : count(of), by(more) { count += by; }
    ~Counted() { count -= by; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
  };

  asio::awaitable<void> talk(tcp::socket socket) {
    const Counted connection(connections_, 1);
    const auto shared = std::make_shared<beast::tcp_stream>(std::move(socket));
    beast::tcp_stream& stream = *shared;
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    std::string buffer;
    for (unsigned count = 0; count < bounds_.requests_max; ++count) {
      // Not the stream's own deadline: that closes it, and nothing could be answered.
      stream.expires_never();
      const auto late = std::make_shared<bool>(false);
      asio::steady_timer deadline(loop_, bounds_.header_patience);
      deadline.async_wait([late, weak = std::weak_ptr(shared)](const auto& stopped) {
        const auto open = weak.lock();
        if (stopped || !open) return;
        *late = true;
        boost::system::error_code ignored;
        open->socket().cancel(ignored);
      });
      const std::size_t end = co_await asio::async_read_until(
          stream, asio::dynamic_buffer(buffer, bounds_.header_bytes_max), "\r\n\r\n", token);
      deadline.cancel();
      if (error) {
        if (*late && !buffer.empty()) co_await refuse(stream, 408);
        if (error == asio::error::not_found) co_await refuse(stream, 431);
        break;
      }
      unsigned refused = refused_head(std::string_view(buffer).substr(0, end), port_);
      if (refused == 0 && connections_ > bounds_.connections_max) refused = 503;
      if (refused != 0) {
        co_await refuse(stream, refused);
        break;
      }
      const Request request = read_head(std::string_view(buffer).substr(0, end));
      buffer.erase(0, end);
      if (!co_await answer(stream, request) || !request.keep) break;
    }
    // What is still to come is taken for a moment: closing on it would take the answer back.
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
    std::size_t taken = 0;
    std::array<char, 4096> rest;
    stream.expires_after(std::chrono::seconds(1));
    for (error = {}; !error && taken < 64 * 1024;)
      taken += co_await stream.async_read_some(asio::buffer(rest), token);
  }

  static std::string head_of(unsigned status, std::string_view type, std::string_view cache,
                             std::uint64_t bytes, bool keep, std::string_view more = {}) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\nServer: daybook\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
        "Cache-Control: {}\r\nX-Content-Type-Options: nosniff\r\n{}{}\r\n",
        status, reason(status), type, bytes, cache, more, keep ? "" : "Connection: close\r\n");
  }

  asio::awaitable<void> refuse(beast::tcp_stream& stream, unsigned status) {
    ++report_.refused;
    const std::string body = fmt::format("{} {}\n", status, reason(status));
    const std::string text = head_of(status, "text/plain; charset=utf-8", "no-store", body.size(),
                                     false, status == 405 ? "Allow: GET, HEAD\r\n" : "") +
                             body;
    boost::system::error_code error;
    stream.expires_after(bounds_.write_patience);
    co_await asio::async_write(stream, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, error));
  }

  // False where the connection is of no use any more.
  asio::awaitable<bool> answer(beast::tcp_stream& stream, const Request& request) {
    const bool checkpoint = request.path == "checkpoint";
    std::string content;
    unsigned status = 404;
    if (checkpoint || parse_path(request.path)) {
      auto found = source_(request.path);
      status = found ? 200 : found.error().code == Error::Code::not_found ? 404 : 500;
      if (found) content = std::move(*found);
    }
    if (status == 200 && in_flight_ + content.size() > bounds_.bytes_in_flight_max) status = 503;
    if (status == 503) {
      co_await refuse(stream, status);
      co_return false;
    }
    std::string head;
    const std::string tag = fmt::format("\"{}\"", hex(sha256(bytes_of(content))).substr(0, 32));
    if (status == 200 && request.known == tag) {
      status = 304;
      content.clear();
    }
    if (status == 200 || status == 304) {
      ++report_.served;
      head = head_of(status, checkpoint ? "text/plain; charset=utf-8" : "application/octet-stream",
                     checkpoint ? "no-cache" : "public, max-age=31536000, immutable",
                     content.size(), request.keep, "ETag: " + tag + "\r\n");
    } else {
      ++report_.refused;
      content = fmt::format("{} {}\n", status, reason(status));
      head = head_of(status, "text/plain; charset=utf-8", "no-store", content.size(), request.keep);
    }
    if (request.head) content.clear();
    const Counted bytes(in_flight_, content.size());
    const std::array<asio::const_buffer, 2> parts = {asio::buffer(head), asio::buffer(content)};
    boost::system::error_code error;
    stream.expires_after(bounds_.write_patience);
    co_await asio::async_write(stream, parts, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  TileSource source_;
  const TileServerBounds bounds_;
  std::size_t connections_ = 0, in_flight_ = 0;
  TileServerReport report_;
  std::uint16_t port_ = 0;
  asio::io_context loop_;  // last: what still waits in it names all of the above
  tcp::acceptor acceptor_;
  asio::signal_set signals_;  // from the start: whoever reads where it listens may end it at once
};

}  // namespace

unsigned refused_head(std::string_view head, std::uint16_t port) {
  if (!head.ends_with("\r\n\r\n")) return 400;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const char c = head[i];
    const bool line_end = c == '\r' ? i + 1 < head.size() && head[i + 1] == '\n'
                                    : c == '\n' && i > 0 && head[i - 1] == '\r';
    if ((c == '\r' || c == '\n') && !line_end) return 400;
    if (c != '\r' && c != '\n' && c != '\t' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f))
      return 400;
  }
  std::string_view line = head.substr(0, head.find("\r\n"));
  head.remove_prefix(line.size() + 2);
  if (const unsigned status = refused_line(line); status != 0) return status;
  const bool old = line.ends_with("1.0");
  bool host = false, length = false;
  while (!head.starts_with("\r\n")) {
    line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    // A line that goes on with the one before begins with a blank: no name does.
    if (colon == std::string_view::npos || colon == 0 ||
        !std::ranges::all_of(line.substr(0, colon), is_token))
      return 400;
    const std::string_view name = line.substr(0, colon);
    if (same_word(name, "content-length") && std::exchange(length, true)) return 400;
    if (const unsigned status = refused_field(name, trim(line.substr(colon + 1)), port, host);
        status != 0)
      return status;
  }
  return host || old ? 0 : 400;
}

Result<std::string> tile_of(const Ledger& ledger, const std::string& path) {
  if (path == "checkpoint") return latest_checkpoint(ledger);
  const auto tile = parse_path(path);
  const auto absent = [&] { return fail(Error::Code::not_found, "{}: there is none", path); };
  if (!tile) return absent();
  const unsigned level = tile->level.value_or(0);
  const std::uint64_t size = ledger.head().size >> tile_height * level;
  if (level > 7 || tile->index > size / tile_width || tile->index * tile_width + tile->width > size)
    return absent();
  const std::uint64_t first = tile->index * tile_width, end = first + tile->width;
  std::string bundle;
  std::vector<Digest> hashes;
  if (!tile->level || level == 0) {
    const auto read = ledger.read(first, end, [&](std::uint64_t, Bytes entry) {
      if (tile->level)
        hashes.push_back(hash_leaf(entry));
      else
        bundle += encode_bundle(std::span(&entry, 1));
      return true;
    });
    if (!read) return std::unexpected(read.error());
    if (!tile->level) return bundle;
  } else {
    for (std::uint64_t i = first; i < end; ++i) {
      const auto below = ledger.tile(level - 1, i);
      if (!below) return std::unexpected(below.error());
      hashes.push_back(merkle_root(*below));
    }
  }
  const Bytes bytes = std::as_bytes(std::span(hashes));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::unique_ptr<TileServer>> TileServer::listen(const std::string& address,
                                                       std::uint16_t port, TileSource source,
                                                       const TileServerBounds& bounds) {
  boost::system::error_code error;
  const auto where = asio::ip::make_address(address, error);
  if (error || !where.is_loopback())
    return std::unexpected(Error{Error::Code::invalid,
                                 fmt::format("{} is no loopback address", address),
                                 "a web server in front of it, or over an export, goes public"});
  auto server = std::make_unique<Server>(std::move(source), bounds);
  if (const auto open = server->open({where, port}); !open) return std::unexpected(open.error());
  return std::unique_ptr<TileServer>(std::move(server));
}

}  // namespace daybook
