#include "runner/definition/pipeline_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/definition/expression.h"
#include "runner/definition/field_table.h"
#include "runner/definition/identifier.h"
#include "runner/definition/sql_step.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

// Of a choice: `null` is a word like any other.
std::string word_or(const YamlNode& node, std::string_view key, std::string_view otherwise) {
  const YamlNode* found = node.find(key);
  return found == nullptr || !found->is_scalar() || found->text.empty() ? std::string(otherwise)
                                                                        : found->text;
}

constexpr std::size_t steps_max = 1000;

const YamlNode& at_key(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found == nullptr ? node : *found;
}

Column new_column(std::string name, const ColumnType& type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  return column;
}

class StepReader {
 public:
  StepReader(Pipeline& pipeline, Report& report)
      : pipeline_(pipeline), report_(report), columns_(pipeline.schema.back()) {}

  void read(const YamlNode& node);

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const Column& column : columns_) out.push_back(column.name);
    return out;
  }
  Column* find(const std::string& name) {
    const auto found = std::ranges::find(columns_, name, &Column::name);
    return found == columns_.end() ? nullptr : &*found;
  }
  void unknown(const YamlNode& node) {
    report_.error(code::unknown_column, node.range,
                  fmt::format("there is no column \"{}\" here", excerpt(node.text)),
                  "unknown column", suggest(node.text, names(), "columns"));
  }
  // A new name that no column has, upper and lower case being one.
  void add(const YamlNode& place, Column column) {
    for (const Column& other : columns_) {
      if (lower_case(other.name) != lower_case(column.name)) continue;
      report_.error(code::duplicate_key, place.range,
                    fmt::format("there is a column \"{}\" already", excerpt(other.name)), "taken");
      return;
    }
    columns_.push_back(std::move(column));
  }
  std::vector<std::string> known_columns(const YamlNode& node, std::string_view key);
  std::optional<CheckedExpression> expression(const YamlNode& node, std::span<const Column> columns,
                                              ExpressionScope::Use use = ExpressionScope::Use::row,
                                              std::span<const std::string> group = {});
  Expression kept(const YamlNode& node, const CheckedExpression& checked) const {
    return {
        .sql = checked.sql, .columns = checked.columns, .span = report_.text().span(node.range)};
  }
  std::optional<Expression> condition(const YamlNode& node);
  std::optional<ColumnType> stored(const YamlNode& node, const CheckedExpression& checked);

  std::optional<Step> derive(const YamlNode& node);
  std::optional<Step> rename(const YamlNode& node);
  std::optional<Step> select(const YamlNode& step);
  std::optional<Step> dedupe(const YamlNode& node);
  std::optional<Step> lookup(const YamlNode& node);
  std::optional<Step> aggregate(const YamlNode& node);
  std::optional<Step> mask(const YamlNode& node);
  std::optional<Step> sql(const YamlNode& node);

  Pipeline& pipeline_;
  Report& report_;
  std::vector<Column> columns_;
};

std::vector<std::string> StepReader::known_columns(const YamlNode& node, std::string_view key) {
  std::vector<std::string> out;
  const YamlNode* list = node.find(key);
  if (list == nullptr) return out;
  for (const YamlNode& item : list->items) {
    if (!item.is_scalar()) continue;
    if (find(item.text) == nullptr)
      unknown(item);
    else
      out.push_back(item.text);
  }
  return out;
}

std::optional<CheckedExpression> StepReader::expression(const YamlNode& node,
                                                        std::span<const Column> columns,
                                                        ExpressionScope::Use use,
                                                        std::span<const std::string> group) {
  if (!node.is_scalar() || node.is_null()) return std::nullopt;
  ExpressionFaults faults;
  auto checked =
      check_expression(node.text, {.columns = columns, .use = use, .group = group}, faults);
  for (ExpressionFault& fault : faults)
    report_.error(*fault.code, range_in_file(report_.text(), node, fault.at),
                  std::move(fault.message), std::move(fault.label), std::move(fault.hint));
  return checked;
}

