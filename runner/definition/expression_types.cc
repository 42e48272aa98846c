#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

using Family = ValueType::Family;
using Type = ColumnType::Kind;
using Kind = SyntaxNode::Kind;

ValueType of(Type kind, int precision = 0, int scale = 0) {
  return value_type({kind, static_cast<std::uint8_t>(precision), static_cast<std::uint8_t>(scale)});
}
ValueType family(Family f) { return {.family = f, .column = {}, .literal = false}; }

bool is_integer(const ColumnType& type) {
  return type.kind >= Type::int8 && type.kind <= Type::uint64;
}

int digits_of(const ColumnType& type) {
  switch (type.kind) {
    case Type::int8:
    case Type::uint8: return 3;
    case Type::int16:
    case Type::uint16: return 5;
    case Type::int32:
    case Type::uint32: return 10;
    case Type::int64: return 19;
    case Type::uint64: return 20;
    default: return type.precision;
  }
}

// The narrowest signed type that holds both; int64 when none does.
ColumnType wider(const ColumnType& a, const ColumnType& b) {
  if (a.kind == b.kind) return a;
  auto rank = [](Type t) {
    return t >= Type::uint8 ? static_cast<int>(t) - static_cast<int>(Type::uint8) + 1
                            : static_cast<int>(t) - static_cast<int>(Type::int8);
  };
  const int r = std::clamp(std::max(rank(a.kind), rank(b.kind)), 0, 3);
  return {static_cast<Type>(static_cast<int>(Type::int8) + r), 0, 0};
}

std::string_view describe(const ValueType& type) {
  switch (type.family) {
    case Family::unknown: return "value";
    case Family::null: return "null";
    case Family::number: return "number";
    case Family::text: return "text";
    case Family::boolean: return "truth value";
    case Family::moment: return type.column.kind == Type::date ? "date" : "timestamp";
    case Family::time: return "time";
    case Family::interval: return "interval";
  }
  return "value";
}

bool loose(const ValueType& t) { return t.family == Family::unknown || t.family == Family::null; }

bool comparable(const ValueType& a, const ValueType& b) {
  if (loose(a) || loose(b) || a.family == b.family) return true;
  auto text_for = [](const ValueType& x, const ValueType& y) {
    return x.family == Family::text && x.literal &&
           (y.family == Family::moment || y.family == Family::time);
  };
  return text_for(a, b) || text_for(b, a);
}

ValueType common_type(const ValueType& a, const ValueType& b) {
  if (loose(a)) return b;
  if (loose(b)) return a;
  if (a.family != b.family) return a.family == Family::text && a.literal ? b : a;
  if (a.family == Family::moment)
    return static_cast<int>(a.column.kind) >= static_cast<int>(b.column.kind) ? a : b;
  if (a.family != Family::number || a.column == b.column) return a;
  if (a.column.kind == Type::float64 || b.column.kind == Type::float64) return of(Type::float64);
  if (is_integer(a.column) && is_integer(b.column)) return value_type(wider(a.column, b.column));
  const int scale = std::max(a.column.scale, b.column.scale);
  const int whole =
      std::max(digits_of(a.column) - a.column.scale, digits_of(b.column) - b.column.scale);
  return of(Type::decimal, std::min(38, whole + scale), scale);
}

class Checker {
 public:
  Checker(const ExpressionScope& scope, ExpressionFaults& faults) : scope_(scope), faults_(faults) {
    for (const Column& column : scope.columns) names_.push_back(column.name);
  }

  ValueType check(const SyntaxNode& n);

