// The steward's commands: what was set aside, and what becomes of it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "replay/words.h"
#include "runner/definitions.h"
#include "tools/daybook/held_records.h"
#include "tools/daybook/record_items.h"
#include "tools/daybook/run.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

// What a decision is about: positions by batch, and the first records as they are shown.
struct Records {
  ReadBook book;
  std::uint64_t count = 0;
  std::map<BatchId, std::vector<std::uint32_t>> positions;
  std::vector<HeldRecord> shown;
};
constexpr std::size_t shown_max = 100;

// The whole of a record, as a visit of each_record gets it.
std::expected<HeldRecord, Problem> read_whole(const WholeRecord& whole) {
  auto record = whole();
  if (!record) return std::unexpected(problem_of(record.error()));
  return std::move(*record);
}

// Each record the command line names.
std::expected<void, Problem> each_wanted(Invocation& in, const ReadBook& book,
                                         const RecordVisit& visit) {
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto wish = record_wish(in, book.state);
  if (!wish) return std::unexpected(wish.error());
  return each_record(book.with(*payloads), *wish, visit);
}

// Records to be decided about. `more`, where given, is asked of each and may refuse it.
using Fit = std::function<std::expected<bool, Problem>(const HeldRecord&)>;
std::expected<Records, Problem> wanted_records(Invocation& in, const Fit& fit = {}) {
  auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Records out{.book = std::move(*book), .count = 0, .positions = {}, .shown = {}};
  const bool amended_only = in.arguments.has("all-amended");
  const auto done = each_wanted(
      in, out.book,
      [&](const PassingRecord& record, const WholeRecord& whole) -> std::expected<bool, Problem> {
        if (amended_only && record.status != RecordStatus::amended) return true;
        if (fit || out.shown.size() < shown_max) {
          auto read = read_whole(whole);
          if (!read) return std::unexpected(read.error());
          if (out.shown.size() < shown_max) out.shown.push_back(*read);
          if (fit)
            if (const auto fits = fit(*read); !fits) return std::unexpected(fits.error());
        }
        ++out.count;
        out.positions[record.batch].push_back(record.position);
        return true;
      });
  if (!done) return std::unexpected(done.error());
  if (out.count == 0)
    return not_found("daybook quarantine list --status all shows what became of them",
                     "no such record waits in quarantine");
  return out;
}

std::expected<HeldRecord, Problem> one_record(Invocation& in, const ReadBook& book) {
  const std::string text = in.arguments.text("RECORD");
  const auto range = record_range(book.state, text);
  if (!range) return std::unexpected(range.error());
  if (range->first != range->last)
    return usage("BATCH:RECORD", "this is about one record, not {}", printable(text));
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  auto record = read_record(book.with(*payloads), range->batch, range->first);
  if (!record) return std::unexpected(problem_of(record.error()));
  return std::move(*record);
}

// In steps the book can hold in one entry.
std::expected<std::uint64_t, Problem> decide_records(Invocation& in, const ReadBook& book,
                                                     const std::string& verb,
                                                     const Records& records) {
  std::uint64_t size = book.state.size;
  for (const auto& [batch, positions] : records.positions) {
    for (std::size_t at = 0; at < positions.size(); at += limits::records_per_event_max) {
      const auto end = std::min(at + limits::records_per_event_max, positions.size());
      const nlohmann::json arguments = {
          {"batch", static_cast<std::uint32_t>(batch)},
          {"records",
           std::vector<std::uint32_t>(positions.begin() + static_cast<std::ptrdiff_t>(at),
                                      positions.begin() + static_cast<std::ptrdiff_t>(end))},
          {"reason", in.arguments.text("reason")}};
      const auto answer = submit(book.paths, in.output, {verb, arguments});
      if (!answer) return std::unexpected(answer.error());
      if (answer->contains("entries") && !(*answer)["entries"].empty())
        size = (*answer)["entries"].back()["index"].get<std::uint64_t>() + 1;
    }
  }
  return size;
}

