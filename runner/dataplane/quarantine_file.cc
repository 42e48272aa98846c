#include "runner/dataplane/quarantine_file.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runner/dataplane/failure.h"

namespace daybook {
namespace {

void append_json_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

std::string record_as_json(std::span<const VectorView> values, std::span<const VectorView> lost,
                           const std::vector<Column>& columns, std::uint32_t row) {
  using Kind = ColumnType::Kind;
  std::string out = "{";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i != 0) out.push_back(',');
    append_json_text(out, columns[i].name);
    out.push_back(':');
    if (!values[i].valid(row)) {
      if (lost[i].valid(row)) {
        append_json_text(out, lost[i].at<Text>(row).view());
      } else {
        out += "null";
      }
      continue;
    }
    const Kind kind = columns[i].type.kind;
    const std::string text = value_text(values[i], columns[i].type, row);
    const bool bare = kind != Kind::string && kind != Kind::date && kind != Kind::timestamp &&
                      kind != Kind::timestamp_tz && kind != Kind::time &&
                      (kind != Kind::float64 || text.find_first_of("Nn") == std::string::npos);
    if (bare) {
      out += text;
    } else {
      append_json_text(out, text);
    }
  }
  out.push_back('}');
  return out;
}

std::string quarantine_line(const QuarantinedRecord& record) {
  std::string out = fmt::format("{{\"input\":{},\"row\":{},\"offset\":{},", record.input,
                                record.row, record.byte_offset);
  if (is_text(record.bytes)) {
    out += "\"bytes\":";
    append_json_text(out, record.bytes);
  } else {
    out += "\"bytes64\":\"" + base64(bytes_of(record.bytes)) + '"';
  }
  out += ",\"violations\":[";
  for (std::size_t i = 0; i < record.violations.size(); ++i) {
    const Violation& violation = record.violations[i];
    out += i == 0 ? "{\"rule\":" : ",{\"rule\":";
    append_json_text(out, violation.rule);
    out += ",\"column\":";
    append_json_text(out, violation.column);
    out += ",\"message\":";
    append_json_text(
        out, is_text(violation.message) ? violation.message : printable(violation.message, 200));
    out.push_back('}');
  }
  out += "]}\n";
  return out;
}

std::optional<std::pair<std::uint32_t, std::uint64_t>> quarantine_place(std::string_view line) {
  constexpr std::string_view input_key = "{\"input\":", row_key = ",\"row\":";
  std::uint32_t input = 0;
  std::uint64_t row = 0;
  if (!line.starts_with(input_key)) return std::nullopt;
  const char* const end = line.data() + line.size();
  const auto first = std::from_chars(line.data() + input_key.size(), end, input);
  line.remove_prefix(static_cast<std::size_t>(first.ptr - line.data()));
  if (first.ec != std::errc{} || !line.starts_with(row_key)) return std::nullopt;
  if (std::from_chars(line.data() + row_key.size(), end, row).ec != std::errc{}) {
    return std::nullopt;
  }
  return std::pair{input, row};
}

void QuarantineWriter::add_line(std::string_view line) {
  ++records_;
  bytes_ += line.size();
  buffer_ += line;
  if (buffer_.size() > (1 << 18)) flush();
}

void QuarantineWriter::flush() {
  if (buffer_.empty()) return;
  if (!file_) file_.reset(std::fopen(path_.c_str(), "wbe"));
  if (!file_ || std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size()) {
    failed_ = true;
  }
  buffer_.clear();
}

Result<void> QuarantineWriter::close() {
  flush();
  if (file_ && std::fclose(file_.release()) != 0) failed_ = true;
  if (failed_) return fail(Error::Code::io, "{}: {}", path_.string(), std::strerror(errno));
  return {};
}

Result<std::vector<QuarantinedRecord>> parse_quarantine(std::string_view bytes) {
  std::vector<QuarantinedRecord> records;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const auto number = records.size() + 1;
    if (end == std::string_view::npos) {
      return fail(Error::Code::corrupt, "quarantine record {} is cut off", number);
    }
    const auto json = nlohmann::json::parse(bytes.substr(0, end), nullptr, false);
    bytes.remove_prefix(end + 1);
    try {
      QuarantinedRecord record;
      record.input = json.at("input").get<std::uint32_t>();
      record.row = json.at("row").get<std::uint64_t>();
      record.byte_offset = json.at("offset").get<std::uint64_t>();
      if (json.contains("bytes")) {
        record.bytes = json.at("bytes").get<std::string>();
      } else {
        auto decoded = base64_decode(json.at("bytes64").get<std::string>());
        if (!decoded) return fail(Error::Code::corrupt, "quarantine record {}: base64", number);
        record.bytes = std::move(*decoded);
      }
      for (const auto& item : json.at("violations")) {
        record.violations.push_back({item.at("rule").get<std::string>(),
                                     item.at("column").get<std::string>(),
                                     item.at("message").get<std::string>()});
      }
      records.push_back(std::move(record));
    } catch (const nlohmann::json::exception& error) {
      return fail(Error::Code::corrupt, "quarantine record {}: {}", number, error.what());
    }
  }
  return records;
}

Result<std::vector<QuarantinedRecord>> read_quarantine(const std::filesystem::path& file) {
  if (file.empty()) return std::vector<QuarantinedRecord>{};
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Error::Code::not_found, "{}: {}", file.string(), std::strerror(errno));
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  return parse_quarantine(bytes);
}

}  // namespace daybook
