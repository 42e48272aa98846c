// Expressions of pipelines. What passes is rebuilt from the tree, and rebuilding is stable: the
// text that reaches the database means the same to our own parser.
#include "runner/definition/expression.h"
#include "runner/definition/sql_step.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Column> columns = [] {
    using Kind = ColumnType::Kind;
    std::vector<Column> out;
    for (const auto& [name, type] : {std::pair{"id", ColumnType{Kind::int64}},
                                     {"name", ColumnType{Kind::string}},
                                     {"price", ColumnType{Kind::decimal, 12, 2}},
                                     {"ratio", ColumnType{Kind::float64}},
                                     {"closed", ColumnType{Kind::boolean}},
                                     {"day", ColumnType{Kind::date}},
                                     {"at", ColumnType{Kind::timestamp}},
                                     {"hour", ColumnType{Kind::time}}}) {
      Column column;
      column.name = name;
      column.type = type;
      out.push_back(column);
    }
    return out;
  }();
  const std::string_view text = fuzz::text(data, size);
  for (const auto use : {ExpressionScope::Use::row, ExpressionScope::Use::aggregate}) {
    const ExpressionScope scope{.columns = columns, .use = use, .group = {}};
    ExpressionFaults faults;
    const auto checked = check_expression(text, scope, faults);
    DAYBOOK_ASSERT(checked.has_value() == faults.empty());
    for (const ExpressionFault& fault : faults)
      DAYBOOK_ASSERT(fault.at.begin <= fault.at.end && fault.at.end <= text.size() + 1);
    if (!checked) continue;
    ExpressionFaults later;
    const auto again = check_expression(checked->sql, scope, later);
    DAYBOOK_ASSERT(again.has_value(), "{} -> {}: {}", text, checked->sql,
                   later.empty() ? "" : later.front().message);
    DAYBOOK_ASSERT(again->sql == checked->sql, "{} -> {}", checked->sql, again->sql);
    DAYBOOK_ASSERT(again->columns == checked->columns);
  }
  ExpressionFaults faults;
  const auto select = check_select(text, {"input", "lookup"}, faults);
  DAYBOOK_ASSERT(select.has_value() == faults.empty());
  if (select) {
    const auto again = check_select(select->sql, {"input", "lookup"}, faults);
    DAYBOOK_ASSERT(again.has_value() && again->sql == select->sql, "{}", select->sql);
  }
  return 0;
}
