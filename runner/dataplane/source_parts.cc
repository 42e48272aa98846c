#include "runner/dataplane/source_parts.h"

#include <fcntl.h>
#include <immintrin.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "ledger/assertion.h"

namespace daybook {
namespace {

using namespace dataplane_limits;
constexpr std::size_t piece_bytes = 256 << 10;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}();

[[gnu::target("sse4.2")]] std::uint32_t crc_sse(std::uint32_t crc, const char* data,
                                                std::size_t size) {
  std::uint64_t sum = crc;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    sum = _mm_crc32_u64(sum, word);
  }
  crc = static_cast<std::uint32_t>(sum);
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*data));
  return crc;
}

std::unexpected<StageFailure> io_failure(const std::string& name, const char* what) {
  const int number = errno;
  const bool missing = number == ENOENT;
  return std::unexpected(stage_failure(
      missing || number == EISDIR ? ErrorClass::data
      : number == EACCES          ? ErrorClass::permission
                                  : ErrorClass::transient,
      missing ? "source.missing" : "io",
      fmt::format("{}: can not {}: {}", name, what, std::strerror(number)), std::strerror(number)));
}

bool same_identity(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

std::unexpected<StageFailure> changed(const std::string& name) {
  return std::unexpected(
      stage_failure(ErrorClass::transient, "source.changed", name + " changed while it was read"));
}

// Every column that is not as the contract has it; of many, the first.
std::string header_faults(const std::vector<std::string>& unknown,
                          const std::vector<std::string>& twice,
                          const std::vector<std::string>& missing) {
  std::string text;
  const auto say = [&](const std::vector<std::string>& names, std::string_view what) {
    constexpr std::size_t shown_max = 5;
    for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i) {
      text +=
          fmt::format("{}column \"{}\" {}", text.empty() ? "" : "; ", printable(names[i]), what);
    }
    if (names.size() > shown_max) text += fmt::format("; and {} more", names.size() - shown_max);
  };
  say(unknown, "is not in the contract");
  say(twice, "stands twice");
  say(missing, "is missing");
  return text;
}

// What to write where another delimiter would make columns of the contract of the header.
std::string other_delimiter(std::string_view header, const std::vector<Column>& columns) {
  constexpr std::pair<char, std::string_view> delimiters[] = {
      {';', ";"}, {'\t', "\\t"}, {'|', "|"}, {',', ","}};
  for (const auto& [delimiter, spelt] : delimiters) {
    const auto names = split_csv_record(header, {delimiter, '"'});
    if (names && names->size() > 1 &&
        std::all_of(names->begin(), names->end(), [&](const std::string& name) {
          return std::any_of(columns.begin(), columns.end(),
                             [&](const Column& c) { return c.name == name; });
        })) {
      return fmt::format(
          " (the columns are delimited by \"{0}\": csv: {{path: …, dialect: {{delimiter: "
          "\"{0}\"}}}})",
          spelt);
    }
  }
  return {};
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, const char* data, std::size_t size) {
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return crc_sse(crc, data, size);
  for (; size > 0; ++data, --size) {
    crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(*data)) & 0xff];
  }
  return crc;
}

Staged<void> read_exactly(const SourceFile& file, std::uint64_t begin, std::uint64_t end,
                          char* into) {
  while (begin < end) {
    const ssize_t got = ::pread(file.descriptor, into, end - begin, static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure(file.name, "read");
    if (got == 0) return changed(file.name);
    begin += static_cast<std::uint64_t>(got);
    into += got;
  }
  return {};
}

std::optional<std::vector<std::string>> split_csv_record(std::string_view record,
                                                         CsvSyntax syntax) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (quoted) {
      if (c != syntax.quote) {
        fields.back().push_back(c);
      } else if (i + 1 < record.size() && record[i + 1] == syntax.quote) {
        fields.back().push_back(record[i++]);
      } else {
        quoted = false;
        if (i + 1 < record.size() && record[i + 1] != syntax.delimiter) return std::nullopt;
      }
    } else if (c == syntax.delimiter) {
      fields.emplace_back();
    } else if (c == syntax.quote) {
      if (!fields.back().empty()) return std::nullopt;
      quoted = true;
    } else {
      fields.back().push_back(c);
    }
  }
  if (quoted) return std::nullopt;
  return fields;
}

