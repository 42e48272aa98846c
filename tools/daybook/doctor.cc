// Is the machine fit, and is the book's folder as it should be? Each answer that is not good says
// what to do.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "ledger/anchor.h"
#include "ledger/codec/event_codec.h"
#include "ledger/file_system.h"
#include "replay/words.h"
#include "runner/dataplane/stage.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/ssh_keygen.h"

namespace daybook::commands {

namespace fs = std::filesystem;

namespace {

enum class Health : std::uint8_t { good, warning, bad };

struct Check {
  std::string name;
  Health health = Health::good;
  std::string found, fix = {};
};

Check descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const bool enough = limit.rlim_max >= 1024;
  return {"open files", enough ? Health::good : Health::bad,
          fmt::format("{} now, {} at most", limit.rlim_cur, limit.rlim_max),
          enough ? "" : "ulimit -n 1024, or LimitNOFILE= in the unit"};
}

Check disk(const fs::path& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0)
    return {"disk", Health::bad, std::strerror(errno), "is the device mounted?"};
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  const Health health = free < 100'000'000     ? Health::bad
                        : free < 2'000'000'000 ? Health::warning
                                               : Health::good;
  return {"disk", health, spell_bytes(free) + " free",
          health == Health::good ? "" : "make room: a full disk stops the keeper"};
}

Check clock_of(Invocation& in, Timestamp last) {
  const Timestamp now = in.output.now();
  if (now < 1'577'836'800'000'000)
    return {"clock", Health::bad, iso_time(now), "set the clock: timedatectl"};
  if (last > now + 60'000'000)
    return {"clock", Health::warning,
            fmt::format("{}; the book's last entry is {}", iso_time(now), iso_time(last)),
            "the clock went back; recorded times never do"};
  return {"clock", Health::good, iso_time(now)};
}

Check private_mode(const std::string& name, const fs::path& path, mode_t wrong) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return {name, Health::bad, fmt::format("{}: {}", path.string(), std::strerror(errno)),
            "restore it from a backup"};
  const bool open = (info.st_mode & wrong) != 0;
  return {name, open ? Health::bad : Health::good,
          fmt::format("{} {:04o}", path.string(), info.st_mode & 07777U),
          open ? fmt::format("chmod go-rwx {}", path.string()) : ""};
}

Check program(const std::string& name, const std::string& what_for) {
  const bool there = program_exists(name);
  return {name, there ? Health::good : Health::warning, there ? "found" : "not found",
          there ? "" : what_for};
}

// Schedules and their catching up go by these; they change several times a year.
Check time_zones() {
  std::ifstream file("/usr/share/zoneinfo/tzdata.zi");
  std::string line;
  std::getline(file, line);
  constexpr std::string_view mark = "# version ";
  if (!line.starts_with(mark))
    return {"time zones", Health::warning, "no time zone data of a known version",
            "install tzdata: schedules need it"};
  return {"time zones", Health::good, "tzdata " + line.substr(mark.size())};
}

}  // namespace

Outcome doctor(Invocation& in) {
  std::vector<Check> checks = {
      {"version", Health::good,
       fmt::format("daybook {}, {}", DAYBOOK_VERSION, engine_version().text)},
      descriptors(),
      time_zones(),
      program("ssh-keygen", "approvals sign with it: install openssh-client")};
  const auto paths = find_book_of(in.arguments);
  std::optional<std::uint64_t> size;
  if (!paths) {
    checks.push_back({"book", Health::warning, paths.error().message, paths.error().hint});
    checks.push_back(clock_of(in, 0));
  } else {
    checks.push_back(disk(paths->root));
    checks.push_back(private_mode("book folder", paths->root, 0077));
    checks.push_back(private_mode("signing key", paths->log_key(), 0077));
    const auto book = read_book(in);
    if (!book) {
      checks.push_back({"ledger", Health::bad, book.error().message, book.error().hint});
      checks.push_back(clock_of(in, 0));
    } else {
      const State& state = book->state;
      size = state.size;
      checks.push_back(
          {"ledger", Health::good,
           fmt::format("{} entries, {} checkpoints", grouped(state.size), state.checkpoints)});
      const fs::path anchor(book->config.anchor);
      const fs::path file = anchor.is_absolute() ? anchor : paths->root / anchor;
      if (const auto head = Anchor::read(posix_file_system(), file.string()); !head) {
        checks.push_back({"anchor", Health::bad, head.error().detail, head.error().hint});
      } else {
        struct stat there {
        }, here{};
        const bool apart = ::stat(file.c_str(), &there) == 0 &&
                           ::stat(paths->root.c_str(), &here) == 0 && there.st_dev != here.st_dev;
        checks.push_back(
            {"anchor", Health::good,
             fmt::format("at {} entries, {}", head->head.size,
                         apart ? "on another device" : "on the same device as the book")});
      }
      checks.push_back(clock_of(in, state.now));
      const bool open = !state.open_runs.empty();
      checks.push_back({"open runs", open ? Health::warning : Health::good,
                        fmt::format("{}", state.open_runs.size()),
                        open ? "daybook run PIPELINE goes on with them" : ""});
      if (state.anomalies > 0)
        checks.push_back(
            {"anomalies", Health::bad, fmt::format("{}", state.anomalies), "daybook verify"});
    }
  }
  Listing listing{.kind = "Doctor",
                  .columns = {{.key = "check", .title = "CHECK"},
                              {.key = "health",
                               .title = "HEALTH",
                               .right = false,
                               .show = {},
                               .style =
                                   [](const Json& item) {
                                     return item["health"] == "good"      ? Style::good
                                            : item["health"] == "warning" ? Style::warn
                                                                          : Style::bad;
                                   }},
                              {.key = "found", .title = "FOUND"},
                              {.key = "fix", .title = "FIX"}},
                  .ledger_size = size};
  bool bad = false;
  for (const Check& check : checks) {
    bad = bad || check.health == Health::bad;
    listing.items.push_back({{"check", check.name},
                             {"health", check.health == Health::good      ? "good"
                                        : check.health == Health::warning ? "warning"
                                                                          : "bad"},
                             {"found", check.found},
                             {"fix", check.fix}});
  }
  if (const auto printed = in.output.print(listing); !printed)
    return std::unexpected(printed.error());
  return bad ? Exit::bad : Exit::good;
}

}  // namespace daybook::commands
