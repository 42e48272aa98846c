// Recursive descent, loosest first:
//
//   or         = and {OR and}
//   and        = not {AND not}
//   not        = NOT not | predicate
//   predicate  = concat [ (= <> < <= > >=) concat | IS [NOT] (NULL | TRUE | FALSE | DISTINCT FROM
//   concat)
//                       | [NOT] IN (or, …) | [NOT] BETWEEN concat AND concat | [NOT] (LIKE|ILIKE)
//                       concat ]
//   concat     = sum {|| sum}
//   sum        = product {(+ -) product}
//   product    = sign {(* / // %) sign}
//   sign       = - sign | + sign | cast
//   cast       = primary {:: type}
//   primary    = literal | column | function(…) | CASE … END | CAST(or AS type) | (or)
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

using Kind = SyntaxNode::Kind;

constexpr std::string_view reserved[] = {
    "select",   "from",    "where",  "group",  "having", "order", "union",  "with",   "insert",
    "update",   "delete",  "drop",   "create", "alter",  "copy",  "attach", "pragma", "limit",
    "join",     "exists",  "any",    "all",    "some",   "and",   "or",     "not",    "in",
    "between",  "like",    "ilike",  "is",     "when",   "then",  "else",   "end",    "as",
    "distinct", "over",    "filter", "lambda", "using",  "on",    "offset", "values", "table",
    "collate",  "similar", "glob",   "escape"};

bool is_reserved(std::string_view word) {
  return std::ranges::find(reserved, word) != std::ranges::end(reserved);
}

class Parser {
 public:
  Parser(std::vector<SqlToken> tokens, ExpressionFaults& faults)
      : tokens_(std::move(tokens)), faults_(faults) {}

  std::optional<SyntaxNode> run() {
    if (peek().kind == SqlToken::Kind::end) {
      fail(peek(), "the expression is empty", "");
      return std::nullopt;
    }
    SyntaxNode tree = or_();
    if (ok_ && peek().kind != SqlToken::Kind::end) unexpected();
    if (!ok_) return std::nullopt;
    return tree;
  }

