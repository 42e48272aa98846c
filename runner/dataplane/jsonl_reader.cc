#include "runner/dataplane/jsonl_reader.h"

#include <emmintrin.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace daybook {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

// 1.5e3 as 1500: exact types know no exponent. Nothing where that would be absurdly long.
std::string without_exponent(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  if (e == std::string_view::npos) return std::string(text);
  std::string_view power = text.substr(e + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  Int128 shift = 0;
  if (!parse_int(power, shift) || shift > 40 || shift < -40) return {};
  std::string digits(text.substr(0, e));
  std::size_t point = digits.find('.');
  if (point == std::string::npos) {
    point = digits.size();
  } else {
    digits.erase(point, 1);
  }
  const bool negative = digits.starts_with('-');
  if (negative) {
    digits = digits.substr(1);
    --point;
  }
  auto place = static_cast<std::ptrdiff_t>(point) + static_cast<std::ptrdiff_t>(shift);
  if (place <= 0) {
    digits = std::string(static_cast<std::size_t>(1 - place), '0') + digits;
    place = 1;
  }
  while (digits.size() < static_cast<std::size_t>(place)) digits.push_back('0');
  if (digits.size() > static_cast<std::size_t>(place)) {
    const auto whole = static_cast<std::size_t>(place);
    digits = fmt::format("{}.{}", digits.substr(0, whole), digits.substr(whole));
  }
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  if (zeros > 1 && zeros < digits.size() && digits[zeros] != '.') digits = digits.substr(zeros);
  return fmt::format("{}{}", negative ? "-" : "", digits);
}

bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' &&
         (text.size() < 2 || text[0] != '0' || text[1] == '.' || text[1] == 'e' || text[1] == 'E');
}

// The first byte from `at` on that is a quote, a backslash, a control character or not ASCII. Reads
// up to 15 bytes further; the record's LF is such a byte, so it ends.
const char* end_of_plain_text(const char* at) {
  const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  for (;; at += 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i hit =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)),
                     _mm_cmplt_epi8(x, space));  // bytes from 0x80 on count as negative
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
    if (mask != 0) return at + std::countr_zero(mask);
  }
}

template <typename T>
bool store_narrow(std::int64_t value, void* slot) {
  const auto narrow = static_cast<T>(value);
  if (static_cast<std::int64_t>(narrow) != value || (value < 0) != (narrow < T{})) return false;
  *static_cast<T*>(slot) = narrow;
  return true;
}
bool store_integer(std::int64_t value, Physical physical, void* slot) {
  switch (physical) {
    case Physical::int8: return store_narrow<std::int8_t>(value, slot);
    case Physical::int16: return store_narrow<std::int16_t>(value, slot);
    case Physical::int32: return store_narrow<std::int32_t>(value, slot);
    case Physical::int64: return store_narrow<std::int64_t>(value, slot);
    case Physical::uint8: return store_narrow<std::uint8_t>(value, slot);
    case Physical::uint16: return store_narrow<std::uint16_t>(value, slot);
    case Physical::uint32: return store_narrow<std::uint32_t>(value, slot);
    case Physical::uint64: return store_narrow<std::uint64_t>(value, slot);
    default: return false;
  }
}

}  // namespace

struct JsonlReader::Parser {
  simdjson::ondemand::parser parser;
};

JsonlReader::JsonlReader(const ReadContext& context, PartRead& out)
    : RecordReader(context, out), parser_(std::make_unique<Parser>()) {
  seen_.resize(context.columns.size());
  for (const Column& column : context.columns) {
    const bool plain = std::all_of(column.name.begin(), column.name.end(), [](char c) {
      return c >= ' ' && c <= '~' && c != '"' && c != '\\';
    });
    if (!plain) {
      heads_.clear();
      break;
    }
    heads_.push_back((heads_.empty() ? "{\"" : ",\"") + column.name + "\":");
  }
}
JsonlReader::~JsonlReader() = default;

void JsonlReader::split() {
  const char* text = block_->bytes.data();
  std::uint32_t begin = 0;
  while (begin < block_->size) {
    const void* line = std::memchr(text + begin, '\n', block_->size - begin);
    const auto end = static_cast<std::uint32_t>(static_cast<const char*>(line) - text);
    const std::uint32_t length =
        end > begin && text[end - 1] == '\r' ? end - begin - 1 : end - begin;
    records_.push_back({begin, length});
    begin = end + 1;
  }
}

