#include "runner/dataplane/row_diff.h"

#include <algorithm>
#include <charconv>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/failure.h"
#include "runner/dataplane/output_files.h"

namespace daybook {
namespace {

std::string list_of(const std::vector<std::filesystem::path>& files) {
  std::string list;
  for (const auto& file : files) list += (list.empty() ? "" : ", ") + quote_text(file.string());
  return "[" + list + "]";
}

// Of a count the engine gave as text.
std::uint64_t count_of(const CellText& text) {
  std::uint64_t count = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

// The rows of files that our sinks write (output_files.h).
std::string read_rows(const RowFiles& rows) {
  switch (rows.format) {
    case FileFormat::parquet: return read_parquet_list(rows.files);
    case FileFormat::csv:
      return fmt::format(
          "read_csv({}, header = true, all_varchar = true, delim = ',', quote = '\"', "
          "escape = '\"', nullstr = '', allow_quoted_nulls = false, strict_mode = true)",
          list_of(rows.files));
    case FileFormat::jsonl:
      return fmt::format(
          "read_json({}, format = 'newline_delimited', maximum_depth = 1, sample_size = -1)",
          list_of(rows.files));
  }
  return {};
}

class Comparison {
 public:
  explicit Comparison(const RowDiffRequest& request) : request_(request) {}

  Staged<RowDiff> run() {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    for (const auto step :
         {&Comparison::describe, &Comparison::count, &Comparison::choose_key, &Comparison::compare})
      if (auto done = (this->*step)(); !done)
        return std::unexpected(failure_of(done.error(), "comparing rows"));
    return std::move(diff_);
  }

 private:
  Staged<void> open() {
    DuckDatabase::Limits limits{.directory = request_.directory,
                                .readable = {},
                                .memory_bytes = request_.memory_limit_bytes};
    for (const RowFiles* side : {&request_.a, &request_.b})
      for (const auto& file : side->files) limits.readable.push_back(file.string());
    auto database = DuckDatabase::open(limits);
    if (!database) return std::unexpected(database.error());
    database_ = std::move(*database);
    return database_->lock(limits);
  }

  duckdb_connection main() const { return database_->main(); }

  Ducked<std::uint64_t> number(const std::string& sql) const {
    const auto text = duck_scalar(main(), sql);
    if (!text) return std::unexpected(text.error());
    return count_of(*text);
  }

  // Each row as texts, in order.
  template <typename Visit>
  Ducked<void> each(const std::string& sql, std::size_t columns, const Visit& visit) const {
    auto result = duck_query(main(), sql);
    if (!result) return std::unexpected(result.error());
    std::vector<VectorView> views;
    std::vector<CellText> row(columns);
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) {
        for (std::size_t c = 0; c < columns; ++c)
          row[c] = views[c].valid(r) ? CellText(views[c].at<Text>(r).view()) : std::nullopt;
        visit(row);
      }
    }
    if (DuckError error; result->failed(error)) return std::unexpected(error);
    return {};
  }

  // --- what there is on both sides

  Ducked<void> describe() {
    std::vector<std::string> names[2];
    const RowFiles* sides[2] = {&request_.a, &request_.b};
    for (int side = 0; side < 2; ++side) {
      if (sides[side]->files.empty()) continue;  // nothing was written: no rows, and no columns
      const auto described = duck_describe(main(), "SELECT * FROM " + read_rows(*sides[side]));
      if (!described) return std::unexpected(described.error());
      for (const DescribedColumn& column : *described) names[side].push_back(column.column.name);
    }
    for (int side = 0; side < 2; ++side)
      if (sides[side]->files.empty()) names[side] = names[1 - side];
    const auto& [a, b] = names;
    for (const std::string& name : a)
      (std::ranges::find(b, name) != b.end() ? shared_ : diff_.only_a).push_back(name);
    for (const std::string& name : b)
      if (std::ranges::find(a, name) == a.end()) diff_.only_b.push_back(name);
    for (int side = 0; side < 2; ++side) {
      std::string columns;
      for (const std::string& name : names[side])
        columns +=
            fmt::format("{}CAST({} AS VARCHAR) AS {}", columns.empty() ? "" : ", ",
                        sides[side]->files.empty() ? "NULL" : quote_name(name), quote_name(name));
      if (columns.empty()) columns = "NULL AS nothing";
      const std::string sql = fmt::format(
          "CREATE TEMP VIEW {} AS SELECT {} {}", side == 0 ? "side_a" : "side_b", columns,
          sides[side]->files.empty() ? "WHERE false" : "FROM " + read_rows(*sides[side]));
      if (auto done = duck_run(main(), sql); !done) return done;
      columns_[side] = names[side];
    }
    return {};
  }

