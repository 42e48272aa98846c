// The first entry at which two histories part, or at which one departs from what it recorded. With
// --as-of, a moment of the first of them, nothing after it is looked at in either.
#include "replay/bisect.h"

#include "ledger/codec/event_codec.h"
#include "ledger/file_system.h"
#include "replay/exported_ledger.h"
#include "replay/fold.h"
#include "replay/ledger_prefix.h"
#include "replay/queries.h"
#include "statemachine/apply.h"
#include "tools/daybook/book_reader.h"

namespace daybook::commands {

namespace {

namespace fs = std::filesystem;

// A book or an export, as a person named it.
struct Named {
  std::string path;
  bool exported = false;
  std::unique_ptr<Ledger> whole;
  std::unique_ptr<Ledger> ledger = {};  // what of it is looked at
};

std::expected<Named, Problem> open_named(const std::string& text) {
  std::error_code error;
  const fs::path given = fs::absolute(text, error).lexically_normal();
  for (const fs::path& folder : {given, given / ".daybook"}) {
    const BookPaths paths{folder};
    if (!fs::exists(paths.config(), error)) continue;
    const auto config = read_config(paths);
    if (!config) return std::unexpected(problem_of(config.error()));
    auto ledger = open_ledger(paths, *config);
    if (!ledger) return std::unexpected(ledger.error());
    return Named{text, false, std::move(*ledger)};
  }
  if (fs::exists(given / "checkpoint", error)) {
    auto ledger = ExportedLedger::open(given.string(), posix_file_system());
    if (!ledger) return std::unexpected(problem_of(ledger.error()));
    return Named{text, true, std::move(*ledger)};
  }
  return not_found("a project with a book, its .daybook folder, or what ledger export wrote",
                   "there is neither a book nor an export in {}", printable(text));
}

std::expected<Named, Problem> open_own(Invocation& in) {
  const auto paths = find_book_of(in.arguments);
  if (!paths) return std::unexpected(paths.error());
  const auto config = read_config(*paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  auto ledger = open_ledger(*paths, *config);
  if (!ledger) return std::unexpected(ledger.error());
  return Named{paths->root.string(), false, std::move(*ledger)};
}

// One side's entry at the fork, in words: `state` is that before it.
struct Told {
  Json json;
  std::string text;
};
std::expected<Told, Problem> tell(const Output& output, const Ledger& ledger, State state,
                                  EntryIndex index) {
  if (index == ledger.head().size) return Told{Json(), "nothing more\n"};
  const auto entry = entry_at(ledger, index);
  if (!entry) return std::unexpected(problem_of(entry.error()));
  apply(state, *entry);
  const std::string words = sentence(state, entry->event);
  Json json = Json::parse(entry_json(*entry, index));
  json["sentence"] = words;
  return Told{std::move(json),
              fmt::format("{}  {}  {}\n", output.time(entry->envelope.recorded_at),
                          printable(entry->envelope.actor.principal), printable(words))};
}

Outcome compare(Invocation& in, const Named& a, const Named& b) {
  const auto fork = first_difference(*a.ledger, *b.ledger);
  if (!fork) return std::unexpected(problem_of(fork.error()));
  const auto before = fold(*a.ledger, fork->common, Snapshots::ignore);
  if (!before) return std::unexpected(problem_of(before.error()));
  const auto told_a = tell(in.output, *a.ledger, *before, fork->common);
  if (!told_a) return std::unexpected(told_a.error());
  const auto told_b = tell(in.output, *b.ledger, *before, fork->common);
  if (!told_b) return std::unexpected(told_b.error());

  std::string verdict;
  if (fork->identical())
    verdict = fmt::format("the same {} entries", grouped(fork->common));
  else if (fork->prefix())
    verdict = fmt::format("{} is the beginning of {}: {} entries, then {} more",
                          printable(fork->common == fork->size_a ? a.path : b.path),
                          printable(fork->common == fork->size_a ? b.path : a.path),
                          grouped(fork->common),
                          grouped(std::max(fork->size_a, fork->size_b) - fork->common));
  else if (fork->common == 0)
    verdict = "two different books: nothing is common";
  else
    verdict = fmt::format("one book with two histories: they part at entry {}", fork->common);

  Document document{.kind = "Bisection", .json = {}, .text = verdict + "\n", .ledger_size = {}};
  document.json = {{"a", a.path},
                   {"b", b.path},
                   {"sizeA", fork->size_a},
                   {"sizeB", fork->size_b},
                   {"identical", fork->identical()},
                   {"prefix", fork->prefix()},
                   {"common", fork->common},
                   {"commonRoot", hex(fork->root)},
                   {"rootsCompared", fork->compared},
                   {"entryA", told_a->json},
                   {"entryB", told_b->json},
                   {"verdict", verdict}};
  if (!fork->identical()) {
    document.text +=
        fmt::format("  entry {}\n  - {}  + {}", fork->common, told_a->text, told_b->text);
  }
  document.text += fmt::format("  the first {} have root\n  sha256:{}\n", grouped(fork->common),
                               hex(fork->root));
  if (const auto done = in.output.print(document); !done) return std::unexpected(done.error());
  if (!in.output.machine())
    in.output.say(
        "this compares the trees as they are stored; verify says whether entries and "
        "trees agree");
  if (fork->prefix()) return Exit::good;
  return fork->common == 0 ? Exit::differs : Exit::integrity;
}

Outcome examine(Invocation& in, const Named& book) {
  const auto found = first_departure(*book.ledger);
  if (!found) return std::unexpected(problem_of(found.error()));
  const EntryIndex size = book.ledger->head().size;
  Document document{.kind = "Departure", .json = {}, .text = {}, .ledger_size = size};
  document.json["book"] = book.path;
  document.json["departs"] = found->has_value();
  if (!*found) {
    document.text =
        fmt::format("every recorded state of the {} entries is reached again\n", grouped(size));
    return printed(in.output.print(document));
  }
  const Departure& d = **found;
  document.json["entry"] = d.first.index == no_entry ? Json() : Json(d.first.index);
  document.json["rule"] = d.first.rule;
  document.json["detail"] = d.first.detail;
  document.json["lastGoodCheckpoint"] = d.good;
  document.json["firstBadCheckpoint"] = d.bad == no_entry ? Json() : Json(d.bad);
  document.text =
      fmt::format("{}: {}\n  what a checkpoint of {} entries covers is as it was recorded\n",
                  d.first.index == no_entry ? std::string("the book as a whole")
                                            : fmt::format("entry {}", d.first.index),
                  printable(d.first.detail), grouped(d.good));
  if (d.bad != no_entry) {
    document.json["stateDepartsAfter"] = d.from;
    document.json["stateDepartsBy"] = d.to;
    document.json["fields"] = d.fields;
    document.text +=
        fmt::format("  the state departs between entry {} and entry {}{}\n", d.from, d.to - 1,
                    d.by_snapshot ? ", where a snapshot shows another one" : "");
    for (const std::string& field : d.fields) document.text += "    " + printable(field) + "\n";
    if (d.to - d.from > 1)
      document.text +=
          "  nothing finer is recorded here; bisect it against another copy or an export to\n"
          "  name the entry\n";
  }
  if (const auto done = in.output.print(document); !done) return std::unexpected(done.error());
  return Exit::integrity;
}

}  // namespace

Outcome bisect(Invocation& in) {
  const std::string first = in.arguments.text("A"), second = in.arguments.text("B");
  auto a = first.empty() ? open_own(in) : open_named(first);
  if (!a) return std::unexpected(a.error());
  auto asked = ledger_asked(in, *a->whole);
  if (!asked) return std::unexpected(asked.error());
  a->ledger = std::move(*asked);
  // What is examined may not be as a snapshot has it.
  tell_moment(in, *a->ledger, Snapshots::ignore);
  if (second.empty()) return examine(in, *a);
  auto b = open_named(second);
  if (!b) return std::unexpected(b.error());
  const EntryIndex all = b->whole->head().size;
  auto same = LedgerPrefix::open(
      *b->whole, in.arguments.has("as-of") ? std::min(all, a->ledger->head().size) : all);
  if (!same) return std::unexpected(problem_of(same.error()));
  b->ledger = std::move(*same);
  return compare(in, *a, *b);
}

}  // namespace daybook::commands
