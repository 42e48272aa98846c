// What is made from the table: help texts, the reference page, man pages and completions.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tools/daybook/command_table.h"
#include "tools/daybook/terminal.h"

namespace daybook {

std::string help_overview(const Terminal& terminal);
std::string help_group(const Terminal& terminal, std::string_view group);
std::string help_command(const Terminal& terminal, const CommandSpec& command);
std::string help_short(const CommandSpec& command);  // for a bare command: two examples
// "exit-codes", "environment", "formatting", "problems"; empty where there is no such topic.
std::string help_topic(std::string_view topic);

std::string completion_script(std::string_view shell);  // "bash", "zsh", "fish"

// Every generated page by its path below docs/reference: "cli.md", "man/daybook-run.1", …
std::map<std::string, std::string> reference_pages();

}  // namespace daybook
