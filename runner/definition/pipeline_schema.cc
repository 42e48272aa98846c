#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "runner/definition/expression_functions.h"
#include "runner/definition/pipeline.h"
#include "runner/definition/pipeline_fields.h"
#include "runner/definition/reference_page.h"

namespace daybook {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view identifier_pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$";

Json object_schema(const ObjectTable& table);

Json field_schema(const Field& field) {
  Json schema;
  const Json identifier = {{"type", "string"}, {"pattern", identifier_pattern}};
  const Json name_list = {{"type", "array"}, {"items", identifier}, {"uniqueItems", true}};
  auto map_of = [](Json value) {
    return Json{{"type", "object"},
                {"propertyNames", {{"pattern", identifier_pattern}}},
                {"additionalProperties", std::move(value)},
                {"minProperties", 1}};
  };
  const Json scalar = {{"type", {"string", "number", "boolean"}}};
  switch (field.form) {
    case Form::text:
    case Form::expression: schema = scalar; break;
    case Form::path: schema = {{"type", "string"}, {"minLength", 1}}; break;
    case Form::name: schema = identifier; break;
    case Form::boolean: schema = {{"type", "boolean"}}; break;
    case Form::whole_or_auto:
      schema = {{"oneOf", {{{"const", "auto"}}, {{"type", "integer"}, {"minimum", field.least}}}}};
      break;
    case Form::whole:
      schema = {{"type", "integer"}, {"minimum", field.least}};
      if (field.most != INT64_MAX) schema["maximum"] = field.most;
      break;
    case Form::decimal: schema = {{"type", "number"}}; break;
    case Form::duration:
      schema = {{"type", "string"}, {"pattern", "^[0-9]{1,9}(ms|s|m|h|d)$"}};
      break;
    case Form::percent:
      schema = {{"type", "string"}, {"pattern", "^[0-9]{1,3}(\\.[0-9]+)?%$"}};
      break;
    case Form::size:
      schema = {{"type", "string"}, {"pattern", "^[0-9]{1,9}(B|kB|KB|KiB|MB|MiB|GB|GiB)$"}};
      break;
    case Form::character: schema = {{"type", "string"}, {"minLength", 1}, {"maxLength", 1}}; break;
    case Form::choice:
      schema = {{"enum", choices_of(field)}, {"default", choices_of(field)[0]}};
      // The word without quotes.
      if (std::ranges::count(choices_of(field), "null") != 0) schema["enum"].push_back(nullptr);
      break;
    case Form::names: schema = name_list; break;
    case Form::texts: schema = {{"type", "array"}, {"items", scalar}}; break;
    case Form::name_map: schema = map_of(identifier); break;
    case Form::expression_map: schema = map_of(scalar); break;
    case Form::take: schema = {{"oneOf", {name_list, map_of(identifier)}}}; break;
    case Form::object: schema = object_schema(*field.object); break;
    case Form::objects:
      schema = {{"type", "array"}, {"items", object_schema(*field.object)}};
      break;
    case Form::any: break;
  }
  if (!field.meaning.empty()) schema["description"] = field.meaning;
  if (!field.example.empty() && field.form != Form::name_map &&
      field.form != Form::expression_map && field.form != Form::take && field.form != Form::texts)
    schema["examples"] = {std::string(field.example)};
  return schema;
}

Json object_schema(const ObjectTable& table) {
  Json schema = {{"type", "object"}, {"additionalProperties", false}};
  if (!table.meaning.empty()) schema["description"] = table.meaning;
  Json properties = Json::object();
  std::vector<std::string> required;
  for (const Field& field : table.fields) {
    properties[std::string(field.name)] = field_schema(field);
    if (field.required && !table.exactly_one) required.emplace_back(field.name);
  }
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = required;
  if (table.exactly_one) {
    schema["minProperties"] = 1;
    schema["maxProperties"] = 1;
  }
  return schema;
}

std::string form_text(const Field& field) {
  switch (field.form) {
    case Form::text: return "text";
    case Form::name: return "name";
    case Form::path: return "path";
    case Form::boolean: return "true or false";
    case Form::whole: return "whole number";
    case Form::whole_or_auto: return "whole number or `auto`";
    case Form::decimal: return "number";
    case Form::duration: return "duration (`500ms`, `10s`, `5m`, `2h`, `1d`)";
    case Form::percent: return "share (`5%`)";
    case Form::size: return "size (`512MiB`, `2GB`)";
    case Form::character: return "one character";
    case Form::expression: return "expression";
    case Form::names: return "list of names";
    case Form::texts: return "list of texts";
    case Form::name_map: return "names to names";
    case Form::expression_map: return "names to expressions";
    case Form::take: return "list of names, or names to names";
    case Form::choice: {
      std::string out;
      for (const std::string& word : choices_of(field))
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", word);
      return out;
    }
    case Form::object: return fmt::format("[{0}](#{0})", field.object->name);
    case Form::objects: return fmt::format("list of [steps](#steps)");
    case Form::any: return "any";
  }
  return "";
}

}  // namespace

