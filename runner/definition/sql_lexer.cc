#include "runner/definition/sql_lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/definition/identifier.h"

namespace daybook {

namespace {

constexpr std::size_t text_bytes_max = 64 << 10;

// Longest first: "<>" before "<".
constexpr std::string_view signs[] = {"<>", "<=", ">=", "!=", "==", "||", "::", "//", "**",
                                      "->", "<",  ">",  "=",  "+",  "-",  "*",  "/",  "%",
                                      "^",  "(",  ")",  ",",  ".",  "[",  "]"};

bool word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<SqlToken>& tokens, ExpressionFaults& faults)
      : text_(text), tokens_(tokens), faults_(faults) {}

  bool run() {
    if (text_.size() > text_bytes_max)
      return fault(code::too_large, {0, 1},
                   fmt::format("an expression may have {} bytes, this has {}", text_bytes_max,
                               text_.size()));
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else if (!token(c)) {
        finish();
        return false;
      }
    }
    finish();
    return true;
  }

 private:
  void finish() { tokens_.push_back({SqlToken::Kind::end, "", "", {text_.size(), text_.size()}}); }

  bool fault(const DiagnosticCode& code, ByteRange at, std::string message, std::string label = "",
             std::string hint = "") {
    faults_.push_back({&code, at, std::move(message), std::move(label), std::move(hint)});
    return false;
  }

  void add(SqlToken::Kind kind, std::string text, std::size_t end) {
    std::string lower = kind == SqlToken::Kind::word ? lower_case(text) : text;
    tokens_.push_back({kind, std::move(text), std::move(lower), {at_, end}});
    at_ = end;
  }

  bool token(char c) {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("--") || rest.starts_with("/*"))
      return fault(code::bad_expression, {at_, at_ + 2}, "a comment can not stand in an expression",
                   "comment", "YAML comments (#) can stand beside it; write 1 - -2 with spaces");
    if (c == ';')
      return fault(code::bad_expression, {at_, at_ + 1}, "one expression only: no semicolon",
                   "statement end");
    if (word_start(c)) {
      std::size_t end = at_;
      while (end < text_.size() && (word_start(text_[end]) || digit(text_[end]))) ++end;
      add(SqlToken::Kind::word, std::string(text_.substr(at_, end - at_)), end);
      return true;
    }
    if (digit(c) || (c == '.' && rest.size() > 1 && digit(rest[1]))) return number();
    if (c == '\'' || c == '"') return quoted(c);
    for (std::string_view sign : signs) {
      if (rest.starts_with(sign)) {
        add(SqlToken::Kind::sign, std::string(sign), at_ + sign.size());
        return true;
      }
    }
    const std::size_t length = code_point(text_, at_).length;
    return fault(
        code::bad_expression, {at_, at_ + length},
        fmt::format("\"{}\" is not part of an expression", excerpt(text_.substr(at_, length))),
        "unexpected character");
  }

  bool number() {
    std::size_t end = at_;
    auto digits = [&] {
      while (end < text_.size() && digit(text_[end])) ++end;
    };
    digits();
    if (end < text_.size() && text_[end] == '.') {
      ++end;
      digits();
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      ++end;
      if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
      digits();
      if (!digit(text_[end - 1]))
        return fault(code::bad_expression, {at_, end}, "a number ends after its e", "number");
    }
    if (end < text_.size() && (word_start(text_[end]) || text_[end] == '.'))
      return fault(code::bad_expression, {at_, end + 1}, "not a number", "number",
                   "decimal digits only: 12, 0.5, 1e6");
    add(SqlToken::Kind::number, std::string(text_.substr(at_, end - at_)), end);
    return true;
  }

  bool quoted(char quote) {
    std::string value;
    std::size_t end = at_ + 1;
    while (end < text_.size()) {
      if (text_[end] == quote) {
        if (end + 1 < text_.size() && text_[end + 1] == quote) {
          ++end;
        } else {
          add(quote == '"' ? SqlToken::Kind::quoted_word : SqlToken::Kind::text, std::move(value),
              end + 1);
          return true;
        }
      }
      value += text_[end];
      ++end;
    }
    return fault(code::bad_expression, {at_, at_ + 1},
                 quote == '"' ? "a quoted name does not end" : "a text does not end",
                 "starts here");
  }

  std::string_view text_;
  std::vector<SqlToken>& tokens_;
  ExpressionFaults& faults_;
  std::size_t at_ = 0;
};

}  // namespace

bool lex_sql(std::string_view text, std::vector<SqlToken>& tokens, ExpressionFaults& faults) {
  return Lexer(text, tokens, faults).run();
}

}  // namespace daybook
