#include "runner/definition/sql_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/definition/expression_functions.h"
#include "runner/definition/identifier.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

// Words that start another statement or reach outside, wherever they stand unquoted.
constexpr std::string_view refused_words[] = {
    "insert",      "update",     "delete",     "merge",     "drop",       "create",    "alter",
    "copy",        "attach",     "detach",     "pragma",    "set",        "reset",     "install",
    "load",        "call",       "execute",    "prepare",   "deallocate", "export",    "import",
    "vacuum",      "checkpoint", "truncate",   "grant",     "revoke",     "into",      "begin",
    "commit",      "rollback",   "explain",    "describe",  "show",       "summarize", "use",
    "tablesample", "sample",     "lateral",    "recursive", "pivot",      "unpivot",   "returning",
    "values",      "table",      "positional", "asof",      "columns",    "lambda"};

// Words before a bracket that are not functions.
constexpr std::string_view bracket_words[] = {
    "select",  "from",  "where",    "and",       "or",           "not",     "in",      "as",
    "on",      "using", "when",     "then",      "else",         "case",    "exists",  "any",
    "all",     "by",    "having",   "over",      "filter",       "union",   "except",  "intersect",
    "between", "like",  "ilike",    "is",        "distinct",     "join",    "decimal", "numeric",
    "varchar", "char",  "limit",    "partition", "rows",         "range",   "with",    "exclude",
    "replace", "cast",  "try_cast", "if",        "materialized", "qualify", "window",  "interval"};

// Where a list of tables ends.
constexpr std::string_view after_from[] = {"where",  "group",   "having", "order",
                                           "limit",  "union",   "except", "intersect",
                                           "window", "qualify", "offset", "select"};

bool in(const auto& list, std::string_view word) {
  return std::ranges::find(list, word) != std::ranges::end(list);
}

class SelectChecker {
 public:
  SelectChecker(std::vector<SqlToken> tokens, const std::vector<std::string>& tables,
                ExpressionFaults& faults)
      : tokens_(std::move(tokens)), tables_(tables), faults_(faults) {}

  std::optional<CheckedSelect> run() {
    const std::size_t before = faults_.size();
    if (!at(0).is_word("select") && !at(0).is_word("with")) {
      fault(code::forbidden_sql, at(0), "a query starts with SELECT or WITH", "not a query");
      return std::nullopt;
    }
    names_of_with();
    walk();
    if (faults_.size() == before) result_columns();
    if (faults_.size() != before) return std::nullopt;
    select_.sql = rebuilt();
    return std::move(select_);
  }

 private:
  struct Frame {
    bool query = false;  // a SELECT of its own
    bool from = false;   // inside a list of tables
    bool table_next = false;
    bool ordered = false;
  };

  const SqlToken& at(std::size_t i) const {
    return i < tokens_.size() ? tokens_[i] : tokens_.back();
  }
  void fault(const DiagnosticCode& code, const SqlToken& token, std::string message,
             std::string label, std::string hint = "") {
    faults_.push_back({&code, token.at, std::move(message), std::move(label), std::move(hint)});
  }

