#include "ledger/codec/event_codec.h"
#include "replay/evidence_gather.h"
#include "replay/fold.h"
#include "runner/compensation.h"
#include "runner/log_keys.h"
#include "tools/daybook/log_answers.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

// An entry number; or a time, as the first entry after it (--from) or the last up to it (--to).
std::expected<EntryIndex, Problem> entry_of(const ReadBook& book, const std::string& text,
                                            bool begins) {
  if (const auto number = parse_number(text)) {
    if (*number >= book.state.size)
      return not_found("", "the book has {} entries; there is no entry {}", book.state.size,
                       *number);
    return *number;
  }
  const auto time = parse_time(text);
  if (!time)
    return usage("an entry number, a date, or a time with its zone: 2026-01-31T09:00:00Z",
                 "\"{}\" is no moment of the book", printable(text));
  const auto size = size_as_of(*book.ledger, begins ? *time - 1 : *time);
  if (!size) return std::unexpected(problem_of(size.error()));
  if (begins ? *size >= book.state.size : *size == 0)
    return not_found("", "there is no entry {} {}", begins ? "after" : "before", printable(text));
  return begins ? *size : *size - 1;
}

std::expected<EvidenceWish, Problem> wish_of(Invocation& in, const ReadBook& book) {
  const Arguments& args = in.arguments;
  const bool range = args.has("from") || args.has("to");
  if (int{args.has("run")} + int{args.has("compensation")} + int{range} != 1)
    return usage("--run RUN, --compensation N, or --from and --to",
                 "say what the evidence is about, in one way");
  EvidenceWish wish{.with_records = args.has("with-records"), .made_at = iso_time(in.output.now())};
  if (args.has("run")) {
    const auto run = find_run(book.state, args.text("run"));
    if (!run) return std::unexpected(run.error());
    wish.run = *run;
  } else if (args.has("compensation")) {
    const std::uint64_t id = *args.number("compensation");
    if (id >= book.state.compensations.size())
      return not_found("daybook compensate list shows them", "there is no compensation {}", id);
    wish.compensation = CompensationId{static_cast<std::uint32_t>(id)};
  } else {
    if (!args.has("from") || !args.has("to"))
      return usage("--from ENTRY --to ENTRY", "a range has a beginning and an end");
    const auto from = entry_of(book, args.text("from"), true);
    if (!from) return std::unexpected(from.error());
    const auto to = entry_of(book, args.text("to"), false);
    if (!to) return std::unexpected(to.error());
    if (*from > *to) return usage("", "the range ends at entry {}, before it begins", *to);
    wish.range = {*from, *to};
  }
  return wish;
}

}  // namespace

Outcome evidence(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto wish = wish_of(in, *book);
  if (!wish) return std::unexpected(wish.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto key = signing_key(book->paths, book->state);
  if (!key) {
    Problem problem = problem_of(key.error());
    problem.hint =
        in.arguments.has("as-of")
            ? "the key of that moment signs; daybook ledger key -o json says when it was replaced"
            : "evidence is signed where the book's key is; a copy without it can not make any";
    return std::unexpected(std::move(problem));
  }
  std::optional<State> since;  // what the present adds to an earlier moment
  if (in.arguments.has("as-of")) {
    auto now = fold(*book->whole, book->whole->head().size);
    if (!now) return std::unexpected(problem_of(now.error()));
    since = std::move(*now);
  }
  const EvidenceSource source{
      .state = book->state,
      .now = since ? *since : book->state,
      .ledger = *book->ledger,
      .payloads = *payloads,
      .approval_text = [&](const State& then, ApprovalId id) {
        return approval_text({.state = then, .ledger = *book->ledger, .payloads = *payloads}, id);
      }};
  const auto files = gather_evidence(source, *wish, *key);
  if (!files) return std::unexpected(problem_of(files.error()));
  const std::string archive = write_stored_zip(*files), path = in.arguments.text("FILE");
  if (const auto written = new_file(path, archive); !written)
    return std::unexpected(written.error());
  const std::string& entries = files->at("entries");
  const auto count = static_cast<std::uint64_t>(std::ranges::count(entries, '\n'));
  const std::uint64_t covered = checkpoint_entries(files->at("checkpoint"));
  const std::string digest = hex(sha256(bytes_of(archive)));
  const auto printed = in.output.print(
      Document{.kind = "Evidence",
               .json = {{"file", path},
                        {"sha256", digest},
                        {"bytes", archive.size()},
                        {"files", files->size()},
                        {"entries", count},
                        {"checkpoint", covered},
                        {"with_records", wish->with_records}},
               .text = fmt::format("wrote {} entries in {} files to {}\n"
                                   "  under the checkpoint of {} entries\n  sha256:{}\n",
                                   count, files->size(), printable(path), grouped(covered), digest),
               .ledger_size = book->state.size});
  if (!printed) return std::unexpected(printed.error());
  if (!in.output.machine())
    in.output.say(fmt::format("next  {}      daybook-verify {} --key-file log.vkey",
                              key_command(in.arguments, *book->ledger), printable(path)));
  return Exit::good;
}

}  // namespace daybook::commands
