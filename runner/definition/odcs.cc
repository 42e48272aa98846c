// Reads Open Data Contract Standard v3.1.0. What the standard allows and this engine does not do
// gives a warning; what the standard does not have is an error, because a misspelt rule is a rule
// not applied.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"
#include "runner/definition/odcs_fields.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

using Type = ColumnType::Kind;

// The part of java.time.format.DateTimeFormatter that is read; the first of each type is the
// default.
constexpr std::string_view date_formats[] = {"yyyy-MM-dd", "yyyyMMdd",   "dd.MM.yyyy",
                                             "dd/MM/yyyy", "MM/dd/yyyy", "yyyy/MM/dd"};
constexpr std::string_view timestamp_formats[] = {
    "yyyy-MM-dd HH:mm:ss",          "yyyy-MM-dd'T'HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ssXXX",     "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd HH:mm:ss.SSS",      "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"};
constexpr std::string_view time_formats[] = {"HH:mm:ss", "HH:mm", "HH:mm:ss.SSS",
                                             "HH:mm:ss.SSSSSS"};

const YamlNode& at_key(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found == nullptr ? node : *found;
}

std::optional<Type> integer_format(std::string_view format) {
  constexpr std::pair<std::string_view, Type> formats[] = {
      {"i8", Type::int8},  {"i16", Type::int16},  {"i32", Type::int32},  {"i64", Type::int64},
      {"u8", Type::uint8}, {"u16", Type::uint16}, {"u32", Type::uint32}, {"u64", Type::uint64}};
  for (const auto& [name, type] : formats) {
    if (name == format) return type;
  }
  return std::nullopt;
}

bool whole_kind(const ColumnType& type) {
  return type.kind >= Type::int8 && type.kind <= Type::uint64;
}

class Reader {
 public:
  Reader(const YamlNode& root, Contract& contract, Report& report)
      : root_(root), contract_(contract), report_(report) {}

  void read() {
    header();
    const YamlNode* schema = root_.find("schema");
    if (schema == nullptr || schema->items.empty() || !schema->items[0].is_mapping()) {
      if (schema != nullptr && schema->is_sequence() && schema->items.empty())
        report_.error(code::missing_field, schema->range, "the contract has no schema object");
      return;
    }
    if (schema->items.size() > 1) unused(schema->items[1], "only the first schema object is read");
    object(schema->items[0]);
    for (const std::string_view key : {"slaProperties"}) {
      if (const YamlNode* found = root_.find(key))
        unused(*found, fmt::format("{} are kept and not checked by a run", key));
    }
    contract_.custom = custom_properties(root_, report_);
  }

 private:
  void unused(const YamlNode& node, std::string message) {
    report_.warning(code::contract_unused, {node.range.begin, node.range.begin + 1},
                    std::move(message));
  }

  void header() {
    const auto version = text_at(root_, "apiVersion");
    if (version && *version != "v3.1.0") {
      const bool near = version->starts_with("v3.") || version->starts_with("3.");
      if (*version == "v3.0.0" || *version == "v3.0.1" || *version == "v3.0.2")
        report_.warning(code::contract_version, at_key(root_, "apiVersion").range,
                        "the contract is read as ODCS v3.1.0", "older version");
      else
        report_.error(code::contract_version, at_key(root_, "apiVersion").range,
                      fmt::format("ODCS \"{}\" is not known", excerpt(*version)), "not v3.1.0",
                      near ? "write apiVersion: v3.1.0" : "");
    }
    if (const auto kind = text_at(root_, "kind"); kind && *kind != "DataContract")
      report_.error(code::contract_version, at_key(root_, "kind").range,
                    fmt::format("kind is \"{}\" and must be DataContract", excerpt(*kind)));
    contract_.id = text_or(root_, "id", "");
    contract_.version = text_or(root_, "version", "");
    contract_.name = text_or(root_, "name", contract_.id);
    for (const std::string_view key : {"dataProduct", "slaDefaultElement"}) {
      if (const YamlNode* found = root_.find(key))
        unused(*found, fmt::format("{} is deprecated", key));
    }
    if (const YamlNode* team = root_.find("team"); team != nullptr && team->is_sequence())
      unused(*team, "team as a list is deprecated");
  }

