// Why a command did not do what was asked, in the one form people and programs read.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "ledger/error.h"
#include "runner/definition/diagnostic.h"
#include "statemachine/decide.h"
#include "tools/daybook/exit_code.h"

namespace daybook {

struct Problem {
  Exit exit = Exit::bad;
  std::string code = "DB-1001";  // stable; problem_codes() lists them
  std::string message;           // one sentence
  std::string hint = {};         // what to do next; may be empty
  Diagnostics diagnostics = {};  // printed before the message, which may then be empty
};

struct ProblemCode {
  std::string_view id, meaning;
};
std::span<const ProblemCode> problem_codes();

using Outcome = std::expected<Exit, Problem>;

template <typename... Args>
std::unexpected<Problem> usage(std::string hint, fmt::format_string<Args...> format,
                               Args&&... args) {
  return std::unexpected(Problem{
      Exit::usage, "DB-1002", fmt::format(format, std::forward<Args>(args)...), std::move(hint)});
}
template <typename... Args>
std::unexpected<Problem> not_found(std::string hint, fmt::format_string<Args...> format,
                                   Args&&... args) {
  return std::unexpected(Problem{Exit::not_found, "DB-1004",
                                 fmt::format(format, std::forward<Args>(args)...),
                                 std::move(hint)});
}

Problem problem_of(const Error& error);
Problem problem_of(const Refusal& refusal);
Problem problem_of(const Diagnostics& diagnostics);  // a definition that does not pass

// `error[DB-1004]: …` with hint and a pointer to the docs; RFC 9457 as one line of JSON.
std::string render_text(const Problem& problem);
std::string render_json(const Problem& problem);

}  // namespace daybook
