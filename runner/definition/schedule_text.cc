#include "runner/definition/schedule_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "runner/definition/field_table.h"
#include "runner/definition/identifier.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct CronField {
  std::string_view name;
  int least, most;
  std::span<const std::string_view> words;
  int first_word;
};
constexpr CronField fields[] = {{"minute", 0, 59, {}, 0},
                                {"hour", 0, 23, {}, 0},
                                {"day", 1, 31, {}, 0},
                                {"month", 1, 12, months, 1},
                                {"weekday", 0, 7, days, 0}};
enum : std::size_t { minute_field, hour_field, day_field, month_field, weekday_field };

ScheduleFault fault_at(std::size_t begin, std::size_t end, std::string message,
                       std::string hint = {}) {
  return {{begin, std::max(end, begin + 1)}, std::move(message), std::move(hint)};
}

std::optional<int> number(std::string_view text) {
  if (text.empty() || text.size() > 2 || text.find_first_not_of("0123456789") != text.npos)
    return std::nullopt;
  int value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}

std::optional<int> value_of(std::string_view text, const CronField& field) {
  if (const auto plain = number(text)) return plain;
  const auto word = std::ranges::find(field.words, lower_case(std::string(text)));
  if (word == field.words.end()) return std::nullopt;
  return field.first_word + static_cast<int>(word - field.words.begin());
}

std::string wanted(const CronField& field) {
  return fmt::format("{} is {} to {}{}", field.name, field.least, field.most,
                     field.words.empty()
                         ? ""
                         : fmt::format(", or {} to {}", field.words.front(), field.words.back()));
}

// One of a list; the least value it names is kept, for what never happens.
std::optional<ScheduleFault> item_fault(std::string_view item, std::size_t begin, std::size_t which,
                                        int& least) {
  const CronField& field = fields[which];
  const std::size_t end = begin + item.size();
  const auto fault = [&](std::string why) {
    return fault_at(begin, end, std::move(why), wanted(field));
  };
  if (item.empty()) return fault(fmt::format("the {} has an empty place in its list", field.name));
  if (which == day_field && (item == "L" || item == "l")) return std::nullopt;
  if (which == weekday_field && item.size() > 1) {
    const std::size_t hash = item.find('#');
    if (hash != item.npos) {
      const auto nth = number(item.substr(hash + 1));
      if (!value_of(item.substr(0, hash), field) || !nth || *nth < 1 || *nth > 5)
        return fault(fmt::format("\"{}\" is not a weekday and the first to fifth of a month",
                                 excerpt(item)));
      return std::nullopt;
    }
    if ((item.ends_with('L') || item.ends_with('l')) &&
        value_of(item.substr(0, item.size() - 1), field))
      return std::nullopt;
  }
  std::string_view range = item;
  if (const std::size_t slash = item.find('/'); slash != item.npos) {
    const auto step = number(item.substr(slash + 1));
    if (!step || *step < 1 || *step > field.most)
      return fault(fmt::format("\"{}\" does not step by 1 to {}", excerpt(item), field.most));
    range = item.substr(0, slash);
  }
  if (range == "*") return std::nullopt;
  const std::size_t dash = range.find('-');
  const auto first = value_of(range.substr(0, dash), field);
  const auto last = dash == range.npos ? first : value_of(range.substr(dash + 1), field);
  if (!first || !last || *first < field.least || *first > field.most || *last < field.least ||
      *last > field.most)
    return fault(fmt::format("\"{}\" is no {}", excerpt(item), field.name));
  if (*last < *first) return fault(fmt::format("\"{}\" ends before it begins", excerpt(item)));
  least = std::min(least, *first);
  return std::nullopt;
}

// "mon-fri", "sat,sun": a list of weekdays.
std::optional<ScheduleFault> list_fault(std::string_view text, std::size_t begin, std::size_t which,
                                        int& least) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (auto fault = item_fault(text.substr(at, comma - at), begin + at, which, least))
      return fault;
    at = comma + 1;
  }
  return std::nullopt;
}

struct Word {
  std::size_t begin;
  std::string_view text;
};
std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t at = text.find_first_not_of(" \t"); at != text.npos;
       at = text.find_first_not_of(" \t", at)) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back({at, text.substr(at, end - at)});
    at = end;
  }
  return words;
}

// Minutes since midnight; 24:00 is an end.
std::optional<int> clock_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number(text.substr(0, 2)), minute = number(text.substr(3));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute != 0))
    return std::nullopt;
  return *hour * 60 + *minute;
}

const std::filesystem::path zones = "/usr/share/zoneinfo";

bool is_zone_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 4> head{};
  return in.read(head.data(), head.size()) && std::string_view(head.data(), 4) == "TZif";
}

