// The check of a whole SELECT, for `sql` steps and sql checks of contracts.
//
// Unlike expressions the text is not parsed fully: its words are read, and every word must be known
// to be harmless. What passes on is rebuilt from the words, without comments and with one blank
// between them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/definition/sql_lexer.h"

namespace daybook {

struct CheckedSelect {
  std::string sql;
  std::vector<std::string> columns;  // of the result, in order; empty when `*` stands among them
  bool star = false;
};

// `tables` may be read, and nothing else beside the query's own WITH names.
std::optional<CheckedSelect> check_select(std::string_view text,
                                          const std::vector<std::string>& tables,
                                          ExpressionFaults& faults);

}  // namespace daybook
