// The one way to a PostgreSQL server, for what is read there and what is loaded: waits that end,
// TLS to servers elsewhere, and no secret in what is said.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "runner/definition/secret.h"
#include "statemachine/events.h"

struct pg_conn;

namespace daybook {

using PgHandle = std::unique_ptr<pg_conn, void (*)(pg_conn*)>;

struct PgRefused {
  ErrorClass error = ErrorClass::internal;
  std::string code;    // "connection.string"
  std::string what;    // the same for the same cause
  std::string detail;  // for a person, scrubbed
  std::string rule;    // that classified it
};

// `reference` is a libpq connection string or a secret's name. What must appear nowhere is told to
// `scrubber`, which the connection's later messages go through, too.
std::expected<PgHandle, PgRefused> pg_connect(const std::string& reference, Scrubber& scrubber);

std::string first_line(std::string_view text);

}  // namespace daybook