bool JsonlReader::parse(std::uint32_t record, std::uint32_t row,
                        std::span<const VectorView> columns, std::vector<Violation>& violations) {
  namespace ondemand = simdjson::ondemand;
  const auto bad = [&](std::string message) {
    violations.push_back({"structure", "", std::move(message)});
  };
  const Record& r = records_[record];
  if (r.length == 0) {
    bad("is an empty line");
    return false;
  }
  const char* text = block_->bytes.data() + r.begin;
  ondemand::document document;
  const auto begun =
      parser_->parser.iterate(text, r.length, block_->bytes.size() - r.begin).get(document);
  if (begun == simdjson::UTF8_ERROR || std::memchr(text, 0, r.length) != nullptr) {
    check_text(record, violations);
    if (violations.empty()) violations.push_back({"encoding", "", "is not valid UTF-8"});
    return false;
  }
  ondemand::object object;
  if (begun != simdjson::SUCCESS || document.get_object().get(object) != simdjson::SUCCESS) {
    bad(begun != simdjson::SUCCESS ? fmt::format("is not JSON: {}", simdjson::error_message(begun))
                                   : "is not a JSON object");
    return false;
  }
  ++stamp_;
  std::uint32_t expected = 0, found = 0;
  const auto count = static_cast<std::uint32_t>(columns.size());
  for (auto item : object) {
    ondemand::field field;
    if (std::move(item).get(field) != simdjson::SUCCESS) {
      bad("is not well-formed JSON");
      return false;
    }
    std::uint32_t column = expected;
    const ondemand::raw_json_string raw_key = field.key();
    if (column >= count || !(raw_key == context_.columns[column].name)) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
        bad("has a key that is not text");
        return false;
      }
      column = 0;
      while (column < count && context_.columns[column].name != key) ++column;
      if (column == count) {
        bad(fmt::format("has the unknown key \"{}\"", printable(key)));
        continue;
      }
    }
    expected = column + 1;
    if (seen_[column] == stamp_) {
      bad(fmt::format("has the key \"{}\" twice", context_.columns[column].name));
      continue;
    }
    seen_[column] = stamp_;
    ++found;

    const VectorView& view = columns[column];
    const ValueParser& parser = context_.parsers[column];
    const std::uint32_t width = width_of(parser.physical());
    void* slot = static_cast<char*>(view.data) + std::size_t{row} * width;
    const auto fault = [&] {
      std::memset(slot, 0, width);
      view.set_null(row);
      faults_.push_back({row, column});
    };
    ondemand::value value = field.value();
    const std::string_view token = trimmed(value.raw_json_token());
    if (token == "null") {
      std::memset(slot, 0, width);
      view.set_null(row);
      continue;
    }
    if (token.empty() || token[0] == '{' || token[0] == '[') {
      fault();
      continue;
    }
    using Kind = ColumnType::Kind;
    const Kind kind = parser.type().kind;
    if (token[0] == '"') {
      std::string_view content = token.size() >= 2 && token.back() == '"'
                                     ? token.substr(1, token.size() - 2)
                                     : std::string_view{};
      if (token.find('\\') != std::string_view::npos || token.size() < 2 || token.back() != '"') {
        std::string_view plain;
        if (value.get_string().get(plain) != simdjson::SUCCESS) {
          violations.push_back({"encoding", context_.columns[column].name,
                                "holds an escape that is not a character"});
          continue;
        }
        if (std::memchr(plain.data(), 0, plain.size()) != nullptr) {
          violations.push_back({"encoding", context_.columns[column].name, "holds a NUL"});
          continue;
        }
        char* copy = room_for_text(plain.size());
        std::memcpy(copy, plain.data(), plain.size());
        content = {copy, plain.size()};
      }
      if (content.size() > dataplane_limits::field_bytes_max) {
        bad("has a field longer than 1 MiB");
        continue;
      }
      if (kind == Kind::string) {
        *static_cast<Text*>(slot) =
            Text::of(content.data(), static_cast<std::uint32_t>(content.size()));
      } else if (kind == Kind::date || kind == Kind::timestamp || kind == Kind::timestamp_tz ||
                 kind == Kind::time || kind == Kind::decimal) {
        // Exact decimals often travel as text.
        if (!parser.parse(content, slot)) fault();
      } else {
        fault();
      }
      continue;
    }
    if (kind == Kind::boolean) {
      if (token == "true" || token == "false") {
        *static_cast<bool*>(slot) = token == "true";
      } else {
        fault();
      }
      continue;
    }
    const bool number = kind != Kind::string && kind != Kind::date && kind != Kind::timestamp &&
                        kind != Kind::timestamp_tz && kind != Kind::time && is_json_number(token);
    if (!number) {
      fault();
      continue;
    }
    std::int64_t quick = 0;
    if (parser.physical() == Physical::int64 && kind == Kind::int64 &&
        parse_int64_fast(token.data(), token.size(), quick)) {
      *static_cast<std::int64_t*>(slot) = quick;
    } else if (parser.physical() == Physical::int64 && kind == Kind::decimal &&
               parse_decimal_fast(token.data(), token.size(), parser.type().precision,
                                  parser.type().scale, quick)) {
      *static_cast<std::int64_t*>(slot) = quick;
    } else if (!parser.parse(token, slot) &&
               (kind == Kind::float64 || token.find_first_of("eE") == std::string_view::npos ||
                !parser.parse(without_exponent(token), slot))) {
      fault();
    }
  }
  const char* end = nullptr;
  if (violations.empty() && document.current_location().get(end) == simdjson::SUCCESS) {
    bad("has text after the object");
  }
  if (found != count) {
    for (std::uint32_t c = 0; c < count; ++c) {
      if (seen_[c] == stamp_) continue;
      std::memset(static_cast<char*>(columns[c].data) +
                      std::size_t{row} * width_of(context_.parsers[c].physical()),
                  0, width_of(context_.parsers[c].physical()));
      columns[c].set_null(row);  // `required` says whether it may be missing
    }
  }
  return violations.empty();
}

