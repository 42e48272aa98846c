// A real PostgreSQL server for one test: its own data directory, socket and loopback port.
//
// The server is a child of the calling thread and shuts itself down when that thread ends, so a
// test that crashes leaves no server behind. As root it runs as user `postgres`, which PostgreSQL
// insists on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "tests/support/temporary_directory.h"

namespace daybook {

class PostgresCluster {
 public:
  struct Options {
    bool fsync = true;                  // off: faster, for tests that never cut the power
    std::vector<std::string> settings;  // "max_connections=10", after our own, so they win
  };
  // How a server goes down. `immediate` is what a crash of the server looks like to its clients: no
  // checkpoint, recovery at the next start. `kill` is SIGKILL to the postmaster.
  enum class Stop : std::uint8_t { fast, immediate, kill };

  // Makes the cluster and starts it; about a second.
  static Result<std::unique_ptr<PostgresCluster>> create() { return create(Options{}); }
  static Result<std::unique_ptr<PostgresCluster>> create(const Options& options);
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // Returns when the server takes connections; the port stays the same over restarts. Does nothing
  // when it runs.
  Result<void> start();
  // Returns when the server's process is gone. Does nothing when it does not run.
  Result<void> stop(Stop how = Stop::fast);
  Result<void> restart(Stop how = Stop::fast);

  bool running() const { return server_ > 0; }
  // libpq strings for database `postgres` as superuser `daybook`, without a password.
  std::string conninfo() const;      // over the Unix socket
  std::string tcp_conninfo() const;  // over loopback, for what stands between client and server
  std::uint16_t port() const { return port_; }
  // What the server said so far: for the message of a failing test.
  std::string log() const;

  // Newest installed server's directory of programs, or empty.
  static std::filesystem::path find_programs();

 private:
  explicit PostgresCluster(Options options);
  Result<void> initialize();
  Result<void> launch();

  Options options_;
  TemporaryDirectory directory_{"daybook-pg"};
  std::filesystem::path programs_;
  std::uint16_t port_ = 0;
  pid_t server_ = -1;
};

}  // namespace daybook
