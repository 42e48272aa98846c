#include "runner/dataplane/inputs.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "runner/dataplane/duck.h"

namespace daybook {

std::string input_name(const std::string& path, const std::string& project) {
  return !project.empty() && path.starts_with(project + "/") ? path.substr(project.size() + 1)
                                                             : path;
}

Staged<void> FixedFile::unchanged() const {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0 || now.st_dev != identity.st_dev ||
      now.st_ino != identity.st_ino || now.st_size != identity.st_size ||
      now.st_mtim.tv_sec != identity.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != identity.st_mtim.tv_nsec ||
      now.st_ctim.tv_sec != identity.st_ctim.tv_sec ||
      now.st_ctim.tv_nsec != identity.st_ctim.tv_nsec) {
    return no_stage(ErrorClass::transient, "source.changed", "{} changed while it was read",
                    file.name);
  }
  return {};
}

Staged<InputFile> hash_input(const std::string& path, const std::string& project,
                             StageProgress& progress) {
  auto fixed = fix_input(path, project, progress);
  if (!fixed) return std::unexpected(fixed.error());
  return std::move(fixed->file);
}

Staged<FixedFile> fix_input(const std::string& path, const std::string& project,
                            StageProgress& progress) {
  FixedFile fixed;
  fixed.path = path;
  InputFile& file = fixed.file;
  file.name = input_name(path, project);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return no_stage(errno == EACCES   ? ErrorClass::permission
                    : errno == ENOENT ? ErrorClass::data
                                      : ErrorClass::transient,
                    errno == ENOENT ? "source.missing" : "io", "{}: {}", file.name,
                    std::strerror(errno));
  }
  const auto closer = [](const int* d) { ::close(*d); };
  const std::unique_ptr<const int, decltype(closer)> guard(&descriptor, closer);
  if (::fstat(descriptor, &fixed.identity) != 0 || !S_ISREG(fixed.identity.st_mode)) {
    return no_stage(ErrorClass::data, "source.missing", "{} is not a regular file", file.name);
  }
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  for (;;) {
    if (progress.cancel) return no_stage(ErrorClass::transient, "cancelled", "cancelled");
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return no_stage(ErrorClass::transient, "io", "{}: {}", file.name, std::strerror(errno));
    }
    if (got == 0) break;
    hash.update(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(got))));
    file.bytes += static_cast<std::uint64_t>(got);
  }
  file.digest = hash.finish();
  if (auto same = fixed.unchanged(); !same) return std::unexpected(same.error());
  return fixed;
}

std::string read_parquet_rows(const std::string& path) {
  return fmt::format("read_parquet({}, file_row_number = true, hive_partitioning = false)",
                     quote_text(path));
}

Digest inputs_digest(const std::vector<InputFile>& files, const std::string& column_key,
                     const std::vector<OverlayRecord>& overlay) {
  std::string text("daybook/inputs/v1", 18);
  for (const InputFile& file : files) {
    text += fmt::format("file {} {} {} {}\n", file.name.size(), file.name, file.bytes,
                        hex(file.digest));
  }
  text += fmt::format("key {} {}\n", column_key.size(), column_key);
  for (const OverlayRecord& record : overlay) {
    text += fmt::format("record {} {} {} {}\n", hex(record.source), record.row,
                        hex(sha256(bytes_of(record.bytes))), record.waive_rules ? 1 : 0);
  }
  return sha256(bytes_of(text));
}

