#include "tools/daybook/pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/book_tables.h"
#include "runner/definition/diagnostic_codes.h"
#include "runner/definition/reference_page.h"
#include "tools/daybook/problem.h"

namespace daybook {

namespace {

std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// Roff: a backslash and a dash are escaped, and no line begins with a dot or an apostrophe.
std::string roff(std::string_view text) {
  std::string out = escaped(text, "\\-");
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string dashed(std::string_view path) {
  std::string out(path);
  std::ranges::replace(out, ' ', '-');
  return out;
}

std::string synopsis(const CommandSpec& command) {
  std::string out = "daybook " + command.path;
  for (const Argument& argument : command.arguments) {
    const std::string name = argument.name + (argument.repeats ? "..." : "");
    out += argument.required ? " " + name : " [" + name + "]";
  }
  for (const Flag& flag : command.flags) {
    const std::string text = "--" + flag.name + (flag.value.empty() ? "" : " " + flag.value);
    out += flag.required ? " " + text : " [" + text + "]";
  }
  return out;
}

std::vector<Flag> own_flags(const CommandSpec& command) {
  std::vector<Flag> out = command.flags;
  if (command.reads_book) out.insert(out.end(), reading_flags().begin(), reading_flags().end());
  return out;
}

bool returns(const CommandSpec& command, Exit code) {
  return code == Exit::good || code == Exit::bad || code == Exit::usage ||
         std::ranges::find(command.exits, code) != command.exits.end();
}

std::string man_page(const CommandSpec& command) {
  std::string out = fmt::format(".TH {} 1 \"\" daybook \"daybook manual\"\n", [&] {
    std::string name = "DAYBOOK-" + dashed(command.path);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
    return name;
  }());
  out += fmt::format(".SH NAME\ndaybook\\-{} \\- {}\n", roff(dashed(command.path)),
                     roff(command.summary));
  out += fmt::format(".SH SYNOPSIS\n.B {}\n", roff(synopsis(command)));
  out += ".SH DESCRIPTION\n";
  std::string_view text = command.text;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    out += ".PP\n" + roff(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  if (!command.arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const Argument& argument : command.arguments)
      out += fmt::format(".TP\n.I {}\n{}\n", roff(argument.name), roff(argument.help));
  }
  const auto flags = [&](std::string_view title, const std::vector<Flag>& list) {
    if (list.empty()) return;
    out += fmt::format(".SH {}\n", title);
    for (const Flag& flag : list)
      out += fmt::format(
          ".TP\n.B {}\\-\\-{}{}\n{}\n", flag.letter != 0 ? fmt::format("\\-{}, ", flag.letter) : "",
          roff(flag.name), flag.value.empty() ? "" : " " + roff(flag.value), roff(flag.help));
  };
  flags("FLAGS", own_flags(command));
  flags("GLOBAL FLAGS", global_flags());
  out += ".SH EXAMPLES\n";
  for (const Example& example : command.examples)
    out += fmt::format(".TP\n{}\n.B {}\n", roff(example.what), roff(example.line));
  out += ".SH EXIT STATUS\n";
  for (const ExitMeaning& exit : exit_meanings())
    if (returns(command, exit.code))
      out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(exit.code), roff(exit.meaning));
  return out + ".SH SEE ALSO\n.BR daybook (1)\n";
}

std::string man_overview() {
  std::string out =
      ".TH DAYBOOK 1 \"\" daybook \"daybook manual\"\n.SH NAME\n"
      "daybook \\- run data pipelines and keep their book\n.SH SYNOPSIS\n"
      ".B daybook COMMAND [FLAGS]\n.SH COMMANDS\n";
  for (const CommandSpec& command : command_table())
    if (!command.hidden)
      out += fmt::format(".TP\n.BR daybook\\-{} (1)\n{}\n", roff(dashed(command.path)),
                         roff(command.summary));
  out += ".SH EXIT STATUS\n";
  for (const ExitMeaning& exit : exit_meanings())
    out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(exit.code), roff(exit.meaning));
  return out;
}

std::string cell(std::string_view text) { return escaped(text, "|"); }

std::string flag_table(const std::vector<Flag>& flags) {
  std::string out = "| flag | meaning |\n|---|---|\n";
  for (const Flag& flag : flags)
    out += fmt::format("| `{}--{}{}` | {}{} |\n",
                       flag.letter != 0 ? fmt::format("-{}, ", flag.letter) : "", flag.name,
                       flag.value.empty() ? "" : " " + flag.value, cell(flag.help),
                       flag.required ? " (required)" : "");
  return out;
}

std::string markdown() {
  std::string out =
      "# Commands\n\n<!-- made by `daybook __generate`; edit tools/daybook/commands_*.cc -->\n\n"
      "| command | what it does |\n|---|---|\n";
  for (const CommandSpec& command : command_table())
    if (!command.hidden)
      out += fmt::format("| [`{}`](#{}) | {} |\n", command.path, dashed(command.path),
                         cell(command.summary));
  out += "\n## Global flags\n\n" + flag_table(global_flags());
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    out += fmt::format(
        "\n## {}\n\n{}.\n\n```\n{}\n```\n\n{}\n", command.path,
        [&] {
          std::string summary = command.summary;
          if (summary[0] >= 'a' && summary[0] <= 'z')
            summary[0] = static_cast<char>(summary[0] - 32);
          return summary;
        }(),
        synopsis(command), command.text);
    if (!command.arguments.empty()) {
      out += "\n| argument | meaning |\n|---|---|\n";
      for (const Argument& argument : command.arguments)
        out += fmt::format("| `{}` | {} |\n", argument.name, cell(argument.help));
    }
    if (const auto flags = own_flags(command); !flags.empty()) out += "\n" + flag_table(flags);
    out += "\n```\n";
    for (const Example& example : command.examples)
      out += fmt::format("# {}\n{}\n", example.what, example.line);
    out += "```\n\nExit codes: ";
    std::string exits;
    for (const ExitMeaning& exit : exit_meanings())
      if (returns(command, exit.code))
        exits += fmt::format("{}{} {}", exits.empty() ? "" : ", ", static_cast<int>(exit.code),
                             exit.name);
    out += exits + ".\n";
  }
  return out;
}

