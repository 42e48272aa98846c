#include "runner/dataplane/csv_reader.h"

#include <algorithm>
#include <cstring>

namespace daybook {

namespace {
constexpr std::uint32_t rows_at_once = 256;
}

CsvReader::CsvReader(const ReadContext& context, PartRead& out) : RecordReader(context, out) {}

void CsvReader::learn_places() {
  if (places_for_ == input_) return;
  places_for_ = input_;
  places_.assign(context_.columns.size(), -1);
  const auto& columns = context_.parts->files()[input_].columns;
  for (std::size_t place = 0; place < columns.size(); ++place) {
    places_[static_cast<std::size_t>(columns[place])] = static_cast<int>(place);
  }
}

void CsvReader::split() {
  index_csv(block_->bytes.data(), block_->size, context_.parts->syntax(), context_.path, index_);
  learn_places();
  first_field_.clear();
  const char* text = block_->bytes.data();
  std::uint32_t begin = 0, first = 0;
  for (std::uint32_t i = 0; i < index_.count; ++i) {
    if ((index_.ends[i] & CsvIndex::record_end) == 0) continue;
    const std::uint32_t end = index_.ends[i] & ~CsvIndex::record_end;
    const std::uint32_t trimmed = end > begin && text[end - 1] == '\r' ? end - 1 : end;
    index_.ends[i] = trimmed | CsvIndex::record_end;
    records_.push_back({begin, trimmed - begin});
    first_field_.push_back(first);
    first = i + 1;
    begin = end + 1;
  }
  first_field_.push_back(first);
  suspect_.clear();
  if (index_.suspects.empty()) return;
  suspect_.resize(records_.size());
  std::size_t record = 0;
  for (const std::uint32_t at : index_.suspects) {
    while (record < records_.size() && records_[record].begin + records_[record].length + 1 < at) {
      ++record;
    }
    // A CR at the end of the group before is reported by this one: the record may be the one
    // before.
    if (record > 0) suspect_[record - 1] = 1;
    for (std::size_t r = record; r < records_.size() && records_[r].begin < at + 64; ++r) {
      suspect_[r] = 1;
    }
  }
}

CsvReader::Field CsvReader::field(std::uint32_t record, std::uint32_t place) const {
  const std::uint32_t first = first_field_[record];
  const std::uint32_t begin = place == 0
                                  ? records_[record].begin
                                  : (index_.ends[first + place - 1] & ~CsvIndex::record_end) + 1;
  const std::uint32_t end = index_.ends[first + place] & ~CsvIndex::record_end;
  const char* data = block_->bytes.data() + begin;
  return {data, end - begin, end > begin && *data == context_.parts->source().csv.quote};
}

CsvReader::Field CsvReader::unquoted(Field f) {
  const char quote = context_.parts->source().csv.quote;
  ++f.data;
  f.length = f.length >= 2 ? f.length - 2 : 0;
  const void* doubled = std::memchr(f.data, quote, f.length);
  if (doubled == nullptr) return f;
  char* out = room_for_text(f.length);
  std::uint32_t length = 0;
  for (std::uint32_t i = 0; i < f.length; ++i) {
    out[length++] = f.data[i];
    if (f.data[i] == quote) ++i;
  }
  return {out, length, true};
}

bool CsvReader::sound(std::uint32_t record, std::vector<Violation>& violations) const {
  const std::uint32_t fields = first_field_[record + 1] - first_field_[record];
  const std::size_t expected = context_.parts->files()[input_].columns.size();
  if (fields != expected) {
    violations.push_back({"structure", "",
                          records_[record].length == 0
                              ? "is an empty line"
                              : fmt::format("has {} fields, the header has {}", fields, expected)});
  }
  if (records_[record].length > dataplane_limits::field_bytes_max) {
    for (std::uint32_t place = 0; place < fields; ++place) {
      if (field(record, place).length > dataplane_limits::field_bytes_max) {
        violations.push_back({"structure", "", "has a field longer than 1 MiB"});
        break;
      }
    }
  }
  if (!suspect_.empty() && suspect_[record] != 0) {
    check_text(record, violations);
    const CsvSyntax syntax = context_.parts->syntax();
    bool quote = false, carriage = false;
    for (std::uint32_t place = 0; place < fields; ++place) {
      const Field f = field(record, place);
      const std::string_view text(f.data, f.length);
      if (!f.quoted) {
        quote |= text.find(syntax.quote) != std::string_view::npos;
        carriage |= text.find('\r') != std::string_view::npos;
        continue;
      }
      // Closed at its very end, every quote inside doubled.
      std::size_t i = 1;
      while (i < text.size() && (text[i] != syntax.quote ||
                                 (i + 1 < text.size() && text[i + 1] == syntax.quote && ++i))) {
        ++i;
      }
      quote |= i + 1 != text.size();
    }
    if (quote) violations.push_back({"structure", "", "has a quote out of place"});
    if (carriage) {
      violations.push_back({"structure", "", "has a carriage return outside quotes"});
    }
  }
  return violations.empty();
}

// What the columns of one run of rows have in common; all that the inner loops touch.
struct CsvReader::Rows {
  const char* text;
  const std::uint32_t* ends;
  const std::uint32_t* first;   // of each row: index into ends of its first field
  const std::uint32_t* record;  // of each row
  const Record* records;
  std::uint32_t from, to;
  char quote;
  std::string_view null_text;

