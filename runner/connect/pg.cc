#include "runner/connect/pg.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/dataplane/pg_connect.h"
#include "runner/dataplane/sqlstate.h"

namespace daybook {
namespace {

// Pinned for every session, poolers included. Digests of rows depend on the text forms.
constexpr const char* session_settings = R"(
SET search_path = pg_catalog, pg_temp;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'UTC';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SET lock_timeout = '15s';
SET idle_in_transaction_session_timeout = '2min';
SET default_transaction_isolation = 'read committed';
)";

}  // namespace

PgResult::PgResult(pg_result* result) : result_(result, PQclear) {}
int PgResult::rows() const { return PQntuples(result_.get()); }
std::string PgResult::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
bool PgResult::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::uint64_t PgResult::number(int row, int column) const {
  const std::string digits = text(row, column);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}
std::uint64_t PgResult::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}
std::string_view PgResult::tag() const { return PQcmdStatus(result_.get()); }

PgConnection::PgConnection() : connection_(nullptr, PQfinish) {}

std::unexpected<SinkFailure> PgConnection::failure(const std::string& what, pg_result* result) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const std::string sqlstate = state != nullptr ? state : "";
  std::string text = first_line(result != nullptr ? PQresultErrorMessage(result) : "");
  if (text.empty()) text = first_line(PQerrorMessage(connection_.get()));
  const SqlstateClass classified = classify_sqlstate(sqlstate);
  return sink_failure(
      classified.error, sqlstate.empty() ? "connection" : fmt::format("sqlstate.{}", sqlstate),
      what, fmt::format("{}: {}", what, scrubber_.scrub(std::move(text))), classified.rule);
}

SinkResult<PgConnection> PgConnection::open(const std::string& reference,
                                            std::chrono::milliseconds timeout) {
  PgConnection connection;
  auto opened = pg_connect(reference, connection.scrubber_);
  if (!opened) {
    const PgRefused& refused = opened.error();
    return sink_failure(refused.error, refused.code, refused.what, refused.detail, refused.rule);
  }
  connection.connection_ = std::move(*opened);
  const std::string settings =
      fmt::format("{}SET statement_timeout = {};", session_settings,
                  std::clamp<std::int64_t>(timeout.count(), 1, std::numeric_limits<int>::max()));
  if (auto set = connection.run(settings); !set) return std::unexpected(set.error());
  auto facts = connection.run(
      "SELECT pg_is_in_recovery(), current_setting('fsync'), system_identifier "
      "FROM pg_control_system()");
  if (!facts) return std::unexpected(facts.error());
  if (facts->text(0, 0) != "f") {
    return sink_failure(ErrorClass::dependency_down, "standby", "the server is a standby",
                        "connected to a server in recovery: markers are read on the primary alone",
                        "pg.standby");
  }
  if (facts->text(0, 1) != "on") {
    return sink_failure(ErrorClass::definition, "fsync", "the server runs with fsync off",
                        "the server runs with fsync = off: what it commits may vanish", "pg.fsync");
  }
  connection.identity_.system = facts->text(0, 2);
  DAYBOOK_CRASH_POINT("pg.connected");
  return connection;
}

SinkResult<PgResult> PgConnection::run(const std::string& statement, PgParameters parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PgResult result(parameters.size() == 0 ? PQexec(connection_.get(), statement.c_str())
                                         : PQexecParams(connection_.get(), statement.c_str(),
                                                        static_cast<int>(values.size()), nullptr,
                                                        values.data(), nullptr, nullptr, 0));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
  return failure(statement.substr(0, statement.find_first_of(" \n")), result.get());
}

SinkResult<void> PgConnection::copy_begin(const std::string& statement) {
  const PgResult result(PQexec(connection_.get(), statement.c_str()));
  if (PQresultStatus(result.get()) == PGRES_COPY_IN) return {};
  return failure("COPY", result.get());
}

