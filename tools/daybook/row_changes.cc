#include "tools/daybook/row_changes.h"

#include <algorithm>

#include "replay/words.h"

namespace daybook {

namespace {

Json value_json(const CellText& value) { return value ? Json(*value) : Json(); }
std::string value_text(const CellText& value) { return value ? printable(*value) : "null"; }

Json row_json(const RowChange& row) {
  static constexpr std::string_view kinds[] = {"added", "removed", "changed"};
  Json out = {{"kind", kinds[static_cast<std::size_t>(row.kind)]}};
  if (row.kind != RowChange::Kind::changed) {
    for (const auto& [name, value] : row.row) out["row"][name] = value_json(value);
    return out;
  }
  for (const auto& [name, value] : row.key) out["key"][name] = value_json(value);
  out["changes"] = Json::array();
  for (const auto& change : row.changes)
    out["changes"].push_back(
        {{"column", change.column}, {"a", value_json(change.a)}, {"b", value_json(change.b)}});
  return out;
}

std::string cells(const std::vector<std::pair<std::string, CellText>>& row) {
  std::string out;
  for (const auto& [name, value] : row)
    out += (out.empty() ? "" : "  ") + printable(name) + "=" + value_text(value);
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + printable(name);
  return out;
}

}  // namespace

std::vector<std::string> row_key(const Pipeline& pipeline) {
  if (!pipeline.sink.key.empty()) return pipeline.sink.key;
  if (pipeline.output && !pipeline.output->primary_key.empty()) return pipeline.output->primary_key;
  for (auto step = pipeline.steps.rbegin(); step != pipeline.steps.rend(); ++step) {
    if (const auto* dedupe = std::get_if<step::Dedupe>(&*step)) return dedupe->key;
    if (const auto* aggregate = std::get_if<step::Aggregate>(&*step)) return aggregate->by;
  }
  return pipeline.contract ? pipeline.contract->primary_key : std::vector<std::string>{};
}

Json rows_json(const RowDiff& rows) {
  Json out = {{"rowsA", rows.rows_a},    {"rowsB", rows.rows_b},    {"added", rows.added},
              {"removed", rows.removed}, {"changed", rows.changed}, {"key", rows.key}};
  if (!rows.no_key.empty()) out["noKey"] = rows.no_key;
  out["columnsOnlyA"] = rows.only_a;
  out["columnsOnlyB"] = rows.only_b;
  out["changedColumns"] = Json::object();
  for (const auto& [column, count] : rows.changed_columns) out["changedColumns"][column] = count;
  out["sample"] = Json::array();
  for (const RowChange& row : rows.sample) out["sample"].push_back(row_json(row));
  return out;
}

std::string rows_text(const Output& output, const std::string& indent, const RowDiff& rows) {
  std::string out =
      fmt::format("{} removed, {} added, {} changed{}\n", grouped(rows.removed),
                  grouped(rows.added), grouped(rows.changed),
                  rows.key.empty() ? ", compared as whole rows" : ", by " + joined(rows.key));
  if (!rows.no_key.empty()) out += fmt::format("{}{}\n", indent, printable(rows.no_key));
  if (!rows.only_a.empty()) out += fmt::format("{}columns gone: {}\n", indent, joined(rows.only_a));
  if (!rows.only_b.empty()) out += fmt::format("{}columns new: {}\n", indent, joined(rows.only_b));
  for (const auto& [column, count] : rows.changed_columns)
    out += fmt::format("{}{} differs in {}\n", indent, printable(column), grouped(count));
  for (const RowChange& row : rows.sample) {
    switch (row.kind) {
      case RowChange::Kind::removed:
        out += indent + output.style(Style::bad, "- " + cells(row.row)) + "\n";
        break;
      case RowChange::Kind::added:
        out += indent + output.style(Style::good, "+ " + cells(row.row)) + "\n";
        break;
      case RowChange::Kind::changed:
        out += indent + output.style(Style::warn, "~ " + cells(row.key));
        for (const auto& change : row.changes)
          out += fmt::format("  {}: {} -> {}", printable(change.column), value_text(change.a),
                             value_text(change.b));
        out += "\n";
    }
  }
  return out;
}

}  // namespace daybook
