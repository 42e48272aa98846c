#include "runner/dataplane/postgres_source.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "runner/dataplane/pg_connect.h"
#include "runner/dataplane/sqlstate.h"

namespace daybook {
namespace {

// Both marks in one walk: a value that looks like a mark stays a value.
std::string with_range(std::string_view query, const std::string& from, const std::string& to) {
  std::string out;
  while (!query.empty()) {
    if (query.starts_with("{from}")) {
      out += from;
      query.remove_prefix(6);
    } else if (query.starts_with("{to}")) {
      out += to;
      query.remove_prefix(4);
    } else {
      out.push_back(query.front());
      query.remove_prefix(1);
    }
  }
  return out;
}

class Capture {
 public:
  Capture(const Pipeline& pipeline, StageProgress& progress)
      : pipeline_(pipeline), progress_(progress), connection_(nullptr, PQfinish) {}
  Staged<void> connect();
  Staged<void> begin();
  Staged<void> copy(const PartitionInput& input, const CaptureSink& sink);

 private:
  using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;
  std::unexpected<StageFailure> failed(std::string_view doing, const PGresult* result);
  Staged<void> run(const std::string& sql, std::string_view doing, ExecStatusType wanted);
  // Until the server has something to say. Cancels what runs when it is told to stop.
  Staged<void> wait();

  const Pipeline& pipeline_;
  StageProgress& progress_;
  Scrubber scrubber_;
  PgHandle connection_;
};

std::unexpected<StageFailure> Capture::failed(std::string_view doing, const PGresult* result) {
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string sqlstate = state == nullptr ? "" : state;
  const SqlstateClass classified = classify_sqlstate(sqlstate);
  const std::string text =
      first_line(primary != nullptr ? primary : PQerrorMessage(connection_.get()));
  StageFailure failure =
      stage_failure(classified.error, sqlstate.empty() ? "connection" : "sqlstate." + sqlstate,
                    fmt::format("{}: {}", doing, printable(scrubber_.scrub(text), 300)), doing);
  failure.classified_by = classified.rule;
  return std::unexpected(std::move(failure));
}

Staged<void> Capture::connect() {
  const std::string& reference = std::get<PostgresSource>(pipeline_.source).connection;
  auto opened = pg_connect(reference, scrubber_);
  if (opened) {
    connection_ = std::move(*opened);
    return {};
  }
  const PgRefused& refused = opened.error();
  StageFailure failure =
      stage_failure(refused.error, refused.code,
                    fmt::format("connecting: {}", printable(refused.detail, 300)), refused.what);
  failure.classified_by = refused.rule;
  return std::unexpected(std::move(failure));
}

Staged<void> Capture::wait() {
  const auto stop = [&] {
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection_.get()),
                                                                    PQfreeCancel);
    char ignored[256];
    if (cancel) (void)PQcancel(cancel.get(), ignored, sizeof ignored);
    return no_stage(ErrorClass::transient, "cancelled", "cancelled");
  };
  for (;;) {
    if (progress_.cancel) return stop();
    pollfd ready{PQsocket(connection_.get()), POLLIN, 0};
    const int got = ::poll(&ready, 1, 100);
    if (got == 0 || (got < 0 && errno == EINTR)) continue;
    if (got < 0 || PQconsumeInput(connection_.get()) == 0) {
      return failed("the connection is lost", nullptr);
    }
    return {};
  }
}

Staged<void> Capture::run(const std::string& sql, std::string_view doing, ExecStatusType wanted) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return failed(doing, nullptr);
  while (PQisBusy(connection_.get()) != 0) {
    if (auto waited = wait(); !waited) return waited;
  }
  const Answer answer(PQgetResult(connection_.get()), PQclear);
  if (PQresultStatus(answer.get()) != wanted) return failed(doing, answer.get());
  if (wanted == PGRES_COPY_OUT) return {};
  while (const Answer rest{PQgetResult(connection_.get()), PQclear}) {
  }
  return {};
}

Staged<void> Capture::begin() {
  // The text form of values is a matter of settings: all that bear on it are set here, for this
  // transaction alone. The query's own time is that of an attempt.
  const std::string settings[] = {
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
      "SET LOCAL client_encoding = 'UTF8'",
      "SET LOCAL DateStyle = 'ISO, YMD'",
      "SET LOCAL IntervalStyle = 'iso_8601'",
      "SET LOCAL TimeZone = 'UTC'",
      "SET LOCAL bytea_output = 'hex'",
      "SET LOCAL extra_float_digits = 1",
      "SET LOCAL lock_timeout = '15s'",
      fmt::format("SET LOCAL statement_timeout = {}",
                  std::max<long>(1, pipeline_.retry.timeout.count())),
  };
  for (const std::string& sql : settings) {
    if (auto done = run(sql, "preparing the query", PGRES_COMMAND_OK); !done) return done;
  }
  return {};
}

Staged<void> Capture::copy(const PartitionInput& input, const CaptureSink& sink) {
  const auto literal = [&](const std::string& text) {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted(
        PQescapeLiteral(connection_.get(), text.data(), text.size()), PQfreemem);
    return std::string(quoted ? quoted.get() : "NULL");
  };
  const std::string query = with_range(std::get<PostgresSource>(pipeline_.source).query,
                                       literal(input.from), literal(input.to));
  if (auto begun =
          run(fmt::format("COPY ({}\n) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)", query),
              "the query", PGRES_COPY_OUT);
      !begun) {
    return begun;
  }
  for (;;) {
    if (progress_.cancel) {
      return wait();  // which stops it
    }
    char* data = nullptr;
    const int got = PQgetCopyData(connection_.get(), &data, 1);
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(data, PQfreemem);
    if (got > 0) {
      if (!sink({data, static_cast<std::size_t>(got)})) {
        return no_stage(ErrorClass::transient, "io", "the captured rows can not be written: {}",
                        std::strerror(errno));
      }
    } else if (got == 0) {
      if (auto waited = wait(); !waited) return waited;
    } else if (got == -1) {
      break;
    } else {
      return failed("the query", nullptr);
    }
  }
  const Answer answer(PQgetResult(connection_.get()), PQclear);
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return failed("the query", answer.get());
  return {};
}

}  // namespace

Staged<void> capture_postgres(const Pipeline& pipeline, const PartitionInput& input,
                              const CaptureSink& sink, StageProgress& progress) {
  Capture capture(pipeline, progress);
  if (auto connected = capture.connect(); !connected) return connected;
  if (auto begun = capture.begin(); !begun) return begun;
  return capture.copy(input, sink);
}

Staged<void> capture_postgres(const Pipeline& pipeline, const PartitionInput& input,
                              const std::filesystem::path& to, StageProgress& progress) {
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  auto captured = capture_postgres(
      pipeline, input,
      [&](std::string_view bytes) {
        return static_cast<bool>(
            out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())));
      },
      progress);
  if (!captured) return captured;
  out.close();
  if (!out) {
    return no_stage(ErrorClass::transient, "io", "{}: {}", to.string(), std::strerror(errno));
  }
  return {};
}

Staged<InputFile> digest_postgres(const Pipeline& pipeline, const PartitionInput& input,
                                  StageProgress& progress) {
  InputFile file;
  file.name = captured_name;
  Sha256 hash;
  auto captured = capture_postgres(
      pipeline, input,
      [&](std::string_view bytes) {
        file.bytes += bytes.size();
        hash.update(bytes_of(bytes));
        return true;
      },
      progress);
  if (!captured) return std::unexpected(captured.error());
  file.digest = hash.finish();
  return file;
}

}  // namespace daybook
