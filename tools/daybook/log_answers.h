// Checkpoints and witnesses in text: what the keeper answers about them
// (runner/service/log_requests.h), and what is proved under them.
#pragma once

#include <string>
#include <string_view>

#include "tools/daybook/book_reader.h"
#include "tools/daybook/handlers.h"

namespace daybook {

std::string witness_lines(const Json& answer);
std::string checkpoint_lines(const Json& answer);
// `unreachable` where a witness did not cosign.
Exit exit_of_witnesses(const Json& answer);
// How many entries the checkpoint of this note covers; 0 where it is none.
std::uint64_t checkpoint_entries(std::string_view note);

}  // namespace daybook