SourceParts::~SourceParts() {
  for (const SourceFile& file : files_) {
    if (file.descriptor >= 0) ::close(file.descriptor);
  }
}

Staged<std::unique_ptr<SourceParts>> SourceParts::open(const FileSource& source,
                                                       const std::vector<std::string>& paths,
                                                       const std::string& project,
                                                       std::vector<Column>& columns,
                                                       StageProgress& progress) {
  std::unique_ptr<SourceParts> parts(new SourceParts(source, progress));
  if (paths.empty()) return no_stage(ErrorClass::data, "source.missing", "the source has no file");
  for (const std::string& path : paths) {
    if (auto opened = parts->open_file(path, project, columns); !opened) {
      return std::unexpected(opened.error());
    }
  }
  for (const SourceFile& file : parts->files_) parts->total_bytes_ += file.size;
  parts->part_target_ = std::clamp((parts->total_bytes_ + parts_wanted - 1) / parts_wanted,
                                   part_bytes, part_bytes_max);
  progress.bytes_total += parts->total_bytes_;
  parts->position_ = parts->files_[0].data_begin;
  return parts;
}

Staged<void> SourceParts::open_file(const std::string& path, const std::string& project,
                                    std::vector<Column>& columns) {
  files_.emplace_back();
  SourceFile& file = files_.back();
  file.path = path;
  const std::string prefix = project.empty() ? "" : project + "/";
  file.name = !prefix.empty() && path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor < 0) return io_failure(file.name, "open");
  if (::fstat(file.descriptor, &file.identity) != 0) return io_failure(file.name, "stat");
  if (!S_ISREG(file.identity.st_mode)) {
    return no_stage(ErrorClass::data, "source.missing", "{} is not a regular file", file.name);
  }
  file.size = static_cast<std::uint64_t>(file.identity.st_size);

  // The header must end within one record's limit.
  std::string head(std::min<std::uint64_t>(file.size, 64 << 10), '\0');
  if (auto got = read_exactly(file, 0, head.size(), head.data()); !got) return got;
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) {
    return no_stage(ErrorClass::data, "source.encoding", "{} is UTF-16; only UTF-8 is read",
                    file.name);
  }
  if (head.starts_with("\xef\xbb\xbf")) file.data_begin = 3;
  if (source_.format != FileFormat::csv) return {};
  if (!source_.csv.header) {
    for (std::size_t i = 0; i < columns.size(); ++i) file.columns.push_back(static_cast<int>(i));
    return {};
  }
  CsvBoundary boundary;
  advance_boundary(head.data() + file.data_begin, head.size() - file.data_begin, syntax(),
                   SimdPath::portable, 1, boundary);
  if (boundary.records == 0 && head.size() < file.size) {
    head.resize(std::min(file.size, record_bytes_max));
    if (auto got = read_exactly(file, 0, head.size(), head.data()); !got) return got;
    boundary = {};
    advance_boundary(head.data() + file.data_begin, head.size() - file.data_begin, syntax(),
                     SimdPath::portable, 1, boundary);
    if (boundary.records == 0 && head.size() < file.size) {
      return no_stage(ErrorClass::data, "source.header",
                      "{}: the header does not end within {} MiB", file.name,
                      record_bytes_max >> 20);
    }
  }
  const std::size_t end = boundary.records == 0 ? head.size() : file.data_begin + boundary.last_end;
  std::string_view header(head.data() + file.data_begin, end - file.data_begin);
  file.data_begin = end;
  if (header.ends_with('\n')) header.remove_suffix(1);
  if (header.ends_with('\r')) header.remove_suffix(1);
  file.header = header;
  return match_header(file, columns);
}

Staged<std::unique_ptr<SourceParts>> SourceParts::of_header(const FileSource& source,
                                                            const std::string& header,
                                                            std::vector<Column>& columns,
                                                            StageProgress& progress) {
  std::unique_ptr<SourceParts> parts(new SourceParts(source, progress));
  SourceFile& file = parts->files_.emplace_back();
  file.name = "the record";
  file.header = header;
  if (source.format == FileFormat::csv && header.empty()) {
    for (std::size_t i = 0; i < columns.size(); ++i) file.columns.push_back(static_cast<int>(i));
  } else if (source.format == FileFormat::csv) {
    if (auto matched = parts->match_header(file, columns); !matched) {
      return std::unexpected(matched.error());
    }
  }
  parts->planned_ = true;
  return parts;
}