 private:
  void fault(const DiagnosticCode& code, ByteRange at, std::string message, std::string label = "",
             std::string hint = "") {
    faults_.push_back({&code, at, std::move(message), std::move(label), std::move(hint)});
  }
  void expect(const SyntaxNode& n, const ValueType& is, Family wanted, std::string_view what) {
    if (loose(is) || is.family == wanted) return;
    std::string hint;
    if (wanted == Family::boolean) hint = "compare it: x = 1, x <> ''";
    if (wanted == Family::number && is.family == Family::text)
      hint = "cast(x as decimal(12,2)), or try_cast";
    if (wanted == Family::text) hint = "cast(x as varchar)";
    if (wanted == Family::moment) hint = "cast(x as date), or strptime(x, '%Y-%m-%d')";
    fault(code::bad_type, n.at,
          fmt::format("{} must be a {}, and this is a {}", what, describe(family(wanted)),
                      describe(is)),
          std::string(describe(is)), hint);
  }
  void expect_comparable(const SyntaxNode& n, const ValueType& a, const ValueType& b) {
    if (comparable(a, b)) return;
    fault(code::bad_type, n.at,
          fmt::format("a {} can not be compared with a {}", describe(a), describe(b)),
          "different types", "cast one of them to the other's type");
  }
  ValueType column(const SyntaxNode& n);
  ValueType binary(const SyntaxNode& n);
  ValueType case_(const SyntaxNode& n);
  ValueType call(const SyntaxNode& n);
  void argument(const SyntaxNode& call, std::size_t i, char rule, const ValueType& type);
  ValueType result(const SyntaxNode& n, const std::vector<ValueType>& types);

  const ExpressionScope& scope_;
  ExpressionFaults& faults_;
  std::vector<std::string> names_;
  int aggregates_ = 0;  // around the node at hand
};

ValueType Checker::column(const SyntaxNode& n) {
  const auto found = std::ranges::find(scope_.columns, n.text, &Column::name);
  if (found == scope_.columns.end()) {
    if (refused_function(lower_case(n.text)) == Refused::volatile_result) {
      fault(code::volatile_function, n.at,
            fmt::format("\"{}\" is not allowed: {}", n.text,
                        refusal_reason(Refused::volatile_result)),
            "not deterministic", "take the value from a column or from the partition key");
      return {};
    }
    fault(code::unknown_column, n.at,
          fmt::format("there is no column \"{}\" here", excerpt(n.text)), "unknown column",
          suggest(n.text, names_, "columns"));
    return {};
  }
  if (scope_.use == ExpressionScope::Use::aggregate && aggregates_ == 0 &&
      std::ranges::find(scope_.group, n.text) == scope_.group.end())
    fault(code::misplaced_aggregate, n.at, fmt::format("\"{}\" has many values in a group", n.text),
          "not grouped",
          fmt::format("use min({0}), max({0}) or sum({0}), or add it to by", n.text));
  return value_type(found->type);
}

ValueType Checker::binary(const SyntaxNode& n) {
  const ValueType a = check(n.children[0]);
  const ValueType b = check(n.children[1]);
  const std::string_view op = n.text;
  if (op == "=" || op == "<>" || op == "<" || op == "<=" || op == ">" || op == ">=") {
    expect_comparable(n, a, b);
    return of(Type::boolean);
  }
  if (op == "+" || op == "-") {
    if (a.family == Family::moment && b.family == Family::interval)
      return a.column.kind == Type::date ? of(Type::timestamp) : a;
    if (op == "+" && a.family == Family::interval && b.family == Family::moment)
      return b.column.kind == Type::date ? of(Type::timestamp) : b;
    if (a.family == Family::moment && a.column.kind == Type::date && b.family == Family::number) {
      if (!is_integer(b.column) || digits_of(b.column) > 10)
        fault(code::bad_type, n.children[1].at, "days added to a date must be an integer",
              "not an integer", "cast(x as integer)");
      return a;
    }
    if (op == "-" && a.family == Family::moment && b.family == Family::moment)
      return a.column.kind == Type::date && b.column.kind == Type::date ? of(Type::int64)
                                                                        : family(Family::interval);
    if (a.family == Family::interval && b.family == Family::interval) return a;
  }
  const std::string what = fmt::format("a side of {}", op);
  expect(n.children[0], a, Family::number, what);
  expect(n.children[1], b, Family::number, what);
  if (loose(a) || loose(b) || a.family != Family::number || b.family != Family::number) return {};
  if (op == "/" || a.column.kind == Type::float64 || b.column.kind == Type::float64)
    return of(Type::float64);
  if (is_integer(a.column) && is_integer(b.column)) return value_type(wider(a.column, b.column));
  const int scale = std::max(a.column.scale, b.column.scale);
  if (op == "*") {
    const int product_scale = a.column.scale + b.column.scale;
    if (product_scale > 38) {
      fault(code::bad_type, n.at, "the product has more than 38 decimal places", "too many places",
            "round one side first");
      return {};
    }
    const int left = digits_of(a.column);
    const int right = digits_of(b.column);
    // Two that fit 64 bits stay in 64 bits.
    const int most = left <= 18 && right <= 18 && product_scale <= 18 ? 18 : 38;
    return of(Type::decimal, std::min(most, left + right), product_scale);
  }
  const int whole =
      std::max(digits_of(a.column) - a.column.scale, digits_of(b.column) - b.column.scale);
  if (op == "//") return of(Type::float64);
  return of(Type::decimal, std::min(38, whole + scale + (op == "%" ? 0 : 1)), scale);
}

