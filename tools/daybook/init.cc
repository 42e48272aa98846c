// New books and the demo project.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tools/daybook/run.h"
#include "tools/daybook/whole_file.h"
#include "tools/demo/demo_project.h"
#include "tools/demo/feed.h"

namespace daybook::commands {

namespace fs = std::filesystem;

namespace {

// The folder of a project: made where it is absent, 0700 like everything below a book.
std::expected<fs::path, Problem> project_folder(const std::string& text) {
  std::error_code error;
  const fs::path folder = fs::absolute(text, error).lexically_normal();
  const auto status = fs::status(folder, error);
  if (fs::exists(status) && !fs::is_directory(status))
    return std::unexpected(Problem{.exit = Exit::conflict,
                                   .code = "DB-1005",
                                   .message = fmt::format("{} is no folder", printable(text))});
  if (!fs::exists(status)) {
    error.clear();
    fs::create_directories(folder, error);
    if (error)
      return std::unexpected(
          Problem{.message = fmt::format("{}: {}", printable(text), error.message())});
  }
  return folder;
}

std::expected<BookPaths, Problem> make_book(const fs::path& project, const std::string& anchor) {
  const BookPaths paths{project / ".daybook"};
  std::error_code error;
  if (fs::exists(fs::symlink_status(paths.root, error)))
    return std::unexpected(Problem{
        .exit = Exit::conflict,
        .code = "DB-1005",
        .message =
            fmt::format("{} is there already; nothing was changed", printable(paths.root.string())),
        .hint = fs::exists(paths.config(), error)
                    ? "it is a book: daybook state shows what is in it"
                    : "it is not a book; move it away first"});
  BookConfig config;
  if (!anchor.empty()) config.anchor = fs::absolute(anchor, error).lexically_normal().string();
  if (const auto made = Host::create(paths, config); !made)
    return std::unexpected(problem_of(made.error()));
  if (const auto schema =
          new_file((paths.root / "pipeline.schema.json").string(), pipeline_json_schema());
      !schema)
    return std::unexpected(schema.error());
  // A book holds keys and data: nothing of it belongs into version control.
  if (const auto ignore = new_file((paths.root / ".gitignore").string(), "*\n"); !ignore)
    return std::unexpected(ignore.error());
  return paths;
}

std::expected<void, Problem> say_made(Invocation& in, const BookPaths& paths, std::string kind) {
  const auto config = read_config(paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  const fs::path anchor(config->anchor);
  return in.output.print(Document{
      .kind = std::move(kind),
      .json = {{"book", paths.root.string()},
               {"origin", config->origin},
               {"anchor", (anchor.is_absolute() ? anchor : paths.root / anchor).string()}},
      .text =
          fmt::format("made the book {}\n  origin  {}\n  anchor  {}\n",
                      printable(paths.root.string()), config->origin,
                      printable((anchor.is_absolute() ? anchor : paths.root / anchor).string())),
      .ledger_size = 1});
}

// --book names a book that is there; a flag that is taken and means nothing would mislead.
std::expected<void, Problem> no_book_named(const Invocation& in) {
  if (!in.arguments.has("book")) return {};
  return usage("name the project's folder instead: the book is made in it",
               "--book names a book that is there, and this makes one");
}

}  // namespace

Outcome init(Invocation& in) {
  if (const auto fine = no_book_named(in); !fine) return std::unexpected(fine.error());
  const auto project = project_folder(in.arguments.text("DIR", "."));
  if (!project) return std::unexpected(project.error());
  const auto paths = make_book(*project, in.arguments.text("anchor"));
  if (!paths) return std::unexpected(paths.error());
  if (const auto said = say_made(in, *paths, "Book"); !said) return std::unexpected(said.error());
  if (!in.output.machine())
    in.output.say("next  daybook check      daybook run PIPELINE.pipeline.yaml");
  return Exit::good;
}

Outcome quickstart(Invocation& in) {
  if (const auto fine = no_book_named(in); !fine) return std::unexpected(fine.error());
  const std::string name = in.arguments.text("DIR", "daybook-demo");
  std::error_code error;
  if (fs::exists(name, error) && (!fs::is_directory(name, error) || !fs::is_empty(name, error)))
    return std::unexpected(
        Problem{.exit = Exit::conflict,
                .code = "DB-1005",
                .message = fmt::format("{} is there already and not empty", printable(name)),
                .hint = "daybook quickstart ANOTHER-NAME"});
  const std::uint64_t rows = in.arguments.number("rows").value_or(demo_rows);
  if (rows == 0 || rows > 100'000'000)
    return usage("1 to 100000000", "--rows {} is not a size for a demo", rows);
  const auto project = project_folder(name);
  if (!project) return std::unexpected(project.error());
  for (const DemoFile& file : demo_project()) {
    const fs::path path = *project / file.path;
    fs::create_directories(path.parent_path(), error);
    if (const auto written = new_file(path.string(), file.text); !written)
      return std::unexpected(written.error());
  }
  if (const auto fed = write_demo_feed(*project / "feed", rows); !fed)
    return std::unexpected(problem_of(fed.error()));
  const auto paths = make_book(*project, "");
  if (!paths) return std::unexpected(paths.error());
  in.output.say(fmt::format("wrote {}/  1 pipeline, 2 contracts, {} records in {} files",
                            printable(name), grouped(rows), demo_days));
  if (in.arguments.has("no-run"))
    return say_made(in, *paths, "Book") ? Outcome(Exit::good) : Outcome(Exit::bad);

  const auto pipeline = load_pipeline(in.output, (*project / "orders.pipeline.yaml").string());
  if (!pipeline) return std::unexpected(pipeline.error());
  auto host = become_keeper(*paths);
  if (!host) return std::unexpected(host.error());
  const auto outcome = perform_run(in, **host,
                                   {.pipeline = *pipeline,
                                    .kind = RunKind::normal,
                                    .actor = local_actor(),
                                    .partitions = {},
                                    .only_failed = false,
                                    .force = false,
                                    .idempotency_key = {},
                                    .reason = "quickstart"});
  if (outcome && *outcome == Exit::good && !in.output.machine())
    in.output.say(
        fmt::format("try   cd {}; daybook quarantine groups; daybook explain 2026-01-04; "
                    "daybook verify; daybook log --follow",
                    printable(name)));
  return outcome;
}

}  // namespace daybook::commands
