// Every command, once: the parser, --help, the man pages, the reference and the completions are all
// read off this table. What a command does stands elsewhere (handlers.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/daybook/exit_code.h"

namespace daybook {

// What a value must look like; anything else is refused before a command starts.
enum class Form : std::uint8_t {
  text,       // any UTF-8 text up to 4 KiB
  number,     // 0 … 2^63-1, digits alone
  partition,  // [A-Za-z0-9._=+-]{1,128}, not "." or ".."
  name,       // [A-Za-z0-9][A-Za-z0-9._@-]{0,63}
  path,       // up to 4 KiB without NUL; "-" is stdin or stdout where the help says so
  choice,     // one of `choices`
  point,      // a moment of the book: an entry number or an RFC 3339 time
  run,        // run number, run UUID, or "last"
  records,    // BATCH, BATCH:RECORD or BATCH:FIRST-LAST
};

struct Flag {
  std::string name;        // "partition", without dashes
  char letter = 0;         // short form, 0: none
  std::string value = {};  // "KEY"; empty: a switch
  std::string help = {};
  Form form = Form::text;
  bool repeats = false;
  bool required = false;
  std::vector<std::string> choices = {};
};

struct Argument {
  std::string name;  // "PIPELINE"
  std::string help = {};
  Form form = Form::text;
  bool required = true;
  bool repeats = false;  // the last one alone
  std::vector<std::string> choices = {};
};

struct Example {
  std::string line;  // a whole command line, as in a shell
  std::string what;
};

struct CommandSpec {
  std::string path;  // "quarantine list"
  std::string summary;
  std::string text;  // paragraphs, separated by an empty line
  std::vector<Argument> arguments = {};
  std::vector<Flag> flags = {};
  std::vector<Example> examples = {};  // two or more
  std::vector<Exit> exits = {};        // besides good, bad, usage and internal
  bool reads_book = false;             // takes --as-of
  bool hidden = false;
};

// A word that has commands below it: "quarantine".
struct Group {
  std::string name, summary;
};

const std::vector<CommandSpec>& command_table();
const std::vector<Group>& command_groups();
const std::vector<Flag>& global_flags();
const std::vector<Flag>& reading_flags();  // of commands with reads_book

const CommandSpec* find_command(std::string_view path);
// The flags a command takes: its own, those of reading, the global ones.
std::vector<const Flag*> flags_of(const CommandSpec& command);

}  // namespace daybook
