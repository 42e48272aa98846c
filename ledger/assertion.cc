#include "ledger/assertion.h"

#include <cstdio>
#include <cstdlib>

namespace daybook {

void assertion_failed(const char* file, int line, const char* expression,
                      const std::string& values) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s%s%s\n", file, line, expression,
               values.empty() ? "" : ": ", values.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace daybook