Outcome say_dry(Invocation& in, const Records& records, std::string_view verb) {
  Listing listing = record_listing(records.book.state, records.shown);
  listing.more = records.shown.size() < records.count;
  listing.footer = fmt::format("dry run: {} record{} would be {}", grouped(records.count),
                               records.count == 1 ? "" : "s", verb);
  return printed(in.output.print(listing));
}

// Nothing is released or discarded by leaving something out.
std::expected<void, Problem> need_choice(Invocation& in, bool more) {
  if (more || in.arguments.has("RECORDS") || in.arguments.has("rule") ||
      in.arguments.has("partition"))
    return {};
  return usage("daybook quarantine list shows them",
               "which records? name RECORDS, --rule or --partition");
}

}  // namespace

Outcome quarantine_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::uint64_t limit = in.arguments.number("limit").value_or(100);
  std::vector<HeldRecord> shown;
  std::uint64_t count = 0;
  const auto done = each_wanted(
      in, *book,
      [&](const PassingRecord&, const WholeRecord& whole) -> std::expected<bool, Problem> {
        ++count;
        if (limit > 0 && shown.size() >= limit) return true;
        auto record = read_whole(whole);
        if (!record) return std::unexpected(record.error());
        shown.push_back(std::move(*record));
        return true;
      });
  if (!done) return std::unexpected(done.error());
  Listing listing = record_listing(book->state, shown);
  listing.more = shown.size() < count;
  if (listing.more)
    listing.footer =
        fmt::format("{} of {} records; --limit 0 shows all", shown.size(), grouped(count));
  return printed(in.output.print(listing));
}