  // name [(columns)] AS [MATERIALIZED] ( … )
  void names_of_with() {
    for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) {
      const bool name =
          at(i).kind == SqlToken::Kind::word || at(i).kind == SqlToken::Kind::quoted_word;
      if (!name || !(i > 0 && (at(i - 1).is_word("with") || at(i - 1).is_sign(",")))) continue;
      if (at(i + 1).is_word("as") && at(i + 2).is_sign("(") &&
          (at(i + 3).is_word("select") || at(i + 3).is_word("with")))
        with_.insert(lower_case(at(i).text));
    }
  }

  void walk() {
    std::vector<Frame> frames{{.query = true}};
    for (std::size_t i = 0; at(i).kind != SqlToken::Kind::end; ++i) {
      const SqlToken& token = at(i);
      Frame& frame = frames.back();
      if (token.is_sign("(")) {
        const bool query =
            at(i + 1).is_word("select") || at(i + 1).is_word("with") || at(i + 1).is_word("from");
        const bool tables = frame.table_next && !query;
        frame.table_next = false;
        frames.push_back({.query = query, .from = tables, .table_next = tables});
        if (frames.size() > 64)
          return fault(code::too_large, token, "the query is nested too deep", "");
        continue;
      }
      if (token.is_sign(")")) {
        if (frames.size() == 1)
          return fault(code::forbidden_sql, token, "a bracket closes nothing", "unexpected");
        frames.pop_back();
        continue;
      }
      if (frame.table_next) {
        table(token, i);
        frame.table_next = false;
        continue;
      }
      if (token.is_sign(",") && frame.from) frame.table_next = true;
      if (token.is_sign("->"))
        fault(code::forbidden_sql, token, "-> is not allowed in a query", "");
      if (token.kind == SqlToken::Kind::word) word(token, i, frame);
    }
    if (frames.size() > 1)
      fault(code::forbidden_sql, tokens_.back(), "a bracket is not closed", "expected )");
  }

  void table(const SqlToken& token, std::size_t i) {
    const std::string name = lower_case(token.text);
    const bool word =
        token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_word;
    std::vector<std::string> known = tables_;
    known.insert(known.end(), with_.begin(), with_.end());
    if (!word || !in(known, name)) {
      fault(code::forbidden_sql, token,
            fmt::format("there is no table \"{}\" here", excerpt(token.text)), "unknown table",
            suggest(name, known, "tables"));
    } else if (at(i + 1).is_sign("(") || at(i + 1).is_sign(".")) {
      fault(code::forbidden_sql, at(i + 1), "a table stands alone", "unexpected");
    }
  }

  void word(const SqlToken& token, std::size_t i, Frame& frame) {
    const std::string& w = token.lower;
    const bool after_dot = i > 0 && at(i - 1).is_sign(".");
    const bool alias = i > 0 && at(i - 1).is_word("as");
    if (w == "from") {
      const bool comparison = i > 1 && at(i - 1).is_word("distinct") &&
                              (at(i - 2).is_word("is") || at(i - 2).is_word("not"));
      if (comparison) return;
      if (!frame.query || i == 0 || at(i - 1).is_sign("("))
        return fault(code::forbidden_sql, token, "FROM stands where no query is", "unexpected",
                     "write date_part('year', x) and substr(x, 1, 2)");
      frame.from = frame.table_next = true;
      return;
    }
    if (w == "join" && !after_dot) {
      frame.table_next = true;
      return;
    }
    if (in(after_from, w)) frame.from = false;
    if (w == "order") frame.ordered = true;
    if ((w == "limit" || w == "offset") && !frame.ordered)
      fault(code::volatile_function, token, fmt::format("{} without ORDER BY takes any rows", w),
            "not deterministic", "add ORDER BY over columns that identify a row");
    if (w == "distinct" && at(i + 1).is_word("on"))
      fault(code::volatile_function, at(i + 1), "DISTINCT ON takes any row of several",
            "not deterministic", "use a dedupe step");
    if (in(refused_words, w) && !after_dot && !alias)
      return fault(code::forbidden_sql, token, fmt::format("{} can not stand in a query", w),
                   "not a plain SELECT");
    if (at(i + 1).is_sign("(")) {
      function(token, i);
    } else if (!after_dot && !alias && refused_function(w) == Refused::volatile_result &&
               (w.starts_with("current_") || w.starts_with("local") || w == "rowid")) {
      fault(code::volatile_function, token,
            fmt::format("\"{}\" is not allowed: {}", w, refusal_reason(Refused::volatile_result)),
            "not deterministic");
    }
  }

  void function(const SqlToken& token, std::size_t i) {
    const std::string& w = token.lower;
    if (at(i - (i > 0 ? 1 : 0)).is_sign("."))
      return fault(code::forbidden_sql, token, "a method call can not stand in a query",
                   "unexpected");
    if (in(bracket_words, w) || find_function(w) != nullptr) return;
    if (i > 0 && at(i - 1).is_word("as")) return;  // a table alias with column names
    if (is_window_function(w)) {
      std::size_t close = i + 1;
      for (int depth = 0; at(close).kind != SqlToken::Kind::end; ++close) {
        if (at(close).is_sign("(")) ++depth;
        if (at(close).is_sign(")") && --depth == 0) break;
      }
      bool ordered = false;
      if (at(close + 1).is_word("over") && at(close + 2).is_sign("(")) {
        int depth = 0;
        for (std::size_t k = close + 2; at(k).kind != SqlToken::Kind::end; ++k) {
          if (at(k).is_sign("(")) ++depth;
          if (at(k).is_sign(")") && --depth == 0) break;
          ordered = ordered || (depth == 1 && at(k).is_word("order"));
        }
      }
      if (!ordered)
        fault(code::volatile_function, token, fmt::format("{} needs OVER (… ORDER BY …)", w),
              "not deterministic");
      return;
    }
    const Refused refused = refused_function(w);
    if (refused == Refused::no) {
      const auto names = function_names();
      const std::string near = nearest(w, names);
      return fault(code::unknown_function, token,
                   fmt::format("there is no function \"{}\"", excerpt(w)), "unknown function",
                   near.empty() ? "" : fmt::format("did you mean \"{}\"?", near));
    }
    fault(refused == Refused::reaches_outside ? code::forbidden_function : code::volatile_function,
          token, fmt::format("the function \"{}\" is not allowed: {}", w, refusal_reason(refused)),
          refused == Refused::reaches_outside ? "reaches outside" : "not deterministic");
  }

  // The list between the outermost first SELECT and its FROM.
  void result_columns() {
    int depth = 0;
    std::size_t first = 0;
    while (at(first).kind != SqlToken::Kind::end && !(depth == 0 && at(first).is_word("select"))) {
      if (at(first).is_sign("(")) ++depth;
      if (at(first).is_sign(")")) --depth;
      ++first;
    }
    ++first;
    if (at(first).is_word("distinct") || at(first).is_word("all")) ++first;
    for (std::size_t i = first, start = first;; ++i) {
      const SqlToken& token = at(i);
      if (token.is_sign("(")) ++depth;
      if (token.is_sign(")")) --depth;
      const bool end = token.kind == SqlToken::Kind::end || (depth == 0 && token.is_word("from"));
      if (end || (depth == 0 && token.is_sign(","))) {
        if (!end || i > start) item(start, i);
        start = i + 1;
      }
      if (end) break;
    }
    if (select_.star) select_.columns.clear();
  }

  void item(std::size_t start, std::size_t end) {
    auto name = [&](std::size_t i) {
      return at(i).kind == SqlToken::Kind::word || at(i).kind == SqlToken::Kind::quoted_word;
    };
    const std::size_t size = end - start;
    for (std::size_t i = start; i < end; ++i) {
      if (at(i).is_sign("*") && (i == start || (i == start + 2 && at(i - 1).is_sign(".")))) {
        select_.star = true;
        return;
      }
    }
    const bool plain =
        (size == 1 && name(start)) || (size == 3 && at(start + 1).is_sign(".") && name(end - 1));
    const bool named = size >= 3 && at(end - 2).is_word("as") && name(end - 1);
    if (!plain && !named)
      return fault(code::forbidden_sql, at(start), "a computed column needs a name", "no name",
                   "write: … as name");
    const std::string& column = at(end - 1).text;
    if (!is_identifier(column))
      return fault(code::bad_identifier, at(end - 1),
                   fmt::format("the name \"{}\" {}", excerpt(column), identifier_fault(column)),
                   "not a name");
    for (const std::string& other : select_.columns) {
      if (lower_case(other) == lower_case(column))
        return fault(code::duplicate_key, at(end - 1),
                     fmt::format("the column \"{}\" stands twice", column), "");
    }
    select_.columns.push_back(column);
  }

  std::string rebuilt() const {
    std::string out;
    for (const SqlToken& token : tokens_) {
      if (token.kind == SqlToken::Kind::end) break;
      if (!out.empty()) out += ' ';
      switch (token.kind) {
        case SqlToken::Kind::quoted_word: out += quoted_identifier(token.text); break;
        case SqlToken::Kind::text: out += quoted_text(token.text); break;
        default: out += token.text;
      }
    }
    return out;
  }

  std::vector<SqlToken> tokens_;
  const std::vector<std::string>& tables_;
  ExpressionFaults& faults_;
  std::set<std::string> with_;
  CheckedSelect select_;
};

}  // namespace

std::optional<CheckedSelect> check_select(std::string_view text,
                                          const std::vector<std::string>& tables,
                                          ExpressionFaults& faults) {
  std::vector<SqlToken> tokens;
  if (!lex_sql(text, tokens, faults)) return std::nullopt;
  return SelectChecker(std::move(tokens), tables, faults).run();
}

}  // namespace daybook