std::string exit_page() {
  std::string out =
      "# Exit codes\n\n<!-- made by `daybook __generate`; edit tools/daybook/problem.cc -->\n\n"
      "| code | name | meaning |\n|---:|---|---|\n";
  for (const ExitMeaning& exit : exit_meanings())
    out += fmt::format("| {} | {} | {} |\n", static_cast<int>(exit.code), exit.name, exit.meaning);
  return out + "\nA number that is not in this table is to be treated as a failure.\n";
}

std::string problem_page() {
  std::string out =
      "# Problems\n\n<!-- made by `daybook __generate`; edit tools/daybook/problem.cc -->\n\n"
      "| code | meaning |\n|---|---|\n";
  for (const ProblemCode& code : problem_codes())
    out += fmt::format("| {} | {} |\n", code.id, code.meaning);
  return out + "\nCodes from DB-2000 on are [faults in definitions](diagnostics.md).\n";
}

std::string diagnostics_page() {
  std::string out =
      "# Faults in definitions\n\n<!-- made by `daybook __generate`; edit "
      "runner/definition/diagnostic_codes.h -->\n\nWhat `daybook check` can say about a pipeline "
      "or "
      "a contract. A code never changes its meaning.\n\n| code | meaning |\n|---|---|\n";
  for (const DiagnosticCode& code : diagnostic_codes())
    out += fmt::format("| {} | {} |\n", code.id, cell(code.meaning));
  return out;
}

std::string book_page() {
  std::string out =
      "# The book as tables\n\n<!-- made by `daybook __generate`; edit "
      "replay/book_columns*.cc -->\n\n"
      "What `daybook sql` asks, as of any moment. Times are UTC; the SQL is that of DuckDB.\n";
  for (const BookTable& table : book_tables()) {
    out += fmt::format("\n## {}\n\n{}.\n\n| column | type | meaning |\n|---|---|---|\n", table.name,
                       [&] {
                         std::string meaning(table.meaning);
                         meaning[0] = static_cast<char>(meaning[0] - 32);
                         return meaning;
                       }());
    for (const BookColumn& column : table.columns)
      out += fmt::format("| `{}` | {} | {} |\n", column.name, sql_type(column.type),
                         cell(column.meaning));
  }
  return out;
}

}  // namespace

std::map<std::string, std::string> reference_pages() {
  std::map<std::string, std::string> pages;
  pages["cli.md"] = markdown();
  pages["exit-codes.md"] = exit_page();
  pages["problems.md"] = problem_page();
  pages["book-tables.md"] = book_page();
  pages["pipeline.md"] = pipeline_reference_markdown();
  pages["diagnostics.md"] = diagnostics_page();
  pages["environment.md"] =
      "# Environment\n\n<!-- made by `daybook __generate`; edit tools/daybook/help.cc "
      "-->\n\n```\n" +
      help_topic("environment") + "```\n";
  pages["formatting.md"] =
      "# Output\n\n<!-- made by `daybook __generate`; edit tools/daybook/help.cc -->\n\n```\n" +
      help_topic("formatting") + "```\n";
  pages["man/daybook.1"] = man_overview();
  for (const CommandSpec& command : command_table())
    if (!command.hidden) pages["man/daybook-" + dashed(command.path) + ".1"] = man_page(command);
  for (const auto shell : {"bash", "zsh", "fish"})
    pages[std::string("completions/daybook.") + shell] = completion_script(shell);
  return pages;
}

}  // namespace daybook