namespace {

// secret://env/NAME, secret://file/path, or the string itself.
Staged<std::string> resolve_connection(const std::string& connection, const std::string& project) {
  constexpr std::string_view env = "secret://env/", file = "secret://file/";
  if (connection.starts_with(env)) {
    const char* value = std::getenv(connection.substr(env.size()).c_str());
    if (value == nullptr) {
      return no_stage(ErrorClass::permission, "secret", "{} is not set", connection);
    }
    return std::string(value);
  }
  if (connection.starts_with(file)) {
    std::string path = connection.substr(file.size());
    std::ifstream in(path);
    if (!in) in.open(project + "/" + path);
    std::string value;
    if (!in || !std::getline(in, value)) {
      return no_stage(ErrorClass::permission, "secret", "{} can not be read", connection);
    }
    return value;
  }
  return connection;
}

std::string replaced(std::string text, std::string_view mark, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

StageFailure postgres_failure(PGconn* connection, const PGresult* result, std::string_view doing) {
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string code = state == nullptr ? "connection" : state;
  ErrorClass kind = ErrorClass::definition;
  if (state == nullptr || code.starts_with("08") || code.starts_with("57")) {
    kind = ErrorClass::dependency_down;
  } else if (code.starts_with("40") || code.starts_with("55")) {
    kind = ErrorClass::transient;
  } else if (code.starts_with("53")) {
    kind = ErrorClass::throttled;
  } else if (code.starts_with("28") || code == "42501") {
    kind = ErrorClass::permission;
  }
  // A connection error may hold the connection string's host; never its password.
  const std::string text = message != nullptr ? message
                           : state == nullptr ? "the database does not answer"
                                              : PQerrorMessage(connection);
  return stage_failure(kind, "sqlstate." + code, fmt::format("{}: {}", doing, printable(text, 300)),
                       doing);
}

}  // namespace

Staged<void> capture_postgres(const PostgresSource& source, const PartitionInput& input,
                              const std::string& project, const std::filesystem::path& to,
                              StageProgress& progress) {
  const auto target = resolve_connection(source.connection, project);
  if (!target) return std::unexpected(target.error());
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target->c_str()),
                                                                PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return std::unexpected(postgres_failure(connection.get(), nullptr, "connecting"));
  }
  using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;
  for (const char* sql :
       {"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET LOCAL DateStyle = 'ISO, YMD'",
        "SET LOCAL TimeZone = 'UTC'", "SET LOCAL extra_float_digits = 3",
        "SET LOCAL client_encoding = 'UTF8'", "SET LOCAL IntervalStyle = 'iso_8601'"}) {
    const Answer answer(PQexec(connection.get(), sql), PQclear);
    if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) {
      return std::unexpected(postgres_failure(connection.get(), answer.get(), "preparing"));
    }
  }
  const auto literal = [&](const std::string& text) {
    char* quoted = PQescapeLiteral(connection.get(), text.data(), text.size());
    std::string out = quoted == nullptr ? "NULL" : quoted;
    PQfreemem(quoted);
    return out;
  };
  std::string query = replaced(source.query, "{from}", literal(input.from));
  query = replaced(query, "{to}", literal(input.to));
  {
    const Answer answer(
        PQexec(
            connection.get(),
            fmt::format("COPY ({}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)", query).c_str()),
        PQclear);
    if (PQresultStatus(answer.get()) != PGRES_COPY_OUT) {
      return std::unexpected(postgres_failure(connection.get(), answer.get(), "the query"));
    }
  }
  std::ofstream out(to, std::ios::binary);
  for (;;) {
    if (progress.cancel) return no_stage(ErrorClass::transient, "cancelled", "cancelled");
    char* data = nullptr;
    const int got = PQgetCopyData(connection.get(), &data, 0);
    if (got > 0) out.write(data, got);
    PQfreemem(data);
    if (got == -1) break;
    if (got < -1) return std::unexpected(postgres_failure(connection.get(), nullptr, "the query"));
  }
  const Answer answer(PQgetResult(connection.get()), PQclear);
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) {
    return std::unexpected(postgres_failure(connection.get(), answer.get(), "the query"));
  }
  out.close();
  if (!out)
    return no_stage(ErrorClass::transient, "io", "{}: {}", to.string(), std::strerror(errno));
  return {};
}

}  // namespace daybook
