#include "runner/dataplane/output_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace daybook {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

void append_csv(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_json(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out.push_back('\\');
    if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_copy(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\v': out += "\\v"; break;
      default: out.push_back(c);
    }
  }
}

bool bare_in_json(const ColumnType& type) {
  using Kind = ColumnType::Kind;
  switch (type.kind) {
    case Kind::string:
    case Kind::date:
    case Kind::timestamp:
    case Kind::timestamp_tz:
    case Kind::time: return false;
    default: return true;
  }
}

std::unexpected<StageFailure> can_not_write(const std::filesystem::path& path) {
  return no_stage(ErrorClass::transient, "io", "{}: {}", path.string(), std::strerror(errno));
}

}  // namespace

std::string copy_to_parquet(const std::string& query, const std::filesystem::path& file) {
  return fmt::format("COPY ({}) TO {} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)",
                     query, quote_text(file.string()));
}

std::string read_parquet_list(const std::vector<std::filesystem::path>& files) {
  std::string list;
  for (const auto& file : files) list += (list.empty() ? "" : ", ") + quote_text(file.string());
  return fmt::format("read_parquet([{}])", list);
}

Staged<void> write_text(duckdb_connection connection,
                        const std::vector<std::filesystem::path>& files,
                        const std::vector<Column>& columns, StagedFormat format,
                        const std::filesystem::path& to) {
  const File out(std::fopen(to.c_str(), "wbe"));
  if (!out) return can_not_write(to);
  std::string buffer;
  if (format == StagedFormat::csv) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c != 0) buffer.push_back(',');
      append_csv(buffer, columns[c].name);
    }
    buffer.push_back('\n');
  }
  for (const auto& file : files) {
    auto result = duck_query(connection, "SELECT * FROM " + read_parquet_list({file}));
    if (!result) return std::unexpected(failure_of(result.error(), "reading the staged rows"));
    std::vector<VectorView> views;
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) {
        if (format == StagedFormat::jsonl) buffer.push_back('{');
        for (std::size_t c = 0; c < columns.size(); ++c) {
          const bool valid = views[c].valid(r);
          const std::string text = valid ? value_text(views[c], columns[c].type, r) : "";
          if (c != 0) buffer.push_back(format == StagedFormat::postgres_copy ? '\t' : ',');
          switch (format) {
            case StagedFormat::csv:
              if (valid) append_csv(buffer, text);
              break;
            case StagedFormat::jsonl:
              append_json(buffer, columns[c].name);
              buffer.push_back(':');
              if (!valid) {
                buffer += "null";
              } else if (bare_in_json(columns[c].type) &&
                         (columns[c].type.kind != ColumnType::Kind::float64 ||
                          (text != "NaN" && text.find("Inf") == std::string::npos))) {
                buffer += text;
              } else {
                append_json(buffer, text);
              }
              break;
            default:
              if (valid) {
                append_copy(buffer, text);
              } else {
                buffer += "\\N";
              }
          }
        }
        buffer += format == StagedFormat::jsonl ? "}\n" : "\n";
      }
      if (buffer.size() > (1 << 18)) {
        if (std::fwrite(buffer.data(), 1, buffer.size(), out.get()) != buffer.size()) {
          return can_not_write(to);
        }
        buffer.clear();
      }
    }
    DuckError error;
    if (result->failed(error)) {
      return std::unexpected(failure_of(error, "reading the staged rows"));
    }
  }
  if (std::fwrite(buffer.data(), 1, buffer.size(), out.get()) != buffer.size() ||
      std::fflush(out.get()) != 0) {
    return can_not_write(to);
  }
  return {};
}

Staged<StagedFile> describe_file(const std::filesystem::path& file, std::uint64_t rows) {
  const File in(std::fopen(file.c_str(), "rbe"));
  if (!in) return can_not_write(file);
  StagedFile staged;
  staged.name = file.filename().string();
  staged.rows = rows;
  Sha256 hash;
  std::setvbuf(in.get(), nullptr, _IONBF, 0);  // read() into our own buffer
  std::vector<char> buffer(1 << 17);
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), in.get())) {
    hash.update(std::as_bytes(std::span(buffer.data(), got)));
    staged.bytes += got;
  }
  staged.digest = hash.finish();
  return staged;
}

}  // namespace daybook
