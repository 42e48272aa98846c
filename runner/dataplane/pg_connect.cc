#include "runner/dataplane/pg_connect.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <vector>

namespace daybook {
namespace {

struct Option {
  const char *key, *value;
};
// Defaults the user's string may override: no wait without an end.
constexpr Option bounds[] = {{"connect_timeout", "10"},      {"keepalives", "1"},
                             {"keepalives_idle", "10"},      {"keepalives_interval", "5"},
                             {"keepalives_count", "3"},      {"tcp_user_timeout", "30000"},
                             {"application_name", "daybook"}};

bool is_local(std::string_view host) {
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" ||
         host == "127.0.0.1" || host == "::1";
}

// libpq before the fix of CVE-2025-1094 quotes invalid UTF-8 wrongly. We quote ourselves; an old
// library is refused all the same, save by distributions' own versions of 15.
bool outdated_libpq() {
  const int version = PQlibVersion();
  const int major = version / 10'000, minor = version % 10'000;
  switch (major) {
    case 13: return minor < 19;
    case 14: return minor < 16;
    case 15: return minor < 11;
    case 16: return minor < 7;
    case 17: return minor < 3;
    default: return major < 13;
  }
}

}  // namespace

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

std::expected<PgHandle, PgRefused> pg_connect(const std::string& reference, Scrubber& scrubber) {
  const auto refused = [](ErrorClass error, std::string code, std::string what, std::string detail,
                          std::string rule) {
    return std::unexpected(PgRefused{.error = error,
                                     .code = std::move(code),
                                     .what = std::move(what),
                                     .detail = std::move(detail),
                                     .rule = std::move(rule)});
  };
  if (outdated_libpq())
    return refused(ErrorClass::definition, "libpq", "libpq is outdated",
                   fmt::format("libpq {} is older than the fix of CVE-2025-1094", PQlibVersion()),
                   "pg.libpq");
  const auto secret = resolve_secret(reference);
  if (!secret)
    return refused(ErrorClass::permission, "secret", "the connection's secret is not there",
                   secret.error().detail, "pg.secret");
  const bool plain = secret->view() == reference;
  if (!plain) scrubber.hide(secret->view());

  // What libpq says of a string it can not read quotes the string: it is not passed on.
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(secret->reveal(), nullptr), PQconninfoFree);
  if (!parsed)
    return refused(
        ErrorClass::definition, "connection.string", "the connection is not a libpq string",
        fmt::format("{} is not a libpq connection string", plain ? "connection" : reference),
        "pg.conninfo");
  bool remote = false, ssl_said = std::getenv("PGSSLMODE") != nullptr;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view key = option->keyword;
    if (key == "password" || key == "sslpassword") scrubber.hide(option->val);
    if (key == "host" || key == "hostaddr") remote = remote || !is_local(option->val);
    if (key == "sslmode") ssl_said = true;
  }
  std::vector<const char*> keys, values;
  for (const Option& bound : bounds) {
    keys.push_back(bound.key);
    values.push_back(bound.value);
  }
  if (remote && !ssl_said) {
    keys.push_back("sslmode");
    values.push_back("verify-full");
  }
  keys.push_back("dbname");  // expanded in place: what stands in it wins over what is above
  values.push_back(secret->reveal());
  keys.push_back(nullptr);
  values.push_back(nullptr);
  PgHandle connection(PQconnectdbParams(keys.data(), values.data(), 1), PQfinish);
  if (connection && PQstatus(connection.get()) == CONNECTION_OK) {
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    return connection;
  }
  // The server's refusals come without their SQLSTATE through libpq 15: known texts are told apart,
  // everything else is taken for a server that does not answer.
  const std::string text = connection ? PQerrorMessage(connection.get()) : "";
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  const bool denied = says("authentication failed") || says("no pg_hba.conf entry") ||
                      says("no password supplied") || says("permission denied");
  const bool absent = says("\" does not exist");
  const bool full = says("too many clients") || says("remaining connection slots");
  return refused(denied   ? ErrorClass::permission
                 : absent ? ErrorClass::definition
                 : full   ? ErrorClass::throttled
                          : ErrorClass::dependency_down,
                 "connection", "the server can not be reached", scrubber.scrub(first_line(text)),
                 "pg.connect");
}

}  // namespace daybook
