// Whether this build has a sanitizer, whose shadow memory counts as this process's own: what a test
// says of address space or peak memory is then said of the sanitizer.
#pragma once

namespace daybook::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace daybook::testing
