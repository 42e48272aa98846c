// Text formats of signed things are read line by line.
#pragma once

#include <optional>
#include <string_view>

namespace daybook {

// The text up to the next LF, which is taken off the front with it. Nothing where there is no LF:
// these formats end each line, the last one too.
inline std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace daybook