  Ducked<void> count() {
    const auto a = number("SELECT count(*) FROM side_a"), b = number("SELECT count(*) FROM side_b");
    if (!a) return std::unexpected(a.error());
    if (!b) return std::unexpected(b.error());
    diff_.rows_a = *a;
    diff_.rows_b = *b;
    return {};
  }

  Ducked<void> choose_key() {
    if (request_.key.empty()) return {};
    for (const std::string& column : request_.key) {
      if (std::ranges::find(shared_, column) != shared_.end()) continue;
      diff_.no_key = fmt::format("\"{}\" is not a column of both", column);
      return {};
    }
    std::string row;
    for (const std::string& column : request_.key)
      row += (row.empty() ? "" : ", ") + quote_name(column);
    for (const char* side : {"side_a", "side_b"}) {
      const auto repeated = number(fmt::format(
          "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1)", side, row));
      if (!repeated) return std::unexpected(repeated.error());
      if (*repeated == 0) continue;
      diff_.no_key = fmt::format("{} keys stand more than once", *repeated);
      return {};
    }
    diff_.key = request_.key;
    return {};
  }

  // --- the comparison

  Ducked<void> compare() { return diff_.key.empty() ? compare_wholes() : compare_by_key(); }

  std::string shared_list() const {
    std::string list;
    for (const std::string& name : shared_) list += (list.empty() ? "" : ", ") + quote_name(name);
    return list.empty() ? "1" : list;
  }

  Ducked<void> compare_wholes() {
    struct Side {
      RowChange::Kind kind;
      const char *from, *other;
      std::uint64_t* count;
    };
    for (const Side& side : {Side{RowChange::Kind::removed, "side_a", "side_b", &diff_.removed},
                             Side{RowChange::Kind::added, "side_b", "side_a", &diff_.added}}) {
      const std::string rows = fmt::format("SELECT {0} FROM {1} EXCEPT ALL SELECT {0} FROM {2}",
                                           shared_list(), side.from, side.other);
      const auto count = number("SELECT count(*) FROM (" + rows + ")");
      if (!count) return std::unexpected(count.error());
      *side.count = *count;
      if (*count == 0 || shared_.empty()) continue;
      const auto done = each(fmt::format("SELECT {0} FROM ({1}) ORDER BY {0} LIMIT {2}",
                                         shared_list(), rows, request_.sample),
                             shared_.size(), [&](const std::vector<CellText>& row) {
                               RowChange& out = diff_.sample.emplace_back();
                               out.kind = side.kind;
                               for (std::size_t i = 0; i < shared_.size(); ++i)
                                 out.row.emplace_back(shared_[i], row[i]);
                             });
      if (!done) return done;
    }
    return {};
  }

  // Numbers in their order too: the shorter text is the smaller one.
  std::string order(std::string_view side) const {
    std::string out;
    for (const std::string& column : diff_.key)
      out += fmt::format("{0}length({1}.{2}), {1}.{2}", out.empty() ? "" : ", ", side,
                         quote_name(column));
    return out;
  }

  std::string match() const {
    std::string on;
    for (const std::string& column : diff_.key)
      on += fmt::format("{0}a.{1} IS NOT DISTINCT FROM b.{1}", on.empty() ? "" : " AND ",
                        quote_name(column));
    return on;
  }

