#include "runner/definition/field_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "runner/definition/identifier.h"
#include "runner/definition/project_path.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

constexpr std::size_t list_max = 10'000;

std::string_view form_name(Form form) {
  switch (form) {
    case Form::text: return "a text";
    case Form::name: return "a name";
    case Form::path: return "a path";
    case Form::boolean: return "true or false";
    case Form::whole: return "a whole number";
    case Form::decimal: return "a number";
    case Form::duration: return "a duration like 500ms, 10s, 5m, 2h or 1d";
    case Form::percent: return "a share like 5%";
    case Form::size: return "a size like 512MiB or 2GB";
    case Form::choice: return "one of its words";
    case Form::character: return "one character";
    case Form::expression: return "an expression";
    case Form::names: return "a list of names";
    case Form::texts: return "a list of texts";
    case Form::name_map: return "a mapping of names to names";
    case Form::expression_map: return "a mapping of names to expressions";
    case Form::take: return "a list of names, or a mapping of names to names";
    case Form::whole_or_auto: return "a whole number or auto";
    case Form::object: return "a mapping";
    case Form::objects: return "a list of mappings";
    case Form::any: return "a value";
  }
  return "a value";
}

class Checker {
 public:
  explicit Checker(Report& report) : report_(report) {}

  void object(const YamlNode& node, const ObjectTable& table) {
    if (!node.is_mapping()) {
      report_.error(code::bad_value, node.range, fmt::format("{} must be a mapping", table.name),
                    "not a mapping", keys(table));
      return;
    }
    std::vector<std::string> names;
    for (const Field& field : table.fields) names.emplace_back(field.name);
    for (const YamlEntry& entry : node.entries) {
      const auto field = std::ranges::find(table.fields, entry.key.text, &Field::name);
      if (field == table.fields.end()) {
        report_.error(code::unknown_field, entry.key.range,
                      fmt::format("{} has no key \"{}\"", table.name, excerpt(entry.key.text)),
                      "unknown key", suggest(entry.key.text, names, "keys"));
      } else {
        value(entry, *field, table.exactly_one);
      }
    }
    const ByteRange head = node.entries.empty() ? node.range : node.entries[0].key.range;
    if (table.exactly_one) {
      if (node.entries.size() != 1)
        report_.error(code::bad_value, head,
                      fmt::format("{} takes exactly one key, and here are {}", table.name,
                                  node.entries.size()),
                      "", keys(table));
      return;
    }
    for (const Field& field : table.fields) {
      const YamlNode* found = node.find(field.name);
      if (field.required && (found == nullptr || found->is_null()))
        report_.error(code::missing_field, head,
                      fmt::format("{} needs the key \"{}\"", table.name, field.name), "",
                      std::string(field.meaning));
    }
  }

 private:
  static std::string keys(const ObjectTable& table) {
    std::string out = "keys: ";
    for (const Field& field : table.fields)
      out += fmt::format("{}{}", out.size() > 6 ? ", " : "", field.name);
    return out;
  }

