#include "runner/transparency/http_client.h"

#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <exception>
#include <optional>

namespace daybook {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t url_bytes_max = 2'000;
constexpr std::uint32_t header_bytes_max = 8 * 1024;

bool plain_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         host.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
             std::string_view::npos;
}

template <typename Stream>
asio::awaitable<HttpAnswer> exchange(Stream& stream, const HttpUrl& url,
                                     std::string_view content_type, std::string_view body,
                                     const HttpBounds& bounds) {
  http::request<http::string_body> request(http::verb::post, url.target, 11);
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "daybook");
  request.set(http::field::content_type, std::string(content_type));
  request.keep_alive(false);
  request.body() = std::string(body);
  request.prepare_payload();
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.header_limit(header_bytes_max);
  parser.body_limit(bounds.body_bytes_max);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  auto& answer = parser.get();
  HttpAnswer out;
  out.status = answer.result_int();
  out.content_type = std::string(answer[http::field::content_type]);
  out.body = std::move(answer.body());
  co_return out;
}

asio::awaitable<HttpAnswer> ask(HttpUrl url, std::string_view content_type, std::string_view body,
                                HttpBounds bounds) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto found = co_await resolver.async_resolve(url.host, url.port, asio::use_awaitable);
  if (!url.tls) {
    beast::tcp_stream stream(executor);
    co_await stream.async_connect(found, asio::use_awaitable);
    co_return co_await exchange(stream, url, content_type, body, bounds);
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_default_verify_paths();
  context.set_verify_mode(asio::ssl::verify_peer);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  beast::ssl_stream<beast::tcp_stream> stream(executor, context);
  stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  if (SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str()) != 1)
    throw std::runtime_error("the name of the server can not be sent");
  co_await beast::get_lowest_layer(stream).async_connect(found, asio::use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  co_return co_await exchange(stream, url, content_type, body, bounds);
}

}  // namespace

std::string HttpUrl::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string out = v6 ? "[" + host + "]" : host;
  if (port != (tls ? "443" : "80")) out += ":" + port;
  return out;
}

HttpUrl HttpUrl::below(std::string_view name) const {
  HttpUrl out = *this;
  while (out.target.ends_with('/')) out.target.pop_back();
  out.target += "/";
  out.target += name;
  return out;
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Error::Code::invalid, "not an HTTP URL, {}", why);
  };
  if (text.size() > url_bytes_max) return refuse("too long");
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return refuse("it has a character that no URL has");
  HttpUrl url;
  if (text.starts_with("https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return refuse("it begins with http:// or https://");
  }
  if (text.find_first_of("?#@\\") != std::string_view::npos)
    return refuse("it has no user, no query and no fragment");
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  url.target = slash == text.size() ? "/" : std::string(text.substr(slash));
  if (url.target.find("/../") != std::string::npos || url.target.ends_with("/..") ||
      url.target.find("//") != std::string::npos || url.target.find('%') != std::string::npos)
    return refuse("its path is plain");
  url.port = url.tls ? "443" : "80";
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return refuse("a bracket is open");
    url.host = authority.substr(1, end - 1);
    if (url.host.find(':') == std::string::npos ||
        url.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos)
      return refuse("between brackets stands an IPv6 address");
    port = authority.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return refuse("after a bracket comes the port");
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    if (!plain_host(url.host)) return refuse("it has no host");
    port = authority.substr(colon);
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    unsigned number = 0;
    for (const char c : port) {
      if (c < '0' || c > '9' || port.size() > 5) return refuse("the port is a number");
      number = number * 10 + static_cast<unsigned>(c - '0');
    }
    if (number == 0 || number > 65'535) return refuse("the port is from 1 to 65535");
    url.port = port;
  }
  return url;
}

Result<HttpAnswer> http_post(const HttpUrl& url, std::string_view content_type,
                             std::string_view body, const HttpBounds& bounds) {
  const auto unavailable = [&](std::string_view why) {
    return fail(Error::Code::unavailable, "{}: {}", url.authority(), why);
  };
  std::optional<HttpAnswer> answer;
  std::string wrong;
  asio::io_context loop(1);
  asio::co_spawn(loop, ask(url, content_type, body, bounds),
                 [&](const std::exception_ptr& error, HttpAnswer value) {
                   if (!error) {
                     answer = std::move(value);
                     return;
                   }
                   try {
                     std::rethrow_exception(error);
                   } catch (const boost::system::system_error& e) {
                     wrong = e.code().message();
                   } catch (const std::exception& e) {
                     wrong = e.what();
                   }
                 });
  loop.run_for(bounds.patience);
  if (answer) return std::move(*answer);
  if (wrong.empty())
    return unavailable(
        fmt::format("no answer within {} s", static_cast<double>(bounds.patience.count()) / 1000));
  return unavailable(wrong);
}

}  // namespace daybook