ValueType Checker::case_(const SyntaxNode& n) {
  ValueType out;
  out.family = Family::null;
  auto branch = [&](const SyntaxNode& child) {
    const ValueType type = check(child);
    if (!comparable(out, type))
      fault(code::bad_type, child.at,
            fmt::format("one branch gives a {} and this one a {}", describe(out), describe(type)),
            std::string(describe(type)), "cast them to one type");
    out = common_type(out, type);
  };
  std::size_t i = 0;
  for (; i + 1 < n.children.size(); i += 2) {
    expect(n.children[i], check(n.children[i]), Family::boolean, "a condition");
    branch(n.children[i + 1]);
  }
  if (i < n.children.size()) branch(n.children[i]);
  out.literal = false;
  return out;
}

void Checker::argument(const SyntaxNode& call, std::size_t i, char rule, const ValueType& type) {
  const SyntaxNode& n = call.children[i];
  const std::string what = fmt::format("argument {} of {}", i + 1, call.text);
  auto needs = [&](Kind kind, std::string_view form) {
    if (n.kind == kind) return true;
    fault(code::bad_argument, n.at, fmt::format("{} must be {}", what, form), "not a literal");
    return false;
  };
  switch (rule) {
    case 'n': expect(n, type, Family::number, what); break;
    case 'i':
      expect(n, type, Family::number, what);
      if (type.family == Family::number && !is_integer(type.column))
        fault(code::bad_type, n.at, fmt::format("{} must be a whole number", what), "not whole");
      break;
    case 's': expect(n, type, Family::text, what); break;
    case 'b': expect(n, type, Family::boolean, what); break;
    case 'd':
      if (type.family == Family::text && type.literal) {
        fault(code::bad_type, n.at, fmt::format("{} must be a date, and this is a text", what),
              "text", "write date '2024-01-31'");
      } else if (type.family != Family::time) {
        expect(n, type, Family::moment, what);
      }
      break;
    case 'v': expect(n, type, Family::interval, what); break;
    case 'l': needs(Kind::text, "a text in quotes"); break;
    case '#': {
      const SyntaxNode& inner = n.kind == Kind::negate ? n.children[0] : n;
      if (inner.kind != Kind::number || inner.text.size() > 2 ||
          inner.text.find_first_not_of("0123456789") != std::string::npos)
        fault(code::bad_argument, n.at, fmt::format("{} must be a small whole number", what),
              "not a literal");
      break;
    }
    case 'w':  // a record may not become larger than memory
      if (n.kind != Kind::number || n.text.size() > 5 ||
          n.text.find_first_not_of("0123456789") != std::string::npos ||
          (n.text.size() == 5 && n.text > "65536"))
        fault(code::bad_argument, n.at,
              fmt::format("{} must be a whole number, written out, up to 65536", what),
              "not a width");
      break;
    case 'u':
      if (needs(Kind::text, "a unit in quotes, like 'month'") && !is_date_unit(lower_case(n.text)))
        fault(code::bad_argument, n.at, fmt::format("'{}' is not a unit of time", excerpt(n.text)),
              "unknown unit", "units: year, quarter, month, week, day, hour, minute, second");
      break;
    case 'p':
      if (needs(Kind::text, "a pattern in quotes")) {
        if (const auto bad = pattern_fault(n.text))
          fault(code::bad_pattern, n.at, "the pattern is not RE2 syntax: " + bad->message,
                "pattern", bad->hint);
      }
      break;
    default: break;
  }
}

