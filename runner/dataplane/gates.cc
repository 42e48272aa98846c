#include "runner/dataplane/gates.h"

#include <algorithm>

#include "runner/dataplane/typed_parse.h"

namespace daybook {
namespace {

constexpr int gate_scale = 9;

// Exact decimals with nine places: what gates compare.
bool exact(std::string_view text, Int128& value) {
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos && text.size() - point - 1 > gate_scale) {
    text = text.substr(0, point + 1 + gate_scale);
  }
  return parse_decimal(text, 36, gate_scale, value);
}

std::string text_of(Int128 value) {
  const VectorView view{&value, nullptr};
  std::string text = value_text(view, {ColumnType::Kind::decimal, 38, gate_scale}, 0);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string_view sign(Gate::Operator op) {
  switch (op) {
    case Gate::Operator::must_be: return "= ";
    case Gate::Operator::must_not_be: return "<> ";
    case Gate::Operator::greater: return "> ";
    case Gate::Operator::greater_or_equal: return ">= ";
    case Gate::Operator::less: return "< ";
    case Gate::Operator::less_or_equal: return "<= ";
    case Gate::Operator::between: return "between ";
    case Gate::Operator::not_between: return "not between ";
  }
  return "";
}

// `between` is without its two ends, as the text of the standard has it.
bool holds(Gate::Operator op, Int128 value, Int128 low, Int128 high) {
  switch (op) {
    case Gate::Operator::must_be: return value == low;
    case Gate::Operator::must_not_be: return value != low;
    case Gate::Operator::greater: return value > low;
    case Gate::Operator::greater_or_equal: return value >= low;
    case Gate::Operator::less: return value < low;
    case Gate::Operator::less_or_equal: return value <= low;
    case Gate::Operator::between: return value > low && value < high;
    case Gate::Operator::not_between: return value <= low || value >= high;
  }
  return false;
}

// The row rule the gate is a budget of. Two checks that stand in one ("id" and "id_2") share it.
const RowRule* rule_of(const Contract& contract, const Gate& gate) {
  const auto fits = [&](const RowRule& rule) {
    using Kind = RowRule::Kind;
    switch (gate.kind) {
      case Gate::Kind::null_values:
      case Gate::Kind::missing_values: return rule.kind == Kind::not_null_metric;
      case Gate::Kind::invalid_values:
        return rule.kind == Kind::allowed || rule.kind == Kind::pattern;
      case Gate::Kind::duplicate_values: return rule.kind == Kind::unique;
      case Gate::Kind::error_budget: return true;
      default: return false;
    }
  };
  const RowRule* shared = nullptr;
  for (const RowRule& rule : contract.row_rules) {
    if (!fits(rule)) continue;
    if (rule.id == gate.id) return &rule;
    if (gate.id.size() > rule.id.size() + 1 && gate.id.starts_with(rule.id + "_") &&
        gate.id.find_first_not_of("0123456789", rule.id.size() + 1) == std::string::npos) {
      shared = &rule;
    }
  }
  return shared;
}

// Rows that broke the rule, those that stayed with a warning included.
std::uint64_t rows_of(const std::vector<RuleCount>& rules, const std::string& rule) {
  std::uint64_t rows = 0;
  for (const RuleCount& count : rules) {
    if (count.rule == rule || count.rule == rule + " (warning)") rows += count.rows;
  }
  return rows;
}

}  // namespace

Staged<void> ask_gates(const Contract& contract, const GateSubject& subject,
                       std::vector<GateFinding>& findings) {
  for (const Gate& gate : contract.gates) {
    GateFinding& finding = findings.emplace_back();
    finding.gate = gate.id;
    finding.blocking = gate.severity == Severity::error;
    finding.required =
        fmt::format("{}{}{}{}", sign(gate.op), gate.low,
                    gate.op == Gate::Operator::between || gate.op == Gate::Operator::not_between
                        ? " and " + gate.high
                        : "",
                    gate.percent ? " %" : "");
    std::string measured;
    std::uint64_t whole = subject.rows;
    if (gate.kind == Gate::Kind::row_count) {
      measured = fmt::to_string(subject.rows);
    } else if (gate.kind == Gate::Kind::sql) {
      const auto value = duck_scalar(subject.connection, gate.query);
      if (!value) {
        if (!value.error().of_a_row()) {
          return std::unexpected(failure_of(value.error(), "gate " + gate.id));
        }
        finding.measured = "can not be computed: " + printable(value.error().message, 150);
        continue;
      }
      measured = value->value_or("");
    } else {
      const RowRule* rule = rule_of(contract, gate);
      measured = fmt::to_string(rows_of(*subject.rules, rule == nullptr ? gate.id : rule->id));
      whole = subject.checked;
    }
    Int128 value = 0, low = 0, high = 0;
    if (!exact(measured, value)) {
      finding.measured = measured.empty() ? "no value" : printable(measured);
      continue;
    }
    const bool asked = exact(gate.low, low) && (gate.high.empty() || exact(gate.high, high));
    if (gate.percent) {  // products are compared: a share need not have an end
      finding.measured = text_of(whole == 0 ? 0 : value * 100 / static_cast<Int128>(whole)) + " %";
      const Int128 all = whole == 0 ? 1 : static_cast<Int128>(whole);
      value = whole == 0 ? 0 : value * 100;
      low *= all;
      high *= all;
    } else {
      finding.measured = text_of(value);
    }
    finding.passed = asked && holds(gate.op, value, low, high);
  }
  return {};
}

void ask_budget(const std::string& percent, const BudgetSubject& subject,
                std::vector<GateFinding>& findings) {
  const RowCounts& counts = subject.counts;
  if (percent.empty()) {
    if (counts.accepted != 0 || counts.quarantined == 0 || counts.merged != 0) return;
    if (subject.part_of_source && subject.elsewhere_good &&
        (subject.unkeyed || counts.quarantined < all_bad_held_from)) {
      return;
    }
    findings.push_back({.gate = "quarantine_budget",
                        .measured = fmt::format("100 %: {} of {} records set aside, none is left",
                                                counts.quarantined, counts.read),
                        .required = "less, or allowed by quarantine: {budget: 100%}",
                        .passed = false});
    return;
  }
  Int128 budget = 0;
  if (!exact(percent, budget)) return;
  GateFinding finding;
  finding.gate = "quarantine_budget";
  const Int128 share = counts.read == 0
                           ? 0
                           : static_cast<Int128>(counts.quarantined) * 100 *
                                 power_of_ten[gate_scale] / static_cast<Int128>(counts.read);
  finding.measured = text_of(share) + " %";
  finding.required = "<= " + percent + " %";
  // Exact where the division is not: compare products.
  finding.passed = static_cast<Int128>(counts.quarantined) * 100 * power_of_ten[gate_scale] <=
                   budget * static_cast<Int128>(counts.read);
  findings.push_back(std::move(finding));
}

}  // namespace daybook
