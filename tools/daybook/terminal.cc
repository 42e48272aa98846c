#include "tools/daybook/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "ledger/utf8.h"

namespace daybook {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<unsigned> number(std::string_view text) {
  unsigned out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out == 0) return std::nullopt;
  return out;
}

// Controls of the second block, marks of direction, and what takes no place but is there.
bool deceptive(char32_t c) {
  return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

}  // namespace

Terminal look_at(int descriptor, ColorChoice color) {
  Terminal out;
  const auto forced = number(variable("DAYBOOK_FORCE_TTY"));
  out.is_terminal = forced || ::isatty(descriptor) == 1;
  if (forced) {
    out.width = *forced;
  } else if (winsize size{}; ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    out.width = size.ws_col;
  }
  out.width = std::clamp(out.width, 20U, 1000U);
  std::string_view locale = variable("LC_ALL");
  if (locale.empty()) locale = variable("LC_CTYPE");
  if (locale.empty()) locale = variable("LANG");
  std::string lower(locale);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  out.utf8 = lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  switch (color) {
    case ColorChoice::always: out.color = true; break;
    case ColorChoice::never: break;
    case ColorChoice::automatic: {
      const std::string_view force = variable("CLICOLOR_FORCE");
      out.color = (out.is_terminal && variable("TERM") != "dumb" && variable("NO_COLOR").empty()) ||
                  (!force.empty() && force != "0" && variable("NO_COLOR").empty());
      break;
    }
  }
  return out;
}

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  if (!terminal.color || style == Style::plain || text.empty()) return std::string(text);
  const std::string_view code = style == Style::dim    ? "2"
                                : style == Style::bold ? "1"
                                : style == Style::good ? "32"
                                : style == Style::warn ? "33"
                                : style == Style::bad  ? "31"
                                                       : "36";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (c.length == 0)
      out += fmt::format("\\x{:02x}", byte);
    else if (c.value == '\n')
      out += "\\n";
    else if (c.value == '\r')
      out += "\\r";
    else if (c.value == '\t')
      out += "\\t";
    else if (c.value < 0x20 || c.value == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else if (deceptive(c.value))
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(c.value));
    else
      out.append(text, 0, c.length);
    text.remove_prefix(std::max<std::size_t>(c.length, 1));
  }
  return out;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string fit(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  if (width < 2) return std::string(width, '~');
  std::size_t seen = 0, at = 0;
  while (at < text.size()) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80 && ++seen == width) break;
    ++at;
  }
  std::string out(text.substr(0, at));
  out += '~';
  return out;
}

std::string spell_seconds(std::int64_t microseconds) {
  const std::int64_t ms = std::max<std::int64_t>(microseconds, 0) / 1000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  const std::int64_t s = ms / 1000;
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

std::string spell_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "kB", "MB", "GB", "TB"};
  std::uint64_t whole = bytes, rest = 0;
  std::size_t unit = 0;
  while (whole >= 1000 && unit + 1 < units.size()) {
    rest = whole % 1000;
    whole /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", whole)
                   : fmt::format("{}.{} {}", whole, rest / 100, units[unit]);
}

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    out += "  " + printable(lines.substr(0, end)) + "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

}  // namespace daybook
