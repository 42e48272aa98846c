// Words of SQL, without what definitions do not have: comments, semicolons, parameters, dollar
// quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/definition/source_text.h"

namespace daybook {

// A fault at a place of an expression's own text; the reader of the file adds line and column.
struct ExpressionFault {
  const DiagnosticCode* code = nullptr;
  ByteRange at;
  std::string message;
  std::string label;
  std::string hint;
};
using ExpressionFaults = std::vector<ExpressionFault>;

struct SqlToken {
  enum class Kind : std::uint8_t { word, quoted_word, text, number, sign, end };
  Kind kind = Kind::end;
  std::string text;  // word: as written; quoted_word and text: without quotes; sign: "<>", "::", …
  std::string lower;  // word: in lower case, else as `text`
  ByteRange at;

  bool is_word(std::string_view lower_word) const {
    return kind == Kind::word && lower == lower_word;
  }
  bool is_sign(std::string_view sign) const { return kind == Kind::sign && text == sign; }
};

// The last token is always `end`. False when a fault was added; `tokens` then ends before it.
bool lex_sql(std::string_view text, std::vector<SqlToken>& tokens, ExpressionFaults& faults);

}  // namespace daybook
