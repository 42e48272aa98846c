#include <fmt/format.h>

#include <algorithm>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"
#include "runner/definition/odcs_fields.h"
#include "runner/definition/sql_step.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

constexpr std::pair<std::string_view, std::string_view> reserved[] = {
    {"onViolation", "quarantine dropWithRecord failRow failRun warn"},
    {"errorBudgetPercent", ""},
    {"errorBudgetRows", ""},
    {"quarantineSla", ""},
    {"compatibility", "backward forward full none"},
    {"maskWith", "redact hash partial null"},
    {"releaseApprovals", ""}};

constexpr std::pair<std::string_view, Gate::Operator> operators[] = {
    {"mustBe", Gate::Operator::must_be},
    {"mustNotBe", Gate::Operator::must_not_be},
    {"mustBeGreaterThan", Gate::Operator::greater},
    {"mustBeGreaterOrEqualTo", Gate::Operator::greater_or_equal},
    {"mustBeLessThan", Gate::Operator::less},
    {"mustBeLessOrEqualTo", Gate::Operator::less_or_equal},
    {"mustBeBetween", Gate::Operator::between},
    {"mustNotBeBetween", Gate::Operator::not_between}};

constexpr std::pair<std::string_view, Gate::Kind> metrics[] = {
    {"rowCount", Gate::Kind::row_count},
    {"nullValues", Gate::Kind::null_values},
    {"missingValues", Gate::Kind::missing_values},
    {"invalidValues", Gate::Kind::invalid_values},
    {"duplicateValues", Gate::Kind::duplicate_values}};

const YamlNode& at_key(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found == nullptr ? node : *found;
}

ByteRange head(const YamlNode& node) {
  return node.entries.empty() ? node.range : node.entries[0].key.range;
}

class QualityReader {
 public:
  QualityReader(const Column* column, Contract& contract, std::vector<RowRule>& row_wide,
                Report& report)
      : column_(column), contract_(contract), row_wide_(row_wide), report_(report) {}

  void read(const YamlNode& check);

 private:
  std::string id(const YamlNode& check, std::string_view kind);
  void library(const YamlNode& check);
  void sql(const YamlNode& check);
  void custom(const YamlNode& check);
  void budget(const std::string& rule);
  bool operators_of(const YamlNode& check, const Gate& model);
  Severity severity(const YamlNode& check);
  void add(RowRule rule) {
    rule.on_violation = on_violation_;
    (rule.column.empty() ? row_wide_ : contract_.row_rules).push_back(std::move(rule));
  }
  std::vector<std::string> columns_of(const YamlNode& arguments);

  const Column* column_;
  Contract& contract_;
  std::vector<RowRule>& row_wide_;
  Report& report_;
  OnViolation on_violation_ = OnViolation::quarantine;
  std::map<std::string, std::string> properties_;  // of the check at hand
};

std::string QualityReader::id(const YamlNode& check, std::string_view kind) {
  std::string name =
      text_at(check, "id")
          .value_or(text_or(
              check, "name",
              fmt::format("{}.{}", column_ == nullptr ? contract_.object : column_->name, kind)));
  auto taken = [&](const std::string& candidate) {
    return std::ranges::any_of(contract_.gates, [&](const Gate& g) { return g.id == candidate; }) ||
           std::ranges::any_of(contract_.row_rules,
                               [&](const RowRule& r) { return r.id == candidate; }) ||
           std::ranges::any_of(row_wide_, [&](const RowRule& r) { return r.id == candidate; });
  };
  if (taken(name) && check.find("id") != nullptr)
    report_.error(code::duplicate_key, at_key(check, "id").range,
                  fmt::format("the rule \"{}\" stands twice", excerpt(name)));
  if (!taken(name)) return name;
  int n = 2;
  while (taken(fmt::format("{}_{}", name, n))) ++n;
  return fmt::format("{}_{}", name, n);
}

Severity QualityReader::severity(const YamlNode& check) {
  const std::string text = lower_case(text_or(check, "severity", "error"));
  if (text == "info" || text == "warning" || text == "warn") return Severity::warning;
  if (text != "error" && text != "critical")
    report_.warning(code::contract_ambiguous, at_key(check, "severity").range,
                    fmt::format("the severity \"{}\" is read as error", excerpt(text)), "",
                    "info, warning or error");
  return Severity::error;
}

