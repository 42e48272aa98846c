// Claims about partitions with what proves them, for daybook-verify to check offline.
#include "replay/claims.h"

#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "ledger/file_system.h"
#include "replay/export.h"
#include "replay/fold.h"
#include "replay/words.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

namespace fs = std::filesystem;

std::expected<std::string, Problem> sink_of(const State& state, const std::string& pipeline,
                                            const std::string& given) {
  std::vector<std::string> sinks;
  std::string all;
  for (const Slot& slot : state.slots) {
    if (slot.pipeline != pipeline || std::ranges::find(sinks, slot.sink) != sinks.end()) continue;
    sinks.push_back(slot.sink);
    all += (all.empty() ? "" : ", ") + slot.sink;
  }
  if (sinks.empty())
    return not_found("daybook state lists them", "there is no partition of a pipeline {}",
                     printable(pipeline));
  if (!given.empty()) {
    if (std::ranges::find(sinks, given) != sinks.end()) return given;
    return not_found(printable(all), "{} has no sink {}", printable(pipeline), printable(given));
  }
  if (sinks.size() > 1)
    return usage("say which with --sink", "{} wrote to several: {}", printable(pipeline),
                 printable(all));
  return sinks.front();
}

std::string standing_text(const Completeness& found) {
  std::string out;
  for (const PartitionStanding& p : found.partitions)
    if (!final(p.disposition))
      out += fmt::format("  {}  {}{}\n", printable(p.partition), name(p.disposition),
                         p.entry == no_entry ? "" : fmt::format("  (entry {})", p.entry));
  return out;
}

// Index of the first entry from `from` on for which `is` holds.
template <typename Is>
Result<std::optional<EntryIndex>> find_entry(const Ledger& ledger, EntryIndex from, const Is& is) {
  std::optional<EntryIndex> found;
  Result<void> broken;
  Entry entry;
  const auto read = ledger.read(from, ledger.head().size, [&](EntryIndex index, Bytes bytes) {
    if (auto decoded = decode(bytes, entry); !decoded) {
      broken = std::move(decoded);
      return false;
    }
    if (is(entry.event)) found = index;
    return !found;
  });
  if (!read) return std::unexpected(read.error());
  if (!broken) return std::unexpected(broken.error());
  return found;
}