ValueType Checker::result(const SyntaxNode& n, const std::vector<ValueType>& types) {
  using R = SqlFunction::Result;
  const ValueType first = types.empty() ? ValueType{} : types[0];
  switch (n.function->result) {
    case R::same: return first;
    case R::common: {
      ValueType out = family(Family::null);
      for (std::size_t i = 0; i < types.size(); ++i) {
        if (!comparable(out, types[i]))
          fault(code::bad_type, n.children[i].at,
                fmt::format("argument {} of {} is a {} beside a {}", i + 1, n.text,
                            describe(types[i]), describe(out)),
                std::string(describe(types[i])), "cast them to one type");
        out = common_type(out, types[i]);
      }
      out.literal = false;
      return out;
    }
    case R::rounded: {
      if (first.family != Family::number || first.column.kind != Type::decimal) return first;
      int places = 0;
      if (n.children.size() > 1 && n.children[1].kind == Kind::number) {
        for (char c : n.children[1].text.substr(0, 2)) places = places * 10 + (c - '0');
      }
      const int scale = std::min<int>(places, first.column.scale);
      return of(Type::decimal, first.column.precision, scale);
    }
    case R::whole:
      if (first.family == Family::number && first.column.kind == Type::decimal)
        return of(Type::decimal, first.column.precision, 0);
      return first.family == Family::number ? of(Type::float64) : first;
    case R::text: return of(Type::string);
    case R::integer: return of(Type::int64);
    case R::float64: return of(Type::float64);
    case R::boolean: return of(Type::boolean);
    case R::date: return of(Type::date);
    case R::timestamp:
      if (n.text == "date_trunc" && types.size() > 1 && types[1].family == Family::moment) {
        const std::string unit = lower_case(n.children[0].text);
        const bool within_day = unit.starts_with("hour") || unit.starts_with("minute") ||
                                unit.find("second") != std::string::npos;
        return within_day || types[1].column.kind == Type::timestamp_tz ? types[1] : of(Type::date);
      }
      return of(Type::timestamp);
    case R::sum:
      if (first.family != Family::number || first.column.kind == Type::float64) return {};
      return of(Type::decimal, 38, first.column.scale);
  }
  return {};
}

ValueType Checker::call(const SyntaxNode& n) {
  const SqlFunction& f = *n.function;
  if (f.aggregate) {
    if (scope_.use == ExpressionScope::Use::row)
      fault(code::misplaced_aggregate, n.at,
            fmt::format("{} works on many rows, and here is one", n.text), "aggregate",
            "use an aggregate step");
    else if (aggregates_ > 0)
      fault(code::misplaced_aggregate, n.at, "an aggregate stands inside an aggregate",
            "aggregate");
    ++aggregates_;
  }
  std::vector<ValueType> types;
  for (const SyntaxNode& child : n.children) types.push_back(check(child));
  if (f.aggregate) --aggregates_;
  const bool open = f.arguments.ends_with('+');
  const std::size_t most = open ? f.arguments.size() - 1 : f.arguments.size();
  if (n.children.size() < f.required || (!open && n.children.size() > most)) {
    fault(code::bad_argument, n.at,
          fmt::format("{} takes {}{} argument{}, and here {} {}", n.text, open ? "at least " : "",
                      open || f.required == most ? std::to_string(f.required)
                                                 : fmt::format("{} to {}", f.required, most),
                      !open && most == 1 ? "" : "s", n.children.size() == 1 ? "is" : "are",
                      n.children.size()),
          "wrong number", std::string(f.meaning));
    return {};
  }
  for (std::size_t i = 0; i < n.children.size(); ++i)
    argument(n, i, f.arguments[std::min(i, most - 1)], types[i]);
  const bool order_matters = (n.text == "sum" || n.text == "avg") && !types.empty() &&
                             types[0].family == Family::number &&
                             types[0].column.kind == Type::float64;
  if (order_matters)
    fault(
        code::volatile_function, n.at,
        fmt::format("{} of floating-point numbers depends on the order of rows", n.text),
        "not deterministic",
        "cast first: sum(cast(x as decimal(18,6))), or give the column physicalType numeric(p,s)");
  return result(n, types);
}