bool QualityReader::operators_of(const YamlNode& check, const Gate& model) {
  int found = 0;
  for (const auto& [key, op] : operators) {
    const YamlNode* value = check.find(key);
    if (value == nullptr) continue;
    Gate gate = model;
    gate.op = op;
    if (found > 0) gate.id = fmt::format("{}_{}", model.id, found + 1);
    if (op == Gate::Operator::between || op == Gate::Operator::not_between) {
      if (value->items.size() != 2 || !is_decimal(value->items[0].text) ||
          !is_decimal(value->items[1].text)) {
        report_.error(code::contract_rule, value->range, fmt::format("{} takes two numbers", key),
                      "", "write [1, 100]");
        continue;
      }
      gate.low = value->items[0].text;
      gate.high = value->items[1].text;
      report_.warning(
          code::contract_ambiguous, value->range,
          fmt::format("{} is read without its two ends", key), "",
          "write two checks with mustBeGreaterOrEqualTo and mustBeLessOrEqualTo to say it openly");
    } else {
      if (!value->is_scalar() || !is_decimal(value->text)) {
        report_.error(code::contract_rule, value->range, fmt::format("{} takes a number", key),
                      "not a number");
        continue;
      }
      gate.low = value->text;
    }
    ++found;
    if (found == 2)
      report_.warning(code::contract_ambiguous, value->range,
                      "a check with two operators is read as two checks", "",
                      "the standard's schema allows one");
    contract_.gates.push_back(std::move(gate));
  }
  return found > 0;
}

std::vector<std::string> QualityReader::columns_of(const YamlNode& arguments) {
  std::vector<std::string> names = texts_at(arguments, "properties");
  if (const YamlNode* list = arguments.find("properties")) {
    std::vector<std::string> known;
    for (const Column& c : contract_.columns) known.push_back(c.name);
    for (const YamlNode& item : list->items) {
      // "orders.order_id" is legal: the object's name stands before.
      const std::size_t dot = item.text.rfind('.');
      const std::string name = dot == std::string::npos ? item.text : item.text.substr(dot + 1);
      if (contract_.find(name) == nullptr)
        report_.error(code::unknown_column, item.range,
                      fmt::format("there is no column \"{}\" in this contract", excerpt(item.text)),
                      "unknown column", suggest(name, known, "columns"));
    }
    for (std::string& name : names) name = name.substr(name.rfind('.') + 1);
  }
  return names;
}

