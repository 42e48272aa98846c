#include "runner/transparency/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace daybook {
namespace {

TEST(HttpUrl, IsTakenApart) {
  const auto url = parse_http_url("https://witness.example:8443/a/b");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "witness.example");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->target, "/a/b");
  EXPECT_EQ(url->authority(), "witness.example:8443");
  EXPECT_EQ(url->below("add-checkpoint").target, "/a/b/add-checkpoint");
  EXPECT_EQ(parse_http_url("http://w.example")->below("x").target, "/x");
  EXPECT_EQ(parse_http_url("http://w.example/")->authority(), "w.example");
  EXPECT_EQ(parse_http_url("http://[::1]:80/")->authority(), "[::1]");
}

TEST(HttpUrl, IsRefusedWhereTwoProgramsCouldReadItDifferently) {
  for (const std::string text : {"",
                                 "w.example",
                                 "ftp://w.example/",
                                 "http://",
                                 "http:///x",
                                 "http://a b/",
                                 "http://a\n/",
                                 "http://u@w.example/",
                                 "http://w.example/?q",
                                 "http://w.example/#f",
                                 "http://w.example:0/",
                                 "http://w.example:65536/",
                                 "http://w.example:8o/",
                                 "http://w.example/../x",
                                 "http://w.example/a/..",
                                 "http://w.example/%2e%2e",
                                 "http://w.example//x",
                                 "http://[::1/",
                                 "http://[w]/",
                                 "http://[::1]x/",
                                 "http://w_x/",
                                 "http://w.example\\@evil/"})
    EXPECT_FALSE(parse_http_url(text)) << text;
  EXPECT_FALSE(parse_http_url("http://w.example/" + std::string(3'000, 'a')));
}

// Takes one connection, reads what comes, answers with these bytes (none: keeps silent), and
// closes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    if (!answer_.empty()) thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  HttpUrl url() const { return *parse_http_url(fmt::format("http://127.0.0.1:{}/x", port_)); }
  const std::string& asked() const { return asked_; }

 private:
  void serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    char buffer[4096];
    while (asked_.find("body!") == std::string::npos) {
      const ssize_t size = ::read(peer, buffer, sizeof(buffer));
      if (size <= 0) break;
      asked_.append(buffer, static_cast<std::size_t>(size));
    }
    const char* at = answer_.data();
    for (std::size_t left = answer_.size(); left > 0;) {
      const ssize_t sent = ::send(peer, at, left, MSG_NOSIGNAL);
      if (sent <= 0) break;
      at += sent;
      left -= static_cast<std::size_t>(sent);
    }
    ::close(peer);
  }

  std::string answer_, asked_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(HttpPost, SendsTheBodyAndReadsTheAnswer) {
  std::string asked;
  {
    OneAnswer server(
        "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 3\r\n"
        "\r\n42\n");
    const auto answer = http_post(server.url(), "text/plain", "body!");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 409U);
    EXPECT_EQ(answer->content_type, "text/x.tlog.size");
    EXPECT_EQ(answer->body, "42\n");
    asked = server.asked();
  }
  EXPECT_TRUE(asked.starts_with("POST /x HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("\r\nContent-Length: 5\r\n"), std::string::npos) << asked;
}

TEST(HttpPost, WaitsNoLongerThanItIsTold) {
  OneAnswer silent("");
  const auto before = std::chrono::steady_clock::now();
  const auto answer =
      http_post(silent.url(), "text/plain", "body!", {.patience = std::chrono::milliseconds(200)});
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Error::Code::unavailable);
}

TEST(HttpPost, ReadsNoMoreThanItIsTold) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const auto answer = http_post(server.url(), "text/plain", "body!");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Error::Code::unavailable);
}

TEST(HttpPost, SaysThatNobodyIsThereOrNotInHttp) {
  HttpUrl nowhere;
  {
    const OneAnswer gone("");
    nowhere = gone.url();
  }
  EXPECT_EQ(http_post(nowhere, "text/plain", "body!").error().code, Error::Code::unavailable);
  OneAnswer other("220 mail.example ESMTP\r\n\r\n");
  EXPECT_EQ(http_post(other.url(), "text/plain", "body!").error().code, Error::Code::unavailable);
}

}  // namespace
}  // namespace daybook