  void wrong(const YamlNode& node, const Field& field, std::string hint = "") {
    report_.error(code::bad_value, node.range,
                  fmt::format("{} must be {}", field.name, form_name(field.form)),
                  node.is_scalar() ? fmt::format("is \"{}\"", excerpt(node.text, 40)) : "",
                  std::move(hint));
  }
  void identifier(const YamlNode& node, std::string_view what) {
    if (!node.is_scalar() || node.is_null())
      report_.error(code::bad_identifier, node.range, fmt::format("{} must be a name", what),
                    "not a name",
                    node.is_null() && !node.text.empty() ? "put quotes around the word" : "");
    else if (!is_identifier(node.text))
      report_.error(
          code::bad_identifier, node.range,
          fmt::format("the name \"{}\" {}", excerpt(node.text), identifier_fault(node.text)),
          "not a name");
  }
  bool expression(const YamlNode& node, std::string_view what) {
    if (node.is_scalar() && !node.is_null()) return true;
    report_.error(code::bad_value, node.range, fmt::format("{} must be an expression", what), "",
                  "put quotes around it");
    return false;
  }
  void list(const YamlNode& node, const Field& field, auto each) {
    if (!node.is_sequence()) return wrong(node, field, "write [a, b]");
    if (node.items.size() > list_max)
      return report_.error(code::too_large, node.range,
                           fmt::format("{} has more than {} values", field.name, list_max));
    for (const YamlNode& item : node.items) each(item);
  }
  void names(const YamlNode& node, const Field& field) {
    std::set<std::string> seen;
    list(node, field, [&](const YamlNode& item) {
      identifier(item, field.name);
      if (!seen.insert(lower_case(item.text)).second)
        report_.error(code::duplicate_key, item.range,
                      fmt::format("\"{}\" stands twice in {}", excerpt(item.text), field.name));
    });
    if (node.is_sequence() && node.items.empty() && field.required)
      report_.error(code::bad_value, node.range, fmt::format("{} is empty", field.name));
  }
  void map(const YamlNode& node, const Field& field) {
    if (!node.is_mapping()) return wrong(node, field);
    if (node.entries.empty())
      report_.error(code::bad_value, node.range, fmt::format("{} is empty", field.name));
    for (const YamlEntry& entry : node.entries) {
      identifier(entry.key, "a column");
      if (field.form == Form::expression_map)
        expression(entry.value, entry.key.text);
      else
        identifier(entry.value, entry.key.text);
    }
  }

  void value(const YamlEntry& entry, const Field& field, bool only) {
    const YamlNode& node = entry.value;
    if (field.form == Form::any) return;
    const bool empty_text = field.form == Form::text && !node.plain;
    // Where `null` is one of the words to choose from, it is that word, with or without quotes.
    const bool word = field.form == Form::choice && node.is_null() &&
                      std::ranges::count(choices_of(field), node.text) != 0;
    if (node.is_null() && !empty_text && !word) {
      if (!field.required || only)
        report_.error(code::bad_value, entry.key.range, fmt::format("{} has no value", field.name),
                      "", "remove the key, or give it a value");
      return;
    }
    switch (field.form) {
      case Form::object: return object(node, *field.object);
      case Form::objects:
        return list(node, field, [&](const YamlNode& item) { object(item, *field.object); });
      case Form::names: return names(node, field);
      case Form::texts:
        return list(node, field, [&](const YamlNode& item) {
          if (!item.is_scalar()) wrong(item, field);
        });
      case Form::name_map:
      case Form::expression_map: return map(node, field);
      case Form::take: return node.is_sequence() ? names(node, field) : map(node, field);
      case Form::name: return identifier(node, field.name);
      default: break;
    }
    if (!node.is_scalar()) return wrong(node, field);
    scalar(node, field);
  }

  void scalar(const YamlNode& node, const Field& field) {
    const std::string& text = node.text;
    switch (field.form) {
      case Form::path:
        if (const auto fault = project_path_fault(text))
          report_.error(code::bad_path, node.range, fmt::format("{} {}", field.name, *fault), "",
                        "paths are relative to the folder of the pipeline file");
        return;
      case Form::boolean:
        if (text != "true" && text != "false")
          wrong(node, field,
                text == "yes" || text == "on"   ? "write true"
                : text == "no" || text == "off" ? "write false"
                                                : "");
        return;
      case Form::whole_or_auto:
        if (text == "auto") return;
        [[fallthrough]];
      case Form::whole: {
        const auto number = whole_number(text);
        if (!number) return wrong(node, field);
        if (*number < field.least || *number > field.most)
          report_.error(
              code::bad_value, node.range,
              fmt::format("{} must be between {} and {}", field.name, field.least, field.most));
        return;
      }
      case Form::decimal:
        if (!is_decimal(text)) wrong(node, field);
        return;
      case Form::duration:
        if (!duration(text)) wrong(node, field);
        return;
      case Form::percent: {
        const std::string_view number =
            std::string_view(text).substr(0, text.size() - (text.ends_with('%') ? 1 : 0));
        if (!text.ends_with('%') || !is_decimal(number) || number.starts_with('-') ||
            number.size() > 12 ||
            (whole_number(number.substr(0, number.find('.'))).value_or(101) > 100))
          wrong(node, field);
        return;
      }
      case Form::size:
        if (!byte_size(text)) wrong(node, field);
        return;
      case Form::character:
        if (text.size() != 1 || text[0] == '\n' || text[0] == '\r') wrong(node, field);
        return;
      case Form::choice: {
        const auto words = choices_of(field);
        if (std::ranges::find(words, text) == words.end())
          report_.error(code::bad_value, node.range,
                        fmt::format("{} can not be \"{}\"", field.name, excerpt(text)),
                        "unknown word", suggest(text, words, "one of"));
        return;
      }
      default: return;
    }
  }