Outcome quarantine_groups(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  struct Of {
    std::uint64_t count = 0, amended = 0;
    std::string example, column;
    std::string record;
    std::map<std::string, std::uint64_t> partitions;
  };
  std::map<std::pair<std::string, std::string>, Of> groups;
  const auto counted = each_wanted(
      in, *book,
      [&](const PassingRecord&, const WholeRecord& whole) -> std::expected<bool, Problem> {
        const auto record = read_whole(whole);
        if (!record) return std::unexpected(record.error());
        const Slot& slot = *book->state.find(record->slot);
        for (const Violation& violation : record->record.violations) {
          Of& group = groups[{slot.pipeline, violation.rule}];
          if (group.count++ == 0) {
            group.example = violation.message;
            group.column = violation.column;
            group.record = record_name(*record);
          }
          group.amended += record->status == RecordStatus::amended;
          ++group.partitions[slot.partition];
        }
        return true;
      });
  if (!counted) return std::unexpected(counted.error());
  Listing listing{.kind = "QuarantineGroupList",
                  .columns = {{.key = "pipeline", .title = "PIPELINE"},
                              {.key = "rule", .title = "RULE"},
                              {.key = "records",
                               .title = "RECORDS",
                               .right = true,
                               .show =
                                   [](const Json& item) {
                                     return grouped(item["records"].get<std::uint64_t>());
                                   }},
                              {.key = "amended", .title = "AMENDED", .right = true},
                              {.key = "partitions", .title = "PARTITIONS", .right = true},
                              {.key = "record", .title = "FIRST"},
                              {.key = "example", .title = "EXAMPLE"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nothing waits in quarantine",
                  .footer = {}};
  for (const auto& [key, group] : groups)
    listing.items.push_back({{"pipeline", key.first},
                             {"rule", key.second},
                             {"column", group.column},
                             {"records", group.count},
                             {"amended", group.amended},
                             {"partitions", group.partitions.size()},
                             {"record", group.record},
                             {"example", group.example}});
  std::ranges::stable_sort(listing.items, [](const Json& a, const Json& b) {
    return a["records"].get<std::uint64_t>() > b["records"].get<std::uint64_t>();
  });
  if (!listing.items.empty())
    listing.footer =
        "next  daybook quarantine list --rule RULE      daybook quarantine export --file "
        "held.jsonl";
  return printed(in.output.print(listing));
}

Outcome quarantine_show(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto record = one_record(in, *book);
  if (!record) return std::unexpected(record.error());
  const BatchState& batch = *book->state.find(record->batch);
  const Slot* slot = book->state.find(record->slot);
  Document document{.kind = "QuarantinedRecord",
                    .json = record_item(book->state, *record),
                    .text = {},
                    .ledger_size = book->state.size};
  document.json["run"] = static_cast<std::uint32_t>(batch.run);
  document.json["attempt"] = batch.attempt;
  document.json["entry"] = batch.at;
  std::string& text = document.text;
  text = fmt::format("{}  {}  {}\n", record_name(*record), slot_title(book->state, record->slot),
                     word(record->status));
  text +=
      fmt::format("  source  {}  record {}  byte {}  sha256:{}\n", printable(record->source),
                  record->record.row, record->record.byte_offset, short_hex(record->source_digest));
  text += fmt::format("  set aside by run {}, attempt {} (entry {})\n", batch.run, batch.attempt,
                      batch.at);
  for (const Violation& violation : record->record.violations)
    text += fmt::format("  rule    {}{}: {}\n", printable(violation.rule),
                        violation.column.empty() ? "" : " on " + printable(violation.column),
                        printable(violation.message));
  if (record->status == RecordStatus::erased) {
    document.json["erased_at_entry"] = record->erased_at;
    text += fmt::format("  bytes   erased at entry {}; daybook explain {} tells how\n",
                        record->erased_at, slot->partition);
  } else {
    text += fmt::format("  bytes   {}\n", printable(record->record.bytes));
  }
  if (record->amendment) text += fmt::format("  amended {}\n", printable(*record->amendment));
  return printed(in.output.print(document));
}

Outcome quarantine_amend(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto record = one_record(in, *book);
  if (!record) return std::unexpected(record.error());
  if (in.arguments.has("text") == in.arguments.has("file"))
    return usage("--text \"LINE\" or --file FILE",
                 "the new record is given once, as text or as a file");
  std::string bytes = in.arguments.text("text");
  if (in.arguments.has("file")) {
    auto read = whole_file(in.arguments.text("file"), 8U << 20);
    if (!read) return std::unexpected(read.error());
    bytes = std::move(*read);
    // The separator is not part of a record; editors end every file with one.
    if (bytes.ends_with('\n')) bytes.pop_back();
    if (bytes.ends_with('\r')) bytes.pop_back();
  }
  if (in.arguments.has("dry-run")) {
    const auto payloads = open_payloads(book->paths);
    if (!payloads) return std::unexpected(payloads.error());
    const auto broken = ReplacementCheck(book->with(*payloads))(*record, bytes, Waive::nothing);
    if (!broken) return std::unexpected(problem_of(broken.error()));
    Json list = Json::array();
    std::string text = broken->empty()
                           ? "dry run: the amended record passes; nothing was recorded\n"
                           : "dry run: the amended record still breaks its rules\n";
    for (const Violation& violation : *broken) {
      list.push_back(
          {{"rule", violation.rule}, {"column", violation.column}, {"message", violation.message}});
      text += fmt::format("  {}: {}\n", printable(violation.rule), printable(violation.message));
    }
    const auto out = printed(in.output.print(
        Document{.kind = "DryRun",
                 .json = {{"dry_run", true}, {"passes", broken->empty()}, {"violations", list}},
                 .text = text,
                 .ledger_size = book->state.size}));
    if (!out) return out;
    return broken->empty() ? Exit::good : Exit::invalid;
  }
  const nlohmann::json arguments = {{"batch", static_cast<std::uint32_t>(record->batch)},
                                    {"record", record->position},
                                    {"bytes", base64(bytes_of(bytes))},
                                    {"reason", in.arguments.text("reason")}};
  return decide_and_report(
      in, *book, {"amend", arguments}, "amended " + record_name(*record),
      {fmt::format("daybook quarantine release {} --reason …", record_name(*record))});
}

namespace {

std::string spelt(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& violation : violations)
    text += (text.empty() ? "" : "; ") + violation.rule + ": " + violation.message;
  return text;
}

// What is to be released must be readable at least: else nothing is.
struct Unreadable {
  std::uint64_t count = 0;
  std::string first, names;
  std::optional<Problem> problem(std::uint64_t of) const {
    if (count == 0) return std::nullopt;
    return Problem{
        .exit = Exit::invalid,
        .code = "DB-1013",
        .message = count == 1 ? fmt::format("record {}; nothing was released", first)
                              : fmt::format("{} of {} records can not be released as they are, "
                                            "the first being {}; nothing was released",
                                            grouped(count), grouped(of), first),
        .hint = fmt::format(
            "daybook quarantine amend RECORD --text …, then release; or leave out {}", names)};
  }
};

// Released records that the run has set aside again, with what they still break.
std::expected<Unreadable, Problem> still_bad(const BookView& book, const Records& released,
                                             EntryIndex before) {
  Unreadable out;
  std::map<SlotId, std::set<std::pair<Digest, std::uint64_t>>> wanted;
  for (const auto& [batch, positions] : released.positions) {
    auto reader = BatchReader::open(book, batch);
    if (!reader) return std::unexpected(problem_of(reader.error()));
    auto& rows = wanted[book.state.find(batch)->slot];
    const auto read = reader->each_own([&](const PassingRecord& record) -> Result<bool> {
      if (std::ranges::binary_search(positions, record.position))
        rows.emplace(record.source, record.row);
      return true;
    });
    if (!read) return std::unexpected(problem_of(read.error()));
  }
  for (const auto& [slot, rows] : wanted) {
    const std::vector<BatchId>& batches = book.state.find(slot)->batches;
    if (batches.empty() || book.state.find(batches.back())->at < before) continue;
    auto reader = BatchReader::open(book, batches.back());
    if (!reader) return std::unexpected(problem_of(reader.error()));
    const auto read = reader->each([&](const PassingRecord& record) -> Result<bool> {
      if (!rows.contains({record.source, record.row})) return true;
      if (out.count++ == 0) {
        const auto whole = reader->whole(record);
        if (!whole) return std::unexpected(whole.error());
        out.first = fmt::format("{}: {}", record_name(*whole), spelt(whole->record.violations));
      }
      return true;
    });
    if (!read) return std::unexpected(problem_of(read.error()));
  }
  return out;
}

}  // namespace

Outcome quarantine_release(Invocation& in) {
  if (const auto chosen = need_choice(in, in.arguments.has("all-amended")); !chosen)
    return std::unexpected(chosen.error());
  auto before = read_book(in);
  if (!before) return std::unexpected(before.error());
  const auto payloads = open_payloads(before->paths);
  if (!payloads) return std::unexpected(payloads.error());
  ReplacementCheck check(before->with(*payloads));
  Unreadable unfit;
  auto records = wanted_records(in, [&](const HeldRecord& record) -> std::expected<bool, Problem> {
    const auto broken = record.amendment ? check(record, *record.amendment, Waive::nothing)
                                         : check(record, record.record.bytes, Waive::rules);
    if (!broken) return std::unexpected(problem_of(broken.error()));
    if (broken->empty()) return true;
    if (unfit.count++ == 0)
      unfit.first = fmt::format("{} can not be read: {}", record_name(record), spelt(*broken));
    if (unfit.count <= 5) unfit.names += (unfit.names.empty() ? "" : ", ") + record_name(record);
    if (unfit.count == 6) unfit.names += " …";
    return true;
  });
  if (!records) return std::unexpected(records.error());
  if (auto problem = unfit.problem(records->count)) return std::unexpected(std::move(*problem));
  if (in.arguments.has("dry-run")) return say_dry(in, *records, "released");
  const auto size = decide_records(in, records->book, "release", *records);
  if (!size) return std::unexpected(size.error());

  std::map<std::string, std::vector<std::string>> partitions;  // by pipeline
  for (const auto& [batch, positions] : records->positions) {
    const State& state = records->book.state;
    const Slot& slot = *state.find(state.find(batch)->slot);
    auto& keys = partitions[slot.pipeline];
    if (std::ranges::find(keys, slot.partition) == keys.end()) keys.push_back(slot.partition);
  }
  const std::string done =
      fmt::format("released {} record{}", grouped(records->count), records->count == 1 ? "" : "s");
  const auto say_recorded = [&](bool later) {
    return printed(
        in.output.print(Document{.kind = "Released",
                                 .json = {{"records", records->count}, {"loaded", false}},
                                 .text = done + (later ? "; the next run loads them\n" : "\n"),
                                 .ledger_size = *size}));
  };
  if (in.arguments.has("no-run")) return say_recorded(true);
  auto host = become_keeper(records->book.paths);
  if (!host) {
    // Another process keeps the book: it has the decision, and its next run loads the records.
    if (host.error().exit == Exit::conflict) return say_recorded(true);
    return std::unexpected(host.error());
  }
  in.output.say(done);
  const EntryIndex begun = (*host)->keeper().state().size;
  Outcome outcome = Exit::good;
  DefinitionCache definitions((*host)->keeper().view());
  for (const auto& [pipeline, keys] : partitions) {
    const State& state = (*host)->keeper().state();
    const auto definition = definitions.get(state.current_definition.at(pipeline));
    if (!definition) return std::unexpected(problem_of(definition.error()));
    outcome = perform_run(in, **host,
                          {.pipeline = *definition,
                           .kind = RunKind::release,
                           .actor = local_actor(),
                           .partitions = keys,
                           .only_failed = false,
                           .force = false,
                           .idempotency_key = {},
                           .reason = in.arguments.text("reason")});
    if (!outcome || *outcome != Exit::good) break;
  }
  if (!outcome) return outcome;
  const auto bad = still_bad((*host)->keeper().view(), *records, begun);
  if (!bad) return std::unexpected(bad.error());
  if (bad->count == 0) return outcome;
  Problem problem{
      .exit = *outcome == Exit::good ? Exit::gate : *outcome,
      .code = "DB-1015",
      .message = fmt::format("{} of the {} released record{} {} set aside again, {}{}",
                             grouped(bad->count), grouped(records->count),
                             records->count == 1 ? "" : "s", bad->count == 1 ? "was" : "were",
                             bad->count == 1 ? "now " : "the first now ", bad->first),
      .hint = *outcome == Exit::good
                  ? "what else was released is loaded; amend what is still bad, or discard it"
                  : "amend what is still bad, or discard it"};
  return std::unexpected(std::move(problem));
}

Outcome quarantine_discard(Invocation& in) {
  if (const auto chosen = need_choice(in, false); !chosen) return std::unexpected(chosen.error());
  const auto records = wanted_records(in);
  if (!records) return std::unexpected(records.error());
  if (in.arguments.has("dry-run")) return say_dry(in, *records, "discarded");
  if (const auto sure =
          confirm(in, fmt::format("{} record{} will never be loaded.", grouped(records->count),
                                  records->count == 1 ? "" : "s"));
      !sure)
    return std::unexpected(sure.error());
  const auto size = decide_records(in, records->book, "discard", *records);
  if (!size) return std::unexpected(size.error());
  return printed(in.output.print(
      Document{.kind = "Discarded",
               .json = {{"records", records->count}},
               .text = fmt::format("discarded {} record{}\n", grouped(records->count),
                                   records->count == 1 ? "" : "s"),
               .ledger_size = *size}));
}

}  // namespace daybook::commands