  std::vector<std::string> compared() const {
    std::vector<std::string> out;
    for (const std::string& name : shared_)
      if (std::ranges::find(diff_.key, name) == diff_.key.end()) out.push_back(name);
    return out;
  }

  Ducked<void> compare_by_key() {
    if (auto done = one_sided(RowChange::Kind::removed, 0, diff_.removed); !done) return done;
    if (auto done = one_sided(RowChange::Kind::added, 1, diff_.added); !done) return done;
    return changed();
  }

  Ducked<void> one_sided(RowChange::Kind kind, int side, std::uint64_t& count) {
    const std::string rows = fmt::format(
        " FROM {} {} ANTI JOIN {} {} ON {}", side == 0 ? "side_a" : "side_b", side == 0 ? "a" : "b",
        side == 0 ? "side_b" : "side_a", side == 0 ? "b" : "a", match());
    const auto counted = number("SELECT count(*)" + rows);
    if (!counted) return std::unexpected(counted.error());
    count = *counted;
    if (count == 0) return {};
    const auto& names = columns_[side];
    const std::string alias = side == 0 ? "a" : "b";
    std::string list;
    for (const std::string& name : names)
      list += (list.empty() ? "" : ", ") + alias + "." + quote_name(name);
    return each(
        fmt::format("SELECT {}{} ORDER BY {} LIMIT {}", list, rows, order(alias), request_.sample),
        names.size(), [&](const std::vector<CellText>& row) {
          RowChange& out = diff_.sample.emplace_back();
          out.kind = kind;
          for (std::size_t i = 0; i < names.size(); ++i) out.row.emplace_back(names[i], row[i]);
        });
  }

  Ducked<void> changed() {
    const auto columns = compared();
    if (columns.empty()) return {};
    std::string any, counts, values;
    for (const std::string& name : diff_.key)
      values += (values.empty() ? "a." : ", a.") + quote_name(name);
    for (const std::string& name : columns) {
      const std::string differs = fmt::format("a.{0} IS DISTINCT FROM b.{0}", quote_name(name));
      any += (any.empty() ? "" : " OR ") + differs;
      counts += fmt::format(", CAST(count(*) FILTER (WHERE {}) AS VARCHAR)", differs);
      values += fmt::format(", a.{0}, b.{0}", quote_name(name));
    }
    const std::string rows =
        fmt::format(" FROM side_a a JOIN side_b b ON {} WHERE {}", match(), any);
    auto done = each("SELECT CAST(count(*) AS VARCHAR)" + counts + rows, columns.size() + 1,
                     [&](const std::vector<CellText>& row) {
                       diff_.changed = count_of(row[0]);
                       for (std::size_t i = 0; i < columns.size(); ++i)
                         if (const auto n = count_of(row[i + 1]); n > 0)
                           diff_.changed_columns.emplace_back(columns[i], n);
                     });
    if (!done || diff_.changed == 0) return done;
    return each(
        fmt::format("SELECT {}{} ORDER BY {} LIMIT {}", values, rows, order("a"), request_.sample),
        diff_.key.size() + 2 * columns.size(), [&](const std::vector<CellText>& row) {
          RowChange& out = diff_.sample.emplace_back();
          std::size_t next = 0;
          for (const std::string& name : diff_.key) out.key.emplace_back(name, row[next++]);
          for (const std::string& name : columns) {
            const CellText &a = row[next++], &b = row[next++];
            if (a != b) out.changes.push_back({name, a, b});
          }
        });
  }

  const RowDiffRequest& request_;
  std::unique_ptr<DuckDatabase> database_;
  std::vector<std::string> columns_[2], shared_;
  RowDiff diff_;
};

}  // namespace

std::expected<RowDiff, StageFailure> diff_rows(const RowDiffRequest& request) {
  return Comparison(request).run();
}

}  // namespace daybook
