#include "tools/daybook/command_table.h"

#include <algorithm>

#include "tools/daybook/command_lists.h"

namespace daybook {

const std::vector<CommandSpec>& command_table() {
  static const std::vector<CommandSpec> table = [] {
    std::vector<CommandSpec> all;
    for (auto& part :
         {commands::of_projects(), commands::of_control(), commands::of_quarantine(),
          commands::of_approval(), commands::of_erasure(), commands::of_history(),
          commands::of_ledger(), commands::of_log(), commands::of_rows(), commands::of_reading()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return table;
}

const std::vector<Group>& command_groups() {
  static const std::vector<Group> groups = {
      {"runs", "what ran"},
      {"hold", "partitions that wait for a decision"},
      {"quarantine", "records and partitions that were set aside"},
      {"compensate", "take back what was loaded"},
      {"approvals", "what waits for a signature"},
      {"principals", "who may sign"},
      {"erase", "make what the book keeps of records and inputs unreadable"},
      {"legal-hold", "what may not be erased"},
      {"ledger", "the book for those who check it elsewhere"},
  };
  return groups;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags = {
      {.name = "book",
       .value = "DIR",
       .help = "the book: its .daybook folder, or the project that holds it",
       .form = Form::path},
      {.name = "output",
       .letter = 'o',
       .value = "FORMAT",
       .help = "form of the result: text, wide (text, never cut), json, jsonl or csv",
       .form = Form::choice,
       .choices = {"text", "wide", "json", "jsonl", "csv"}},
      {.name = "fields", .value = "A,B", .help = "only these fields of each item"},
      {.name = "time",
       .value = "FORM",
       .help = "how text shows times: relative, iso or raw (microseconds)",
       .form = Form::choice,
       .choices = {"relative", "iso", "raw"}},
      {.name = "quiet", .letter = 'q', .help = "no talk on standard error save problems"},
      {.name = "color",
       .value = "WHEN",
       .help = "colour: auto, always or never",
       .form = Form::choice,
       .choices = {"auto", "always", "never"}},
      {.name = "error-format",
       .value = "FORM",
       .help = "form of problems: text, or json (RFC 9457)",
       .form = Form::choice,
       .choices = {"text", "json"}},
      {.name = "yes", .letter = 'y', .help = "answer every question with yes"},
      {.name = "no-input", .help = "never ask; what would need an answer is refused"},
      {.name = "help", .letter = 'h', .help = "what this command does, with examples"},
  };
  return flags;
}

const std::vector<Flag>& reading_flags() {
  static const std::vector<Flag> flags = {
      {.name = "as-of",
       .value = "MOMENT",
       .help = "the book as it was after this many entries, or at this time",
       .form = Form::point},
  };
  return flags;
}

const CommandSpec* find_command(std::string_view path) {
  const auto& table = command_table();
  const auto found = std::ranges::find(table, path, &CommandSpec::path);
  return found == table.end() ? nullptr : &*found;
}

std::vector<const Flag*> flags_of(const CommandSpec& command) {
  std::vector<const Flag*> out;
  for (const Flag& flag : command.flags) out.push_back(&flag);
  if (command.reads_book)
    for (const Flag& flag : reading_flags()) out.push_back(&flag);
  for (const Flag& flag : global_flags()) out.push_back(&flag);
  return out;
}

}  // namespace daybook
