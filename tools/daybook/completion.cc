// Completions as data: each shell gets the table as a list of (command, word, meaning) and a few
// fixed lines that look things up in it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tools/daybook/pages.h"

namespace daybook {

namespace {

std::string quoted(std::string_view text) {  // in single quotes
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool takes_file(const Flag& flag) { return flag.form == Form::path; }

// The first words after daybook, and for groups those after them.
std::vector<std::pair<std::string, std::string>> words_after(std::string_view prefix) {
  std::vector<std::pair<std::string, std::string>> out;
  std::set<std::string> seen;
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    std::string_view path = command.path;
    std::string summary = command.summary;
    if (!prefix.empty()) {
      if (!path.starts_with(fmt::format("{} ", prefix))) continue;
      path.remove_prefix(prefix.size() + 1);
      path = path.substr(0, path.find(' '));
    } else if (const auto space = path.find(' '); space != std::string_view::npos) {
      path = path.substr(0, space);
      summary = std::ranges::find(command_groups(), path, &Group::name)->summary;
    }
    if (seen.insert(std::string(path)).second) out.emplace_back(path, summary);
  }
  return out;
}

// "ledger witness": words that have a third one after them. Some are commands themselves.
std::vector<std::string> inner_groups() {
  std::vector<std::string> out;
  for (const CommandSpec& command : command_table()) {
    const std::size_t last = command.path.rfind(' ');
    if (last == command.path.find(' ')) continue;
    const std::string inner = command.path.substr(0, last);
    if (std::ranges::find(out, inner) == out.end()) out.push_back(inner);
  }
  return out;
}

std::string bash() {
  std::string out =
      "# made by: daybook completion bash\n_daybook() {\n"
      "  local cur prev path words files=\n"
      "  cur=${COMP_WORDS[COMP_CWORD]}\n  prev=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  path=${COMP_WORDS[1]}\n"
      "  case $path in\n";
  std::string groups;
  for (const Group& group : command_groups()) groups += (groups.empty() ? "" : "|") + group.name;
  out += fmt::format(
      "    {}) (( COMP_CWORD > 2 )) && path=\"$path ${{COMP_WORDS[2]}}\" ;;\n  esac\n", groups);
  std::string inner;
  for (const std::string& group : inner_groups())
    inner += (inner.empty() ? "" : "|") + quoted(group);
  out += fmt::format(
      "  case $path in\n    {}) (( COMP_CWORD > 3 )) && [[ ${{COMP_WORDS[3]}} != -* ]] && "
      "path=\"$path ${{COMP_WORDS[3]}}\" ;;\n  esac\n",
      inner);
  out += "  (( COMP_CWORD == 1 )) && path=\n";
  std::set<std::string> files;
  std::map<std::string, std::string> choices;
  const auto note = [&](const Flag& flag) {
    if (takes_file(flag)) files.insert("--" + flag.name);
    std::string all;
    for (const std::string& choice : flag.choices) all += (all.empty() ? "" : " ") + choice;
    if (!all.empty()) {
      choices["--" + flag.name] = all;
      if (flag.letter != 0) choices[std::string{'-', flag.letter}] = all;
    }
  };
  for (const Flag& flag : global_flags()) note(flag);
  for (const CommandSpec& command : command_table())
    for (const Flag& flag : command.flags) note(flag);
  out += "  case $prev in\n";
  std::string joined;
  for (const std::string& file : files) joined += (joined.empty() ? "" : "|") + file;
  out += fmt::format("    {}) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", joined);
  for (const auto& [flag, values] : choices)
    out += fmt::format("    {}) COMPREPLY=($(compgen -W {} -- \"$cur\")); return ;;\n", flag,
                       quoted(values));
  out += "  esac\n  case $path in\n";
  const auto word_list = [](const auto& words) {
    std::string all;
    for (const auto& [word, meaning] : words) all += (all.empty() ? "" : " ") + word;
    return all;
  };
  out += fmt::format("    '') words={} ;;\n", quoted(word_list(words_after(""))));
  for (const Group& group : command_groups())
    out += fmt::format("    {}) words={} ;;\n", quoted(group.name),
                       quoted(word_list(words_after(group.name))));
  for (const std::string& group : inner_groups())
    if (find_command(group) == nullptr)
      out += fmt::format("    {}) words={} ;;\n", quoted(group),
                         quoted(word_list(words_after(group))));
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    std::string all = word_list(words_after(command.path));
    for (const Flag* flag : flags_of(command)) all += (all.empty() ? "--" : " --") + flag->name;
    for (const Argument& argument : command.arguments)
      for (const std::string& choice : argument.choices) all += " " + choice;
    const bool files_too = std::ranges::any_of(
        command.arguments, [](const Argument& argument) { return argument.form == Form::path; });
    out += fmt::format("    {}) words={}{} ;;\n", quoted(command.path), quoted(all),
                       files_too ? "; files=1" : "");
  }
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  [[ $cur == -* || -z $files ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
      "}\ncomplete -F _daybook daybook\n";
  return out;
}

std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh() {
  std::string out =
      "#compdef daybook\n# made by: daybook completion zsh\n_daybook() {\n"
      "  local where=\"$words[2]\"\n  local -a list\n";  // `path` would be the shell's own
  std::string groups;
  for (const Group& group : command_groups()) groups += (groups.empty() ? "" : "|") + group.name;
  const auto described = [](const auto& words) {
    std::string all;
    for (const auto& [word, meaning] : words)
      all += " " + quoted(fmt::format("{}:{}", word, zsh_text(meaning)));
    return all;
  };
  out += fmt::format(
      "  if (( CURRENT == 2 )); then\n    list=({} )\n    _describe command list\n    return\n  "
      "fi\n",
      described(words_after("")));
  out += fmt::format(
      "  case $where in\n  {})\n    if (( CURRENT == 3 )); then\n      case $where in\n", groups);
  for (const Group& group : command_groups())
    out += fmt::format("      {}) list=({} ) ;;\n", group.name, described(words_after(group.name)));
  out +=
      "      esac\n      _describe command list\n      return\n    fi\n    where=\"$where "
      "$words[3]\" ;;\n"
      "  esac\n";
  for (const std::string& group : inner_groups())
    out += fmt::format(
        "  if [[ $where == {} ]]; then\n    if (( CURRENT == 4 )); then\n      list=({} )\n"
        "      _describe command list\n      return\n    fi\n    where=\"$where $words[4]\"\n  "
        "fi\n",
        quoted(group), described(words_after(group)));
  out += "  case $where in\n";
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    out += fmt::format("  {}) _arguments", quoted(command.path));
    for (const Flag* flag : flags_of(command)) {
      std::string spec = fmt::format("--{}[{}]", flag->name, zsh_text(flag->help));
      if (!flag->value.empty()) {
        spec += ":" + flag->value + ":";
        if (takes_file(*flag)) spec += "_files";
        if (!flag->choices.empty()) {
          std::string all;
          for (const std::string& choice : flag->choices) all += (all.empty() ? "" : " ") + choice;
          spec += "(" + all + ")";
        }
      }
      out += " " + quoted((flag->repeats ? "*" : "") + spec);
    }
    out += " '*:file:_files' ;;\n";
  }
  return out + "  esac\n}\n_daybook \"$@\"\n";
}

std::string fish() {
  std::string out = "# made by: daybook completion fish\ncomplete -c daybook -f\n";
  for (const auto& [word, meaning] : words_after(""))
    out += fmt::format("complete -c daybook -n __fish_use_subcommand -a {} -d {}\n", word,
                       quoted(meaning));
  for (const Group& group : command_groups())
    for (const auto& [word, meaning] : words_after(group.name))
      out += fmt::format("complete -c daybook -n '__fish_seen_subcommand_from {}' -a {} -d {}\n",
                         group.name, word, quoted(meaning));
  for (const std::string& group : inner_groups())
    for (const auto& [word, meaning] : words_after(group))
      out += fmt::format(
          "complete -c daybook -n '__fish_seen_subcommand_from {}; and __fish_seen_subcommand_from "
          "{}' -a {} -d {}\n",
          group.substr(0, group.find(' ')), group.substr(group.find(' ') + 1), word,
          quoted(meaning));
  const auto flag_line = [](const Flag& flag, const std::string& condition) {
    std::string all;
    for (const std::string& choice : flag.choices) all += (all.empty() ? "" : " ") + choice;
    return fmt::format("complete -c daybook{} -l {}{} -d {}{}{}\n", condition, flag.name,
                       flag.letter != 0 ? fmt::format(" -s {}", flag.letter) : "",
                       quoted(flag.help),
                       flag.value.empty() ? ""
                       : takes_file(flag) ? " -r -F"
                                          : " -x",
                       all.empty() ? "" : " -a " + quoted(all));
  };
  for (const Flag& flag : global_flags()) out += flag_line(flag, "");
  for (const CommandSpec& command : command_table()) {
    if (command.hidden) continue;
    std::string condition;
    std::string_view path = command.path;
    while (!path.empty()) {
      const std::size_t space = std::min(path.find(' '), path.size());
      condition += fmt::format("{}__fish_seen_subcommand_from {}",
                               condition.empty() ? "" : "; and ", path.substr(0, space));
      path.remove_prefix(std::min(space + 1, path.size()));
    }
    std::vector<Flag> flags = command.flags;
    if (command.reads_book)
      flags.insert(flags.end(), reading_flags().begin(), reading_flags().end());
    condition = " -n " + quoted(condition);
    if (std::ranges::any_of(command.arguments,
                            [](const Argument& argument) { return argument.form == Form::path; }))
      out += fmt::format("complete -c daybook{} -F\n", condition);
    for (const Flag& flag : flags) out += flag_line(flag, condition);
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  return shell == "bash" ? bash() : shell == "zsh" ? zsh() : fish();
}

}  // namespace daybook