  void object(const YamlNode& node) {
    contract_.object = text_or(node, "name", "");
    contract_.physical_name = text_or(node, "physicalName", contract_.object);
    if (const YamlNode* relations = node.find("relationships"))
      unused(*relations, "relationships are not enforced; use a lookup step");
    const YamlNode* properties = node.find("properties");
    if (properties == nullptr || !properties->is_sequence()) return;
    if (properties->items.empty())
      report_.error(code::missing_field, properties->range, "the schema object has no properties");
    if (properties->items.size() > 4096)
      return report_.error(code::too_large, properties->range, "a contract may have 4096 columns");
    std::set<std::string> seen;
    for (const YamlNode& property : properties->items) {
      if (!property.is_mapping()) continue;
      const std::string name = text_or(property, "name", "");
      if (name.empty()) continue;
      if (!seen.insert(lower_case(name)).second)
        report_.error(
            code::duplicate_key, at_key(property, "name").range,
            fmt::format("the column \"{}\" stands twice (upper and lower case are one name)",
                        excerpt(name)));
      column(property, name);
    }
    // Rules may name columns that stand later, so they come after all columns.
    std::vector<RowRule> row_wide;
    std::size_t index = 0;
    for (const YamlNode& property : properties->items) {
      if (!property.is_mapping() || text_or(property, "name", "").empty()) continue;
      const Column& c = contract_.columns[index++];
      rules(property, c);
      read_quality(property, &c, contract_, row_wide, report_);
    }
    primary_key(row_wide);
    read_quality(node, nullptr, contract_, row_wide, report_);
    for (RowRule& rule : row_wide) contract_.row_rules.push_back(std::move(rule));
  }

  void column(const YamlNode& property, const std::string& name) {
    Column c;
    c.name = name;
    c.type = type(property);
    const bool key = boolean_at(property, "primaryKey").value_or(false);
    c.required = boolean_at(property, "required").value_or(false) || key;
    c.unique = boolean_at(property, "unique").value_or(false);
    c.classification = text_or(property, "classification", "");
    c.description = text_or(property, "description", "");
    if (key) {
      const auto position = whole_at(property, "primaryKeyPosition").value_or(-1);
      c.primary_key_position =
          position > 0 ? static_cast<std::int32_t>(position)
                       : static_cast<std::int32_t>(
                             1 + std::ranges::count_if(contract_.columns, [](const Column& o) {
                               return o.primary_key_position > 0;
                             }));
    }
    if (const YamlNode* options = object_at(property, "logicalTypeOptions");
        options != nullptr && (c.type.kind == Type::date || c.type.kind == Type::timestamp ||
                               c.type.kind == Type::timestamp_tz || c.type.kind == Type::time))
      c.date_format = date_format(*options, c.type.kind);
    for (const std::string_view key_name : {"encryptedName", "relationships"}) {
      if (const YamlNode* found = property.find(key_name))
        unused(*found, fmt::format("{} of a property is kept and not applied", key_name));
    }
    contract_.columns.push_back(std::move(c));
  }

  ColumnType type(const YamlNode& property) {
    const std::string logical = text_or(property, "logicalType", "");
    const auto physical_text = text_at(property, "physicalType");
    const auto physical = physical_text ? sql_type(*physical_text) : std::nullopt;
    const YamlNode* options = object_at(property, "logicalTypeOptions");
    const std::string format = options == nullptr ? "" : text_or(*options, "format", "");
    if (logical == "object" || logical == "array") {
      report_.error(code::contract_type, at_key(property, "logicalType").range,
                    fmt::format("logicalType {} is not supported yet", logical), "nested",
                    "declare it as string; the text is kept as it is");
      return {};
    }
    if (logical.empty()) {
      if (physical) return *physical;
      report_.error(
          code::contract_type,
          property.range.begin == 0 ? property.range : at_key(property, "name").range,
          fmt::format("the column \"{}\" has no type", excerpt(text_or(property, "name", ""))), "",
          "add logicalType: string, integer, number, boolean, date, timestamp or time");
      return {};
    }
    auto odd_physical = [&] {
      report_.warning(code::contract_unused, at_key(property, "physicalType").range,
                      fmt::format("physicalType \"{}\" does not say more about a {}",
                                  excerpt(*physical_text), logical));
    };
    if (logical == "integer") {
      if (const auto kind = integer_format(format)) return {*kind, 0, 0};
      if (physical && whole_kind(*physical)) return *physical;
      if (physical && physical->kind == Type::decimal && physical->scale == 0) return *physical;
      if (physical_text) odd_physical();
      return {Type::int64, 0, 0};
    }
    if (logical == "number") {
      if (const auto kind = integer_format(format)) return {*kind, 0, 0};
      if (physical && (physical->kind == Type::decimal || physical->kind == Type::float64 ||
                       whole_kind(*physical)))
        return *physical;
      if (physical_text) odd_physical();
      return {Type::float64, 0, 0};
    }
    if (logical == "boolean") return {Type::boolean, 0, 0};
    if (logical == "date") return {Type::date, 0, 0};
    if (logical == "time") return {Type::time, 0, 0};
    if (logical == "timestamp") {
      const bool zone = (options != nullptr && boolean_at(*options, "timezone").value_or(false)) ||
                        (physical && physical->kind == Type::timestamp_tz) ||
                        format.ends_with("XXX") || format.ends_with("'Z'");
      return {zone ? Type::timestamp_tz : Type::timestamp, 0, 0};
    }
    return {};
  }

