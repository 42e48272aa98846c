#include "runner/dataplane/lookup.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runner/dataplane/csv_splitter.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/parquet_frame.h"
#include "runner/dataplane/source_parts.h"
#include "runner/dataplane/typed_parse.h"

namespace daybook {
namespace {

// The text of the number that the object has under this key: a decimal is not what the nearest
// binary fraction says.
class NumberAsWritten : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit NumberAsWritten(const std::string& name) : name_(name) {}
  std::string text;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t& raw) override {
    if (depth_ == 1 && wanted_) text = raw;
    return true;
  }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ > 0; }
  bool key(string_t& key) override {
    if (depth_ == 1) wanted_ = key == name_;
    return true;
  }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t) override { return ++depth_ > 0; }
  bool end_array() override { return depth_-- > 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  const std::string& name_;
  int depth_ = 0;
  bool wanted_ = false;
};

std::string number_as_written(std::string_view record, const std::string& name) {
  NumberAsWritten numbers(name);
  nlohmann::json::sax_parse(record, &numbers);
  return numbers.text;
}

std::string joined(std::span<const std::string_view> key) {
  std::string text;
  for (const std::string_view part : key) {
    text += fmt::format("{}:", part.size());
    text += part;
  }
  return text;
}

}  // namespace

std::string read_whole_file(const std::string& path, bool& ok) {
  std::ifstream in(path, std::ios::binary);
  ok = static_cast<bool>(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::int64_t LookupTable::find(std::span<const std::string_view> key) const {
  const auto found = index_.find(joined(key));
  return found == index_.end() ? -1 : found->second;
}

Staged<void> LookupTable::add(std::vector<std::optional<std::string>> key,
                              std::vector<std::optional<std::string>> values) {
  std::vector<std::string> parts;
  for (auto& part : key) {
    if (!part) return {};  // null equals nothing
    memory_ += 2 * part->size() + 64;
    parts.push_back(std::move(*part));
  }
  for (const auto& value : values) memory_ += sizeof value + (value ? value->size() : 0);
  memory_ += 128;
  if (memory_ > memory_max_) return too_large();
  keys_.push_back(std::move(parts));
  rows_.push_back(std::move(values));
  records_.push_back(file_.records);
  return {};
}

Staged<void> LookupTable::too_large() const {
  return no_stage(
      ErrorClass::definition, "lookup.too_large",
      "{}: the lookup file needs more than the {} MiB that a lookup may take in memory; "
      "raise the pipeline's memory limit, or join it in a sql step",
      file_.name, memory_max_ >> 20);
}

Staged<void> LookupTable::index(std::span<const Column> types) {
  index_.clear();
  index_.reserve(rows_.size());
  std::vector<ValueParser> parsers;
  for (const Column& column : types) {
    Column plain;
    plain.type = column.type;
    parsers.emplace_back(plain);
  }
  std::vector<std::string> texts(types.size());
  std::vector<std::string_view> parts(types.size());
  for (std::size_t row = 0; row < keys_.size(); ++row) {
    bool possible = true;
    for (std::size_t k = 0; k < types.size() && possible; ++k) {
      parts[k] = keys_[row][k];
      if (types[k].type.kind == ColumnType::Kind::string) continue;
      alignas(16) char slot[16] = {};
      possible = parsers[k].parse(parts[k], slot);
      if (!possible) break;  // no value of ours is equal to it
      texts[k] = value_text({slot, nullptr}, types[k].type, 0);
      parts[k] = texts[k];
    }
    if (possible && !index_.emplace(joined(parts), static_cast<std::int64_t>(row)).second) {
      return no_stage(ErrorClass::data, "lookup.duplicate_key", "{}: the key \"{}\" stands twice",
                      file_.name, printable(parts.empty() ? "" : parts[0]));
    }
  }
  keys_.clear();
  keys_.shrink_to_fit();
  return {};
}

Staged<LookupTable> LookupTable::load(const step::Lookup& lookup, const std::string& path,
                                      const std::string& project, duckdb_connection connection,
                                      std::uint64_t memory_bytes) {
  LookupTable table;
  table.memory_max_ = memory_bytes != 0
                          ? memory_bytes
                          : static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 4;
  table.file_.name =
      !project.empty() && path.starts_with(project + "/") ? path.substr(project.size() + 1) : path;
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  if (!none && lookup.from.format != FileFormat::parquet && size > table.memory_max_) {
    return std::unexpected(table.too_large().error());
  }
  std::vector<std::string> wanted;
  for (const auto& [ours, theirs] : lookup.on) wanted.push_back(theirs);
  for (const auto& [theirs, name] : lookup.take) wanted.push_back(theirs);
  const std::size_t keys = lookup.on.size();
  const auto add = [&](std::vector<std::optional<std::string>> values) {
    ++table.file_.records;
    std::vector<std::optional<std::string>> key(values.begin(),
                                                values.begin() + static_cast<std::ptrdiff_t>(keys));
    values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(keys));
    return table.add(std::move(key), std::move(values));
  };
  const auto malformed = [&](std::uint64_t row) {
    return no_stage(ErrorClass::data, "lookup.malformed", "{}: record {} is malformed",
                    table.file_.name, row);
  };

  if (lookup.from.format == FileFormat::parquet) {
    StageProgress progress;
    auto fixed = fix_input(path, project, progress);
    if (!fixed) return std::unexpected(fixed.error());
    table.file_ = fixed->file;
    std::string list;
    for (const std::string& name : wanted) {
      list += fmt::format("{}CAST({} AS VARCHAR)", list.empty() ? "" : ", ", quote_name(name));
    }
    if (auto sound = check_parquet_frame(path, table.file_.name); !sound) {
      return std::unexpected(sound.error());
    }
    auto result = duck_query(
        connection, fmt::format("SELECT {} FROM read_parquet({})", list, quote_text(path)));
    if (!result) return std::unexpected(failure_of(result.error(), "reading a lookup"));
    std::vector<VectorView> views;
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) {
        std::vector<std::optional<std::string>> values;
        for (const VectorView& view : views) {
          values.push_back(view.valid(r) ? std::optional<std::string>(view.at<Text>(r).view())
                                         : std::nullopt);
        }
        if (auto added = add(std::move(values)); !added) return std::unexpected(added.error());
      }
    }
    DuckError error;
    if (result->failed(error)) return std::unexpected(failure_of(error, "reading a lookup"));
    if (auto same = fixed->unchanged(); !same) return std::unexpected(same.error());
    return table;
  }

  bool readable = false;
  const std::string bytes = read_whole_file(path, readable);
  if (!readable) {
    return no_stage(ErrorClass::data, "source.missing", "{}: the lookup file can not be read",
                    table.file_.name);
  }
  table.file_.bytes = bytes.size();
  table.file_.digest = sha256(bytes_of(bytes));

  std::string_view rest = bytes;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  const bool csv = lookup.from.format == FileFormat::csv;
  const CsvSyntax syntax{lookup.from.csv.delimiter, lookup.from.csv.quote};
  std::vector<std::size_t> places;
  std::size_t fields_expected = 0;
  for (std::uint64_t row = 0; !rest.empty(); ++row) {
    std::size_t end = rest.size();
    if (csv) {
      CsvBoundary boundary;
      advance_boundary(rest.data(), rest.size(), syntax, best_simd_path(), 1, boundary);
      if (boundary.records != 0) end = boundary.last_end;
    } else {
      end = std::min(rest.size(),
                     rest.find('\n') == std::string_view::npos ? rest.size() : rest.find('\n') + 1);
    }
    std::string_view record = rest.substr(0, end);
    rest.remove_prefix(end);
    if (record.ends_with('\n')) record.remove_suffix(1);
    if (record.ends_with('\r')) record.remove_suffix(1);
    std::vector<std::optional<std::string>> values;
    if (!is_text(record)) return malformed(row);
    if (csv) {
      const auto fields = split_csv_record(record, syntax);
      if (!fields) return malformed(row);
      if (row == 0) {
        fields_expected = fields->size();
        for (const std::string& name : wanted) {
          const auto found = std::find(fields->begin(), fields->end(), name);
          if (found == fields->end()) {
            return no_stage(ErrorClass::contract, "lookup.columns", "{}: column \"{}\" is missing",
                            table.file_.name, name);
          }
          places.push_back(static_cast<std::size_t>(found - fields->begin()));
        }
        continue;
      }
      if (fields->size() != fields_expected) return malformed(row);
      for (const std::size_t place : places) {
        const std::string& text = (*fields)[place];
        values.push_back(text == lookup.from.csv.null_text ? std::nullopt
                                                           : std::optional<std::string>(text));
      }
    } else {
      const auto json = nlohmann::json::parse(record, nullptr, false);
      if (!json.is_object()) return malformed(row + 1);
      for (const std::string& name : wanted) {
        const auto found = json.find(name);
        if (found == json.end() || found->is_null()) {
          values.push_back(std::nullopt);
        } else {
          values.push_back(found->is_string()         ? found->get<std::string>()
                           : found->is_number_float() ? number_as_written(record, name)
                                                      : found->dump());
        }
      }
    }
    if (auto added = add(std::move(values)); !added) return std::unexpected(added.error());
  }
  return table;
}

}  // namespace daybook
