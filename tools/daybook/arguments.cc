#include "tools/daybook/arguments.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "ledger/utf8.h"
#include "runner/definition/suggestion.h"
#include "tools/daybook/terminal.h"

namespace daybook {

namespace {

constexpr std::size_t text_bytes_max = 4096;

std::string quote(std::string_view text) {
  return "\"" + fit(printable(text.substr(0, 200)), 80) + "\"";
}

bool word_of(std::string_view text, std::string_view others, std::size_t limit) {
  return !text.empty() && text.size() <= limit && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-'
             : std::string_view("0123456789abcdef").find(text[i]) == std::string_view::npos)
      return false;
  }
  return true;
}

bool is_records(std::string_view text) {
  const std::size_t colon = text.find(':');
  // A batch is a number, or two with a point between them.
  const std::string_view batch = text.substr(0, colon);
  const std::size_t point = batch.find('.');
  if (!parse_number(batch.substr(0, point))) return false;
  if (point != std::string_view::npos && !parse_number(batch.substr(point + 1))) return false;
  if (colon == std::string_view::npos) return true;
  const std::string_view range = text.substr(colon + 1);
  const std::size_t dash = range.find('-');
  const auto first = parse_number(range.substr(0, dash));
  if (!first) return false;
  if (dash == std::string_view::npos) return true;
  const auto last = parse_number(range.substr(dash + 1));
  return last && *first <= *last;
}

std::expected<void, Problem> check_form(std::string_view what, Form form,
                                        const std::vector<std::string>& choices,
                                        std::string_view value) {
  if (value.size() > text_bytes_max)
    return usage("", "{} takes at most {} bytes; {} were given", what, text_bytes_max,
                 value.size());
  switch (form) {
    case Form::text:
      if (!valid_utf8(value)) return usage("", "{} is not UTF-8: {}", what, quote(value));
      break;
    case Form::number:
      if (!parse_number(value))
        return usage("digits alone, up to 9223372036854775807", "{} takes a number, not {}", what,
                     quote(value));
      break;
    case Form::partition:
      if (!valid_partition(value))
        return usage("letters, digits and ._=+- , at most 128", "{} takes a partition key, not {}",
                     what, quote(value));
      break;
    case Form::name:
      if (!word_of(value, "._@-", 64) || !word_of(value.substr(0, 1), "", 1))
        return usage("letters, digits and ._@- , at most 64", "{} takes a name, not {}", what,
                     quote(value));
      break;
    case Form::path:
      if (value.empty()) return usage("", "{} takes a path, and it is empty", what);
      break;
    case Form::choice:
      if (std::ranges::find(choices, value) == choices.end())
        return usage(suggest(value, choices, "choices"), "{} does not take {}", what, quote(value));
      break;
    case Form::point:
      // Times are read where the book is; here only what can not be either is refused.
      if (!parse_number(value) && !(value.size() >= 10 && value.size() <= 40 && value[4] == '-'))
        return usage("an entry number, or a time like 2026-01-31T09:00:00Z",
                     "{} takes a moment of the book, not {}", what, quote(value));
      break;
    case Form::run:
      if (value != "last" && !parse_number(value) && !is_uuid(value))
        return usage("a run's number or UUID as `daybook runs list` shows them, or: last",
                     "{} takes a run, not {}", what, quote(value));
      break;
    case Form::records:
      if (!is_records(value))
        return usage("BATCH, BATCH:RECORD or BATCH:FIRST-LAST, as `daybook quarantine list` shows",
                     "{} takes records, not {}", what, quote(value));
      break;
  }
  return {};
}

std::string full_name(const Flag& flag) { return "--" + flag.name; }

