// Makers of SinkFailure: what went wrong at a sink, classified for the book.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "runner/connect/sink.h"

namespace daybook {

// `what` is the same for the same cause (no values, no row numbers): it becomes the fingerprint.
// `detail` is for a person and is cut to what an event may carry.
std::unexpected<SinkFailure> sink_failure(ErrorClass error, std::string_view code,
                                          std::string_view what, std::string_view detail,
                                          std::string_view classified_by);

// The sink holds something else than the book says. Not retried: a person decides.
std::unexpected<SinkFailure> sink_conflict(std::string_view what, std::string_view detail);

// A higher fence than ours has been taken: we are the zombie, and stop.
std::unexpected<SinkFailure> sink_fenced(EntryIndex held, EntryIndex ours);

// A system call on `path` failed with `error`.
std::unexpected<SinkFailure> errno_failure(int error, std::string_view call, std::string_view path);

// The effect may have happened: only settle() may say.
inline std::unexpected<SinkFailure> ambiguous(SinkFailure failure) {
  failure.ambiguous = true;
  return std::unexpected(std::move(failure));
}

}  // namespace daybook
