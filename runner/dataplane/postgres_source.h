// A PostgreSQL query captured as CSV: one read-only snapshot, one COPY, text forms that do not
// depend on anybody's settings. The captured bytes are the input: the same data in the same order
// give the same digest.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "runner/dataplane/failure.h"
#include "runner/dataplane/stage.h"

namespace daybook {

inline constexpr std::string_view captured_name = "captured.csv";

// Receives the captured bytes piece by piece; false stops the capture with an io failure.
using CaptureSink = std::function<bool(std::string_view bytes)>;

// Every value is quoted, so that an empty text is told from a null. Failures carry the class of
// their SQLSTATE and no secret.
Staged<void> capture_postgres(const Pipeline& pipeline, const PartitionInput& input,
                              const CaptureSink& sink, StageProgress& progress);
Staged<void> capture_postgres(const Pipeline& pipeline, const PartitionInput& input,
                              const std::filesystem::path& to, StageProgress& progress);
// Name, size and digest of what a capture would give now; nothing is stored.
Staged<InputFile> digest_postgres(const Pipeline& pipeline, const PartitionInput& input,
                                  StageProgress& progress);

}  // namespace daybook
