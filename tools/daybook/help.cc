#include <fmt/format.h>

#include <algorithm>

#include "tools/daybook/pages.h"
#include "tools/daybook/problem.h"

namespace daybook {

namespace {

std::string flag_head(const Flag& flag) {
  std::string out = flag.letter != 0 ? fmt::format("-{}, ", flag.letter) : "    ";
  out += "--" + flag.name;
  if (!flag.value.empty()) out += " " + flag.value;
  return out;
}

// Words to lines of at most `width`, each after `indent` spaces but the first.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out, line;
  const auto flush = [&] {
    if (!out.empty()) out += "\n" + std::string(indent, ' ');
    out += line;
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (!line.empty() && columns(line) + 1 + columns(word) > width) flush();
    if (!word.empty()) line += (line.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  flush();
  return out;
}

std::string paragraphs(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    if (!out.empty()) out += "\n";
    out += std::string(indent, ' ') + wrapped(text.substr(0, end), indent, width) + "\n";
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

std::string flag_lines(const std::vector<Flag>& flags, std::size_t width) {
  std::size_t longest = 0;
  for (const Flag& flag : flags) longest = std::max(longest, flag_head(flag).size());
  std::string out;
  for (const Flag& flag : flags) {
    std::string head = flag_head(flag);
    head.resize(longest, ' ');
    out += fmt::format("  {}  {}\n", head,
                       wrapped(flag.help + (flag.required ? " (required)" : ""), longest + 4,
                               width - longest - 4));
  }
  return out;
}

std::size_t page_width(const Terminal& terminal) {
  return std::clamp<std::size_t>(terminal.is_terminal ? terminal.width : 96, 60, 100);
}

std::string usage_line(const CommandSpec& command) {
  std::string out = "daybook " + command.path;
  for (const Argument& argument : command.arguments) {
    std::string name = argument.name + (argument.repeats ? "…" : "");
    out += argument.required ? " " + name : " [" + name + "]";
  }
  for (const Flag& flag : command.flags)
    if (flag.required) out += " --" + flag.name + " " + flag.value;
  return out + " [FLAGS]";
}

}  // namespace

std::string help_overview(const Terminal& terminal) {
  std::string out =
      "daybook runs data pipelines and keeps their book: every run, retry, set-aside record and\n"
      "approval is an entry that can be proved.\n\n";
  out += styled(terminal, Style::bold, "Examples") + "\n";
  out +=
      "  daybook quickstart                  a demo project, and its first run\n"
      "  daybook run orders.pipeline.yaml    what is new or changed\n\n";
  std::string group;
  out += styled(terminal, Style::bold, "Commands") + "\n";
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    const std::size_t space = command.path.find(' ');
    if (space == std::string::npos) {
      out += fmt::format("  {:<12}  {}\n", command.path, command.summary);
      continue;
    }
    if (command.path.substr(0, space) == group) continue;
    group = command.path.substr(0, space);
    const auto found = std::ranges::find(command_groups(), group, &Group::name);
    std::string verbs;
    for (const CommandSpec& other : command_table())
      if (other.path.starts_with(group + " "))
        verbs += (verbs.empty() ? "" : ", ") + other.path.substr(group.size() + 1);
    out += fmt::format("  {:<12}  {}: {}\n", group, found->summary,
                       wrapped(verbs, 16, page_width(terminal) - 16 - found->summary.size()));
  }
  out +=
      "\n`daybook COMMAND --help` tells the rest; `daybook help exit-codes`, `environment`,\n"
      "`formatting` and `problems` are topics.\n";
  return out;
}

std::string help_group(const Terminal& terminal, std::string_view name) {
  const auto group = std::ranges::find(command_groups(), name, &Group::name);
  std::string out = fmt::format("daybook {}: {}\n\n", name,
                                group == command_groups().end() ? "" : group->summary);
  out += styled(terminal, Style::bold, "Examples") + "\n";
  std::size_t shown = 0;
  for (const CommandSpec& command : command_table())
    if (command.path.starts_with(fmt::format("{} ", name)) && shown < 2) {
      out += fmt::format("  {}\n", command.examples.front().line);
      ++shown;
    }
  out += "\n" + styled(terminal, Style::bold, "Commands") + "\n";
  for (const CommandSpec& command : command_table())
    if (command.path.starts_with(fmt::format("{} ", name)))
      out += fmt::format("  {:<28}  {}\n", command.path, command.summary);
  return out;
}

std::string help_command(const Terminal& terminal, const CommandSpec& command) {
  const std::size_t width = page_width(terminal);
  const auto title = [&](std::string_view text) {
    return styled(terminal, Style::bold, text) + "\n";
  };
  std::string out = fmt::format("{}: {}\n\n", command.path, command.summary);
  out += title("Examples");
  for (const Example& example : command.examples)
    out += fmt::format("  {}\n      {}\n", example.line, example.what);
  out += "\n" + title("Usage") + "  " + usage_line(command) + "\n\n";
  out += paragraphs(command.text, 2, width - 2) + "\n";
  if (!command.arguments.empty()) {
    out += title("Arguments");
    for (const Argument& argument : command.arguments)
      out += fmt::format("  {:<12}  {}\n", argument.name, wrapped(argument.help, 16, width - 16));
    out += "\n";
  }
  std::vector<Flag> own = command.flags;
  if (command.reads_book) own.insert(own.end(), reading_flags().begin(), reading_flags().end());
  if (!own.empty()) out += title("Flags") + flag_lines(own, width) + "\n";
  out += title("Global flags") + flag_lines(global_flags(), width) + "\n";
  out += title("Exit codes");
  for (const ExitMeaning& exit : exit_meanings()) {
    const bool always =
        exit.code == Exit::good || exit.code == Exit::bad || exit.code == Exit::usage;
    if (always || std::ranges::find(command.exits, exit.code) != command.exits.end())
      out += fmt::format("  {:>3}  {}\n", static_cast<int>(exit.code), exit.meaning);
  }
  return out;
}

std::string help_short(const CommandSpec& command) {
  std::string out = fmt::format("daybook {}: {}\n\n", command.path, command.summary);
  for (std::size_t i = 0; i < std::min<std::size_t>(2, command.examples.size()); ++i)
    out += "  " + command.examples[i].line + "\n";
  return out + fmt::format("\ndaybook {} --help tells the rest\n", command.path);
}

std::string help_topic(std::string_view topic) {
  std::string out;
  if (topic == "exit-codes") {
    for (const ExitMeaning& exit : exit_meanings())
      out +=
          fmt::format("{:>3}  {:<12}  {}\n", static_cast<int>(exit.code), exit.name, exit.meaning);
    return out + "\nA number that is not in this list is to be treated as a failure.\n";
  }
  if (topic == "environment")
    return "DAYBOOK_BOOK          the book, where --book is not given\n"
           "DAYBOOK_FORCE_TTY     columns of a terminal to pretend, for recordings\n"
           "DAYBOOK_PROGRESS_FPS  how often progress is drawn (default 10)\n"
           "DAYBOOK_THREADS       threads that work at once (default: the processors)\n"
           "NO_COLOR              not empty: no colour\n"
           "CLICOLOR_FORCE        not empty and not 0: colour even where no terminal is\n"
           "TERM=dumb             no colour, no redrawn lines\n"
           "LC_ALL, LC_CTYPE, LANG  UTF-8 or not: bars and marks are drawn accordingly\n\n"
           "The locale changes nothing else: numbers, times and order are the same everywhere.\n"
           "No variable holds a secret; pipelines name theirs as secret://env/… or "
           "secret://file/….\n";
  if (topic == "formatting")
    return "The result goes to standard output, everything else to standard error.\n\n"
           "-o text   tables; on a terminal cut to its width, with a note\n"
           "-o wide   tables, never cut\n"
           "-o json   one document: apiVersion, kind, items or fields, ledgerSeq\n"
           "-o jsonl  one object a line with a type: status, event, row, warning; the last is "
           "summary\n"
           "-o csv    RFC 4180; text a spreadsheet would run as a formula gets a leading '\n\n"
           "--fields a,b keeps only these fields. Fields are only ever added: read those you "
           "know.\n"
           "With -o json or jsonl, or --error-format json, a problem is one RFC 9457 object on\n"
           "standard error with its exit code in exitCode.\n\n"
           "With --as-of the answer names its moment, as json in asOf, else on standard error:\n"
           "entries, recordedAt of the last one, stateRoot of what they fold to, and present where "
           "something is judged as it is now.\n";
  if (topic == "problems") {
    for (const ProblemCode& code : problem_codes())
      out += fmt::format("{}  {}\n", code.id, code.meaning);
    return out + "\nDB-2…: faults in definitions, see docs/reference/diagnostics.md\n";
  }
  return out;
}

}  // namespace daybook
