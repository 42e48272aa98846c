// One POST over HTTP/1.1, plain or through TLS, within bounds of time and size. For the few small
// questions a book asks of others: witnesses and time stamping authorities.
//
// Follows no redirect, sends no cookie and no credential, uses no proxy. A TLS server is checked
// against the certificates of the system (SSL_CERT_FILE and SSL_CERT_DIR name others) and its name.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ledger/error.h"

namespace daybook {

struct HttpUrl {
  bool tls = false;
  std::string host;    // a name, an IPv4 or an IPv6 address without brackets
  std::string port;    // "80"
  std::string target;  // begins with "/"; no query

  std::string authority() const;               // as the Host field has it
  HttpUrl below(std::string_view name) const;  // target + "/" + name
};

// "http://host[:port][/path]" or https: no user, no query, no fragment, no blank, no "..".
Result<HttpUrl> parse_http_url(std::string_view text);

struct HttpBounds {
  std::chrono::milliseconds patience{5'000};  // for all of it, from the first look-up on
  std::size_t body_bytes_max = 64 * 1024;     // of the answer
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

// Blocking: never on a keeper's loop. `unavailable` where nobody answers in time, or not in HTTP.
// The name is looked up by the system, which may take longer than the patience.
Result<HttpAnswer> http_post(const HttpUrl& url, std::string_view content_type,
                             std::string_view body, const HttpBounds& bounds = {});

}  // namespace daybook