  Report& report_;
};

const YamlNode* scalar_at(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found != nullptr && found->is_scalar() && !(found->is_null() && found->plain) ? found
                                                                                       : nullptr;
}

}  // namespace

void check_object(const YamlNode& node, const ObjectTable& table, Report& report) {
  Checker(report).object(node, table);
}

std::optional<std::string> text_at(const YamlNode& node, std::string_view key) {
  const YamlNode* found = scalar_at(node, key);
  return found == nullptr ? std::nullopt : std::optional(found->text);
}

std::string text_or(const YamlNode& node, std::string_view key, std::string_view otherwise) {
  return text_at(node, key).value_or(std::string(otherwise));
}

std::optional<bool> boolean_at(const YamlNode& node, std::string_view key) {
  const auto text = text_at(node, key);
  if (!text || (*text != "true" && *text != "false")) return std::nullopt;
  return *text == "true";
}

std::optional<std::int64_t> whole_at(const YamlNode& node, std::string_view key) {
  const auto text = text_at(node, key);
  return text ? whole_number(*text) : std::nullopt;
}

std::optional<std::chrono::milliseconds> duration_at(const YamlNode& node, std::string_view key) {
  const auto text = text_at(node, key);
  return text ? duration(*text) : std::nullopt;
}

std::vector<std::string> texts_at(const YamlNode& node, std::string_view key) {
  std::vector<std::string> out;
  if (const YamlNode* found = node.find(key); found != nullptr) {
    for (const YamlNode& item : found->items) {
      if (item.is_scalar()) out.push_back(item.text);
    }
  }
  return out;
}

const YamlNode* object_at(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found != nullptr && found->is_mapping() ? found : nullptr;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0')
    return std::nullopt;  // 010 is 8 to some and 10 to others
  return value;
}

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (text.size() > 80) return false;
  return digits(text.substr(0, dot)) &&
         (dot == std::string_view::npos || digits(text.substr(dot + 1)));
}

std::optional<std::chrono::milliseconds> duration(std::string_view text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at == 0 || unit_at == std::string_view::npos || unit_at > 9) return std::nullopt;
  const auto amount = whole_number(text.substr(0, unit_at));
  if (!amount) return std::nullopt;
  const std::string_view unit = text.substr(unit_at);
  const std::int64_t factor = unit == "ms"  ? 1
                              : unit == "s" ? 1000
                              : unit == "m" ? 60'000
                              : unit == "h" ? 3'600'000
                              : unit == "d" ? 86'400'000
                                            : 0;
  if (factor == 0) return std::nullopt;
  return std::chrono::milliseconds(*amount * factor);
}

std::optional<std::uint64_t> byte_size(std::string_view text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at == 0 || unit_at == std::string_view::npos || unit_at > 9) return std::nullopt;
  const auto amount = whole_number(text.substr(0, unit_at));
  if (!amount) return std::nullopt;
  constexpr std::pair<std::string_view, std::uint64_t> units[] = {
      {"B", 1},          {"kB", 1000},     {"KB", 1000},          {"KiB", 1 << 10},
      {"MB", 1'000'000}, {"MiB", 1 << 20}, {"GB", 1'000'000'000}, {"GiB", 1 << 30}};
  for (const auto& [name, factor] : units) {
    if (text.substr(unit_at) == name) return static_cast<std::uint64_t>(*amount) * factor;
  }
  return std::nullopt;
}

std::vector<std::string> choices_of(const Field& field) {
  std::vector<std::string> words;
  std::string_view rest = field.choices;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    words.emplace_back(rest.substr(0, blank));
    rest = blank == std::string_view::npos ? "" : rest.substr(blank + 1);
  }
  return words;
}

}  // namespace daybook