std::vector<std::string> zone_names() {
  std::vector<std::string> names;
  std::ifstream in(zones / "tzdata.zi");
  for (std::string line; std::getline(in, line);) {
    // "Z Europe/Berlin …" defines a zone, "L Europe/Berlin Europe/Busingen" another name of it.
    if (!line.starts_with("Z ") && !line.starts_with("L ")) continue;
    const std::size_t begin = line.starts_with("Z ") ? 2 : line.rfind(' ') + 1;
    names.push_back(line.substr(begin, line.find(' ', begin) - begin));
  }
  return names;
}

}  // namespace

std::optional<ScheduleFault> cron_fault(std::string_view text) {
  const auto words = words_of(text);
  if (words.size() == 1 && words[0].text.starts_with('@')) {
    const std::vector<std::string> macros = {"@hourly",  "@daily",  "@midnight", "@weekly",
                                             "@monthly", "@yearly", "@annually"};
    if (std::ranges::find(macros, words[0].text) != macros.end()) return std::nullopt;
    return fault_at(words[0].begin, words[0].begin + words[0].text.size(),
                    fmt::format("there is no \"{}\"", excerpt(words[0].text)),
                    suggest(words[0].text, macros, "one of"));
  }
  if (words.size() != std::size(fields))
    return fault_at(0, text.size(),
                    fmt::format("cron has five fields, and this has {}", words.size()),
                    words.size() == 6 ? "minute hour day month weekday; there are no seconds"
                                      : "minute hour day month weekday, such as 0 6 * * *");
  int least[std::size(fields)] = {99, 99, 99, 99, 99};
  for (std::size_t i = 0; i < words.size(); ++i)
    if (auto fault = list_fault(words[i].text, words[i].begin, i, least[i])) return fault;
  // A day that none of its months has; with a weekday beside it, cron takes either.
  if (least[day_field] < 99 && words[month_field].text.find('*') == std::string_view::npos &&
      words[weekday_field].text == "*" &&
      words[day_field].text.find('*') == std::string_view::npos) {
    int longest = 0;
    const auto consider = [&](int month) {
      longest = std::max(longest, month == 2                                              ? 29
                                  : month == 4 || month == 6 || month == 9 || month == 11 ? 30
                                                                                          : 31);
    };
    for (std::size_t at = 0; at <= words[month_field].text.size();) {
      const std::string_view list = words[month_field].text;
      const std::size_t comma = std::min(list.find(',', at), list.size());
      std::string_view item = list.substr(at, comma - at);
      item = item.substr(0, item.find('/'));
      const std::size_t dash = item.find('-');
      const int first = value_of(item.substr(0, dash), fields[month_field]).value_or(1);
      const int last = dash == item.npos
                           ? first
                           : value_of(item.substr(dash + 1), fields[month_field]).value_or(first);
      for (int month = first; month <= last; ++month) consider(month);
      at = comma + 1;
    }
    if (least[day_field] > longest &&
        words[day_field].text.find_first_of("Ll") == std::string_view::npos)
      return fault_at(words[day_field].begin, words[day_field].begin + words[day_field].text.size(),
                      fmt::format("none of these months has a day {}", least[day_field]),
                      "L is the last day of a month");
  }
  return std::nullopt;
}

std::optional<ScheduleFault> timezone_fault(std::string_view text) {
  const bool form = !text.empty() && text.size() <= 64 && text.front() != '/' &&
                    text.find("..") == text.npos && std::ranges::all_of(text, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' || c == '+';
                    });
  std::error_code ignored;
  if (form && (!std::filesystem::is_directory(zones, ignored) || is_zone_file(zones / text)))
    return std::nullopt;
  const auto names = zone_names();
  const std::string near = nearest(text, names);
  return fault_at(0, text.size(),
                  fmt::format("\"{}\" is not the name of a time zone", excerpt(text)),
                  near.empty() ? "a name such as Europe/Berlin or UTC"
                               : fmt::format("did you mean \"{}\"?", near));
}

std::optional<ScheduleFault> avoid_fault(std::string_view text) {
  const auto words = words_of(text);
  const std::string form = "days and a window, such as mon-fri 09:00-17:00";
  if (words.empty() || words.size() > 2)
    return fault_at(0, text.size(), "a window to avoid is [days] HH:MM-HH:MM", form);
  int least = 99;
  if (words.size() == 2)
    if (auto fault = list_fault(words[0].text, words[0].begin, weekday_field, least)) return fault;
  const Word& window = words.back();
  const std::size_t dash = window.text.find('-');
  const auto from = clock_time(window.text.substr(0, dash));
  const auto to =
      dash == window.text.npos ? std::nullopt : clock_time(window.text.substr(dash + 1));
  const std::size_t end = window.begin + window.text.size();
  if (!from || !to || *from == 24 * 60)
    return fault_at(window.begin, end,
                    fmt::format("\"{}\" is not a window HH:MM-HH:MM", excerpt(window.text)), form);
  if (*from == *to)
    return fault_at(window.begin, end, "the window is empty", "00:00-24:00 is the whole day");
  return std::nullopt;
}

}  // namespace daybook