Result<ProvenEntry> proven_entry(const Ledger& ledger, EntryIndex index) {
  ProvenEntry out{.index = index, .bytes = {}, .proof = {}};
  auto proof = export_proof(ledger, index);
  if (!proof) return std::unexpected(proof.error());
  out.proof = std::move(*proof);
  const auto read = ledger.read(index, index + 1, [&](EntryIndex, Bytes bytes) {
    out.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return out;
}

}  // namespace

Outcome ledger_prove_completeness(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  CompletenessQuestion question{.pipeline = in.arguments.text("PIPELINE"),
                                .sink = {},
                                .from = in.arguments.text("from"),
                                .to = in.arguments.text("to")};
  if (const std::string every = in.arguments.text("every"); !every.empty())
    question.calendar = every == "day" ? Calendar::day : Calendar::month;
  auto sink = sink_of(book->state, question.pipeline, in.arguments.text("sink"));
  if (!sink) return std::unexpected(sink.error());
  question.sink = std::move(*sink);
  if (const auto sound = completeness(book->state, question); !sound)
    return usage("--every day takes --from 2026-01-01 --to 2026-01-31", "{}",
                 printable(sound.error().detail));

  const fs::path directory = in.arguments.text("DIR");
  std::error_code error;
  if (!fs::create_directory(directory, error))
    return std::unexpected(
        Problem{.exit = Exit::conflict,
                .code = "DB-1005",
                .message = fmt::format("{}: {}", printable(directory.string()),
                                       error ? error.message() : "is there already"),
                .hint = "name a new folder whose parent exists"});
  const auto report =
      export_tiles(*book->ledger, (directory / "book").string(), posix_file_system());
  if (!report) {
    fs::remove_all(directory, error);  // ours, and without a checkpoint of no use
    return std::unexpected(problem_of(report.error()));
  }
  // What is claimed is what the exported entries fold to, and not a later state.
  const auto state = fold(*book->ledger, report->head.size, Snapshots::ignore);
  if (!state) return std::unexpected(problem_of(state.error()));
  const auto claim = completeness_claim(*state, question);
  if (!claim) return std::unexpected(problem_of(claim.error()));
  const auto found = completeness(*state, question);
  if (const auto made = new_file((directory / "claim.json").string(), *claim); !made)
    return std::unexpected(made.error());

  Document document{.kind = "CompletenessClaim",
                    .json = Json::parse(*claim),
                    .text = {},
                    .ledger_size = report->head.size};
  document.json["directory"] = directory.string();
  const std::size_t all = found->partitions.size();
  document.text =
      fmt::format("{}: {} partition{} of {}, {} final, {} open, {} missing, as of entry {}\n",
                  found->complete() ? "complete" : "NOT complete", all, all == 1 ? "" : "s",
                  printable(question.pipeline), all - found->open - found->missing, found->open,
                  found->missing, report->head.size - 1);
  document.text += standing_text(*found);
  document.text += fmt::format("wrote {}\n", printable(directory.string()));
  if (const auto done = in.output.print(document); !done) return std::unexpected(done.error());
  if (!in.output.machine())
    in.output.say(fmt::format("next  daybook-verify completeness {} --key-file log.vkey",
                              printable(directory.string())));
  return found->complete() ? Exit::good : Exit::bad;
}

Outcome ledger_prove_conservation(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id =
      find_slot(book->state, in.arguments.text("PARTITION"), in.arguments.text("pipeline"));
  if (!id) return std::unexpected(id.error());
  const Slot& slot = *book->state.find(*id);
  const auto wanted = in.arguments.number("generation")
                          .value_or(slot.current != 0 ? slot.current : slot.generations.size());
  const GenerationState* g =
      wanted == 0 || wanted > slot.generations.size() ? nullptr : &slot.generations[wanted - 1];
  if (g == nullptr || g->committed_at == no_entry)
    return not_found("daybook explain --all tells its generations", "{} has no loaded generation{}",
                     printable(slot.partition), wanted == 0 ? "" : fmt::format(" {}", wanted));

  const Ledger& ledger = *book->ledger;
  const auto opened = find_entry(ledger, 0, [&](const Event& event) {
    const auto* e = std::get_if<SlotOpened>(&event);
    return e != nullptr && e->slot == *id;
  });
  if (!opened) return std::unexpected(problem_of(opened.error()));
  const auto verified = find_entry(ledger, g->committed_at + 1, [&](const Event& event) {
    const auto* e = std::get_if<LoadVerified>(&event);
    return e != nullptr && e->load_id == g->load_id;
  });
  if (!verified) return std::unexpected(problem_of(verified.error()));
  std::vector<EntryIndex> indices{opened->value_or(no_entry), g->staged_at, g->intended_at,
                                  g->committed_at};
  if (*verified) indices.push_back(**verified);
  std::vector<ProvenEntry> entries;
  for (const EntryIndex index : indices) {
    auto entry = proven_entry(ledger, index);
    if (!entry) return std::unexpected(problem_of(entry.error()));
    entries.push_back(std::move(*entry));
  }
  const auto claim = conservation_claim(entries);
  if (!claim)
    return std::unexpected(Problem{Exit::integrity, "DB-1009", claim.error().detail,
                                   "daybook verify checks the whole book"});
  const std::string file = in.arguments.text("FILE");
  if (const auto made = new_file(file, *claim); !made) return std::unexpected(made.error());
  Json json = Json::parse(*claim);
  json.erase("entries");
  json["entries"] = indices;
  json["file"] = file;
  const auto number = [&](const char* key) { return grouped(json[key].get<std::uint64_t>()); };
  const std::string text = fmt::format(
      "{} {}, generation {}: {} received\n  = {} accepted + {} quarantined + {} filtered + {} "
      "merged\nwrote {}\n",
      printable(slot.pipeline), printable(slot.partition), g->number, number("received"),
      number("accepted"), number("quarantined"), number("filtered"), number("merged"),
      printable(file));
  const auto printed_it = in.output.print(Document{.kind = "ConservationClaim",
                                                   .json = std::move(json),
                                                   .text = text,
                                                   .ledger_size = book->state.size});
  if (!printed_it) return std::unexpected(printed_it.error());
  if (!in.output.machine())
    in.output.say(
        fmt::format("next  daybook-verify conservation {} --key-file log.vkey", printable(file)));
  return Exit::good;
}

}  // namespace daybook::commands
