// SQL expressions of pipelines and contracts: own parser, own syntax tree, own rendering.
//
// The grammar is a part of SQL's; whatever is not in it does not exist. What reaches the database
// is rebuilt from the tree, so nothing a person typed is ever passed on as it stands.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/definition/contract.h"
#include "runner/definition/expression_functions.h"
#include "runner/definition/sql_lexer.h"

namespace daybook {

struct SyntaxNode {
  enum class Kind : std::uint8_t {
    column,   // text: name
    text,     // text: the literal's value
    number,   // text: as written
    boolean,  // text: true or false
    null,
    moment,    // DATE, TIMESTAMP or TIME 'text'; type says which
    interval,  // INTERVAL 'text'
    negate,    // -child
    not_,      // NOT child
    chain,     // AND, OR, ||: text, two or more children
    binary,    // + - * / // % = <> < <= > >= : text, two children
    call,      // function, children
    star,      // the * of count(*)
    cast,      // type; negated: TRY_CAST
    case_,     // children: when, then, …, otherwise (absent when even)
    in,        // child 0 in children 1…
    between,   // child 0 between 1 and 2
    like,      // text: LIKE or ILIKE
    is_null,
    is_true,
    is_false,
    is_distinct,  // child 0 is distinct from child 1
  };
  Kind kind = Kind::null;
  std::string text;
  const SqlFunction* function = nullptr;
  ColumnType type;
  bool negated = false;
  bool distinct = false;  // count(distinct …)
  std::vector<SyntaxNode> children;
  ByteRange at;  // in the expression's text
  std::uint16_t depth = 1;
};

inline constexpr std::uint16_t syntax_depth_max = 64;

// What is known about a value before it is computed. DuckDB's own rules, as far as messages and the
// schema after a step need them (the data plane asks DuckDB itself):
//   integer ∘ integer   the wider of both          + - * // %
//   any / any           float64
//   decimal ± decimal   DECIMAL(max whole + max scale + 1, max scale), at most 38
//   decimal * decimal   DECIMAL(p1 + p2, s1 + s2), at most 18 when both are at most 18, else at
//   most 38;
//                       an integer counts as DECIMAL(19,0) or what its width needs
//   floor ceil trunc    of integers float64, of DECIMAL(p,s) DECIMAL(p,0)
//   float64 ∘ any       float64
//   date ± interval     timestamp;  date - date: int64
//   sum                 of integers DECIMAL(38,0), of DECIMAL(p,s) DECIMAL(38,s)
struct ValueType {
  enum class Family : std::uint8_t { unknown, null, number, text, boolean, moment, time, interval };
  Family family = Family::unknown;
  ColumnType column;     // for number, text, boolean, moment, time
  bool literal = false;  // a text literal may stand for a date
};
ValueType value_type(const ColumnType& type);
// The type a column of such values has; nothing for intervals.
std::optional<ColumnType> column_type(const ValueType& type);

struct ExpressionScope {
  std::span<const Column> columns;
  // Row: one value per row. Aggregate: one per group of `group` columns.
  enum class Use : std::uint8_t { row, aggregate } use = Use::row;
  std::span<const std::string> group;
};

struct CheckedExpression {
  SyntaxNode tree;
  std::string sql;
  std::vector<std::string> columns;  // sorted, unique
  ValueType type;
};

// Syntax alone. The first fault ends it.
std::optional<SyntaxNode> parse_expression(std::string_view text, ExpressionFaults& faults);

// Names, functions, arguments and types of a parsed expression: every fault.
ValueType check_tree(const SyntaxNode& tree, const ExpressionScope& scope,
                     ExpressionFaults& faults);

std::string render_sql(const SyntaxNode& tree);

// All of it. Nothing when there was a fault.
std::optional<CheckedExpression> check_expression(std::string_view text,
                                                  const ExpressionScope& scope,
                                                  ExpressionFaults& faults);

// "varchar", "numeric(12,2)", "BIGINT": the spellings of SQL, ODCS physical types and casts.
std::optional<ColumnType> sql_type(std::string_view text);

// Empty when RE2 takes the pattern; else its complaint, with a hint for look-around and references.
struct PatternFault {
  std::string message;
  std::string hint;
};
std::optional<PatternFault> pattern_fault(std::string_view pattern);

bool is_real_date(std::string_view text);       // yyyy-MM-dd that exists
bool is_real_timestamp(std::string_view text);  // yyyy-MM-dd HH:mm:ss[.ffffff], T or blank
bool is_real_time(std::string_view text);       // HH:mm:ss[.ffffff]

}  // namespace daybook
