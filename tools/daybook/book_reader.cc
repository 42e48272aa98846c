#include "tools/daybook/book_reader.h"

#include <algorithm>
#include <cstdlib>

#include "ledger/codec/event_codec.h"
#include "ledger/file_system.h"
#include "replay/ledger_prefix.h"
#include "replay/state_bytes.h"

namespace daybook {

namespace fs = std::filesystem;

namespace {

std::expected<BookPaths, Problem> named(const std::string& text, std::string_view by) {
  std::error_code error;
  const fs::path given = fs::absolute(text, error).lexically_normal();
  for (const fs::path& folder : {given, given / ".daybook"}) {
    if (const BookPaths paths{folder}; fs::exists(paths.config(), error)) return paths;
    if (error == std::errc::permission_denied)
      return std::unexpected(
          Problem{.exit = Exit::not_allowed,
                  .code = "DB-1007",
                  .message = fmt::format("{}: {}", printable(folder.string()), error.message()),
                  .hint = "a book belongs to one user; run this as that user"});
  }
  return std::unexpected(
      Problem{.exit = Exit::not_found,
              .code = "DB-1003",
              .message = fmt::format("there is no book in {} ({})", printable(text), by),
              .hint = "daybook init DIR makes one"});
}

std::expected<EntryIndex, Problem> size_asked(const Arguments& arguments, const Ledger& ledger) {
  const EntryIndex size = ledger.head().size;
  if (!arguments.has("as-of")) return size;
  const std::string moment = arguments.text("as-of");
  if (const auto number = parse_number(moment)) {
    if (*number > size)
      return not_found(fmt::format("--as-of {} is the newest", size),
                       "the book has {} entries; --as-of {} is not there yet", size, *number);
    return *number;
  }
  const auto time = parse_time(moment);
  if (!time)
    return usage("an entry number, a date, or a time with its zone: 2026-01-31T09:00:00Z",
                 "--as-of takes a moment of the book, not \"{}\"", printable(moment));
  const auto found = size_as_of(ledger, *time);
  if (!found) return std::unexpected(problem_of(found.error()));
  return *found;
}

AsOf moment_of(const State& state) {
  return {.entries = state.size,
          .recorded_at = state.size == 0 ? "" : iso_time(state.now),
          .state_root = hex(state_root(state))};
}

}  // namespace

std::expected<BookPaths, Problem> find_book_of(const Arguments& arguments) {
  if (arguments.has("book")) return named(arguments.text("book"), "--book");
  if (const char* variable = std::getenv("DAYBOOK_BOOK"); variable != nullptr && *variable != '\0')
    return named(variable, "DAYBOOK_BOOK");
  std::error_code error;
  auto found = find_book(fs::current_path(error));
  if (found) return *found;
  Problem problem = problem_of(found.error());
  if (found.error().code == Error::Code::io)
    problem.exit = Exit::not_allowed, problem.code = "DB-1007";
  else
    problem.code = "DB-1003";
  return std::unexpected(std::move(problem));
}

std::expected<std::unique_ptr<RocksdbLedger>, Problem> open_ledger(const BookPaths& paths,
                                                                   const BookConfig& config) {
  const fs::path anchor(config.anchor);
  auto ledger = RocksdbLedger::open_reader(
      paths.root.string(),
      {.anchor_path = (anchor.is_absolute() ? anchor : paths.root / anchor).string()});
  if (!ledger) return std::unexpected(problem_of(ledger.error()));
  return std::move(*ledger);
}

std::expected<ReadBook, Problem> read_book(Invocation& in) {
  const auto paths = find_book_of(in.arguments);
  if (!paths) return std::unexpected(paths.error());
  const auto config = read_config(*paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  auto ledger = open_ledger(*paths, *config);
  if (!ledger) return std::unexpected(ledger.error());
  auto asked = ledger_asked(in, **ledger);
  if (!asked) return std::unexpected(asked.error());
  auto state = fold(**asked, (*asked)->head().size);
  if (!state) return std::unexpected(problem_of(state.error()));
  if (in.arguments.has("as-of")) in.output.stands_at(moment_of(*state));
  return ReadBook{*paths, *config, std::move(*ledger), std::move(*asked), std::move(*state)};
}

std::expected<std::unique_ptr<Ledger>, Problem> ledger_asked(const Invocation& in,
                                                             const Ledger& whole) {
  const auto size = size_asked(in.arguments, whole);
  if (!size) return std::unexpected(size.error());
  auto asked = LedgerPrefix::open(whole, *size);
  if (!asked) return std::unexpected(problem_of(asked.error()));
  return std::move(*asked);
}

void tell_moment(Invocation& in, const Ledger& ledger, Snapshots snapshots) {
  if (!in.arguments.has("as-of")) return;
  const EntryIndex size = ledger.head().size;
  const auto state = fold(ledger, size, snapshots);
  in.output.stands_at(state ? moment_of(*state)
                            : AsOf{.entries = size, .recorded_at = "", .state_root = ""});
}

Problem problem_then(const Arguments& arguments, const Error& error) {
  Problem problem = problem_of(error);
  if (arguments.has("as-of") && error.code == Error::Code::not_found)
    problem.hint = "what was erased after that moment can not be read any more";
  return problem;
}

std::string key_command(const Arguments& arguments, const Ledger& ledger) {
  if (!arguments.has("as-of")) return "daybook ledger key > log.vkey";
  return fmt::format("daybook ledger key --as-of {} > log.vkey", ledger.head().size);
}

std::expected<PayloadStore, Problem> open_payloads(const BookPaths& paths) {
  // Nothing is written through it, so nothing is drawn from here.
  auto store =
      PayloadStore::open(posix_file_system(), paths.root.string(), [](std::span<std::byte>) {});
  if (!store) return std::unexpected(problem_of(store.error()));
  return std::move(*store);
}

std::expected<RunId, Problem> find_run(const State& state, const std::string& text) {
  const auto missing = [&] {
    return not_found("daybook runs list shows them", "there is no run {}", printable(text));
  };
  if (text == "last") {
    if (state.runs.empty()) return not_found("", "nothing has run yet");
    return RunId{static_cast<std::uint32_t>(state.runs.size() - 1)};
  }
  if (const auto number = parse_number(text)) {
    if (*number >= state.runs.size()) return missing();
    return RunId{static_cast<std::uint32_t>(*number)};
  }
  for (const auto& [uuid, run] : state.run_by_uuid)
    if (uuid_text(uuid) == text) return run;
  return missing();
}

std::expected<SlotId, Problem> find_slot(const State& state, const std::string& partition,
                                         const std::string& pipeline) {
  std::vector<SlotId> found;
  std::string where;
  for (std::size_t i = 0; i < state.slots.size(); ++i) {
    const Slot& slot = state.slots[i];
    if (slot.partition != partition || (!pipeline.empty() && slot.pipeline != pipeline)) continue;
    found.push_back(SlotId{static_cast<std::uint32_t>(i)});
    where += (where.empty() ? "" : ", ") + slot.pipeline;
  }
  if (found.empty())
    return not_found("daybook state lists them", "there is no partition {}{}{}",
                     printable(partition), pipeline.empty() ? "" : " of pipeline ",
                     printable(pipeline));
  if (found.size() > 1)
    return usage("say which with --pipeline NAME", "partition {} is in several: {}",
                 printable(partition), printable(where));
  return found.front();
}

}  // namespace daybook
