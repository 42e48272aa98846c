// Sends a request to whoever keeps the book: the process that does already, or this one.
#pragma once

#include "runner/service/requests.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/handlers.h"

namespace daybook {

std::expected<Json, Problem> submit(const BookPaths& paths, Output& output, const Request& request);

// The same for requests that change nothing: answered here, beside a keeper or without one.
std::expected<Json, Problem> ask_reading(const ReadBook& book, const Request& request);

Problem problem_of(const RequestFailure& failure);

// For requests that are one command: with --dry-run decides on a copy of the state and says what
// would be recorded; else submits, and says what was recorded. `done` is what text says first.
Outcome decide_and_report(Invocation& in, const ReadBook& book, const Request& request,
                          std::string done, std::vector<std::string> next = {});

// Asks on a terminal, takes --yes for yes, and refuses where nobody can be asked.
std::expected<void, Problem> confirm(Invocation& in, const std::string& question);

}  // namespace daybook