 private:
  // After the first fault every token is `end`, so the descent unwinds by itself.
  const SqlToken& peek(std::size_t ahead = 0) const {
    return ok_ && at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : tokens_.back();
  }
  SqlToken next() {
    SqlToken token = peek();
    if (ok_ && at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool take_word(std::string_view word) {
    if (!peek().is_word(word)) return false;
    next();
    return true;
  }
  bool take_sign(std::string_view sign) {
    if (!peek().is_sign(sign)) return false;
    next();
    return true;
  }
  void fail(const SqlToken& token, std::string message, std::string label, std::string hint = "",
            const DiagnosticCode& code = code::bad_expression) {
    if (!ok_) return;
    ok_ = false;
    faults_.push_back({&code, token.at, std::move(message), std::move(label), std::move(hint)});
  }
  void unexpected() {
    const SqlToken& token = peek();
    if (token.kind == SqlToken::Kind::end) {
      fail(token, "the expression ends too early", "something is missing here");
    } else if (token.is_word("select") || token.is_word("with") || token.is_word("exists")) {
      fail(token, "a subquery can not stand in an expression", "subquery",
           "use a lookup step, or a sql step");
    } else if (token.is_word("over")) {
      fail(token, "a window can not stand in an expression", "window", "use a sql step");
    } else if (token.is_sign("**") || token.is_sign("^")) {
      fail(token, "there is no power operator", "unknown operator",
           "multiply, or compute it before the data come here");
    } else if (token.is_sign("==")) {
      fail(token, "== is not SQL", "unknown operator", "write =");
    } else {
      fail(token, fmt::format("\"{}\" does not fit here", excerpt(token.text)), "unexpected");
    }
  }
  void expect_sign(std::string_view sign) {
    if (!take_sign(sign)) {
      if (peek().kind == SqlToken::Kind::end && ok_)
        fail(peek(), fmt::format("a \"{}\" is missing", sign), "expected here");
      else
        unexpected();
    }
  }
  void expect_word(std::string_view word) {
    if (!take_word(word)) {
      if (ok_) fail(peek(), fmt::format("{} is missing", upper(word)), "expected here");
    }
  }
  static std::string upper(std::string_view word) {
    std::string out(word);
    for (char& c : out)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return out;
  }

  SyntaxNode finish(SyntaxNode node, std::size_t first_token) {
    node.at.begin = tokens_[first_token].at.begin;
    node.at.end = at_ > first_token ? tokens_[at_ - 1].at.end : tokens_[first_token].at.end;
    node.depth = 1;
    for (const SyntaxNode& child : node.children)
      node.depth = std::max<std::uint16_t>(node.depth, static_cast<std::uint16_t>(child.depth + 1));
    if (node.depth > syntax_depth_max)
      fail(tokens_[first_token],
           fmt::format("the expression is nested deeper than {}", syntax_depth_max), "too deep",
           "compute a part of it in an earlier derive step", code::too_large);
    return node;
  }
  static SyntaxNode make(Kind kind, std::string text = "") {
    SyntaxNode node;
    node.kind = kind;
    node.text = std::move(text);
    return node;
  }
  template <typename... Children>
  static SyntaxNode make(Kind kind, std::string text, SyntaxNode first, Children... rest) {
    SyntaxNode node = make(kind, std::move(text));
    node.children.push_back(std::move(first));
    (node.children.push_back(std::move(rest)), ...);
    return node;
  }

  SyntaxNode chain(std::string text, std::size_t first, SyntaxNode head, auto more, auto operand) {
    if (!more()) return head;
    SyntaxNode node = make(Kind::chain, std::move(text), std::move(head));
    do {
      node.children.push_back(operand());
    } while (ok_ && more());
    return finish(std::move(node), first);
  }

  SyntaxNode or_() {
    // Guards the stack of this parser: brackets, calls and cases all come through here.
    if (++nesting_ > syntax_depth_max) {
      fail(peek(), fmt::format("the expression is nested deeper than {}", syntax_depth_max),
           "too deep", "compute a part of it in an earlier derive step", code::too_large);
      --nesting_;
      return {};
    }
    const std::size_t first = at_;
    SyntaxNode node = chain(
        "OR", first, and_(), [&] { return take_word("or"); }, [&] { return and_(); });
    --nesting_;
    return node;
  }
  SyntaxNode and_() {
    const std::size_t first = at_;
    return chain(
        "AND", first, not_(), [&] { return take_word("and"); }, [&] { return not_(); });
  }
  SyntaxNode prefix(std::size_t first, Kind kind, auto operand) {
    if (++nesting_ > syntax_depth_max)
      fail(peek(), fmt::format("the expression is nested deeper than {}", syntax_depth_max),
           "too deep", "", code::too_large);
    SyntaxNode node = finish(make(kind, "", operand()), first);
    --nesting_;
    return node;
  }
  SyntaxNode not_() {
    const std::size_t first = at_;
    if (take_word("not")) return prefix(first, Kind::not_, [&] { return not_(); });
    return predicate();
  }

  SyntaxNode predicate() {
    const std::size_t first = at_;
    SyntaxNode left = concat();
    if (!ok_) return left;
    for (std::string_view sign : {"=", "<>", "!=", "<=", ">=", "<", ">"}) {
      if (take_sign(sign))
        return finish(
            make(Kind::binary, sign == "!=" ? "<>" : std::string(sign), std::move(left), concat()),
            first);
    }
    if (take_word("is")) return is_(first, std::move(left));
    const bool negated =
        peek().is_word("not") && (peek(1).is_word("in") || peek(1).is_word("between") ||
                                  peek(1).is_word("like") || peek(1).is_word("ilike"));
    if (negated) next();
    SyntaxNode node;
    if (take_word("in")) {
      expect_sign("(");
      if (peek().is_word("select")) unexpected();
      node = make(Kind::in, "", std::move(left));
      do {
        node.children.push_back(or_());
      } while (ok_ && take_sign(","));
      expect_sign(")");
    } else if (take_word("between")) {
      SyntaxNode low = concat();
      expect_word("and");
      SyntaxNode high = concat();
      node = make(Kind::between, "", std::move(left), std::move(low), std::move(high));
    } else if (peek().is_word("like") || peek().is_word("ilike")) {
      const std::string op = upper(next().text);
      node = make(Kind::like, op, std::move(left), concat());
    } else {
      return left;
    }
    node.negated = negated;
    return finish(std::move(node), first);
  }

  SyntaxNode is_(std::size_t first, SyntaxNode left) {
    const bool negated = take_word("not");
    SyntaxNode node;
    if (take_word("null")) {
      node = make(Kind::is_null, "", std::move(left));
    } else if (take_word("true")) {
      node = make(Kind::is_true, "", std::move(left));
    } else if (take_word("false")) {
      node = make(Kind::is_false, "", std::move(left));
    } else if (take_word("distinct")) {
      expect_word("from");
      node = make(Kind::is_distinct, "", std::move(left), concat());
    } else {
      fail(peek(), "after IS stands NULL, TRUE, FALSE or DISTINCT FROM", "unexpected");
      return left;
    }
    node.negated = negated;
    return finish(std::move(node), first);
  }

  SyntaxNode concat() {
    const std::size_t first = at_;
    return chain(
        "||", first, sum(), [&] { return take_sign("||"); }, [&] { return sum(); });
  }
  SyntaxNode left_to_right(std::initializer_list<std::string_view> signs, auto operand) {
    const std::size_t first = at_;
    SyntaxNode left = operand();
    while (ok_) {
      const auto sign = std::ranges::find_if(signs, [&](auto s) { return peek().is_sign(s); });
      if (sign == signs.end()) break;
      next();
      left = finish(make(Kind::binary, std::string(*sign), std::move(left), operand()), first);
    }
    return left;
  }
  SyntaxNode sum() {
    return left_to_right({"+", "-"}, [&] { return product(); });
  }
  SyntaxNode product() {
    return left_to_right({"*", "//", "/", "%"}, [&] { return sign(); });
  }
  SyntaxNode sign() {
    const std::size_t first = at_;
    if (take_sign("-")) return prefix(first, Kind::negate, [&] { return sign(); });
    if (take_sign("+")) {
      SyntaxNode node = prefix(first, Kind::negate, [&] { return sign(); });
      return std::move(node.children[0]);
    }
    SyntaxNode node = primary();
    while (ok_ && take_sign("::")) {
      SyntaxNode cast = make(Kind::cast, "", std::move(node));
      cast.type = type();
      node = finish(std::move(cast), first);
    }
    return node;
  }

  ColumnType type() {
    const SqlToken token = next();
    std::string name = token.lower;
    ByteRange at = token.at;
    if (token.is_word("double") && peek().is_word("precision")) next();
    if (token.is_word("timestamp") && peek().is_word("with")) {
      for (std::string_view word : {"with", "time", "zone"}) expect_word(word);
      name = "timestamptz";
    }
    if (take_sign("(")) {
      name += "(";
      while (ok_ && !peek().is_sign(")") && peek().kind != SqlToken::Kind::end) name += next().text;
      at.end = peek().at.end;
      expect_sign(")");
      name += ")";
    }
    const auto found = token.kind == SqlToken::Kind::word ? sql_type(name) : std::nullopt;
    if (!found) {
      SqlToken whole = token;
      whole.at = at;
      fail(whole, fmt::format("\"{}\" is not a type", excerpt(name)), "unknown type",
           "types: varchar, tinyint, smallint, integer, bigint, decimal(p,s), double, boolean, "
           "date, "
           "time, timestamp, timestamptz",
           code::bad_type);
    }
    return found.value_or(ColumnType{});
  }

  SyntaxNode primary() {
    const std::size_t first = at_;
    const SqlToken token = peek();
    switch (token.kind) {
      case SqlToken::Kind::text: next(); return finish(make(Kind::text, token.text), first);
      case SqlToken::Kind::number:
        if (!std::isfinite(std::strtod(std::string(token.text).c_str(), nullptr)))
          fail(token, "the number is too large", "not a number the engine can hold",
               "the largest is about 1.8e308", code::bad_argument);
        next();
        return finish(make(Kind::number, token.text), first);
      case SqlToken::Kind::quoted_word:
        next();
        if (peek().is_sign("(")) unexpected();
        return finish(make(Kind::column, token.text), first);
      case SqlToken::Kind::word: return word(first, token);
      case SqlToken::Kind::sign:
        if (take_sign("(")) {
          if (peek().is_word("select") || peek().is_word("with")) unexpected();
          SyntaxNode inner = or_();
          expect_sign(")");
          return inner;
        }
        break;
      case SqlToken::Kind::end: break;
    }
    unexpected();
    return {};
  }

  SyntaxNode word(std::size_t first, const SqlToken& token) {
    const SqlToken& after = peek(1);
    if (token.is_word("null")) return literal(first, Kind::null, "");
    if (token.is_word("true") || token.is_word("false"))
      return literal(first, Kind::boolean, token.lower);
    if ((token.is_word("date") || token.is_word("timestamp") || token.is_word("time")) &&
        after.kind == SqlToken::Kind::text)
      return moment(first);
    if (token.is_word("interval") &&
        (after.kind == SqlToken::Kind::text || after.kind == SqlToken::Kind::number))
      return interval(first);
    if (token.is_word("case")) return case_(first);
    if (after.is_sign("(")) return call(first);
    if (is_reserved(token.lower)) {
      unexpected();
      return {};
    }
    next();
    if (peek().is_sign("."))
      fail(peek(), "a column has no table name here", "unexpected", "write the column alone");
    if (peek().kind == SqlToken::Kind::text && (token.lower == "e" || token.lower == "x"))
      fail(peek(), "texts have no escape form", "unexpected",
           "write the text between single quotes");
    return finish(make(Kind::column, token.text), first);
  }

  SyntaxNode literal(std::size_t first, Kind kind, std::string text) {
    next();
    return finish(make(kind, std::move(text)), first);
  }

  SyntaxNode moment(std::size_t first) {
    const SqlToken kind = next();
    const SqlToken value = next();
    SyntaxNode node = make(Kind::moment, value.text);
    bool real = false;
    if (kind.is_word("date")) {
      node.type.kind = ColumnType::Kind::date;
      real = is_real_date(value.text);
    } else if (kind.is_word("time")) {
      node.type.kind = ColumnType::Kind::time;
      real = is_real_time(value.text);
    } else {
      node.type.kind = ColumnType::Kind::timestamp;
      real = is_real_timestamp(value.text);
    }
    if (!real)
      fail(value, fmt::format("'{}' is not a {}", excerpt(value.text), kind.lower),
           "not in the calendar", "forms: 2024-02-29, 2024-02-29 12:00:00, 12:00:00",
           code::bad_type);
    return finish(std::move(node), first);
  }

  SyntaxNode interval(std::size_t first) {
    next();
    const SqlToken amount = next();
    std::string text = amount.text;
    if (peek().kind == SqlToken::Kind::word && is_date_unit(peek().lower))
      text += " " + next().lower;
    // '<whole number> <unit>' alone: compound forms read differently in different databases.
    const std::size_t blank = text.find(' ');
    const std::string_view number = std::string_view(text).substr(0, blank);
    const std::string unit =
        blank == std::string::npos ? "" : lower_case(std::string_view(text).substr(blank + 1));
    const std::string_view digits = number.starts_with('-') ? number.substr(1) : number;
    if (digits.empty() || digits.size() > 9 ||
        !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }) ||
        !is_interval_unit(unit))
      fail(amount, fmt::format("'{}' is not an interval", excerpt(text)), "not an interval",
           "one whole number and one unit: interval '3 days'");
    return finish(make(Kind::interval, std::string(number) + " " + unit), first);
  }