ValueType Checker::check(const SyntaxNode& n) {
  switch (n.kind) {
    case Kind::column: return column(n);
    case Kind::text: {
      ValueType type = of(Type::string);
      type.literal = true;
      return type;
    }
    case Kind::number: {
      if (n.text.find_first_of("eE") != std::string::npos) return of(Type::float64);
      const std::size_t dot = n.text.find('.');
      const std::size_t digits = n.text.size() - (dot == std::string::npos ? 0 : 1);
      if (digits > 38) {
        fault(code::bad_value, n.at, "a number has more than 38 digits", "too long", "");
        return {};
      }
      if (dot != std::string::npos)
        return of(Type::decimal, static_cast<int>(digits),
                  static_cast<int>(n.text.size() - dot - 1));
      return digits < 10   ? of(Type::int32)
             : digits < 19 ? of(Type::int64)
                           : of(Type::decimal, 38, 0);
    }
    case Kind::boolean: return of(Type::boolean);
    case Kind::null: return family(Family::null);
    case Kind::star: return {};
    case Kind::moment: return value_type(n.type);
    case Kind::interval: return family(Family::interval);
    case Kind::negate: {
      const ValueType type = check(n.children[0]);
      if (type.family != Family::interval)
        expect(n.children[0], type, Family::number, "what - negates");
      return type;
    }
    case Kind::not_:
      expect(n.children[0], check(n.children[0]), Family::boolean, "what NOT negates");
      return of(Type::boolean);
    case Kind::chain: {
      for (const SyntaxNode& child : n.children) {
        const ValueType type = check(child);
        if (n.text != "||")
          expect(child, type, Family::boolean, fmt::format("a side of {}", n.text));
      }
      return of(n.text == "||" ? Type::string : Type::boolean);
    }
    case Kind::binary: return binary(n);
    case Kind::call: return call(n);
    case Kind::cast: {
      check(n.children[0]);
      return value_type(n.type);
    }
    case Kind::case_: return case_(n);
    case Kind::in:
    case Kind::between: {
      const ValueType subject = check(n.children[0]);
      for (std::size_t i = 1; i < n.children.size(); ++i)
        expect_comparable(n.children[i], subject, check(n.children[i]));
      return of(Type::boolean);
    }
    case Kind::like:
      for (const SyntaxNode& child : n.children)
        expect(child, check(child), Family::text, "a side of " + n.text);
      return of(Type::boolean);
    case Kind::is_true:
    case Kind::is_false:
      expect(n.children[0], check(n.children[0]), Family::boolean, "what stands before IS");
      return of(Type::boolean);
    case Kind::is_null: check(n.children[0]); return of(Type::boolean);
    case Kind::is_distinct: {
      const ValueType a = check(n.children[0]);
      expect_comparable(n, a, check(n.children[1]));
      return of(Type::boolean);
    }
  }
  return {};
}

void collect_columns(const SyntaxNode& n, std::set<std::string>& out) {
  if (n.kind == Kind::column) out.insert(n.text);
  for (const SyntaxNode& child : n.children) collect_columns(child, out);
}

}  // namespace

ValueType value_type(const ColumnType& type) {
  Family f = Family::number;
  switch (type.kind) {
    case Type::string: f = Family::text; break;
    case Type::boolean: f = Family::boolean; break;
    case Type::date:
    case Type::timestamp:
    case Type::timestamp_tz: f = Family::moment; break;
    case Type::time: f = Family::time; break;
    default: break;
  }
  return {.family = f, .column = type, .literal = false};
}

std::optional<ColumnType> column_type(const ValueType& type) {
  if (type.family == Family::interval) return std::nullopt;
  if (loose(type)) return ColumnType{};
  return type.column;
}

ValueType check_tree(const SyntaxNode& tree, const ExpressionScope& scope,
                     ExpressionFaults& faults) {
  return Checker(scope, faults).check(tree);
}

std::optional<CheckedExpression> check_expression(std::string_view text,
                                                  const ExpressionScope& scope,
                                                  ExpressionFaults& faults) {
  const std::size_t before = faults.size();
  auto tree = parse_expression(text, faults);
  if (!tree) return std::nullopt;
  const ValueType type = check_tree(*tree, scope, faults);
  if (faults.size() != before) return std::nullopt;
  std::set<std::string> columns;
  collect_columns(*tree, columns);
  std::string sql = render_sql(*tree);
  return CheckedExpression{
      std::move(*tree), std::move(sql), {columns.begin(), columns.end()}, type};
}

}  // namespace daybook
