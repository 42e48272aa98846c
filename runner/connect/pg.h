// libpq with owners: a connection whose waits are all bounded and whose errors are classified and
// free of secrets.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/connect/sink.h"
#include "runner/definition/secret.h"

struct pg_conn;
struct pg_result;

namespace daybook {

// A text parameter; digests travel as "\x…".
using PgParameters = std::initializer_list<std::string>;

class PgResult {
 public:
  explicit PgResult(pg_result* result);
  int rows() const;
  std::string text(int row, int column) const;  // empty where null
  bool is_null(int row, int column) const;
  std::uint64_t number(int row, int column) const;  // 0 where it is not one
  std::uint64_t affected() const;                   // rows a command touched
  std::string_view tag() const;                     // "COMMIT", "INSERT 0 1"
  pg_result* get() const { return result_.get(); }

 private:
  std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
};

struct PgIdentity {
  std::string system;  // pg_control_system().system_identifier: which cluster this is
  bool operator==(const PgIdentity&) const = default;
};

class PgConnection {
 public:
  // `reference` is a libpq string or a secret:// reference to one. Connects, pins the session's
  // settings, and refuses a standby, a server without fsync and an outdated libpq.
  // No statement takes longer than `timeout`.
  static SinkResult<PgConnection> open(const std::string& reference,
                                       std::chrono::milliseconds timeout);

  SinkResult<PgResult> run(const std::string& statement, PgParameters parameters = {});
  // COPY … FROM STDIN: begin, any number of writes, end with the number of rows.
  SinkResult<void> copy_begin(const std::string& statement);
  SinkResult<void> copy_write(std::string_view bytes);
  SinkResult<std::uint64_t> copy_end();

  SinkResult<void> begin();  // READ COMMITTED, synchronous commit
  // Success only where the server said COMMIT. A lost answer is a failure that is ambiguous.
  SinkResult<void> commit();
  // Never fails: a connection that does not answer is rolled back by the server.
  void rollback();

  const PgIdentity& identity() const { return identity_; }
  // "lsn 0/16B3748 timeline 1 system 72…", after a commit.
  std::string position();

 private:
  PgConnection();
  std::unexpected<SinkFailure> failure(const std::string& what, pg_result* result);

  std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
  Scrubber scrubber_;
  PgIdentity identity_;
};

std::string bytea(const Digest& digest);                    // "\x9f2c…"
std::optional<Digest> digest_from_bytea(std::string_view);  // of the same form

// A transaction that ends with the scope unless committed.
class PgTransaction {
 public:
  static SinkResult<PgTransaction> begin(PgConnection& connection);
  ~PgTransaction();
  PgTransaction(PgTransaction&& other) noexcept;
  PgTransaction& operator=(PgTransaction&&) = delete;
  SinkResult<void> commit();

 private:
  explicit PgTransaction(PgConnection& connection) : connection_(&connection) {}
  PgConnection* connection_;
};

}  // namespace daybook
