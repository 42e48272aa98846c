// A value that must appear nowhere: resolved from its reference at the last moment, zeroed at the
// end, and not printable (no conversion, no formatter, no stream operator).
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/error.h"

namespace daybook {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  // NUL-terminated, valid while this lives. Only for handing to the library that needs it.
  const char* reveal() const { return value_.c_str(); }
  std::string_view view() const { return value_; }

 private:
  std::string value_;
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;

// `secret://env/NAME`, `secret://file/absolute/path` (one trailing newline is dropped); any other
// text is the value itself. Errors name the reference, never a value.
Result<Secret> resolve_secret(const std::string& reference);

// Replaces every occurrence of what it was told by "•••", also percent-encoded.
class Scrubber {
 public:
  void hide(std::string_view value);  // shorter than 3 bytes: not hidden, it would eat the text
  std::string scrub(std::string text) const;

 private:
  std::vector<Secret> hidden_;
};

}  // namespace daybook
