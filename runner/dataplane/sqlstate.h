// How a PostgreSQL error is to be treated: from its SQLSTATE, five characters of which the first
// two are its class.
#pragma once

#include <string>
#include <string_view>

#include "statemachine/events.h"

namespace daybook {

struct SqlstateClass {
  ErrorClass error = ErrorClass::internal;
  std::string rule;  // that classified it: "sqlstate.40001", "sqlstate.class.08"
};

// Exact codes win over their class; what is not listed is `internal`, rule "sqlstate.unlisted".
// Empty (libpq failed before the server could say anything) is dependency_down.
SqlstateClass classify_sqlstate(std::string_view sqlstate);

}  // namespace daybook
