#include "runner/connect/postgres_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/connect/files.h"

namespace daybook {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 18;

// Appends `suffix` before every line end of `chunk`.
void widen(std::string_view chunk, std::string_view suffix, std::string& out) {
  for (;;) {
    const std::size_t end = chunk.find('\n');
    out.append(chunk.substr(0, end));
    if (end == std::string_view::npos) return;
    out.append(suffix);
    chunk.remove_prefix(end + 1);
  }
}

SinkResult<void> send(PgConnection& pg, const Directory& source, const StagedFile& file,
                      const std::string& suffix) {
  const std::string path = source.at(file.name);
  const Descriptor in(
      ::openat(source.fd(), file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!in) return errno_failure(errno, "open", path);
  auto buffer = std::make_unique<char[]>(chunk_bytes);
  Sha256 hash;
  std::uint64_t bytes = 0;
  bool line_open = false;
  std::string out;
  for (;;) {
    const ssize_t got = ::read(in.get(), buffer.get(), chunk_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read", path);
    if (got == 0) break;
    const std::string_view chunk(buffer.get(), static_cast<std::size_t>(got));
    hash.update(bytes_of(chunk));
    bytes += chunk.size();
    line_open = chunk.back() != '\n';
    out.clear();
    widen(chunk, suffix, out);
    if (auto sent = pg.copy_write(out); !sent) return sent;
    DAYBOOK_CRASH_POINT("pg.mid_copy");
  }
  if (line_open) {
    if (auto sent = pg.copy_write(suffix); !sent) return sent;
  }
  if (bytes != file.bytes || hash.finish() != file.digest) {
    return sink_failure(
        ErrorClass::internal, "staged.changed", "a staged file is not what was staged",
        fmt::format("{}: size or digest differs from what was staged", path), "sink.staged");
  }
  return {};
}

}  // namespace

SinkResult<std::uint64_t> copy_staged(PgConnection& pg, const std::string& target,
                                      const std::string& columns, const Digest& load_id,
                                      const std::filesystem::path& directory,
                                      const std::vector<StagedFile>& files) {
  auto source = open_directory(directory);
  if (!source) return std::unexpected(source.error());
  auto begun = pg.copy_begin(fmt::format(
      "COPY {} ({}, _load_id) FROM STDIN (FORMAT text, ENCODING 'UTF8')", target, columns));
  if (!begun) return std::unexpected(begun.error());
  // A backslash is escaped in this format: "\x…" is written as "\\x…".
  const std::string suffix = "\t\\" + bytea(load_id) + "\n";
  for (const StagedFile& file : files) {
    if (auto sent = send(pg, *source, file, suffix); !sent) return std::unexpected(sent.error());
  }
  auto rows = pg.copy_end();
  if (rows) DAYBOOK_CRASH_POINT("pg.copied");
  return rows;
}

}  // namespace daybook
