#include "tools/daybook/ssh_keygen.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/daybook/scratch.h"
#include "tools/daybook/terminal.h"
#include "tools/daybook/whole_file.h"

extern char** environ;

namespace daybook {

namespace fs = std::filesystem;

bool program_exists(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view left = path == nullptr ? "/usr/bin:/bin" : path;
  while (!left.empty()) {
    const std::size_t end = std::min(left.find(':'), left.size());
    if (::access((fs::path(left.substr(0, end)) / name).c_str(), X_OK) == 0) return true;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return false;
}

std::expected<std::string, Problem> sign_with_ssh_key(const std::string& key,
                                                      const std::string& text) {
  if (::access(key.c_str(), R_OK) != 0)
    return std::unexpected(
        Problem{.exit = Exit::not_found,
                .code = "DB-1004",
                .message = fmt::format("{}: {}", printable(key), std::strerror(errno))});
  const auto folder = ScratchFolder::make();
  if (!folder) return std::unexpected(folder.error());
  const std::string file = (folder->path() / "text").string();
  if (const auto written = new_file(file, text); !written) return std::unexpected(written.error());
  // Over SHA-256: then the digest in the book is enough to check the signature again, and an
  // auditor without the plan's text can.
  const std::string options[] = {"ssh-keygen", "-Y",      "sign", "-O", "hashalg=sha256",
                                 "-n",         "daybook", "-f",   key,  file};
  std::vector<char*> arguments;
  for (const std::string& option : options) arguments.push_back(const_cast<char*>(option.c_str()));
  arguments.push_back(nullptr);
  // What it says is talk: standard output stays ours.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  pid_t child = 0;
  const int started =
      ::posix_spawnp(&child, "ssh-keygen", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (started != 0)
    return std::unexpected(
        Problem{.exit = Exit::unreachable,
                .code = "DB-1011",
                .message = fmt::format("ssh-keygen: {}", std::strerror(started)),
                .hint = "install openssh-client, or sign elsewhere and give --signature"});
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::unexpected(Problem{.exit = Exit::not_allowed,
                                   .code = "DB-1007",
                                   .message = "ssh-keygen did not sign; nothing was recorded"});
  return whole_file(file + ".sig", 64 << 10);
}

}  // namespace daybook
