// A fault in a file a person wrote: where it is, what it is, and what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daybook {

// Positions count from 1; columns count UTF-8 code points as an editor shows them. Line 0: the file
// as a whole.
struct Span {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 1;  // code points to underline; never past the end of the line
  bool operator==(const Span&) const = default;
};

enum class Severity : std::uint8_t { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;     // stable, "DB-2014"; docs/reference/diagnostics.md lists them
  std::string message;  // one sentence, no position in it
  std::string file;     // as the user named it
  Span span;
  std::string label;        // under the caret: "unknown column"; may be empty
  std::string hint;         // "did you mean \"amount\"?"; may be empty
  std::string source_line;  // the line's text, control characters escaped, for the caret picture
  bool operator==(const Diagnostic&) const = default;
};

using Diagnostics = std::vector<Diagnostic>;

bool has_errors(const Diagnostics& diagnostics);

// The human form of reference/interfaces.md 5.5: `error[DB-2014]: …`, `--> file:line:column`, the
// line, the caret, the hint.
std::string render(const Diagnostic& diagnostic);

}  // namespace daybook