  std::string date_format(const YamlNode& options, Type kind) {
    const auto format = text_at(options, "format");
    if (!format) return "";
    const std::span<const std::string_view> known =
        kind == Type::date   ? std::span<const std::string_view>(date_formats)
        : kind == Type::time ? std::span<const std::string_view>(time_formats)
                             : std::span<const std::string_view>(timestamp_formats);
    if (std::ranges::find(known, *format) == known.end()) {
      const std::vector<std::string> names(known.begin(), known.end());
      report_.error(code::contract_type, at_key(options, "format").range,
                    fmt::format("the format \"{}\" is not read", excerpt(*format)),
                    "unknown format", suggest(*format, names, "formats"));
      return "";
    }
    return *format == known[0] ? "" : *format;
  }

  RowRule& rule(const Column& c, RowRule::Kind kind, std::string_view name) {
    RowRule r;
    r.id = fmt::format("{}.{}", c.name, name);
    r.kind = kind;
    r.column = c.name;
    contract_.row_rules.push_back(std::move(r));
    return contract_.row_rules.back();
  }

  void rules(const YamlNode& property, const Column& c) {
    const OnViolation on_violation = element_on_violation(property);
    const std::size_t first = contract_.row_rules.size();
    if (c.required) rule(c, RowRule::Kind::required, "required");
    if (const YamlNode* options = object_at(property, "logicalTypeOptions")) {
      switch (value_type(c.type).family) {
        case ValueType::Family::text: string_rules(*options, c); break;
        case ValueType::Family::number: number_rules(*options, c); break;
        case ValueType::Family::moment:
        case ValueType::Family::time: date_rules(*options, c); break;
        default:
          if (!options->entries.empty()) unused(*options, "a boolean has no logicalTypeOptions");
      }
    }
    if (c.unique && c.primary_key_position < 0) rule(c, RowRule::Kind::unique, "unique");
    for (std::size_t i = first; i < contract_.row_rules.size(); ++i)
      contract_.row_rules[i].on_violation = on_violation;
  }

  OnViolation element_on_violation(const YamlNode& element) {
    const auto custom = custom_properties(element, report_);
    const auto found = custom.find("onViolation");
    if (found == custom.end()) return OnViolation::quarantine;
    return found->second == "dropWithRecord" ? OnViolation::drop_with_record
           : found->second == "failRow"      ? OnViolation::fail_row
           : found->second == "failRun"      ? OnViolation::fail_run
           : found->second == "warn"         ? OnViolation::warn
                                             : OnViolation::quarantine;
  }

  void string_rules(const YamlNode& options, const Column& c) {
    check_object(options, odcs_string_options, report_);
    const auto least = whole_at(options, "minLength");
    const auto most = whole_at(options, "maxLength");
    if (least && *least >= 0)
      rule(c, RowRule::Kind::min_length, "minLength").count = static_cast<std::uint64_t>(*least);
    if (most && *most >= 0)
      rule(c, RowRule::Kind::max_length, "maxLength").count = static_cast<std::uint64_t>(*most);
    if (least && most && *least > *most)
      report_.error(code::contract_rule, at_key(options, "minLength").range,
                    "minLength is above maxLength");
    if (const auto pattern = text_at(options, "pattern")) {
      if (const auto fault = pattern_fault(*pattern))
        report_.error(code::bad_pattern, at_key(options, "pattern").range,
                      "the pattern is not RE2 syntax: " + fault->message, "pattern", fault->hint);
      rule(c, RowRule::Kind::pattern, "pattern").text = *pattern;
    }
    if (const auto format = text_at(options, "format")) {
      if (*format == "binary" || *format == "byte" || *format == "password")
        unused(at_key(options, "format"), fmt::format("the format {} is not checked", *format));
      else
        rule(c, RowRule::Kind::format, "format").text = *format;
    }
  }