Staged<void> SourceParts::match_header(SourceFile& file, std::vector<Column>& columns) {
  const std::string_view header = file.header;
  if (header.empty()) return {};  // an empty file is told apart later
  if (!is_text(header)) {
    return no_stage(ErrorClass::data, "source.header",
                    "{}: the header is not UTF-8 text; iconv -f latin1 -t utf-8 makes it so, where "
                    "the file is Latin-1",
                    file.name);
  }
  const auto names = split_csv_record(header, syntax());
  if (!names) {
    return no_stage(ErrorClass::data, "source.header", "{}: the header is malformed: {}", file.name,
                    printable(header));
  }
  if (names->size() > columns_max) {
    return no_stage(ErrorClass::data, "source.columns", "{}: {} columns, more than {}", file.name,
                    names->size(), columns_max);
  }
  if (columns.empty()) {
    for (const std::string& name : *names) {
      Column column;
      column.name = name;
      columns.push_back(std::move(column));
    }
  }
  std::set<int> seen;
  std::vector<std::string> unknown, twice, missing;
  for (const std::string& name : *names) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const Column& c) { return c.name == name; });
    const int index = static_cast<int>(found - columns.begin());
    if (found == columns.end()) {
      unknown.push_back(name);
    } else if (!seen.insert(index).second) {
      twice.push_back(name);
    }
    file.columns.push_back(index);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!seen.contains(static_cast<int>(i))) missing.push_back(columns[i].name);
  }
  if (unknown.empty() && twice.empty() && missing.empty()) return {};
  return no_stage(ErrorClass::contract, "source.columns", "{}: {}", file.name,
                  header_faults(unknown, twice, missing) + other_delimiter(header, columns));
}

