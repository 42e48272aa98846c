#include "runner/dataplane/failure.h"

#include <simdjson.h>

#include <cstring>

namespace daybook {

bool is_text(std::string_view bytes) {
  return std::memchr(bytes.data(), 0, bytes.size()) == nullptr &&
         simdjson::validate_utf8(bytes.data(), bytes.size());
}

std::string printable(std::string_view text, std::size_t limit) {
  const bool valid = simdjson::validate_utf8(text.data(), text.size());
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    std::string piece = fmt::format("{}", text[i]);
    if (byte == '\n') {
      piece = "\\n";
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) {
      piece = fmt::format("\\x{:02x}", byte);
    } else if (byte >= 0xc0) {  // a whole code point or none of it
      const std::size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      piece = std::string(text.substr(i, size));
      i += size - 1;
    }
    if (out.size() + piece.size() > limit) return out + "…";
    out += piece;
  }
  return out;
}

}  // namespace daybook