void QualityReader::library(const YamlNode& check) {
  auto metric = text_at(check, "metric");
  if (!metric && check.find("rule") != nullptr) {
    metric = text_at(check, "rule");
    report_.warning(code::contract_unused, at_key(check, "rule").range, "rule is deprecated", "",
                    "write metric");
  }
  if (!metric)
    return report_.error(code::missing_field, head(check),
                         "a library check needs the key \"metric\"");
  const auto known = std::ranges::find(metrics, *metric, [](const auto& m) { return m.first; });
  if (known == std::ranges::end(metrics)) return;  // the table has told it
  Gate gate;
  gate.kind = known->second;
  gate.id = id(check, *metric);
  gate.severity = severity(check);
  gate.percent = text_or(check, "unit", "rows") == "percent";
  if (column_ != nullptr) gate.columns = {column_->name};
  const YamlNode none;
  const YamlNode& arguments =
      object_at(check, "arguments") != nullptr ? *object_at(check, "arguments") : none;
  RowRule rule;
  rule.id = gate.id;
  rule.column = column_ == nullptr ? "" : column_->name;
  switch (gate.kind) {
    case Gate::Kind::row_count:
      if (column_ != nullptr)
        return report_.error(code::contract_rule, at_key(check, "metric").range,
                             "rowCount belongs to the schema object, not to a property");
      break;
    case Gate::Kind::null_values:
      rule.kind = RowRule::Kind::not_null_metric;
      if (column_ != nullptr) add(rule);
      break;
    case Gate::Kind::missing_values:
      rule.kind = RowRule::Kind::not_null_metric;
      rule.values = gate.values = texts_at(arguments, "missingValues");
      if (column_ != nullptr) add(rule);
      break;
    case Gate::Kind::invalid_values: {
      const YamlNode& holder = arguments.find("validValues") != nullptr ? arguments : check;
      gate.values = texts_at(holder, "validValues");
      if (const auto pattern = text_at(arguments, "pattern")) {
        if (const auto fault = pattern_fault(*pattern))
          report_.error(code::bad_pattern, at_key(arguments, "pattern").range,
                        "the pattern is not RE2 syntax: " + fault->message, "pattern", fault->hint);
        rule.kind = RowRule::Kind::pattern;
        rule.text = *pattern;
      } else {
        rule.kind = RowRule::Kind::allowed;
        rule.values = gate.values;
        if (gate.values.empty())
          return report_.error(code::contract_rule, head(check),
                               "invalidValues needs arguments: validValues or pattern");
      }
      if (column_ != nullptr) add(rule);
      break;
    }
    case Gate::Kind::duplicate_values: {
      rule.kind = RowRule::Kind::unique;
      const auto named = columns_of(arguments);
      if (!named.empty()) gate.columns = named;
      if (gate.columns.empty())
        return report_.error(code::contract_rule, head(check),
                             "duplicateValues needs arguments: properties");
      rule.column = gate.columns.size() == 1 ? gate.columns[0] : "";
      if (gate.columns.size() > 1) rule.values = gate.columns;
      rule.on_violation = on_violation_;
      (column_ == nullptr ? row_wide_ : contract_.row_rules).push_back(rule);
      break;
    }
    default: break;
  }
  if (column_ == nullptr &&
      (gate.kind == Gate::Kind::null_values || gate.kind == Gate::Kind::missing_values ||
       gate.kind == Gate::Kind::invalid_values))
    return report_.error(code::contract_rule, at_key(check, "metric").range,
                         fmt::format("{} belongs to a property", *metric));
  if (!operators_of(check, gate))
    report_.error(code::contract_rule, head(check), "the check has no operator", "",
                  "mustBe: 0, mustBeLessThan: 1, …");
  if (gate.kind != Gate::Kind::row_count) budget(gate.id);
}

void QualityReader::budget(const std::string& rule) {
  for (const auto& [key, percent] :
       {std::pair{"errorBudgetPercent", true}, {"errorBudgetRows", false}}) {
    const auto found = properties_.find(key);
    if (found == properties_.end()) continue;
    Gate gate;
    gate.kind = Gate::Kind::error_budget;
    gate.id = rule;
    if (column_ != nullptr) gate.columns = {column_->name};
    gate.op = Gate::Operator::less_or_equal;
    gate.low = found->second;
    gate.percent = percent;
    contract_.gates.push_back(std::move(gate));
  }
}

void QualityReader::sql(const YamlNode& check) {
  const auto query = text_at(check, "query");
  if (!query)
    return report_.error(code::missing_field, head(check), "a sql check needs the key \"query\"");
  std::string text = *query;
  auto replace = [&](std::string_view name, const std::string& value) {
    for (const std::string& form : {fmt::format("${{{}}}", name), fmt::format("{{{}}}", name)}) {
      for (std::size_t at = text.find(form); at != std::string::npos;
           at = text.find(form, at + value.size()))
        text.replace(at, form.size(), value);
    }
  };
  replace("object", "output");
  replace("table", "output");
  if (column_ != nullptr) {
    replace("property", quoted_identifier(column_->name));
    replace("column", quoted_identifier(column_->name));
  }
  ExpressionFaults faults;
  const auto checked = check_select(text, {"output"}, faults);
  const bool as_written = text == *query;
  for (const ExpressionFault& fault : faults) {
    const YamlNode& node = at_key(check, "query");
    report_.error(*fault.code,
                  as_written ? range_in_file(report_.text(), node, fault.at) : node.range,
                  fault.message, fault.label, fault.hint);
  }
  Gate gate;
  gate.kind = Gate::Kind::sql;
  gate.id = id(check, "sql");
  gate.severity = severity(check);
  if (column_ != nullptr) gate.columns = {column_->name};
  gate.percent = text_or(check, "unit", "rows") == "percent";
  if (checked) gate.query = checked->sql;
  if (!operators_of(check, gate))
    report_.error(code::contract_rule, head(check), "the check has no operator", "", "mustBe: 0");
}

