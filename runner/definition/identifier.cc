#include "runner/definition/identifier.h"

#include <algorithm>

namespace daybook {

namespace {

constexpr std::size_t identifier_bytes = 63;
constexpr std::size_t partition_key_bytes = 128;

// Not <cctype>: the locale must not decide.
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

bool is_identifier(std::string_view text) {
  return !text.empty() && text.size() <= identifier_bytes && (letter(text[0]) || text[0] == '_') &&
         std::ranges::all_of(text, [](char c) { return letter(c) || digit(c) || c == '_'; });
}

bool is_partition_key(std::string_view text) {
  return !text.empty() && text.size() <= partition_key_bytes && text != "." && text != ".." &&
         std::ranges::all_of(text, [](char c) {
           return letter(c) || digit(c) || std::string_view("._=+-").contains(c);
         });
}

std::string identifier_fault(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() > identifier_bytes) return "is longer than 63 bytes";
  return "may hold letters a-z, digits and _ only, and starts with a letter or _";
}

std::string quoted_identifier(std::string_view name) { return quoted(name, '"'); }
std::string quoted_text(std::string_view text) { return quoted(text, '\''); }

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace daybook
