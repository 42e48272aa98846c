// Commands about the program itself.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runner/dataplane/stage.h"
#include "tools/daybook/handlers.h"
#include "tools/daybook/pages.h"

namespace daybook::commands {

namespace {

// Text for people; for programs, a document that holds it.
Outcome say_text(Invocation& in, std::string kind, std::string text) {
  if (in.output.machine())
    return printed(in.output.print(Document{
        .kind = std::move(kind), .json = {{"text", text}}, .text = {}, .ledger_size = {}}));
  in.output.raw(text);
  return Exit::good;
}

}  // namespace

Outcome completion(Invocation& in) {
  return say_text(in, "Completion", completion_script(in.arguments.text("SHELL")));
}

Outcome help(Invocation& in) {
  const auto words = in.arguments.all("WORD");
  if (words.empty()) return say_text(in, "Help", help_overview(in.output.out()));
  std::string path;
  for (const std::string& word : words) path += (path.empty() ? "" : " ") + word;
  if (const CommandSpec* command = find_command(path))
    return say_text(in, "Help", help_command(in.output.out(), *command));
  for (const Group& group : command_groups())
    if (group.name == path) return say_text(in, "Help", help_group(in.output.out(), path));
  const std::string topic = help_topic(path);
  if (topic.empty())
    return not_found("topics: exit-codes, environment, formatting, problems",
                     "there is no command and no topic \"{}\"", printable(path.substr(0, 80)));
  return say_text(in, "Help", topic);
}

Outcome version(Invocation& in) {
  const EngineVersion engine = engine_version();
  Document document{.kind = "Version",
                    .json = {{"version", DAYBOOK_VERSION},
                             {"engine", engine.text},
                             {"engine_digest", hex(engine.digest)}},
                    .text = fmt::format("daybook {}\nengine  {}\n        sha256:{}\n",
                                        DAYBOOK_VERSION, engine.text, hex(engine.digest)),
                    .ledger_size = {}};
  return printed(in.output.print(document));
}

Outcome generate(Invocation& in) {
  const std::filesystem::path folder = in.arguments.text("DIR");
  for (const auto& [name, text] : reference_pages()) {
    const auto path = folder / name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    // Pages are for everybody, whatever the umask of this program is.
    const bool written =
        file >= 0 && ::fchmod(file, 0644) == 0 &&
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int code = errno;
    if (file >= 0) ::close(file);
    if (!written)
      return std::unexpected(
          Problem{.message = fmt::format("{}: {}", printable(path.string()), std::strerror(code))});
    in.output.raw(path.string() + "\n");
  }
  return Exit::good;
}

}  // namespace daybook::commands
