// The shape of a definition file as a table: what a key is called, what may stand there, what it
// means. The reader, the JSON Schema and the reference page are made from the same table.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/definition/yaml.h"

namespace daybook {

enum class Form : std::uint8_t {
  text,
  name,
  path,
  boolean,
  whole,
  decimal,
  duration,
  percent,
  size,
  choice,
  character,
  expression,
  names,           // a list of identifiers, at least one
  texts,           // a list of texts
  name_map,        // identifier: identifier
  expression_map,  // identifier: expression
  take,            // names, or a name_map
  whole_or_auto,
  object,   // another table
  objects,  // a list of them
  any,      // accepted, not read
};

struct ObjectTable;

struct Field {
  std::string_view name;
  Form form = Form::text;
  bool required = false;
  std::string_view meaning = "";
  std::string_view choices = "";  // choice: "replace merge append", the first is the default
  const ObjectTable* object = nullptr;
  std::int64_t least = 0;
  std::int64_t most = INT64_MAX;
  std::string_view example = "";
};

struct ObjectTable {
  std::string_view name;
  std::string_view meaning;
  std::span<const Field> fields;
  bool exactly_one = false;  // one of the keys and no other
};

// Reports every key that is unknown or missing and every value of the wrong form, at any depth.
void check_object(const YamlNode& node, const ObjectTable& table, Report& report);

// Values of a checked mapping; nothing when absent, null or of the wrong form (which is reported
// already).
std::optional<std::string> text_at(const YamlNode& node, std::string_view key);
std::string text_or(const YamlNode& node, std::string_view key, std::string_view otherwise);
std::optional<bool> boolean_at(const YamlNode& node, std::string_view key);
std::optional<std::int64_t> whole_at(const YamlNode& node, std::string_view key);
std::optional<std::chrono::milliseconds> duration_at(const YamlNode& node, std::string_view key);
std::vector<std::string> texts_at(const YamlNode& node, std::string_view key);
const YamlNode* object_at(const YamlNode& node, std::string_view key);

std::optional<std::int64_t> whole_number(std::string_view text);           // no 0x, no _, must fit
bool is_decimal(std::string_view text);                                    // -12.50, no exponent
std::optional<std::chrono::milliseconds> duration(std::string_view text);  // 500ms 1s 10m 2h 1d
std::optional<std::uint64_t> byte_size(std::string_view text);             // 512MiB, 2GB
std::vector<std::string> choices_of(const Field& field);

}  // namespace daybook