std::optional<Expression> StepReader::condition(const YamlNode& node) {
  const auto checked = expression(node, columns_);
  if (!checked) return std::nullopt;
  const auto family = checked->type.family;
  if (family != ValueType::Family::boolean && family != ValueType::Family::unknown &&
      family != ValueType::Family::null) {
    report_.error(code::bad_type, node.range, "the expression must be true or false",
                  "not a truth value", "compare it: x = 1, x <> ''");
    return std::nullopt;
  }
  return kept(node, *checked);
}

std::optional<ColumnType> StepReader::stored(const YamlNode& node,
                                             const CheckedExpression& checked) {
  const auto type = column_type(checked.type);
  if (!type)
    report_.error(code::bad_type, node.range, "an interval can not be stored in a column",
                  "interval", "use date_diff('day', a, b)");
  return type;
}

std::optional<Step> StepReader::derive(const YamlNode& node) {
  step::Derive derived;
  // All expressions of a step see the columns before it, whatever their order in the file.
  const std::vector<Column> before = columns_;
  for (const YamlEntry& entry : node.entries) {
    const auto checked = expression(entry.value, before);
    if (!checked) {
      // Later steps should not complain about a column whose expression is the fault.
      if (is_identifier(entry.key.text) && find(entry.key.text) == nullptr)
        columns_.push_back(new_column(entry.key.text, {}));
      continue;
    }
    const auto type = stored(entry.value, *checked);
    if (Column* same = find(entry.key.text)) {
      *same = new_column(entry.key.text, type.value_or(ColumnType{}));
    } else {
      add(entry.key, new_column(entry.key.text, type.value_or(ColumnType{})));
    }
    derived.columns.emplace_back(entry.key.text, kept(entry.value, *checked));
  }
  return derived;
}

std::optional<Step> StepReader::rename(const YamlNode& node) {
  step::Rename renamed;
  std::vector<Column> after = columns_;
  for (const YamlEntry& entry : node.entries) {
    if (find(entry.key.text) == nullptr) {
      unknown(entry.key);
      continue;
    }
    renamed.from_to.emplace_back(entry.key.text, entry.value.text);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == entry.key.text) after[i].name = entry.value.text;
    }
  }
  for (const YamlEntry& entry : node.entries) {
    const std::string name = lower_case(entry.value.text);
    if (std::ranges::count_if(after, [&](const Column& c) { return lower_case(c.name) == name; }) >
        1)
      report_.error(code::duplicate_key, entry.value.range,
                    fmt::format("there is a column \"{}\" already", excerpt(entry.value.text)),
                    "taken");
  }
  columns_ = std::move(after);
  return renamed;
}

std::optional<Step> StepReader::select(const YamlNode& step) {
  step::Select selected{known_columns(step, "select")};
  std::vector<Column> after;
  for (const std::string& name : selected.columns) after.push_back(*find(name));
  if (!after.empty()) columns_ = std::move(after);
  return selected;
}

std::optional<Step> StepReader::dedupe(const YamlNode& node) {
  step::Dedupe d;
  d.key = known_columns(node, "key");
  d.keep = text_or(node, "keep", "first") == "last" ? step::Dedupe::Keep::last
                                                    : step::Dedupe::Keep::first;
  if (const YamlNode* order = node.find("order_by")) {
    if (const auto checked = expression(*order, columns_)) d.order_by = kept(*order, *checked);
  }
  return d;
}