  static constexpr std::pair<std::string_view, RowRule::Kind> bounds[] = {
      {"minimum", RowRule::Kind::minimum},
      {"maximum", RowRule::Kind::maximum},
      {"exclusiveMinimum", RowRule::Kind::exclusive_minimum},
      {"exclusiveMaximum", RowRule::Kind::exclusive_maximum},
      {"multipleOf", RowRule::Kind::multiple_of}};

  void number_rules(const YamlNode& options, const Column& c) {
    check_object(options, odcs_number_options, report_);
    for (const auto& [key, kind] : bounds) {
      const auto bound = text_at(options, key);
      if (!bound || !is_decimal(*bound)) continue;
      if (kind == RowRule::Kind::multiple_of &&
          (bound->starts_with('-') || bound->find_first_of("123456789") == std::string::npos))
        report_.error(code::contract_rule, at_key(options, key).range,
                      "multipleOf must be above zero");
      rule(c, kind, key).bound = *bound;
    }
  }

  void date_rules(const YamlNode& options, const Column& c) {
    check_object(options, odcs_date_options, report_);
    for (const auto& [key, kind] : bounds) {
      const auto bound = text_at(options, key);
      if (!bound || kind == RowRule::Kind::multiple_of) continue;
      const bool real = c.type.kind == Type::date   ? is_real_date(*bound)
                        : c.type.kind == Type::time ? is_real_time(*bound)
                                                    : is_real_timestamp(*bound);
      if (!real)
        report_.error(code::contract_rule, at_key(options, key).range,
                      fmt::format("{} \"{}\" is not a {}", key, excerpt(*bound),
                                  lower_case(sql_name(c.type))),
                      "not in the calendar", "write 2024-02-29, 2024-02-29 12:00:00 or 12:00:00");
      rule(c, kind, key).bound = *bound;
    }
  }

  void primary_key(std::vector<RowRule>& row_wide) {
    std::vector<const Column*> key;
    for (const Column& c : contract_.columns) {
      if (c.primary_key_position > 0) key.push_back(&c);
    }
    std::ranges::stable_sort(key, {}, &Column::primary_key_position);
    for (std::size_t i = 0; i < key.size(); ++i) {
      contract_.primary_key.push_back(key[i]->name);
      if (i > 0 && key[i]->primary_key_position == key[i - 1]->primary_key_position)
        report_.error(code::contract_rule, {0, 0},
                      fmt::format("\"{}\" and \"{}\" have the same primaryKeyPosition",
                                  key[i - 1]->name, key[i]->name));
    }
    if (key.empty()) return;
    RowRule r;
    r.kind = RowRule::Kind::unique;
    r.id = key.size() == 1 ? key[0]->name + ".unique" : "primary_key.unique";
    r.column = key.size() == 1 ? key[0]->name : "";
    if (key.size() > 1) r.values = contract_.primary_key;
    row_wide.push_back(std::move(r));
  }

  const YamlNode& root_;
  Contract& contract_;
  Report& report_;
};

}  // namespace

const Column* Contract::find(std::string_view column) const {
  const auto found = std::ranges::find(columns, column, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

std::optional<Contract> read_contract(const std::string& file, std::string_view bytes,
                                      Diagnostics& diagnostics) {
  const SourceText text(file, bytes);
  const auto root = parse_yaml(text, diagnostics);
  if (!root) return std::nullopt;
  Report report(text, diagnostics);
  Contract contract;
  contract.file = file;
  contract.source = std::string(bytes);
  contract.digest = sha256(bytes_of(bytes));
  check_object(*root, odcs_contract, report);
  if (root->is_mapping()) Reader(*root, contract, report).read();
  if (report.failed()) return std::nullopt;
  return contract;
}

}  // namespace daybook
