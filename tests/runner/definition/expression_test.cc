#include "runner/definition/expression.h"

#include <gmock/gmock.h>

#include <chrono>

namespace daybook {
namespace {

using T = ColumnType::Kind;

Column column(std::string name, T kind, std::uint8_t precision = 0, std::uint8_t scale = 0) {
  Column c;
  c.name = std::move(name);
  c.type = {kind, precision, scale};
  return c;
}

const std::vector<Column> columns{column("id", T::int64),
                                  column("length_ft", T::int64),
                                  column("name", T::string),
                                  column("closed", T::boolean),
                                  column("day_of", T::date),
                                  column("seen_at", T::timestamp),
                                  column("amount", T::decimal, 12, 2),
                                  column("ratio", T::float64)};

struct Result {
  std::optional<CheckedExpression> expression;
  ExpressionFaults faults;
};

Result check(std::string_view text, ExpressionScope::Use use = ExpressionScope::Use::row,
             std::span<const std::string> group = {}) {
  Result r;
  r.expression = check_expression(text, {.columns = columns, .use = use, .group = group}, r.faults);
  return r;
}

struct Accepted {
  std::string_view text, sql, type;
};

TEST(Expression, IsRebuiltInItsNormalForm) {
  const Accepted table[] = {
      {"round(length_ft * 0.3048, 1)", "round((\"length_ft\" * 0.3048), 1)", "DECIMAL(24,1)"},
      {"not closed", "(NOT \"closed\")", "BOOLEAN"},
      {"1+2*3", "(1 + (2 * 3))", "INTEGER"},
      {"(1+2)*3", "((1 + 2) * 3)", "INTEGER"},
      {"1 - 2 - 3", "((1 - 2) - 3)", "INTEGER"},
      {"-id + 1", "((-\"id\") + 1)", "BIGINT"},
      {"1 - -2", "(1 - (-2))", "INTEGER"},
      {"id / 2", "(\"id\" / 2)", "DOUBLE"},
      {"id // 2 % 3", "((\"id\" // 2) % 3)", "BIGINT"},
      {"amount + 1", "(\"amount\" + 1)", "DECIMAL(13,2)"},
      {"amount * amount", "(\"amount\" * \"amount\")", "DECIMAL(18,4)"},
      {"closed or id = 1 and name <> ''", "(\"closed\" OR ((\"id\" = 1) AND (\"name\" <> '')))",
       "BOOLEAN"},
      {"id != 1", "(\"id\" <> 1)", "BOOLEAN"},
      {"name || '-' || id", "(\"name\" || '-' || \"id\")", "VARCHAR"},
      {"name LIKE 'a%' or name not ilike 'b_'",
       "((\"name\" LIKE 'a%') OR (\"name\" NOT ILIKE 'b_'))", "BOOLEAN"},
      {"id in (1, 2, 3)", "(\"id\" IN (1, 2, 3))", "BOOLEAN"},
      {"id not between 1 and 2 and closed", "((\"id\" NOT BETWEEN 1 AND 2) AND \"closed\")",
       "BOOLEAN"},
      {"name is not null", "(\"name\" IS NOT NULL)", "BOOLEAN"},
      {"name is distinct from 'x'", "(\"name\" IS DISTINCT FROM 'x')", "BOOLEAN"},
      {"closed is not true", "(\"closed\" IS NOT TRUE)", "BOOLEAN"},
      {"if(closed, 'no', 'yes')", "CASE WHEN \"closed\" THEN 'no' ELSE 'yes' END", "VARCHAR"},
      {"case when id > 1 then 1 else 0.5 end", "CASE WHEN (\"id\" > 1) THEN 1 ELSE 0.5 END",
       "DECIMAL(11,1)"},
      {"case id when 1 then 'a' end", "CASE WHEN (\"id\" = 1) THEN 'a' END", "VARCHAR"},
      {"name::integer", "CAST(\"name\" AS INTEGER)", "INTEGER"},
      {"try_cast(name as decimal(10, 2))", "TRY_CAST(\"name\" AS DECIMAL(10,2))", "DECIMAL(10,2)"},
      {"date '2024-02-29' + interval '1 month'", "(DATE '2024-02-29' + INTERVAL '1 month')",
       "TIMESTAMP"},
      {"day_of >= '2024-01-01'", "(\"day_of\" >= '2024-01-01')", "BOOLEAN"},
      {"date_trunc('month', day_of)", "date_trunc('month', \"day_of\")", "DATE"},
      {"extract(year from seen_at)", "date_part('year', \"seen_at\")", "BIGINT"},
      {"date_diff('day', day_of, seen_at)", "date_diff('day', \"day_of\", \"seen_at\")", "BIGINT"},
      {"seen_at - interval 3 hours", "(\"seen_at\" - INTERVAL '3 hours')", "TIMESTAMP"},
      {"coalesce(name, 'it''s')", "coalesce(\"name\", 'it''s')", "VARCHAR"},
      {"SUBSTRING(name, 1, 2)", "substr(\"name\", 1, 2)", "VARCHAR"},
      {"regexp_matches(name, '^[A-Z]{2}$')", "regexp_matches(\"name\", '^[A-Z]{2}$')", "BOOLEAN"},
      {"\"id\"", "\"id\"", "BIGINT"},
      {"left(name, 2)", "left(\"name\", 2)", "VARCHAR"},
  };
  for (const Accepted& row : table) {
    const Result r = check(row.text);
    ASSERT_TRUE(r.expression) << row.text << ": " << (r.faults.empty() ? "" : r.faults[0].message);
    EXPECT_EQ(r.expression->sql, row.sql);
    const auto type = column_type(r.expression->type);
    ASSERT_TRUE(type) << row.text;
    EXPECT_EQ(sql_name(*type), row.type) << row.text;
    const Result again = check(r.expression->sql);
    ASSERT_TRUE(again.expression) << "the normal form is refused: " << r.expression->sql;
    EXPECT_EQ(again.expression->sql, row.sql) << "the normal form is not stable";
  }
}

struct RefusedRow {
  std::string_view text;
  const DiagnosticCode& code;
  std::size_t begin, end;
};

TEST(Expression, IsRefusedAtTheExactPlace) {
  const RefusedRow table[] = {
      {"lenght_ft * 2", code::unknown_column, 0, 9},
      {"1 + Id", code::unknown_column, 4, 6},
      {"rond(id)", code::unknown_function, 0, 4},
      {"1); DELETE FROM orders", code::bad_expression, 2, 3},
      {"id; drop table x", code::bad_expression, 2, 3},
      {"id -- comment", code::bad_expression, 3, 5},
      {"id /* c */", code::bad_expression, 3, 5},
      {"(select 1)", code::bad_expression, 1, 7},
      {"id in (select 1)", code::bad_expression, 7, 13},
      {"exists (select 1)", code::bad_expression, 0, 6},
      {"random()", code::volatile_function, 0, 6},
      {"now()", code::volatile_function, 0, 3},
      {"day_of < current_date", code::volatile_function, 9, 21},
      {"uuid()", code::volatile_function, 0, 4},
      {"nextval('s')", code::volatile_function, 0, 7},
      {"pg_sleep(1e9)", code::volatile_function, 0, 8},
      {"pg_read_file('/etc/passwd')", code::forbidden_function, 0, 12},
      {"read_csv('x')", code::forbidden_function, 0, 8},
      {"read_text('/etc/passwd')", code::forbidden_function, 0, 9},
      {"getenv('HOME')", code::forbidden_function, 0, 6},
      {"secret('db')", code::forbidden_function, 0, 6},
      {"pow(2, 3)", code::volatile_function, 0, 3},
      {"10**10**10", code::bad_expression, 2, 4},
      {"1 +", code::bad_expression, 3, 3},
      {"", code::bad_expression, 0, 0},
      {"'open", code::bad_expression, 0, 1},
      {"id = = 1", code::bad_expression, 5, 6},
      {"id == 1", code::bad_expression, 3, 5},
      {"t.id", code::bad_expression, 1, 2},
      {"E'\\n'", code::bad_expression, 1, 5},
      {"$1", code::bad_expression, 0, 1},
      {"id ? 1", code::bad_expression, 3, 4},
      {"1_000", code::bad_expression, 0, 2},
      {"amount < 1e400", code::bad_argument, 9, 14},
      {"lpad(name, 65537, 'x')", code::bad_argument, 11, 16},
      {"rpad(name, id, 'x')", code::bad_argument, 11, 13},
      {"date '2024-02-30'", code::bad_type, 5, 17},
      {"round(name)", code::bad_type, 6, 10},
      {"upper(id)", code::bad_type, 6, 8},
      {"not id", code::bad_type, 4, 6},
      {"name = 1", code::bad_type, 0, 8},
      {"round(1, 2, 3)", code::bad_argument, 0, 14},
      {"round(ratio, id)", code::bad_argument, 13, 15},
      {"regexp_matches(name, '(?=a)')", code::bad_pattern, 21, 28},
      {"regexp_matches(name, '(a)\\1')", code::bad_pattern, 21, 28},
      {"regexp_matches(name, name)", code::bad_argument, 21, 25},
      {"cast(id as blob)", code::bad_type, 11, 15},
      {"sum(id)", code::misplaced_aggregate, 0, 7},
      {"sum(id) over ()", code::bad_expression, 8, 12},
      {"date_trunc('fortnight', day_of)", code::bad_argument, 11, 22},
      {"day_of + id", code::bad_type, 9, 11},
      {"interval '1 doy'", code::bad_expression, 9, 16},
      {"interval '1 month 2 days'", code::bad_expression, 9, 25},
      {"case when id then 1 end", code::bad_type, 10, 12},
      {"if(closed, 1, 'a')", code::bad_type, 14, 17},
  };
  for (const RefusedRow& row : table) {
    const Result r = check(row.text);
    EXPECT_FALSE(r.expression) << row.text;
    ASSERT_FALSE(r.faults.empty()) << row.text;
    EXPECT_EQ(r.faults[0].code->id, row.code.id) << row.text << ": " << r.faults[0].message;
    EXPECT_EQ(r.faults[0].at, (ByteRange{row.begin, row.end}))
        << row.text << ": " << r.faults[0].at.begin << ".." << r.faults[0].at.end;
  }
}

TEST(Expression, TellsEveryUnknownNameAtOnce) {
  const Result r = check("lenght_ft + nme + id");
  ASSERT_GE(r.faults.size(), 2u);
  EXPECT_THAT(r.faults[0].hint, testing::HasSubstr("did you mean \"length_ft\"?"));
  EXPECT_THAT(r.faults[1].hint, testing::HasSubstr("did you mean \"name\"?"));
}

TEST(Expression, KnowsTheColumnsItReads) {
  EXPECT_THAT(check("name || id || name").expression->columns, testing::ElementsAre("id", "name"));
}

TEST(Expression, AggregatesStandInAggregatesAlone) {
  const std::vector<std::string> by{"name"};
  const auto use = ExpressionScope::Use::aggregate;
  EXPECT_EQ(check("sum(amount)", use, by).expression->sql, "sum(\"amount\")");
  EXPECT_EQ(sql_name(*column_type(check("sum(amount)", use, by).expression->type)),
            "DECIMAL(38,2)");
  EXPECT_EQ(check("count(*)", use, by).expression->sql, "count(*)");
  EXPECT_EQ(check("count(distinct id) + 1", use, by).expression->sql,
            "(count(DISTINCT \"id\") + 1)");
  EXPECT_EQ(check("upper(name)", use, by).expression->sql, "upper(\"name\")");
  EXPECT_EQ(check("id", use, by).faults.at(0).code->id, code::misplaced_aggregate.id);
  EXPECT_EQ(check("sum(max(id))", use, by).faults.at(0).code->id, code::misplaced_aggregate.id);
  EXPECT_EQ(check("first(id)", use, by).faults.at(0).code->id, code::volatile_function.id);
  EXPECT_EQ(check("sum(ratio)", use, by).faults.at(0).code->id, code::volatile_function.id);
}

TEST(Expression, HasADepthAndASize) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(check(std::string(10'000, '(') + "1" + std::string(10'000, ')')).expression);
  std::string nots, minus, casts = "id", sums = "id";
  for (int i = 0; i < 10'000; ++i) {
    nots += "not ";
    minus += "- ";
    casts += "::bigint";
    sums += "+1";
  }
  for (const std::string& text : {nots + "closed", minus + "id", casts, sums})
    EXPECT_EQ(check(text).faults.at(0).code->id, code::too_large.id);
  EXPECT_EQ(check("'" + std::string(1 << 20, 'x') + "'").faults.at(0).code->id, code::too_large.id);
  std::string many = "id = 0";
  for (int i = 1; i < 500; ++i) many += " or id = " + std::to_string(i);
  EXPECT_TRUE(check(many).expression) << "a long list of alternatives is not deep";
  EXPECT_TRUE(check("regexp_matches(name, '(a+)+$')").expression) << "linear in RE2";
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Expression, QuotesWhateverStandsInTexts) {
  EXPECT_EQ(check("name = '''; DROP TABLE x; --'").expression->sql,
            "(\"name\" = '''; DROP TABLE x; --')");
  EXPECT_EQ(check("\"x\"\"; DROP TABLE y;--\"").faults.at(0).code->id, code::unknown_column.id);
}

}  // namespace
}  // namespace daybook