std::optional<Step> StepReader::lookup(const YamlNode& node) {
  step::Lookup l;
  if (const YamlNode* from = object_at(node, "from");
      from != nullptr && from->entries.size() == 1) {
    l.from = read_file_source(from->entries[0].key.text, from->entries[0].value);
    const auto ours = std::holds_alternative<FileSource>(pipeline_.source)
                          ? placeholders_of(std::get<FileSource>(pipeline_.source).path)
                          : std::vector<std::string>{};
    for (const std::string& name : placeholders_of(l.from.path)) {
      if (std::ranges::find(ours, name) == ours.end())
        report_.error(code::bad_path, at_key(from->entries[0].value, "path").range,
                      fmt::format("the source has no placeholder {{{}}}", excerpt(name)),
                      "unknown placeholder", suggest(name, ours, "placeholders"));
    }
    if (l.from.path.find('*') != std::string::npos)
      report_.error(code::bad_path, at_key(from->entries[0].value, "path").range,
                    "a lookup reads one file: no * in its path");
  }
  if (const YamlNode* on = object_at(node, "on")) {
    for (const YamlEntry& entry : on->entries) {
      if (find(entry.key.text) == nullptr) unknown(entry.key);
      l.on.emplace_back(entry.key.text, entry.value.text);
    }
  }
  if (const YamlNode* take = node.find("take")) {
    // {country: name}: our new column, theirs. A list takes columns under their own names.
    for (const YamlEntry& entry : take->entries) {
      add(entry.key, new_column(entry.key.text, {}));
      l.take.emplace_back(entry.value.text, entry.key.text);
    }
    for (const YamlNode& item : take->items) {
      if (item.is_scalar()) add(item, new_column(item.text, {}));
      l.take.emplace_back(item.text, item.text);
    }
  }
  const std::string missing = word_or(node, "missing", "quarantine");
  l.missing = missing == "null"   ? step::Lookup::Missing::null
              : missing == "fail" ? step::Lookup::Missing::fail
                                  : step::Lookup::Missing::quarantine;
  return l;
}

std::optional<Step> StepReader::aggregate(const YamlNode& node) {
  step::Aggregate a;
  a.by = known_columns(node, "by");
  std::vector<Column> after;
  for (const std::string& name : a.by) {
    after.push_back(*find(name));
    after.back().unique = false;
    after.back().primary_key_position = -1;
  }
  const YamlNode* columns = object_at(node, "columns");
  for (const YamlEntry& entry : columns == nullptr ? std::vector<YamlEntry>{} : columns->entries) {
    const bool taken = std::ranges::any_of(
        after, [&](const Column& c) { return lower_case(c.name) == lower_case(entry.key.text); });
    if (taken)
      report_.error(code::duplicate_key, entry.key.range,
                    fmt::format("there is a column \"{}\" already", excerpt(entry.key.text)),
                    "taken");
    const auto checked = expression(entry.value, columns_, ExpressionScope::Use::aggregate, a.by);
    const auto type = checked ? stored(entry.value, *checked) : std::nullopt;
    if (!taken) after.push_back(new_column(entry.key.text, type.value_or(ColumnType{})));
    if (checked) a.columns.emplace_back(entry.key.text, kept(entry.value, *checked));
  }
  columns_ = std::move(after);
  return a;
}

std::optional<Step> StepReader::mask(const YamlNode& node) {
  step::Mask m;
  m.columns = known_columns(node, "columns");
  const std::string method = word_or(node, "method", "redact");
  m.method = method == "hash"      ? step::Mask::Method::hash
             : method == "partial" ? step::Mask::Method::partial
             : method == "null"    ? step::Mask::Method::null
                                   : step::Mask::Method::redact;
  for (const std::string& name : m.columns) {
    // Masked values are texts, except that null fits every type.
    if (m.method == step::Mask::Method::null)
      find(name)->required = false;
    else
      find(name)->type = {};
  }
  return m;
}

std::optional<Step> StepReader::sql(const YamlNode& node) {
  ExpressionFaults faults;
  const auto checked = check_select(node.text, {"input"}, faults);
  for (ExpressionFault& fault : faults)
    report_.error(*fault.code, range_in_file(report_.text(), node, fault.at),
                  std::move(fault.message), std::move(fault.label), std::move(fault.hint));
  if (!checked) return std::nullopt;
  if (checked->star) {
    report_.error(code::forbidden_sql, node.range, "the columns of a sql step must be named",
                  "* in the list", "write them out, or use derive and filter");
    return std::nullopt;
  }
  std::vector<Column> after;
  for (const std::string& name : checked->columns) {
    const Column* same = find(name);
    after.push_back(same == nullptr ? new_column(name, {}) : *same);
    after.back().required = false;
    after.back().unique = false;
  }
  columns_ = std::move(after);
  return step::Sql{.query = checked->sql, .span = report_.text().span(node.range)};
}