  Field field(std::uint32_t row, std::uint32_t place) const {
    const std::uint32_t* end = ends + first[row] + place;
    const std::uint32_t begin =
        place == 0 ? records[record[row]].begin : (end[-1] & ~CsvIndex::record_end) + 1;
    const char* data = text + begin;
    const std::uint32_t length = (*end & ~CsvIndex::record_end) - begin;
    return {data, length, length != 0 && *data == quote};
  }
  bool is_null(const Field& f) const {
    return f.length == null_text.size() && !f.quoted &&
           (f.length == 0 || std::memcmp(f.data, null_text.data(), f.length) == 0);
  }
};

template <typename T, typename Parse>
void CsvReader::fill_column(std::uint32_t column, const VectorView& view, const Rows& rows,
                            Parse parse) {
  const auto place = static_cast<std::uint32_t>(places_[column]);
  T* out = static_cast<T*>(view.data);
  for (std::uint32_t r = rows.from; r < rows.to; ++r) {
    Field f = rows.field(r, place);
    if (rows.is_null(f)) {
      out[r] = T{};
      view.set_null(r);
      continue;
    }
    if (f.quoted) [[unlikely]] {
      f = unquoted(f);
    }
    if (!parse(f.data, f.length, out[r])) [[unlikely]] {
      if (!context_.parsers[column].parse({f.data, f.length}, &out[r])) {
        out[r] = T{};
        view.set_null(r);
        faults_.push_back({r, column});
      }
    }
  }
}

void CsvReader::fill_text(std::uint32_t column, const VectorView& view, const Rows& rows) {
  const auto place = static_cast<std::uint32_t>(places_[column]);
  Text* out = static_cast<Text*>(view.data);
  for (std::uint32_t r = rows.from; r < rows.to; ++r) {
    Field f = rows.field(r, place);
    if (rows.is_null(f)) {
      out[r] = Text{};
      view.set_null(r);
      continue;
    }
    if (f.quoted) [[unlikely]] {
      f = unquoted(f);
    }
    out[r] = Text::of_padded(f.data, f.length);
  }
}

std::uint32_t CsvReader::fill(std::span<const VectorView> columns) {
  const std::size_t expected = context_.parts->files()[input_].columns.size();
  while (next_ < records_.size() && chunk_.size() < context_.rows_at_once) {
    const std::uint32_t record = next_++;
    const bool plain = first_field_[record + 1] - first_field_[record] == expected &&
                       (suspect_.empty() || suspect_[record] == 0) &&
                       records_[record].length <= dataplane_limits::field_bytes_max;
    if (!plain) [[unlikely]] {
      std::vector<Violation> violations;
      if (!sound(record, violations)) {
        set_aside(record, std::move(violations));
        continue;
      }
    }
    chunk_.push_back(record);
  }
  const auto n = static_cast<std::uint32_t>(chunk_.size());
  if (n == 0) return 0;
  firsts_.resize(n);
  for (std::uint32_t r = 0; r < n; ++r) firsts_[r] = first_field_[chunk_[r]];
  for (const VectorView& view : columns) std::memset(view.validity, 0xff, (n + 63) / 64 * 8);
  // All columns of a few hundred rows, then the next: their text stays in the nearest cache.
  const FileSource& source = context_.parts->source();
  for (std::uint32_t from = 0; from < n; from += rows_at_once) {
    fill_rows(columns, {block_->bytes.data(), index_.ends.data(), firsts_.data(), chunk_.data(),
                        records_.data(), from, std::min(n, from + rows_at_once), source.csv.quote,
                        source.csv.null_text});
  }
  return n;
}

void CsvReader::fill_rows(std::span<const VectorView> columns, const Rows& rows) {
  for (std::uint32_t c = 0; c < columns.size(); ++c) {
    const VectorView& view = columns[c];
    const ValueParser& parser = context_.parsers[c];
    const ColumnType& type = parser.type();
    const auto slow = [](const char*, std::uint32_t, auto&) { return false; };
    const auto integer = [](const char* data, std::uint32_t length, auto& out) {
      std::int64_t value = 0;
      if (!parse_int64_fast(data, length, value)) return false;
      out = static_cast<std::remove_reference_t<decltype(out)>>(value);
      return static_cast<std::int64_t>(out) == value && (value >= 0 || out < 0);
    };
    const auto decimal = [precision = int{type.precision}, scale = int{type.scale}](
                             const char* data, std::uint32_t length, auto& out) {
      std::int64_t value = 0;
      if (!parse_decimal_fast(data, length, precision, scale, value)) return false;
      out = static_cast<std::remove_reference_t<decltype(out)>>(value);
      return true;
    };
    const bool is_decimal = type.kind == ColumnType::Kind::decimal;
    switch (parser.physical()) {
      case Physical::text: fill_text(c, view, rows); break;
      case Physical::int8: fill_column<std::int8_t>(c, view, rows, integer); break;
      case Physical::uint8: fill_column<std::uint8_t>(c, view, rows, integer); break;
      case Physical::uint16: fill_column<std::uint16_t>(c, view, rows, integer); break;
      case Physical::uint32: fill_column<std::uint32_t>(c, view, rows, integer); break;
      case Physical::uint64: fill_column<std::uint64_t>(c, view, rows, integer); break;
      case Physical::int16:
        if (is_decimal)
          fill_column<std::int16_t>(c, view, rows, decimal);
        else
          fill_column<std::int16_t>(c, view, rows, integer);
        break;
      case Physical::int32:
        if (is_decimal)
          fill_column<std::int32_t>(c, view, rows, decimal);
        else if (type.kind == ColumnType::Kind::int32)
          fill_column<std::int32_t>(c, view, rows, integer);
        else
          fill_column<std::int32_t>(c, view, rows, slow);
        break;
      case Physical::int64:
        if (is_decimal) {
          fill_column<std::int64_t>(c, view, rows, decimal);
        } else if (type.kind == ColumnType::Kind::int64) {
          fill_column<std::int64_t>(c, view, rows, integer);
        } else if (type.kind == ColumnType::Kind::timestamp && parser.plain()) {
          DaySeen seen;
          fill_column<std::int64_t>(c, view, rows,
                                    [&](const char* data, std::uint32_t length, std::int64_t& out) {
                                      return parse_timestamp_fast(data, length, seen, out);
                                    });
        } else {
          fill_column<std::int64_t>(c, view, rows, slow);
        }
        break;
      case Physical::int128: fill_column<Int128>(c, view, rows, slow); break;
      case Physical::float64:
        fill_column<double>(c, view, rows, [](const char* data, std::uint32_t length, double& out) {
          return parse_float64({data, length}, out);
        });
        break;
      case Physical::boolean: fill_column<bool>(c, view, rows, slow); break;
    }
  }
}

std::string CsvReader::raw_text(std::uint32_t record, std::uint32_t column) {
  const Field f = field(record, static_cast<std::uint32_t>(places_[column]));
  return {f.data, f.length};
}

}  // namespace daybook
