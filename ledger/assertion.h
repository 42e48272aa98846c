// DAYBOOK_ASSERT: stays on in release. For our own mistakes only; the world's are Results.
#pragma once

#include <fmt/format.h>

namespace daybook {
[[noreturn]] void assertion_failed(const char* file, int line, const char* expression,
                                   const std::string& values);
}  // namespace daybook

// Prints the expression and the formatted values, then aborts. Crash-only: a restart replays.
#define DAYBOOK_ASSERT(condition, ...)                                                          \
  do {                                                                                          \
    if (!(condition)) [[unlikely]]                                                              \
      ::daybook::assertion_failed(__FILE__, __LINE__, #condition, fmt::format("" __VA_ARGS__)); \
  } while (false)
