#include <algorithm>
#include <csignal>

#include "ledger/codec/event_codec.h"
#include "replay/fold.h"
#include "replay/words.h"
#include "runner/definition/suggestion.h"
#include "statemachine/apply.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/interrupt.h"

namespace daybook::commands {

namespace {

struct Wanted {
  std::string kind;
  std::string pipeline;
  std::optional<std::string> partition;
  std::optional<RunId> run;
  std::vector<SlotId> slots = {};  // of the partition, among the first `looked` of the book
  std::size_t looked = 0;
  bool all() const { return kind.empty() && pipeline.empty() && !partition && !run; }

  // Slots are only ever added: each is looked at once, not once for every entry.
  void find_slots(const State& state) {
    for (; looked < state.slots.size(); ++looked)
      if (const Slot& slot = state.slots[looked];
          slot.partition == *partition && (pipeline.empty() || slot.pipeline == pipeline))
        slots.push_back(SlotId{static_cast<std::uint32_t>(looked)});
  }
};

bool matches(const State& state, const Entry& entry, Wanted& wanted) {
  if (wanted.all()) return true;
  if (!wanted.kind.empty() && event_name(entry.event) != wanted.kind) return false;
  if (wanted.run && run_of(state, entry.event) != wanted.run) return false;
  if (!wanted.partition)
    return wanted.pipeline.empty() || pipeline_of(state, entry.event) == wanted.pipeline;
  wanted.find_slots(state);
  return std::ranges::any_of(wanted.slots,
                             [&](SlotId slot) { return is_about(state, entry.event, slot); });
}

Json item_of(const State& state, const Entry& entry, EntryIndex index) {
  Json item = Json::parse(entry_json(entry, index));
  item["sentence"] = sentence(state, entry.event);
  item["by"] = entry.envelope.actor.principal;
  return item;
}

std::vector<std::string> kinds() {
  std::vector<std::string> out;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (out.emplace_back(event_name(Event(std::variant_alternative_t<I, Event>{}))), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Event>>());
  return out;
}

std::string line_of(const Output& output, const State& state, const Entry& entry,
                    EntryIndex index) {
  return fmt::format("{:>6}  {}  {:<10}  {}\n", index,
                     output.style(Style::dim, output.time(entry.envelope.recorded_at)),
                     printable(entry.envelope.actor.principal),
                     printable(sentence(state, entry.event)));
}

// New entries as they land, until a signal.
Outcome follow(Invocation& in, ReadBook& book, Wanted& wanted) {
  const Interrupt interrupt;
  if (const auto done = in.output.finish(); !done) return std::unexpected(done.error());
  while (!interrupt.wait_ms(200)) {
    if (const auto seen = book.whole->refresh(); !seen) {
      if (seen.error().code == Error::Code::unavailable) continue;
      return std::unexpected(problem_of(seen.error()));
    }
    const EntryIndex size = book.whole->head().size;
    if (size == book.state.size) continue;
    Result<void> broken;
    const auto read = book.whole->read(book.state.size, size, [&](EntryIndex index, Bytes bytes) {
      const auto entry = decode(bytes);
      if (!entry) {
        broken = std::unexpected(entry.error());
        return false;
      }
      apply(book.state, *entry);
      if (!matches(book.state, *entry, wanted)) return true;
      if (in.output.format() == Format::jsonl)
        in.output.stream("event", item_of(book.state, *entry, index));
      else
        in.output.raw(line_of(in.output, book.state, *entry, index));
      return true;
    });
    if (!read) return std::unexpected(problem_of(read.error()));
    if (!broken) return std::unexpected(problem_of(broken.error()));
    if (const auto done = in.output.finish(); !done) return std::unexpected(done.error());
  }
  return interrupt.signal() == SIGTERM ? Exit::terminated : Exit::interrupted;
}

}  // namespace

Outcome log(Invocation& in) {
  auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const Arguments& args = in.arguments;
  Wanted wanted{
      .kind = args.text("kind"), .pipeline = args.text("pipeline"), .partition = {}, .run = {}};
  if (!wanted.kind.empty()) {
    const auto known = kinds();
    if (std::ranges::find(known, wanted.kind) == known.end())
      return usage(suggest(wanted.kind, known, "kinds"), "there is no kind of entry \"{}\"",
                   wanted.kind);
  }
  const bool following = args.has("follow");
  if (following && (args.has("as-of") || in.output.format() == Format::json ||
                    in.output.format() == Format::csv))
    return usage("with --follow: -o text or -o jsonl, and no --as-of",
                 "--follow has no end that this could show");
  if (args.has("partition")) {
    wanted.partition = args.text("partition");
    if (const auto found = find_slot(book->state, *wanted.partition, wanted.pipeline);
        !found && found.error().exit == Exit::not_found && !following)
      return std::unexpected(found.error());
  }
  if (args.has("run")) {
    const auto run = find_run(book->state, args.text("run"));
    if (!run) return std::unexpected(run.error());
    wanted.run = *run;
  }
  const std::uint64_t limit = args.number("limit").value_or(following ? 10 : 50);
  const EntryIndex size = book->state.size;
  EntryIndex from = 0;
  if (const auto given = args.number("from")) {
    if (*given > size)
      return not_found("", "the book has {} entries; there is no entry {}", size, *given);
    from = *given;
  } else if (wanted.all() && limit > 0 && size > limit) {
    from = size - limit;
  }
  // Without a beginning the newest that match are meant; with one, the first after it.
  const bool newest = !args.has("from") && limit > 0;
  Listing listing{
      .kind = "EntryList",
      .columns =
          {
              {.key = "index", .title = "ENTRY", .right = true},
              {.key = "recorded_at",
               .title = "TIME",
               .right = false,
               .show =
                   [&](const Json& item) {
                     return in.output.time(
                         parse_time(item["recorded_at"].get<std::string>()).value_or(0));
                   }},
              {.key = "by", .title = "BY"},
              {.key = "sentence", .title = "WHAT"},
          },
      .items = {},
      .ledger_size = size,
      .empty = "no such entries",
      .footer = {}};
  Result<void> broken;
  const auto read = book->ledger->read(from, size, [&](EntryIndex index, Bytes bytes) {
    const auto entry = decode(bytes);
    if (!entry) {
      broken = std::unexpected(entry.error());
      return false;
    }
    if (!matches(book->state, *entry, wanted)) return true;
    listing.items.push_back(item_of(book->state, *entry, index));
    if (newest && listing.items.size() >= 2 * limit + 1'000) {
      listing.items.erase(listing.items.begin(),
                          listing.items.end() - static_cast<std::ptrdiff_t>(limit));
      listing.more = true;
    }
    // One more than asked for: whether there are more is part of the answer.
    return newest || limit == 0 || listing.items.size() <= limit;
  });
  if (!read) return std::unexpected(problem_of(read.error()));
  if (!broken) return std::unexpected(problem_of(broken.error()));
  if (newest && from > 0) listing.more = true;
  if (limit > 0 && listing.items.size() > limit) {
    listing.more = true;
    if (newest)
      listing.items.erase(listing.items.begin(),
                          listing.items.end() - static_cast<std::ptrdiff_t>(limit));
    else
      listing.items.resize(limit);
  }
  if (listing.more)
    listing.footer = newest ? fmt::format("the newest {}; --limit 0 shows all", limit)
                            : fmt::format("the first {}; --limit 0 shows all", limit);
  if (following) {
    for (const Json& item : listing.items) {
      const auto entry = entry_at(*book->ledger, item["index"].get<EntryIndex>());
      if (!entry) return std::unexpected(problem_of(entry.error()));
      if (in.output.format() == Format::jsonl)
        in.output.stream("event", item);
      else
        in.output.raw(line_of(in.output, book->state, *entry, item["index"].get<EntryIndex>()));
    }
    return follow(in, *book, wanted);
  }
  if (in.output.format() == Format::text && !args.has("fields")) {
    // Sentences are read, not compared: no table, and never cut.
    for (const Json& item : listing.items) {
      in.output.raw(fmt::format(
          "{:>6}  {}  {:<10}  {}\n", item["index"].get<EntryIndex>(),
          in.output.style(
              Style::dim,
              in.output.time(parse_time(item["recorded_at"].get<std::string>()).value_or(0))),
          printable(item["by"].get<std::string>()),
          printable(item["sentence"].get<std::string>())));
    }
    if (listing.items.empty()) in.output.say(listing.empty);
    if (!listing.footer.empty()) in.output.say(listing.footer);
    return Exit::good;
  }
  return printed(in.output.print(listing));
}

}  // namespace daybook::commands
