// Inputs as a whole: their digests, and a PostgreSQL query captured as a file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runner/dataplane/failure.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// Relative to the project, where it lies below it.
std::string input_name(const std::string& path, const std::string& project);

// SHA-256 and size of a file that does not change meanwhile.
Staged<InputFile> hash_input(const std::string& path, const std::string& project,
                             StageProgress& progress);

Digest inputs_digest(const std::vector<InputFile>& files, const std::string& column_key,
                     const std::vector<OverlayRecord>& overlay);

// Runs the query in one read-only snapshot and writes its rows as CSV, nulls told from empty text.
Staged<void> capture_postgres(const PostgresSource& source, const PartitionInput& input,
                              const std::string& project, const std::filesystem::path& to,
                              StageProgress& progress);

}  // namespace daybook
