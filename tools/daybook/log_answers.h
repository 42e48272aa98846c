// What the keeper answers about checkpoints and witnesses (runner/service/log_requests.h), in text.
#pragma once

#include <string>

#include "tools/daybook/book_reader.h"
#include "tools/daybook/handlers.h"

namespace daybook {

std::string witness_lines(const Json& answer);
std::string checkpoint_lines(const Json& answer);
// `unreachable` where a witness did not cosign.
Exit exit_of_witnesses(const Json& answer);

}  // namespace daybook
