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

bool holds(Gate::Operator op, Int128 value, Int128 low, Int128 high) {
  switch (op) {
    case Gate::Operator::must_be: return value == low;
    case Gate::Operator::must_not_be: return value != low;
    case Gate::Operator::greater: return value > low;
    case Gate::Operator::greater_or_equal: return value >= low;
    case Gate::Operator::less: return value < low;
    case Gate::Operator::less_or_equal: return value <= low;
    case Gate::Operator::between: return value >= low && value <= high;
    case Gate::Operator::not_between: return value < low || value > high;
  }
  return false;
}

std::string list_of(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + quote_text(value);
  return list.empty() ? "NULL" : list;
}

std::string query_of(const Gate& gate) {
  std::string any;
  const auto each = [&](auto condition) {
    for (const std::string& name : gate.columns) {
      any += (any.empty() ? "" : " OR ") + condition(quote_name(name));
    }
    return fmt::format("SELECT count(*) FROM output WHERE {}", any.empty() ? "false" : any);
  };
  switch (gate.kind) {
    case Gate::Kind::null_values: return each([](const std::string& c) { return c + " IS NULL"; });
    case Gate::Kind::missing_values:
      return each([&](const std::string& c) {
        return fmt::format("{0} IS NULL OR CAST({0} AS VARCHAR) IN ({1})", c, list_of(gate.values));
      });
    case Gate::Kind::invalid_values:
      return each([&](const std::string& c) {
        return fmt::format("({0} IS NOT NULL AND CAST({0} AS VARCHAR) NOT IN ({1}))", c,
                           list_of(gate.values));
      });
    case Gate::Kind::duplicate_values: {
      std::string keys;
      for (const std::string& name : gate.columns) {
        keys += (keys.empty() ? "" : ", ") + quote_name(name);
      }
      return fmt::format(
          "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM output GROUP BY {})",
          keys.empty() ? "ALL" : keys);
    }
    case Gate::Kind::sql: return gate.query;
    default: return {};
  }
}

}  // namespace

Staged<void> ask_gates(const Contract& contract, const GateSubject& subject, bool is_output,
                       std::vector<GateFinding>& findings) {
  for (const Gate& gate : contract.gates) {
    GateFinding finding;
    finding.gate = gate.id;
    finding.blocking = gate.severity == Severity::error;
    finding.required =
        fmt::format("{}{}{}{}", sign(gate.op), gate.low,
                    gate.op == Gate::Operator::between || gate.op == Gate::Operator::not_between
                        ? " and " + gate.high
                        : "",
                    gate.percent ? " %" : "");
    std::string measured;
    if (gate.kind == Gate::Kind::row_count) {
      measured = fmt::to_string(subject.rows);
    } else if (gate.kind == Gate::Kind::error_budget) {
      std::uint64_t rows = 0;
      for (const RuleCount& count : *subject.rules) {
        if (count.rule == gate.id) rows = count.rows;
      }
      measured = fmt::to_string(rows);
    } else if (!is_output) {
      continue;  // asked of the output, where the rows are
    } else {
      const auto value = duck_scalar(subject.connection, query_of(gate));
      if (!value) {
        if (!value.error().of_a_row()) {
          return std::unexpected(failure_of(value.error(), "gate " + gate.id));
        }
        finding.measured = "can not be computed: " + printable(value.error().message, 150);
        findings.push_back(std::move(finding));
        continue;
      }
      measured = value->value_or("");
    }
    Int128 value = 0, low = 0, high = 0;
    if (!exact(measured, value)) {
      finding.measured = measured.empty() ? "no value" : printable(measured);
      findings.push_back(std::move(finding));
      continue;
    }
    if (gate.percent) {
      const std::uint64_t whole =
          gate.kind == Gate::Kind::error_budget ? subject.counts->read : subject.rows;
      value = whole == 0 ? 0 : value * 100 / static_cast<Int128>(whole);
    }
    finding.measured = text_of(value) + (gate.percent ? " %" : "");
    finding.passed = exact(gate.low, low) && (gate.high.empty() || exact(gate.high, high)) &&
                     holds(gate.op, value, low, high);
    findings.push_back(std::move(finding));
  }
  return {};
}

void ask_budget(const std::string& percent, const RowCounts& counts,
                std::vector<GateFinding>& findings) {
  Int128 budget = 0;
  if (percent.empty() || !exact(percent, budget)) return;
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
