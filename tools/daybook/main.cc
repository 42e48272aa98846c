// Wiring: the command line in, one command, its result and its problem out.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "runner/connect/readers_umask.h"
#include "runner/service/host.h"
#include "tools/daybook/handlers.h"
#include "tools/daybook/pages.h"

namespace daybook {
namespace {

ColorChoice color_of(const std::string& choice) {
  return choice == "always"  ? ColorChoice::always
         : choice == "never" ? ColorChoice::never
                             : ColorChoice::automatic;
}

int report(const Problem& problem, bool json) {
  if (problem.message.empty() && problem.code.empty()) return static_cast<int>(problem.exit);
  const std::string text = json ? render_json(problem) : render_text(problem);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(problem.exit);
}

// Whether problems are to be JSON, also when the command line itself is the problem.
bool wants_json(const std::vector<std::string>& words) {
  const auto given = [&](std::string_view text) {
    return std::ranges::find(words, text) != words.end();
  };
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if ((words[i] == "-o" || words[i] == "--output" || words[i] == "--error-format") &&
        words[i + 1].starts_with("json"))
      return true;
  return given("-ojson") || given("-ojsonl") || given("--output=json") || given("--output=jsonl") ||
         given("--error-format=json");
}

int run(const std::vector<std::string>& words) {
  const bool json = wants_json(words);
  const auto parsed = parse_command_line(words);
  if (!parsed) return report(parsed.error(), json);
  const Arguments& arguments = parsed->arguments;
  const ColorChoice color = color_of(arguments.text("color"));
  Output output(arguments, look_at(1, color), look_at(2, color), wall_time());

  Outcome outcome = Exit::good;
  if (parsed->help) {
    output.raw(parsed->command != nullptr ? help_command(output.out(), *parsed->command)
               : parsed->group.empty()    ? help_overview(output.out())
                                          : help_group(output.out(), parsed->group));
  } else if (parsed->command == nullptr) {
    // Nothing was asked for: help, as talk, so that a pipe gets nothing it would take for a result.
    const std::string text = parsed->group.empty() ? help_overview(output.err())
                                                   : help_group(output.err(), parsed->group);
    std::fwrite(text.data(), 1, text.size(), stderr);
    outcome = Exit::usage;
  } else if (const Handler handler = handler_of(parsed->command->path); handler != nullptr) {
    Invocation invocation{*parsed->command, arguments, output};
    outcome = handler(invocation);
  } else {
    outcome = std::unexpected(Problem{
        .exit = Exit::internal, .code = "DB-1099", .message = "the command has no handler"});
  }
  const auto finished = output.finish();
  if (!outcome) return report(outcome.error(), json);
  if (!finished) return report(finished.error(), json);
  return static_cast<int>(*outcome);
}

}  // namespace
}  // namespace daybook

int main(int count, char** values) {
  // A closed standard stream would give its number to the first file opened, maybe the book's.
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
      return 12;
  std::signal(SIGPIPE, SIG_IGN);
  // The book is private; what is loaded has the permissions its owner's umask asks for.
  daybook::set_readers_umask(::umask(077));
  try {
    return daybook::run(std::vector<std::string>(values + 1, values + std::max(count, 1)));
  } catch (const std::exception& error) {
    return daybook::report({.exit = daybook::Exit::internal,
                            .code = "DB-1099",
                            .message = std::string("a fault in daybook: ") + error.what(),
                            .hint = "the book holds what was acknowledged; please report this"},
                           false);
  }
}