  SyntaxNode case_(std::size_t first) {
    next();
    SyntaxNode node = make(Kind::case_);
    std::optional<SyntaxNode> subject;
    if (!peek().is_word("when")) subject = or_();
    while (ok_ && take_word("when")) {
      SyntaxNode when = or_();
      if (subject) {
        const ByteRange at = when.at;
        when = make(Kind::binary, "=", *subject, std::move(when));
        when.at = at;
        when.depth = static_cast<std::uint16_t>(
            std::max(when.children[0].depth, when.children[1].depth) + 1);
      }
      node.children.push_back(std::move(when));
      expect_word("then");
      node.children.push_back(or_());
    }
    if (node.children.empty()) expect_word("when");
    if (take_word("else")) node.children.push_back(or_());
    expect_word("end");
    return finish(std::move(node), first);
  }

  SyntaxNode cast(std::size_t first, bool may_fail) {
    next();
    expect_sign("(");
    SyntaxNode node = make(Kind::cast, "", or_());
    expect_word("as");
    node.type = type();
    node.negated = may_fail;
    expect_sign(")");
    return finish(std::move(node), first);
  }

  SyntaxNode call(std::size_t first) {
    const SqlToken name = peek();
    if (name.is_word("cast") || name.is_word("try_cast"))
      return cast(first, name.is_word("try_cast"));
    if (name.is_word("if") || name.is_word("iff")) {
      next();
      next();
      SyntaxNode node = make(Kind::case_);
      do {
        node.children.push_back(or_());
      } while (ok_ && take_sign(","));
      expect_sign(")");
      if (ok_ && (node.children.size() < 2 || node.children.size() > 3))
        fail(name, "if takes a condition, a value and another value", "wrong arguments",
             "if(closed, 'no', 'yes')", code::bad_argument);
      return finish(std::move(node), first);
    }
    if (name.is_word("extract")) return extract(first);
    const SqlFunction* function = find_function(name.lower);
    if (function == nullptr) {
      unknown_function(name);
      return {};
    }
    next();
    next();
    SyntaxNode node = make(Kind::call, std::string(function->name));
    node.function = function;
    if (take_word("distinct")) {
      node.distinct = true;
      if (!function->aggregate)
        fail(name, fmt::format("{} has no DISTINCT", name.lower), "not an aggregate", "",
             code::bad_argument);
    }
    if (function->name == "count" && !node.distinct && peek().is_sign("*")) {
      const std::size_t star = at_;
      next();
      node.children.push_back(finish(make(Kind::star), star));
    } else if (function->name == "count" && !node.distinct && peek().is_sign(")")) {
      node.children.push_back(finish(make(Kind::star), at_));
    } else if (!peek().is_sign(")")) {
      do {
        node.children.push_back(or_());
      } while (ok_ && take_sign(","));
    }
    if (peek().is_word("order")) fail(peek(), "an aggregate has no ORDER BY here", "unexpected");
    expect_sign(")");
    if (peek().is_word("over")) unexpected();
    return finish(std::move(node), first);
  }

