#include "runner/dataplane/inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
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

std::string read_parquet_source(const std::string& path) {
  return fmt::format("read_parquet({}, hive_partitioning = false)", quote_text(path));
}

std::string read_parquet_rows(const std::string& path, const std::vector<Column>& columns) {
  // The reader's own number of a row stands in a column of this name.
  constexpr std::string_view taken = "file_row_number";
  const bool collides = std::any_of(columns.begin(), columns.end(), [&](const Column& column) {
    return std::equal(column.name.begin(), column.name.end(), taken.begin(), taken.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  });
  if (collides) {
    return fmt::format("(SELECT *, row_number() OVER () - 1 AS __row FROM {})",
                       read_parquet_source(path));
  }
  return fmt::format(
      "(SELECT *, file_row_number AS __row FROM read_parquet({}, file_row_number = true, "
      "hive_partitioning = false))",
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

}  // namespace daybook
