// What stands at the other end of a stream, and text that is safe to send there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replay/sentences.h"

namespace daybook {

enum class ColorChoice : std::uint8_t { automatic, always, never };

// What a stream may be sent; found once, at the start.
struct Terminal {
  bool is_terminal = false;
  bool color = false;
  bool utf8 = false;
  unsigned width = 80;
};

// `descriptor` is 1 or 2. DAYBOOK_FORCE_TTY=<columns> pretends; NO_COLOR, CLICOLOR_FORCE, TERM=dumb
// and the locale are heeded as usual.
Terminal look_at(int descriptor, ColorChoice color);

enum class Style : std::uint8_t { plain, dim, bold, good, warn, bad, accent };
std::string styled(const Terminal& terminal, Style style, std::string_view text);

// The text with everything escaped that could move a cursor or hide what is there: control
// characters, bidirectional marks, and bytes that are not UTF-8 (as \xNN).
std::string printable(std::string_view text);

std::string indented(std::string_view lines);  // each printable, behind two spaces

// Columns of a printable text (code points; wide ones are rare here and count one).
std::size_t columns(std::string_view text);
std::string fit(std::string_view text,
                std::size_t columns);  // cut, with a mark, never within a character

// "1.9 s", "12.4 MB"; "228,037" is grouped() of replay/sentences.h.
std::string spell_seconds(std::int64_t microseconds);
std::string spell_bytes(std::uint64_t bytes);

}  // namespace daybook