std::unexpected<Problem> unknown_flag(std::string_view given, const std::vector<const Flag*>& flags,
                                      std::string_view path) {
  if (std::ranges::find(reading_flags(), given, full_name) != reading_flags().end())
    return usage("what only reads a book takes it: daybook state --as-of 40",
                 "daybook {} is about the present: it takes no {}", path, given);
  std::vector<std::string> names;
  for (const Flag* flag : flags) names.push_back(full_name(*flag));
  const std::string near = nearest(given, names);
  std::string hint = near.empty() ? "" : fmt::format("did you mean {}?  ", near);
  hint += fmt::format("daybook {}{}--help lists them", path, path.empty() ? "" : " ");
  return usage(hint, "there is no flag {}", quote(given));
}

// Flags and positionals of one command, in any order.
struct Reader {
  const CommandSpec* command;
  std::vector<const Flag*> flags;
  Parsed out;
  std::vector<std::string> positionals;

  const Flag* by_name(std::string_view name) const {
    const auto found = std::ranges::find(flags, name, [](const Flag* f) { return f->name; });
    return found == flags.end() ? nullptr : *found;
  }
  const Flag* by_letter(char letter) const {
    const auto found = std::ranges::find(flags, letter, [](const Flag* f) { return f->letter; });
    return found == flags.end() ? nullptr : *found;
  }
  std::expected<void, Problem> take(const Flag& flag, std::optional<std::string> value,
                                    std::span<const std::string>& rest) {
    if (flag.value.empty()) {
      if (value) return usage("", "{} takes no value", full_name(flag));
      value = "";
    } else if (!value) {
      if (rest.empty() || (rest.front().size() > 1 && rest.front().starts_with('-')))
        return usage(fmt::format("{}={}", full_name(flag), flag.value), "{} needs a value",
                     full_name(flag));
      value = rest.front();
      rest = rest.subspan(1);
    }
    if (!flag.value.empty())
      if (const auto ok = check_form(full_name(flag), flag.form, flag.choices, *value); !ok)
        return ok;
    if (!flag.repeats && out.arguments.has(flag.name))
      return usage("", "{} is given twice", full_name(flag));
    if (flag.name == "help") out.help = true;
    out.arguments.add(flag.name, std::move(*value));
    return {};
  }
};

// The longest path of words that is a command, and how many words it takes.
std::pair<const CommandSpec*, std::size_t> longest(std::span<const std::string> words) {
  std::pair<const CommandSpec*, std::size_t> found = {nullptr, 0};
  std::string path;
  for (std::size_t count = 1; count <= std::min<std::size_t>(words.size(), 3); ++count) {
    path += (path.empty() ? "" : " ") + words[count - 1];
    if (const CommandSpec* command = find_command(path)) found = {command, count};
  }
  return found;
}

std::unexpected<Problem> unknown_command(std::string_view prefix, std::string_view word) {
  std::vector<std::string> names;
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    if (prefix.empty()) {
      names.push_back(command.path.substr(0, command.path.find(' ')));
    } else if (command.path.starts_with(fmt::format("{} ", prefix))) {
      names.push_back(command.path.substr(prefix.size() + 1));
    }
  }
  const std::string near = nearest(word, names);
  std::string hint = near.empty() ? "" : fmt::format("did you mean \"{}\"?  ", near);
  hint += fmt::format("daybook {}{}--help lists the commands", prefix, prefix.empty() ? "" : " ");
  return usage(hint, "there is no command {}{}", prefix.empty() ? "" : fmt::format("{} ", prefix),
               quote(word));
}

}  // namespace

std::string Arguments::text(std::string_view name) const { return text(name, ""); }
std::string Arguments::text(std::string_view name, std::string_view otherwise) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? std::string(otherwise) : found->second.back();
}
std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? std::vector<std::string>() : found->second;
}
std::optional<std::uint64_t> Arguments::number(std::string_view name) const {
  return has(name) ? parse_number(text(name)) : std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t out = 0;
  if (text.empty() || text.size() > 19) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() ||
      out > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return out;
}

bool valid_partition(std::string_view text) {
  return word_of(text, "._=+-", 128) && text != "." && text != "..";
}

