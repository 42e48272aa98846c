#include "runner/subject_search.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace daybook {

namespace {

// A record beyond this is none that any reader took; its beginning is still looked at.
constexpr std::size_t record_bytes_max = std::size_t{16} << 20;

std::vector<std::string> csv_fields(std::string_view record, const CsvDialect& csv) {
  std::vector<std::string> out(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  bool quoted = false, begun = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (quoted) {
      if (c != csv.quote)
        out.back() += c;
      else if (i + 1 < record.size() && record[i + 1] == csv.quote)
        out.back() += record[++i];
      else
        quoted = false;
    } else if (c == csv.quote && !begun) {
      quoted = begun = true;
    } else if (c == csv.delimiter) {
      out.emplace_back();
      begun = false;
    } else {
      out.back() += c;
      begun = true;
    }
  }
  return out;
}

bool json_names(const Subjects& subjects, const nlohmann::json& json) {
  for (const auto& [key, value] : json.items()) {
    const std::string text =
        value.is_string() ? value.get<std::string>()
                          : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    for (const Subject& subject : subjects)
      if ((subject.column == "*" || subject.column == key) && subject.value == text) return true;
  }
  return false;
}

}  // namespace

RecordForm form_of(const Pipeline& pipeline, std::string_view name, std::string_view header) {
  RecordForm form;
  if (const auto* source = std::get_if<FileSource>(&pipeline.source)) {
    form.format = source->format;
    form.csv = source->csv;
  }
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson"))
    form.format = FileFormat::jsonl;
  else if (name.ends_with(".parquet"))
    form.format = FileFormat::parquet;
  else if (name.ends_with(".csv"))
    form.format = FileFormat::csv;
  if (!header.empty())
    form.columns = csv_fields(header, form.csv);
  else if (!pipeline.schema.empty())
    for (const Column& column : pipeline.schema.front()) form.columns.push_back(column.name);
  return form;
}

bool names(const Subjects& subjects, const RecordForm& form, std::string_view record) {
  // Records of Parquet files, and rows that a step made, are kept as JSON.
  if (form.format != FileFormat::csv || record.starts_with('{')) {
    const auto json = nlohmann::json::parse(record, nullptr, false);
    if (json.is_object()) return json_names(subjects, json);
    if (form.format != FileFormat::csv) {
      // Broken JSON has no columns: whoever is named in it is named.
      return std::ranges::any_of(
          subjects, [&](const Subject& s) { return record.find(s.value) != record.npos; });
    }
  }
  const auto fields = csv_fields(record, form.csv);
  // A record with too few or too many fields does not say which is which.
  const bool shifted = fields.size() != form.columns.size();
  for (std::size_t i = 0; i < fields.size(); ++i)
    for (const Subject& subject : subjects)
      if (fields[i] == subject.value &&
          (subject.column == "*" || shifted || form.columns[i] == subject.column))
        return true;
  return false;
}

SubjectScan::SubjectScan(const Subjects& subjects, RecordForm form)
    : subjects_(subjects), form_(std::move(form)) {
  header_next_ = form_.format == FileFormat::csv && form_.csv.header;
}

void SubjectScan::add(Bytes piece) {
  for (const std::byte byte : piece) {
    const char c = static_cast<char>(byte);
    if (c == '\n' && !quoted_) {
      end_record();
      continue;
    }
    if (form_.format == FileFormat::csv && c == form_.csv.quote) quoted_ = !quoted_;
    if (record_.size() < record_bytes_max) record_ += c;
  }
}

void SubjectScan::end_record() {
  if (header_next_) {
    header_next_ = false;
    constexpr std::string_view mark = "\xef\xbb\xbf";
    header_ = record_.starts_with(mark) ? record_.substr(mark.size()) : record_;
    form_.columns = csv_fields(header_, form_.csv);
  } else if (!found_ && !record_.empty()) {
    found_ = names(subjects_, form_, record_);
  }
  record_.clear();
  quoted_ = false;
}

bool SubjectScan::finish() {
  if (!record_.empty()) end_record();
  return found_;
}

}  // namespace daybook