SinkResult<void> PgConnection::copy_write(std::string_view bytes) {
  if (PQputCopyData(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) == 1)
    return {};
  const PgResult result(PQgetResult(connection_.get()));
  return failure("COPY", result.get());
}

SinkResult<std::uint64_t> PgConnection::copy_end() {
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) return failure("COPY", nullptr);
  std::uint64_t rows = 0;
  std::optional<SinkFailure> failed;
  for (;;) {
    const PgResult result(PQgetResult(connection_.get()));
    if (result.get() == nullptr) break;
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
      rows = result.affected();
    } else if (!failed) {
      failed = failure("COPY", result.get()).error();
    }
  }
  if (failed) return std::unexpected(std::move(*failed));
  return rows;
}

SinkResult<void> PgConnection::begin() {
  auto begun = run("BEGIN");
  if (!begun) return std::unexpected(begun.error());
  auto set = run("SET LOCAL synchronous_commit = on");
  if (!set) return std::unexpected(set.error());
  DAYBOOK_CRASH_POINT("pg.begun");
  return {};
}

SinkResult<void> PgConnection::commit() {
  if (PQsendQuery(connection_.get(), "COMMIT") != 1) {
    return ambiguous(failure("COMMIT", nullptr).error());
  }
  (void)PQflush(connection_.get());  // what does not go now goes with PQgetResult
  DAYBOOK_CRASH_POINT("pg.commit_sent");
  std::optional<SinkFailure> failed;
  bool committed = false;
  for (;;) {
    const PgResult result(PQgetResult(connection_.get()));
    if (result.get() == nullptr) break;
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
      if (!failed) failed = failure("COMMIT", result.get()).error();
    } else {
      // A transaction that had failed before answers ROLLBACK, with status OK.
      committed = result.tag() == "COMMIT";
      if (!committed && !failed) {
        failed = sink_failure(ErrorClass::internal, "rolled_back", "the server rolled back",
                              fmt::format("COMMIT was answered by {}", result.tag()), "pg.commit")
                     .error();
      }
    }
  }
  if (committed && !failed) return {};
  if (!failed) failed = failure("COMMIT", nullptr).error();
  // Errors the server raised while committing (deferred constraints, serialization) rolled back;
  // anything where it may not have had the last word is left to settle().
  const std::string& code = failed->code;
  const bool final_word =
      code == "rolled_back" || code.starts_with("sqlstate.23") || code.starts_with("sqlstate.40");
  if (final_word && code != "sqlstate.40003") return std::unexpected(std::move(*failed));
  return ambiguous(std::move(*failed));
}

void PgConnection::rollback() {
  if (PQtransactionStatus(connection_.get()) == PQTRANS_ACTIVE) {
    // In the middle of a COPY or an answer: ending the connection is the only sure way back.
    connection_.reset();
    return;
  }
  if (PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) (void)run("ROLLBACK");
}

std::string PgConnection::position() {
  auto at =
      run("SELECT lsn, ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::int "
          "FROM pg_current_wal_lsn() AS lsn");
  if (!at) return fmt::format("system {}", identity_.system);
  return fmt::format("lsn {} timeline {} system {}", at->text(0, 0), at->text(0, 1),
                     identity_.system);
}

std::string bytea(const Digest& digest) { return "\\x" + hex(digest); }

std::optional<Digest> digest_from_bytea(std::string_view text) {
  if (!text.starts_with("\\x")) return std::nullopt;
  return digest_from_hex(text.substr(2));
}

SinkResult<PgTransaction> PgTransaction::begin(PgConnection& connection) {
  if (auto begun = connection.begin(); !begun) return std::unexpected(begun.error());
  return PgTransaction(connection);
}

PgTransaction::~PgTransaction() {
  if (connection_ != nullptr) connection_->rollback();
}

PgTransaction::PgTransaction(PgTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

SinkResult<void> PgTransaction::commit() {
  auto committed = std::exchange(connection_, nullptr)->commit();
  if (committed) DAYBOOK_CRASH_POINT("pg.committed");
  return committed;
}

}  // namespace daybook
