// A command line, taken apart and checked against the table. Nothing is guessed: no abbreviations,
// no second value where one is meant, no number that is not one.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/daybook/command_table.h"
#include "tools/daybook/problem.h"

namespace daybook {

class Arguments {
 public:
  bool has(std::string_view name) const { return values_.contains(std::string(name)); }
  // The value of a flag, or of an argument by its name; empty where it was not given.
  std::string text(std::string_view name) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  std::vector<std::string> all(std::string_view name) const;
  std::optional<std::uint64_t> number(std::string_view name) const;

  void add(const std::string& name, std::string value) {
    values_[name].push_back(std::move(value));
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// What a command line asks for.
struct Parsed {
  const CommandSpec* command = nullptr;  // null: help for a group or for everything
  std::string group;                     // with no command: the group, empty for everything
  bool help = false;                     // -h was given
  Arguments arguments;
};

std::expected<Parsed, Problem> parse_command_line(std::span<const std::string> words);

// Splits an example of the table as a shell would: spaces and double quotes, nothing else.
std::vector<std::string> shell_words(std::string_view line);

std::optional<std::uint64_t> parse_number(std::string_view text);
bool valid_partition(std::string_view text);

}  // namespace daybook
