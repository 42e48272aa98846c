#include "runner/dataplane/compare.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "runner/dataplane/duck.h"

namespace daybook {
namespace {

using Paths = std::vector<std::filesystem::path>;
using Row = std::vector<std::optional<std::string>>;

// Rows of JSON Lines, one after the other.
class Lines {
 public:
  Lines(const Paths& files, const std::vector<Column>& columns)
      : files_(files), columns_(columns) {}
  Staged<std::optional<Row>> next() {
    std::string line;
    while (!in_.is_open() || !std::getline(in_, line)) {
      if (file_ == files_.size()) return std::optional<Row>();
      in_ = std::ifstream(files_[file_], std::ios::binary);
      if (!in_.is_open()) {
        return no_stage(ErrorClass::transient, "io", "{} can not be read", files_[file_].string());
      }
      ++file_;
    }
    const auto json = nlohmann::json::parse(line, nullptr, false);
    Row row;
    for (const Column& column : columns_) {
      const auto found = json.is_object() ? json.find(column.name) : json.end();
      if (!json.is_object() || found == json.end() || found->is_null()) {
        row.emplace_back();
      } else {
        row.emplace_back(found->is_string() ? found->get<std::string>() : found->dump());
      }
    }
    return row;
  }

 private:
  const Paths& files_;
  const std::vector<Column>& columns_;
  std::ifstream in_;
  std::size_t file_ = 0;
};

// The first column at which two rows differ; nothing where they are equal.
std::optional<RowDifference> difference(std::uint64_t number, const std::optional<Row>& left,
                                        const std::optional<Row>& right,
                                        const std::vector<Column>& columns) {
  if (!left || !right) {
    return RowDifference{number, "", left ? "a row" : "no such row",
                         right ? "a row" : "no such row"};
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if ((*left)[c] == (*right)[c]) continue;
    return RowDifference{number, columns[c].name, (*left)[c].value_or("null"),
                         (*right)[c].value_or("null")};
  }
  return std::nullopt;
}

Staged<std::optional<RowDifference>> lines_that_differ(const Paths& left, const Paths& right,
                                                       const std::vector<Column>& columns) {
  Lines a(left, columns), b(right, columns);
  for (std::uint64_t number = 1;; ++number) {
    const auto of_a = a.next(), of_b = b.next();
    if (!of_a) return std::unexpected(of_a.error());
    if (!of_b) return std::unexpected(of_b.error());
    if (!*of_a && !*of_b) return std::optional<RowDifference>();
    if (auto found = difference(number, *of_a, *of_b, columns)) return found;
  }
}

// The rows of some files with their numbers, all columns as text.
std::string numbered(const Paths& files, const std::vector<Column>& columns) {
  std::string names, list;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += fmt::format(", CAST({} AS VARCHAR) AS c{}", quote_name(columns[i].name), i);
  }
  for (const auto& file : files) {
    list += (list.empty() ? "" : ", ") + quote_text(file.string());
  }
  const char* const how = files.front().extension() == ".csv"
                              ? "read_csv([{}], header = true, all_varchar = true, "
                                "allow_quoted_nulls = false)"
                              : "read_parquet([{}])";
  return fmt::format("(SELECT row_number() OVER () AS n{} FROM {})", names,
                     fmt::format(fmt::runtime(how), list));
}

}  // namespace

std::expected<std::optional<RowDifference>, StageFailure> first_row_that_differs(
    const Paths& left, const Paths& right, const std::vector<Column>& columns,
    const std::filesystem::path& scratch) {
  if (left.empty() || right.empty() || columns.empty()) {
    if (left.empty() == right.empty()) return std::optional<RowDifference>();
    return RowDifference{1, "", left.empty() ? "no such row" : "a row",
                         right.empty() ? "no such row" : "a row"};
  }
  if (left.front().extension() == ".jsonl") return lines_that_differ(left, right, columns);
  DuckDatabase::Limits limits{scratch, {}, 0};
  for (const Paths* side : {&left, &right}) {
    for (const auto& file : *side) limits.readable.push_back(file.string());
  }
  auto database = DuckDatabase::open(limits);
  if (!database) return std::unexpected(database.error());
  if (auto locked = (*database)->lock(limits); !locked) return std::unexpected(locked.error());
  std::string differs = "l.n IS NULL OR r.n IS NULL", lists;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    differs += fmt::format(" OR l.c{0} IS DISTINCT FROM r.c{0}", i);
    lists += fmt::format(", l.c{0}, r.c{0}", i);
  }
  auto result = duck_query(
      (*database)->main(),
      fmt::format(
          "SELECT CAST(coalesce(l.n, r.n) AS BIGINT) AS n, CAST(l.n AS BIGINT), CAST(r.n AS "
          "BIGINT){} FROM {} l FULL JOIN {} r ON l.n = r.n WHERE {} ORDER BY 1 LIMIT 1",
          lists, numbered(left, columns), numbered(right, columns), differs));
  if (!result) return std::unexpected(failure_of(result.error(), "comparing the rows"));
  std::vector<VectorView> views;
  const std::uint32_t rows = result->next(views);
  DuckError error;
  if (result->failed(error)) return std::unexpected(failure_of(error, "comparing the rows"));
  if (rows == 0) return std::optional<RowDifference>();
  std::optional<Row> sides[2];
  for (std::size_t side = 0; side < 2; ++side) {
    if (!views[1 + side].valid(0)) continue;
    sides[side].emplace();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const VectorView& view = views[3 + 2 * i + side];
      sides[side]->emplace_back();
      if (view.valid(0)) sides[side]->back() = std::string(view.at<Text>(0).view());
    }
  }
  return difference(static_cast<std::uint64_t>(views[0].at<std::int64_t>(0)), sides[0], sides[1],
                    columns);
}

}  // namespace daybook