  SyntaxNode extract(std::size_t first) {
    next();
    next();
    const std::size_t unit_at = at_;
    const SqlToken unit = next();
    if (ok_ && !is_date_unit(unit.lower))
      fail(unit, fmt::format("\"{}\" is not a part of a date", excerpt(unit.text)), "unknown unit");
    SyntaxNode part = finish(make(Kind::text, unit.lower), unit_at);
    expect_word("from");
    SyntaxNode node = make(Kind::call, "date_part", std::move(part), or_());
    node.function = find_function("date_part");
    expect_sign(")");
    return finish(std::move(node), first);
  }

  void unknown_function(const SqlToken& name) {
    if (is_reserved(name.lower)) {
      unexpected();
      return;
    }
    const Refused refused = refused_function(name.lower);
    if (refused == Refused::no) {
      const auto names = function_names();
      fail(name, fmt::format("there is no function \"{}\"", excerpt(name.lower)),
           "unknown function",
           suggest(name.lower, names, nearest(name.lower, names).empty() ? "functions" : ""),
           code::unknown_function);
      return;
    }
    const bool outside = refused == Refused::reaches_outside;
    fail(name,
         fmt::format("the function \"{}\" is not allowed: {}", name.lower, refusal_reason(refused)),
         outside ? "reaches outside" : "not deterministic",
         refused == Refused::volatile_result
             ? "take the value from a column or from the partition key"
         : refused == Refused::row_order ? "use min or max, or dedupe with order_by before"
         : outside && name.lower.find("secret") != std::string::npos
             ? "secrets stand in connection fields alone"
             : "",
         outside ? code::forbidden_function : code::volatile_function);
  }

  std::vector<SqlToken> tokens_;
  ExpressionFaults& faults_;
  std::size_t at_ = 0;
  std::uint16_t nesting_ = 0;
  bool ok_ = true;
};

}  // namespace

std::optional<SyntaxNode> parse_expression(std::string_view text, ExpressionFaults& faults) {
  std::vector<SqlToken> tokens;
  if (!lex_sql(text, tokens, faults)) return std::nullopt;
  return Parser(std::move(tokens), faults).run();
}

}  // namespace daybook