// Records as most writers make them: every column in the contract's order, no blanks, no escapes,
// ASCII. False where anything is different or wrong: then the slow path decides, from the start.
bool JsonlReader::parse_expected(std::uint32_t record, std::uint32_t row,
                                 std::span<const VectorView> columns) {
  using Kind = ColumnType::Kind;
  const Record& r = records_[record];
  const char* at = block_->bytes.data() + r.begin;
  const char* const end = at + r.length;
  if (heads_.size() != columns.size()) return false;
  for (std::uint32_t c = 0; c < columns.size(); ++c) {
    const std::string& head = heads_[c];
    if (static_cast<std::size_t>(end - at) <= head.size() ||
        std::memcmp(at, head.data(), head.size()) != 0) {
      return false;
    }
    at += head.size();
    const ValueParser& parser = context_.parsers[c];
    const Kind kind = parser.type().kind;
    const Physical physical = parser.physical();
    char* slot = static_cast<char*>(columns[c].data) + std::size_t{row} * width_of(physical);
    std::int64_t value = 0;
    if (*at == '"') {
      const char* text = ++at;
      at = end_of_plain_text(at);
      if (at >= end || *at != '"') return false;
      const auto length = static_cast<std::size_t>(at++ - text);
      if (length > dataplane_limits::field_bytes_max) return false;
      if (kind == Kind::string) {
        const Text stored = Text::of_padded(text, static_cast<std::uint32_t>(length));
        std::memcpy(slot, &stored, sizeof stored);
      } else if (kind == Kind::timestamp && parser.plain() &&
                 parse_timestamp_fast(text, length, day_seen_, value)) {
        std::memcpy(slot, &value, sizeof value);
      } else if ((kind != Kind::date && kind != Kind::timestamp && kind != Kind::timestamp_tz &&
                  kind != Kind::time && kind != Kind::decimal) ||
                 !parser.parse({text, length}, slot)) {
        return false;
      }
      continue;
    }
    if (end - at > 4 && std::memcmp(at, "null", 4) == 0) {
      std::memset(slot, 0, width_of(physical));
      columns[c].set_null(row);
      at += 4;
      continue;
    }
    const char* text = at;
    while ((*at >= '0' && *at <= '9') || *at == '-' || *at == '.') ++at;
    const auto length = static_cast<std::size_t>(at - text);
    if (!is_json_number({text, length})) return false;
    if (kind == Kind::decimal) {
      if (physical == Physical::int128 ||
          !parse_decimal_fast(text, length, parser.type().precision, parser.type().scale, value) ||
          !store_integer(value, physical, slot)) {
        return false;
      }
    } else if (kind == Kind::boolean || kind == Kind::string || kind == Kind::date ||
               kind == Kind::timestamp || kind == Kind::timestamp_tz || kind == Kind::time ||
               kind == Kind::float64 || !parse_int64_fast(text, length, value) ||
               !store_integer(value, physical, slot)) {
      return false;
    }
  }
  return end - at == 1 && *at == '}';
}

std::uint32_t JsonlReader::fill(std::span<const VectorView> columns) {
  for (const VectorView& view : columns) {
    std::memset(view.validity, 0xff, vector_rows_max / 8);
  }
  while (next_ < records_.size() && chunk_.size() < context_.rows_at_once) {
    const std::uint32_t record = next_++;
    const auto row = static_cast<std::uint32_t>(chunk_.size());
    if (parse_expected(record, row, columns)) {
      chunk_.push_back(record);
      continue;
    }
    for (const VectorView& view : columns) view.validity[row >> 6] |= 1ULL << (row & 63);
    std::vector<Violation> violations;
    if (parse(record, row, columns, violations)) {
      chunk_.push_back(record);
      continue;
    }
    // What else was found in it is said too; then its row is given to the next record.
    for (std::size_t i = 0; i < faults_.size();) {
      if (faults_[i].row != row) {
        ++i;
        continue;
      }
      violations.push_back(
          context_.rules->type_violation(faults_[i].column, raw_text(record, faults_[i].column)));
      faults_.erase(faults_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    set_aside(record, std::move(violations));
    for (const VectorView& view : columns) view.validity[row >> 6] |= 1ULL << (row & 63);
  }
  return static_cast<std::uint32_t>(chunk_.size());
}

std::string JsonlReader::raw_text(std::uint32_t record, std::uint32_t column) {
  const Record& r = records_[record];
  simdjson::ondemand::document document;
  std::string copy(block_->bytes.data() + r.begin, r.length);
  const simdjson::padded_string padded(copy);
  simdjson::ondemand::parser parser;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return {};
  std::string_view token;
  simdjson::ondemand::value value;
  if (document.find_field_unordered(context_.columns[column].name).get(value) !=
      simdjson::SUCCESS) {
    return {};
  }
  return std::string(trimmed(value.raw_json_token()));
}

}  // namespace daybook
