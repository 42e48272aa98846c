// The steward's commands: what was set aside, and what becomes of it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "runner/definitions.h"
#include "tools/daybook/held_records.h"
#include "tools/daybook/record_items.h"
#include "tools/daybook/run.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"
#include "replay/words.h"

namespace daybook::commands {

namespace {

struct Records {
  ReadBook book;
  std::vector<HeldRecord> all;
};

std::expected<Records, Problem> wanted_records(Invocation& in) {
  auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto wish = record_wish(in, book->state);
  if (!wish) return std::unexpected(wish.error());
  auto records = find_records(book->with(*payloads), *wish);
  if (!records) return std::unexpected(records.error());
  return Records{std::move(*book), std::move(*records)};
}

std::expected<HeldRecord, Problem> one_record(Invocation& in, const ReadBook& book) {
  const std::string text = in.arguments.text("RECORD");
  const auto range = record_range(book.state, text);
  if (!range) return std::unexpected(range.error());
  if (range->first != range->last)
    return usage("BATCH:RECORD", "this is about one record, not {}", printable(text));
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  auto records = read_batch(book.with(*payloads), range->batch);
  if (!records) return std::unexpected(problem_of(records.error()));
  return std::move(records->at(range->first));
}

// By batch, in steps the book can hold in one entry.
std::map<BatchId, std::vector<std::uint32_t>> by_batch(const std::vector<HeldRecord>& records) {
  std::map<BatchId, std::vector<std::uint32_t>> out;
  for (const HeldRecord& record : records) out[record.batch].push_back(record.position);
  for (auto& [batch, positions] : out) std::ranges::sort(positions);
  return out;
}

std::expected<std::uint64_t, Problem> decide_records(Invocation& in, const ReadBook& book,
                                                     const std::string& verb,
                                                     const std::vector<HeldRecord>& records) {
  std::uint64_t size = book.state.size;
  for (const auto& [batch, positions] : by_batch(records)) {
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
  Listing listing = record_listing(records.book.state, records.all);
  listing.footer = fmt::format("dry run: {} record{} would be {}", records.all.size(),
                               records.all.size() == 1 ? "" : "s", verb);
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
  const auto records = wanted_records(in);
  if (!records) return std::unexpected(records.error());
  const std::uint64_t limit = in.arguments.number("limit").value_or(100);
  std::vector<HeldRecord> shown = records->all;
  if (limit > 0 && shown.size() > limit) shown.resize(limit);
  Listing listing = record_listing(records->book.state, shown);
  listing.more = shown.size() < records->all.size();
  if (listing.more)
    listing.footer = fmt::format("{} of {} records; --limit 0 shows all", shown.size(),
                                 grouped(records->all.size()));
  return printed(in.output.print(listing));
}

Outcome quarantine_groups(Invocation& in) {
  const auto records = wanted_records(in);
  if (!records) return std::unexpected(records.error());
  struct Of {
    std::uint64_t count = 0, amended = 0;
    std::string example, column;
    std::string record;
    std::map<std::string, std::uint64_t> partitions;
  };
  std::map<std::pair<std::string, std::string>, Of> groups;
  for (const HeldRecord& record : records->all) {
    const Slot& slot = *records->book.state.find(record.slot);
    for (const Violation& violation : record.record.violations) {
      Of& group = groups[{slot.pipeline, violation.rule}];
      if (group.count++ == 0) {
        group.example = violation.message;
        group.column = violation.column;
        group.record = record_name(record);
      }
      group.amended += record.status == RecordStatus::amended;
      ++group.partitions[slot.partition];
    }
  }
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
                  .ledger_size = records->book.state.size,
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
    const auto broken = check_amendment(*book, *record, bytes);
    if (!broken) return std::unexpected(broken.error());
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

Outcome quarantine_release(Invocation& in) {
  if (const auto chosen = need_choice(in, in.arguments.has("all-amended")); !chosen)
    return std::unexpected(chosen.error());
  auto records = wanted_records(in);
  if (!records) return std::unexpected(records.error());
  if (in.arguments.has("all-amended"))
    std::erase_if(records->all,
                  [](const HeldRecord& record) { return record.status != RecordStatus::amended; });
  if (records->all.empty())
    return not_found("daybook quarantine list --status all shows what became of them",
                     "no such record waits in quarantine");
  if (in.arguments.has("dry-run")) return say_dry(in, *records, "released");
  const auto size = decide_records(in, records->book, "release", records->all);
  if (!size) return std::unexpected(size.error());

  std::map<std::string, std::vector<std::string>> partitions;  // by pipeline
  for (const HeldRecord& record : records->all) {
    const Slot& slot = *records->book.state.find(record.slot);
    auto& keys = partitions[slot.pipeline];
    if (std::ranges::find(keys, slot.partition) == keys.end()) keys.push_back(slot.partition);
  }
  const std::string done = fmt::format("released {} record{}", grouped(records->all.size()),
                                       records->all.size() == 1 ? "" : "s");
  const auto say_recorded = [&](bool later) {
    return printed(
        in.output.print(Document{.kind = "Released",
                                 .json = {{"records", records->all.size()}, {"loaded", false}},
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
    if (!outcome || *outcome != Exit::good) return outcome;
  }
  return outcome;
}

Outcome quarantine_discard(Invocation& in) {
  if (const auto chosen = need_choice(in, false); !chosen) return std::unexpected(chosen.error());
  const auto records = wanted_records(in);
  if (!records) return std::unexpected(records.error());
  if (records->all.empty())
    return not_found("daybook quarantine list --status all shows what became of them",
                     "no such record waits in quarantine");
  if (in.arguments.has("dry-run")) return say_dry(in, *records, "discarded");
  if (const auto sure =
          confirm(in, fmt::format("{} record{} will never be loaded.", grouped(records->all.size()),
                                  records->all.size() == 1 ? "" : "s"));
      !sure)
    return std::unexpected(sure.error());
  const auto size = decide_records(in, records->book, "discard", records->all);
  if (!size) return std::unexpected(size.error());
  return printed(in.output.print(
      Document{.kind = "Discarded",
               .json = {{"records", records->all.size()}},
               .text = fmt::format("discarded {} record{}\n", grouped(records->all.size()),
                                   records->all.size() == 1 ? "" : "s"),
               .ledger_size = *size}));
}

}  // namespace daybook::commands
