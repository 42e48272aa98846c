#include "runner/definition/source_text.h"

#include <algorithm>

namespace daybook {

namespace {

constexpr std::size_t longest_shown_line = 4096;

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// One code point stays one code point, so that a caret under the text still fits.
std::string visible(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto [c, length] = code_point(text, i);
    i += length;
    if (c == '\t') {
      out += ' ';
    } else if (c < 0x20) {
      append_utf8(out, 0x2400 + c);  // the Unicode pictures of control characters
    } else if (c == 0x7F) {
      append_utf8(out, 0x2421);
    } else if ((c >= 0x80 && c < 0xA0) || is_bidi_control(c) || is_invisible(c)) {
      append_utf8(out, 0xFFFD);
    } else {
      append_utf8(out, c);
    }
  }
  return out;
}

}  // namespace

CodePoint code_point(std::string_view text, std::size_t offset) {
  const CodePoint c = first_code_point(text.substr(offset));
  return c.length == 0 ? CodePoint{0xFFFD, 1} : c;
}

bool is_bidi_control(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
         c == 0x200F || c == 0x061C;
}

bool is_invisible(char32_t c) {
  return c == 0x00AD || (c >= 0x200B && c <= 0x200D) || (c >= 0x2060 && c <= 0x2064) ||
         c == 0xFEFF || c == 0x2028 || c == 0x2029 || c == 0x180E || c == 0x3164 || c == 0x115F ||
         c == 0x1160 || (c >= 0xE0000 && c <= 0xE007F);
}

std::string excerpt(std::string_view text, std::size_t bytes) {
  std::string shown = visible(text.substr(0, bytes));
  const bool cut = text.size() > bytes || shown.size() > bytes;
  if (shown.size() > bytes) {
    std::size_t end = bytes;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0) == 0x80) --end;
    shown.resize(end);
  }
  return cut ? shown + "…" : shown;
}

SourceText::SourceText(std::string file, std::string_view bytes)
    : file_(std::move(file)), bytes_(bytes) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (bytes_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Span SourceText::span(ByteRange range) const {
  const std::size_t begin = std::min(range.begin, bytes_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), begin);
  const std::size_t line_start = *(next - 1);
  std::size_t line_end = next == line_starts_.end() ? bytes_.size() : *next - 1;
  if (line_end > line_start && bytes_[line_end - 1] == '\r') --line_end;
  const std::size_t end = std::clamp(range.end, std::min(begin, line_end), line_end);
  auto count = [&](std::size_t from, std::size_t to) {
    std::uint32_t n = 0;
    for (std::size_t i = from; i < to; i += code_point(bytes_, i).length) ++n;
    return n;
  };
  return {.line = static_cast<std::uint32_t>(next - line_starts_.begin()),
          .column = count(line_start, begin) + 1,
          .length = std::max<std::uint32_t>(1, count(std::min(begin, end), end))};
}

std::string SourceText::line_text(std::uint32_t line) const {
  if (line == 0 || line > line_starts_.size()) return "";
  const std::size_t start = line_starts_[line - 1];
  std::size_t end = line == line_starts_.size() ? bytes_.size() : line_starts_[line] - 1;
  if (end > start && bytes_[end - 1] == '\r') --end;
  if (end - start > longest_shown_line) return "";
  return visible(std::string_view(bytes_).substr(start, end - start));
}

void Report::add(Severity severity, const DiagnosticCode& code, ByteRange at, std::string message,
                 std::string label, std::string hint) {
  const Span span = text_.span(at);
  diagnostics_.push_back({.severity = severity,
                          .code = std::string(code.id),
                          .message = std::move(message),
                          .file = text_.file(),
                          .span = span,
                          .label = std::move(label),
                          .hint = std::move(hint),
                          .source_line = text_.line_text(span.line)});
}

void Report::error(const DiagnosticCode& code, ByteRange at, std::string message, std::string label,
                   std::string hint) {
  failed_ = true;
  add(Severity::error, code, at, std::move(message), std::move(label), std::move(hint));
}

void Report::warning(const DiagnosticCode& code, ByteRange at, std::string message,
                     std::string label, std::string hint) {
  add(Severity::warning, code, at, std::move(message), std::move(label), std::move(hint));
}

void report_file(Diagnostics& diagnostics, const DiagnosticCode& code, const std::string& file,
                 std::string message, std::string hint) {
  diagnostics.push_back({.severity = Severity::error,
                         .code = std::string(code.id),
                         .message = std::move(message),
                         .file = file,
                         .span = {},
                         .label = "",
                         .hint = std::move(hint),
                         .source_line = ""});
}

}  // namespace daybook
