// What part of the book --pipeline, --run or --partition name.
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

#include "tools/daybook/book_reader.h"

namespace daybook {

// As arguments of a request, and in words; without any of the three, the whole book.
std::expected<std::pair<nlohmann::json, std::string>, Problem> named_scope(Invocation& in,
                                                                           const State& state);

}  // namespace daybook