void StepReader::read(const YamlNode& node) {
  if (!node.is_mapping() || node.entries.size() != 1) return;
  const std::string& name = node.entries[0].key.text;
  const YamlNode& body = node.entries[0].value;
  std::optional<Step> done;
  if (name == "derive") done = derive(body);
  if (name == "rename") done = rename(body);
  if (name == "select") done = select(node);
  if (name == "dedupe") done = dedupe(body);
  if (name == "lookup") done = lookup(body);
  if (name == "aggregate") done = aggregate(body);
  if (name == "mask") done = mask(body);
  if (name == "sql" && body.is_scalar() && !body.is_null()) done = sql(body);
  if (name == "filter") {
    if (auto keep = condition(body)) done = step::Filter{std::move(*keep)};
  }
  if (name == "flag" && body.is_mapping()) {
    const YamlNode* when = body.find("when");
    auto flag = when == nullptr ? std::nullopt : condition(*when);
    const std::string column = text_or(body, "column", "");
    if (!column.empty())
      add(at_key(body, "column"), new_column(column, {ColumnType::Kind::boolean, 0, 0}));
    if (flag) done = step::Flag{.column = column, .when = std::move(*flag)};
  }
  if (name == "assert" && body.is_mapping()) {
    const YamlNode* that = body.find("that");
    auto holds = that == nullptr ? std::nullopt : condition(*that);
    const std::string otherwise = text_or(body, "else", "quarantine");
    if (holds)
      done = step::Assert{.name = text_or(body, "name", ""),
                          .that = std::move(*holds),
                          .otherwise = otherwise == "fail"   ? step::Assert::Else::fail
                                       : otherwise == "warn" ? step::Assert::Else::warn
                                                             : step::Assert::Else::quarantine};
  }
  if (done) pipeline_.steps.push_back(std::move(*done));
  pipeline_.schema.push_back(columns_);
}

}  // namespace

std::string_view step_name(const Step& step) {
  constexpr std::string_view names[] = {"derive", "filter", "select",    "rename",
                                        "dedupe", "lookup", "aggregate", "mask",
                                        "flag",   "assert", "sql"};
  static_assert(std::size(names) == std::variant_size_v<Step>);
  return names[step.index()];
}

FileSource read_file_source(std::string_view form, const YamlNode& node) {
  FileSource source;
  source.format = form == "jsonl"     ? FileFormat::jsonl
                  : form == "parquet" ? FileFormat::parquet
                                      : FileFormat::csv;
  source.path = text_or(node, "path", "");
  if (const YamlNode* dialect = object_at(node, "dialect")) {
    auto character = [&](std::string_view key, char otherwise) {
      const auto text = text_at(*dialect, key);
      return text && text->size() == 1 ? (*text)[0] : otherwise;
    };
    source.csv.delimiter = character("delimiter", ',');
    source.csv.quote = character("quote", '"');
    source.csv.header = boolean_at(*dialect, "header").value_or(true);
    if (const YamlNode* null = dialect->find("null"); null != nullptr && null->is_scalar())
      source.csv.null_text = null->text;
  }
  return source;
}

std::vector<std::string> placeholders_of(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t open = path.find('{'); open != std::string::npos;
       open = path.find('{', open + 1)) {
    const std::size_t close = path.find('}', open);
    if (close == std::string::npos) break;
    std::string name = path.substr(open + 1, close - open - 1);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

void read_steps(const YamlNode& steps, Pipeline& pipeline, Report& report) {
  if (!steps.is_sequence()) return;
  if (steps.items.size() > steps_max)
    return report.error(code::too_large, steps.range,
                        fmt::format("a pipeline may have {} steps", steps_max));
  if (!steps.items.empty() && pipeline.schema.back().empty())
    return report.error(
        code::no_contract, steps.items[0].range,
        "steps need a contract of the source: without one its columns are not known", "",
        "add contract: contracts/name.odcs.yaml");
  StepReader reader(pipeline, report);
  for (const YamlNode& step : steps.items) reader.read(step);
}

}  // namespace daybook
