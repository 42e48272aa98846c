// DuckDB behind owners that clean up, and in a locked configuration: it reads and writes nothing
// but the files it is given, loads no extension, and can not be configured further.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/dataplane/failure.h"
#include "runner/dataplane/vectors.h"

namespace daybook {

struct DuckError {
  std::string message;
  duckdb_error_type type = DUCKDB_ERROR_INVALID;
  // The values of one row made it fail: that row can be found and set aside.
  bool of_a_row() const;
  // Its first line: the others quote our SQL.
  std::string_view said() const { return std::string_view(message).substr(0, message.find('\n')); }
};
template <typename T>
using Ducked = std::expected<T, DuckError>;

StageFailure failure_of(const DuckError& error, std::string_view doing);

class DuckDatabase {
 public:
  struct Limits {
    std::filesystem::path directory;  // the only place written to; empty: none
    std::vector<std::string> readable;
    std::uint64_t memory_bytes = 0;
  };
  static Staged<std::unique_ptr<DuckDatabase>> open(const Limits& limits);
  ~DuckDatabase();
  DuckDatabase(const DuckDatabase&) = delete;
  DuckDatabase& operator=(const DuckDatabase&) = delete;
  duckdb_connection main() const { return main_; }
  // Forbids any change of settings; after the functions are registered.
  Staged<void> lock(const Limits& limits);
  duckdb_database handle() const { return database_; }

 private:
  DuckDatabase() = default;
  duckdb_database database_ = nullptr;
  duckdb_connection main_ = nullptr;
};

class DuckConnection {
 public:
  explicit DuckConnection(duckdb_database database) { duckdb_connect(database, &connection_); }
  ~DuckConnection() { duckdb_disconnect(&connection_); }
  DuckConnection(const DuckConnection&) = delete;
  DuckConnection& operator=(const DuckConnection&) = delete;
  duckdb_connection get() const { return connection_; }

 private:
  duckdb_connection connection_ = nullptr;
};

// A result fetched chunk by chunk.
class DuckResult {
 public:
  DuckResult() = default;
  ~DuckResult();
  DuckResult(DuckResult&& other) noexcept;
  DuckResult& operator=(DuckResult&&) = delete;
  // The next chunk as views; rows 0: the end. Views live until the next call.
  std::uint32_t next(std::vector<VectorView>& views);
  bool failed(DuckError& error);

 private:
  friend Ducked<DuckResult> duck_query(duckdb_connection, const std::string&);
  duckdb_result result_{};
  bool owned_ = false;
  duckdb_data_chunk chunk_ = nullptr;
};

Ducked<DuckResult> duck_query(duckdb_connection connection, const std::string& sql);
Ducked<void> duck_run(duckdb_connection connection, const std::string& sql);
// One number; nullopt for NULL.
Ducked<std::optional<std::string>> duck_scalar(duckdb_connection connection,
                                               const std::string& sql);

// Names and types a query would give, without running it. Types that no contract knows are marked
// by `cast`: what they are to be cast to.
struct DescribedColumn {
  Column column;
  bool cast = false;
};
Ducked<std::vector<DescribedColumn>> duck_describe(duckdb_connection connection,
                                                   const std::string& sql);

duckdb_logical_type duck_type(const ColumnType& type);  // the caller destroys it
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);

}  // namespace daybook
