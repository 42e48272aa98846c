// The bytes of one file a person wrote, and where in it a byte stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/utf8.h"
#include "runner/definition/diagnostic.h"
#include "runner/definition/diagnostic_codes.h"

namespace daybook {

struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

class SourceText {
 public:
  SourceText(std::string file, std::string_view bytes);

  const std::string& file() const { return file_; }
  std::string_view bytes() const { return bytes_; }

  Span span(ByteRange range) const;
  // The line without its end, each control or invisible character replaced by one visible character
  // so that columns stay where they are; empty when the line is too long to show.
  std::string line_text(std::uint32_t line) const;

 private:
  std::string file_;
  std::string bytes_;
  std::vector<std::size_t> line_starts_;
};

// Writes faults of one file into the list.
class Report {
 public:
  Report(const SourceText& text, Diagnostics& diagnostics)
      : text_(text), diagnostics_(diagnostics) {}

  void error(const DiagnosticCode& code, ByteRange at, std::string message, std::string label = "",
             std::string hint = "");
  void warning(const DiagnosticCode& code, ByteRange at, std::string message,
               std::string label = "", std::string hint = "");
  bool failed() const { return failed_; }
  const SourceText& text() const { return text_; }
  Diagnostics& diagnostics() { return diagnostics_; }

 private:
  void add(Severity severity, const DiagnosticCode& code, ByteRange at, std::string message,
           std::string label, std::string hint);
  const SourceText& text_;
  Diagnostics& diagnostics_;
  bool failed_ = false;
};

// Adds a fault that has no place in a file.
void report_file(Diagnostics& diagnostics, const DiagnosticCode& code, const std::string& file,
                 std::string message, std::string hint = "");

// At most `bytes` bytes of the text, cut between code points, control characters replaced: how user
// text is quoted in messages.
std::string excerpt(std::string_view text, std::size_t bytes = 80);

// The code point at `offset`; U+FFFD of one byte where there is none.
CodePoint code_point(std::string_view text, std::size_t offset);

// Characters that make text read otherwise than it is: bidirectional controls and invisible ones.
bool is_bidi_control(char32_t c);
bool is_invisible(char32_t c);

}  // namespace daybook
