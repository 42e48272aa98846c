// Makers of StageFailure: the class decides what happens next, the code names the cause.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>

#include "runner/dataplane/stage.h"

namespace daybook {

template <typename T>
using Staged = std::expected<T, StageFailure>;

// `kind` tells causes with one code apart in the fingerprint; it holds no row numbers or values.
inline StageFailure stage_failure(ErrorClass error, std::string_view code, std::string detail,
                                  std::string_view kind = {}) {
  StageFailure failure;
  failure.error = error;
  failure.code = code;
  failure.fingerprint = kind.empty() ? std::string(code) : fmt::format("{}: {}", code, kind);
  failure.detail = std::move(detail);
  failure.classified_by = fmt::format("dataplane {}", code);
  return failure;
}

template <typename... Args>
std::unexpected<StageFailure> no_stage(ErrorClass error, std::string_view code,
                                       fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(
      stage_failure(error, code, fmt::format(format, std::forward<Args>(args)...)));
}

// For messages: control characters and bytes that are not UTF-8 escaped, cut to `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 80);

// Valid UTF-8 without NUL.
bool is_text(std::string_view bytes);

}  // namespace daybook