std::string pipeline_json_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Daybook pipeline"}};
  schema.update(object_schema(pipeline_table));
  return schema.dump(2) + "\n";
}

std::string pipeline_reference_markdown() {
  std::string out =
      "# The pipeline file\n\n<!-- made by `daybook __generate`; edit "
      "runner/definition/pipeline_fields.cc -->\n\nOne YAML file, `*.pipeline.yaml`. "
      "`daybook check` names every fault of it with its place "
      "([list](diagnostics.md)).\n";
  std::set<const ObjectTable*> seen;
  const std::function<void(const ObjectTable&)> section = [&](const ObjectTable& table) {
    if (!seen.insert(&table).second) return;
    out += fmt::format("\n## {}\n\n{}\n\n| key | value | meaning |\n|---|---|---|\n",
                       table.name == "a step"       ? "steps"
                       : table.name == "a pipeline" ? "pipeline"
                                                    : table.name,
                       table.meaning);
    for (const Field& field : table.fields)
      out += fmt::format("| `{}`{} | {} | {}{} |\n", field.name,
                         field.required && !table.exactly_one ? " (required)" : "",
                         form_text(field), field.meaning,
                         field.example.empty() ? "" : fmt::format(", such as `{}`", field.example));
    for (const Field& field : table.fields) {
      if (field.object != nullptr) section(*field.object);
    }
  };
  section(pipeline_table);
  out +=
      "\n## Functions\n\nExpressions may call these and no others.\n\n| function | meaning "
      "|\n|---|---|\n";
  for (const SqlFunction& function : functions())
    out += fmt::format("| `{}`{} | {} |\n", function.name, function.aggregate ? " (aggregate)" : "",
                       function.meaning);
  out += R"(
## What is not loaded

- A **record** that breaks a rule is set aside with its bytes, its place and every rule it breaks. So is
  one for which a step can not compute a value, computes a number that is none (a division by zero, an
  overflow), or makes a text longer than 1 MiB: the rule is then the step, such as `step 2 derive`.
- Without `quarantine: {budget: …}` a **partition** is held for a decision when records of it were set
  aside and none is left: a file with another separator, or of another feed, does not silently empty what
  stands in the target. Records that a filter left out do not count. `budget: 100%` allows it.
- Partitions of a **column** may be as small as one record. Without a budget such a partition is held when
  no record of the *whole source* keeps the contract's rules, or when 100 records or more of it were set
  aside and none is left. `unkeyed`, where records go whose key can not be read, is held in the first case
  only.
- A **file or folder** whose name is no partition key of the declared type is a partition that fails by
  itself; the others are loaded.

## Who may read what is loaded

Files below the sink's path get the mode 0644, folders 0755, less the umask of who runs daybook: with the
usual 022 everybody may read them, with 077 nobody else. The book itself (`.daybook`) is private whatever
the umask is.

## Limits

| what | limit |
|---|---|
| this file | 1 MiB, 32 levels, 50,000 nodes |
| a record; a field; a text that a step makes | 8 MiB; 1 MiB; 1 MiB |
| columns of a source | 4,096 |
| levels of an expression | 64 |
| partitions of a run | 10,000 |
)";
  return out;
}

}  // namespace daybook