std::expected<Parsed, Problem> parse_command_line(std::span<const std::string> words) {
  // Global flags may stand before the command; they are read like any other, so the command's words
  // are found first: the leading words that are no flags and no values of flags.
  std::vector<std::string> before;
  std::size_t at = 0;
  while (at < words.size() && words[at].size() > 1 && words[at].starts_with('-')) {
    const std::string& word = words[at++];
    before.push_back(word);
    if (word.find('=') != std::string::npos) continue;
    const auto takes_value = std::ranges::any_of(global_flags(), [&](const Flag& flag) {
      return !flag.value.empty() && (word == "--" + flag.name ||
                                     (flag.letter != 0 && word == std::string{'-', flag.letter}));
    });
    if (takes_value && at < words.size()) before.push_back(words[at++]);
  }
  std::span<const std::string> rest = words.subspan(at);

  const auto [command, used] = longest(rest);
  Reader reader{.command = command, .flags = {}, .out = {}, .positionals = {}};
  reader.out.command = command;
  if (command != nullptr) {
    reader.flags = flags_of(*command);
    rest = rest.subspan(used);
  } else {
    for (const Flag& flag : global_flags()) reader.flags.push_back(&flag);
    if (!rest.empty()) {
      const bool group = std::ranges::any_of(
          command_groups(), [&](const Group& g) { return g.name == rest.front(); });
      if (!group) return unknown_command("", rest.front());
      reader.out.group = rest.front();
      rest = rest.subspan(1);
      if (!rest.empty() && !rest.front().starts_with('-'))
        return unknown_command(reader.out.group, rest.front());
    }
  }
  std::vector<std::string> line = before;
  line.insert(line.end(), rest.begin(), rest.end());

  std::span<const std::string> left = line;
  bool flags_over = false;
  const std::string path = command != nullptr ? command->path : reader.out.group;
  while (!left.empty()) {
    const std::string word = left.front();
    left = left.subspan(1);
    if (flags_over || word.size() < 2 || !word.starts_with('-')) {
      reader.positionals.push_back(word);
      continue;
    }
    if (word == "--") {
      flags_over = true;
      continue;
    }
    const Flag* flag = nullptr;
    std::optional<std::string> value;
    if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      flag = reader.by_name(std::string_view(word).substr(2, equals - 2));
      if (equals != std::string::npos) value = word.substr(equals + 1);
      if (flag == nullptr)
        return unknown_flag(std::string_view(word).substr(0, equals), reader.flags, path);
    } else {
      flag = reader.by_letter(word[1]);
      if (flag == nullptr || (word.size() > 2 && flag->value.empty()))
        return unknown_flag(word, reader.flags, path);
      if (word.size() > 2) value = word.substr(2);
    }
    if (const auto taken = reader.take(*flag, std::move(value), left); !taken)
      return std::unexpected(taken.error());
  }

  if (command == nullptr) {
    if (!reader.positionals.empty()) return unknown_command(path, reader.positionals.front());
    return reader.out;
  }
  if (reader.out.help) return reader.out;
  std::size_t index = 0;
  for (const Argument& argument : command->arguments) {
    if (index >= reader.positionals.size()) {
      if (argument.required)
        return usage(fmt::format("daybook {} --help has examples", path), "{} is missing",
                     argument.name);
      break;
    }
    do {
      const std::string& value = reader.positionals[index++];
      if (const auto ok = check_form(argument.name, argument.form, argument.choices, value); !ok)
        return std::unexpected(ok.error());
      reader.out.arguments.add(argument.name, value);
    } while (argument.repeats && index < reader.positionals.size());
  }
  if (index < reader.positionals.size())
    return usage(fmt::format("daybook {} --help has examples", path), "one word too many: {}",
                 quote(reader.positionals[index]));
  for (const Flag& flag : command->flags)
    if (flag.required && !reader.out.arguments.has(flag.name))
      return usage(flag.help, "{} is missing", full_name(flag));
  return reader.out;
}

std::vector<std::string> shell_words(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  bool quoted = false, open = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      open = true;
    } else if (c == ' ' && !quoted) {
      if (open) out.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) out.push_back(std::move(word));
  return out;
}

}  // namespace daybook