Staged<bool> SourceParts::plan_one() {
  SourcePart part;
  part.index = static_cast<std::uint32_t>(parts_.size());
  const SimdPath path = best_simd_path();
  buffer_.resize(piece_bytes + 64);
  while (file_ < files_.size() && part.bytes < part_target_) {
    SourceFile& file = files_[file_];
    if (!hash_) {
      hash_ = std::make_unique<Sha256>();
      hashed_ = 0;
      next_row_ = 1;
      position_ = file.data_begin;
    }
    // The SHA-256 runs over every byte once, in order; bytes before data_begin included.
    const auto hash_to = [&](std::uint64_t begin, const char* data, std::size_t size) {
      if (begin + size <= hashed_) return;
      const std::size_t known = hashed_ - begin;
      hash_->update(std::as_bytes(std::span(data + known, size - known)));
      hashed_ = begin + size;
    };
    if (hashed_ < file.data_begin) {
      std::string head(file.data_begin, '\0');
      if (auto got = read_exactly(file, 0, head.size(), head.data()); !got) {
        return std::unexpected(got.error());
      }
      hash_to(0, head.data(), head.size());
    }
    RecordRange range;
    range.input = static_cast<std::uint32_t>(file_);
    range.begin = range.end = position_;
    range.first_row = next_row_;
    range.check = ~0U;
    const std::uint64_t wanted = part_target_ - part.bytes;
    CsvBoundary boundary;
    std::uint64_t at = position_;  // read so far
    std::vector<char> tail;        // bytes after range.end of the pieces before
    bool stop = false, oversize = false;
    while (!stop && at < file.size) {
      if (progress_.cancel) return no_stage(ErrorClass::transient, "cancelled", "cancelled");
      const std::size_t size = std::min<std::uint64_t>(piece_bytes, file.size - at);
      if (auto got = read_exactly(file, at, at + size, buffer_.data()); !got) {
        return std::unexpected(got.error());
      }
      hash_to(at, buffer_.data(), size);
      const std::uint64_t target = range.begin + wanted;
      const std::size_t stop_after = target > at ? target - at : 1;
      std::size_t used = 0;
      if (source_.format == FileFormat::csv) {
        used = advance_boundary(buffer_.data(), size, syntax(), path, stop_after, boundary);
        stop = boundary.last_end != 0 && boundary.last_end >= stop_after;
      } else {
        boundary.last_end = 0;
        const char* from = buffer_.data();
        const char* const end = from + size;
        while (const void* line = std::memchr(from, '\n', static_cast<std::size_t>(end - from))) {
          from = static_cast<const char*>(line) + 1;
          ++boundary.records;
          boundary.last_end = static_cast<std::size_t>(from - buffer_.data());
          boundary.last_records = boundary.records;
          if (boundary.last_end >= stop_after) {
            stop = true;
            break;
          }
        }
        used = stop ? boundary.last_end : size;
      }
      if (boundary.last_end != 0) {
        range.check = crc32c(crc32c(range.check, tail.data(), tail.size()), buffer_.data(),
                             boundary.last_end);
        tail.assign(buffer_.data() + boundary.last_end, buffer_.data() + used);
        range.end = at + boundary.last_end;
        range.rows = boundary.last_records;
      } else {
        tail.insert(tail.end(), buffer_.data(), buffer_.data() + used);
      }
      at += used;
      if (at - range.end > record_bytes_max) {
        oversize = stop = true;
      }
    }
    if (!oversize && at == file.size && range.end < file.size && !stop) {
      // The last record has no separator.
      if (file.size - range.end > record_bytes_max ||
          (source_.format == FileFormat::csv && boundary.state == CsvState::quoted)) {
        oversize = true;
      } else {
        range.check = crc32c(range.check, tail.data(), tail.size());
        range.end = file.size;
        range.rows = boundary.records + 1;
      }
    }
    if (range.end > range.begin) {
      position_ = range.end;
      next_row_ += range.rows;
      part.bytes += range.end - range.begin;
      part.ranges.push_back(range);
    }
    if (oversize) {
      // The record that does not end: set aside up to its first line's end; reading resumes there.
      RecordRange big;
      big.input = range.input;
      big.begin = position_;
      big.first_row = next_row_;
      big.rows = 1;
      big.oversize = true;
      big.unterminated = source_.format == FileFormat::csv && boundary.state == CsvState::quoted;
      std::uint64_t end = position_;
      bool found = false;
      while (!found && end < file.size) {
        const std::size_t size = std::min<std::uint64_t>(piece_bytes, file.size - end);
        if (auto got = read_exactly(file, end, end + size, buffer_.data()); !got) {
          return std::unexpected(got.error());
        }
        hash_to(end, buffer_.data(), size);
        const void* line = std::memchr(buffer_.data(), '\n', size);
        found = line != nullptr;
        end += found ? static_cast<std::size_t>(static_cast<const char*>(line) - buffer_.data()) + 1
                     : size;
      }
      big.end = end;
      position_ = end;
      ++next_row_;
      part.bytes += big.end - big.begin;
      part.ranges.push_back(big);
    }
    if (position_ >= file.size) {
      file.digest = hash_->finish();
      file.records = next_row_ - 1;
      hash_.reset();
      ++file_;
    }
  }
  if (part.ranges.empty()) {
    planned_ = true;
    return false;
  }
  parts_.push_back(std::move(part));
  return true;
}

Staged<const SourcePart*> SourceParts::part(std::size_t index) {
  const std::lock_guard lock(mutex_);
  if (failed_) return std::unexpected(*failed_);
  while (parts_.size() <= index && !planned_) {
    if (auto more = plan_one(); !more) {
      failed_ = more.error();
      return std::unexpected(more.error());
    }
  }
  return index < parts_.size() ? &parts_[index] : nullptr;
}

Staged<void> SourceParts::finish() {
  for (std::size_t i = 0;; ++i) {
    const auto planned = part(i);
    if (!planned) return std::unexpected(planned.error());
    if (*planned == nullptr) break;
  }
  for (const SourceFile& file : files_) {
    struct stat by_descriptor {
    }, by_path{};
    if (::fstat(file.descriptor, &by_descriptor) != 0 || ::stat(file.path.c_str(), &by_path) != 0 ||
        !same_identity(file.identity, by_descriptor) || !same_identity(file.identity, by_path)) {
      return changed(file.name);
    }
  }
  return {};
}

const RecordRange* SourceParts::find(std::uint32_t input, std::uint64_t row) {
  const std::lock_guard lock(mutex_);
  for (const SourcePart& part : parts_) {
    for (const RecordRange& range : part.ranges) {
      if (range.input == input && row >= range.first_row && row < range.first_row + range.rows) {
        return &range;
      }
    }
  }
  return nullptr;
}

}  // namespace daybook