void QualityReader::custom(const YamlNode& check) {
  const std::string engine = text_or(check, "engine", "");
  if (engine != "daybook")
    return report_.warning(
        code::contract_unused, head(check),
        fmt::format("a check for the engine \"{}\" is not applied", excerpt(engine)));
  const YamlNode* implementation = check.find("implementation");
  if (implementation == nullptr || !implementation->is_scalar())
    return report_.error(code::missing_field, head(check),
                         "a daybook check needs the key \"implementation\": an expression");
  ExpressionFaults faults;
  const auto expression = check_expression(
      implementation->text,
      {.columns = contract_.columns, .use = ExpressionScope::Use::row, .group = {}}, faults);
  for (const ExpressionFault& fault : faults)
    report_.error(*fault.code, range_in_file(report_.text(), *implementation, fault.at),
                  fault.message, fault.label, fault.hint);
  if (!expression) return;
  if (expression->type.family != ValueType::Family::boolean &&
      expression->type.family != ValueType::Family::unknown)
    report_.error(code::bad_type, implementation->range, "the expression must be true or false");
  RowRule rule;
  rule.kind = RowRule::Kind::expression;
  rule.id = id(check, "expression");
  rule.column = column_ == nullptr ? "" : column_->name;
  rule.text = expression->sql;
  const std::string rule_id = rule.id;
  add(std::move(rule));
  budget(rule_id);
}

void QualityReader::read(const YamlNode& check) {
  properties_ = custom_properties(check, report_);
  const auto found = properties_.find("onViolation");
  const std::string action = found == properties_.end() ? "quarantine" : found->second;
  on_violation_ = action == "dropWithRecord" ? OnViolation::drop_with_record
                  : action == "failRow"      ? OnViolation::fail_row
                  : action == "failRun"      ? OnViolation::fail_run
                  : action == "warn"         ? OnViolation::warn
                                             : OnViolation::quarantine;
  const std::string type = text_or(check, "type", "library");
  if (check.find("schedule") != nullptr || check.find("scheduler") != nullptr)
    report_.warning(code::contract_unused, head(check),
                    "the schedule of a check is not used: it runs with each batch");
  if (type == "library") library(check);
  if (type == "sql") sql(check);
  if (type == "custom") custom(check);
}

}  // namespace

std::map<std::string, std::string> custom_properties(const YamlNode& element, Report& report) {
  std::map<std::string, std::string> out;
  const YamlNode* list = element.find("customProperties");
  if (list == nullptr) return out;
  std::vector<std::string> names;
  for (const auto& [name, values] : reserved) names.emplace_back(name);
  for (const YamlNode& item : list->items) {
    const auto property = text_at(item, "property");
    if (!property) continue;
    const auto known =
        std::ranges::find(reserved, *property, [](const auto& r) { return r.first; });
    if (known == std::ranges::end(reserved)) {
      if (const std::string near = nearest(*property, names); !near.empty())
        report.warning(code::contract_unused, at_key(item, "property").range,
                       fmt::format("the custom property \"{}\" is not ours", excerpt(*property)),
                       "", fmt::format("did you mean \"{}\"?", near));
      continue;
    }
    const std::string value = text_or(item, "value", "");
    const Field choice{.name = known->first, .choices = known->second};
    const auto words = choices_of(choice);
    if (!words.empty() && std::ranges::find(words, value) == words.end()) {
      report.error(code::contract_rule, at_key(item, "value").range,
                   fmt::format("{} can not be \"{}\"", *property, excerpt(value)), "unknown word",
                   suggest(value, words, "one of"));
    } else if ((*property == "errorBudgetPercent" || *property == "errorBudgetRows") &&
               (!is_decimal(value) || value.starts_with('-'))) {
      report.error(code::contract_rule, at_key(item, "value").range,
                   fmt::format("{} must be a number", *property), "not a number");
    }
    out[*property] = value;
  }
  return out;
}

void read_quality(const YamlNode& element, const Column* column, Contract& contract,
                  std::vector<RowRule>& row_wide, Report& report) {
  const YamlNode* list = element.find("quality");
  if (list == nullptr) return;
  for (const YamlNode& check : list->items) {
    if (check.is_mapping()) QualityReader(column, contract, row_wide, report).read(check);
  }
}

}  // namespace daybook
