// Becoming the keeper and running a pipeline, for the commands that do.
#pragma once

#include <memory>

#include "runner/service/host.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/handlers.h"

namespace daybook {

// With a message that names who is the keeper where it is another process.
std::expected<std::unique_ptr<Host>, Problem> become_keeper(const BookPaths& paths);

// Read and checked; warnings are said.
std::expected<std::shared_ptr<const Pipeline>, Problem> load_pipeline(Output& output,
                                                                      const std::string& file);

Problem problem_of(const RunProblem& problem);

// Runs with progress and clean stops, and prints what came of it.
Outcome perform_run(Invocation& in, Host& host, RunRequest request);
Outcome report_run(Output& output, Host& host, const RunReport& report, std::int64_t took_us);

}  // namespace daybook
