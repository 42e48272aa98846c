// Where things stand: state, runs, hold list, partitions set aside.
#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "replay/words.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/views.h"

namespace daybook::commands {

namespace {

Outcome list_slots(Invocation& in, std::string kind, std::string empty,
                   const std::function<bool(const Slot&)>& wanted,
                   std::vector<TableColumn> more = {},
                   const std::function<void(const ReadBook&, const Slot&, Json&)>& extend = {}) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = std::move(kind),
                  .columns = slot_columns(),
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = std::move(empty),
                  .footer = {}};
  listing.columns.insert(listing.columns.end(), more.begin(), more.end());
  for (const auto& [key, id] : book->state.slot_by_key) {
    const Slot& slot = *book->state.find(id);
    if (!wanted(slot)) continue;
    Json item = slot_item(book->state, id);
    if (extend) extend(*book, slot, item);
    listing.items.push_back(std::move(item));
  }
  return printed(in.output.print(listing));
}

// The reason in the entry that put a slot where it is.
void add_reason(const ReadBook& book, const Slot& slot, Json& item) {
  item["reason"] = nullptr;
  if (slot.story == no_entry) return;
  const auto entry = entry_at(*book.ledger, slot.story);
  if (!entry) return;
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { std::string(e.reason); }) item["reason"] = e.reason;
      },
      entry->event);
}

}  // namespace

Outcome state(Invocation& in) {
  const auto partitions = in.arguments.all("PARTITION");
  const std::string pipeline = in.arguments.text("pipeline"), phase = in.arguments.text("phase");
  const bool gaps = in.arguments.has("gaps");
  const auto wanted = [&](const Slot& slot) {
    return (pipeline.empty() || slot.pipeline == pipeline) &&
           (phase.empty() || name(slot.phase) == phase) &&
           (!gaps || (slot.expected && slot.current == 0)) &&
           (partitions.empty() ||
            std::ranges::find(partitions, slot.partition) != partitions.end());
  };
  if (!in.arguments.has("summary")) {
    if (!partitions.empty()) {
      const auto book = read_book(in);
      if (!book) return std::unexpected(book.error());
      for (const std::string& one : partitions)
        if (const auto found = find_slot(book->state, one, pipeline);
            !found && found.error().exit == Exit::not_found)
          return std::unexpected(found.error());
    }
    return list_slots(in, "PartitionList", "no partitions yet: daybook run PIPELINE", wanted);
  }
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::uint64_t>> groups;
  for (const Slot& slot : book->state.slots) {
    if (!wanted(slot)) continue;
    auto& [count, rows] = groups[{slot.pipeline, std::string(name(slot.phase))}];
    ++count;
    if (const GenerationState* current = generation(slot, slot.current)) rows += current->rows;
  }
  Listing listing{.kind = "PhaseList",
                  .columns = {{.key = "pipeline", .title = "PIPELINE"},
                              {.key = "phase",
                               .title = "PHASE",
                               .right = false,
                               .show = {},
                               .style =
                                   [](const Json& item) {
                                     return phase_style(item["phase"].get<std::string>());
                                   }},
                              {.key = "partitions", .title = "PARTITIONS", .right = true},
                              {.key = "rows", .title = "ROWS", .right = true}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "no partitions yet",
                  .footer = {}};
  for (const auto& [key, value] : groups)
    listing.items.push_back({{"pipeline", key.first},
                             {"phase", key.second},
                             {"partitions", value.first},
                             {"rows", value.second}});
  return printed(in.output.print(listing));
}

Outcome hold_list(Invocation& in) {
  return list_slots(
      in, "HoldList", "nothing is held",
      [](const Slot& slot) { return slot.phase == SlotPhase::held; },
      {{.key = "reason", .title = "REASON"}}, add_reason);
}

Outcome quarantine_partitions(Invocation& in) {
  const std::string pipeline = in.arguments.text("pipeline");
  return list_slots(
      in, "QuarantinedPartitionList", "no partition is set aside",
      [&](const Slot& slot) {
        return slot.phase == SlotPhase::quarantined &&
               (pipeline.empty() || slot.pipeline == pipeline);
      },
      {{.key = "reason", .title = "REASON"}}, add_reason);
}

Outcome runs_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::string pipeline = in.arguments.text("pipeline"), wanted = in.arguments.text("state");
  const std::uint64_t limit = in.arguments.number("limit").value_or(50);
  const auto number = [](const char* key) {
    return [key](const Json& item) { return grouped(item[key].get<std::uint64_t>()); };
  };
  Listing listing{
      .kind = "RunList",
      .columns = {{.key = "run", .title = "RUN", .right = true},
                  {.key = "pipeline", .title = "PIPELINE"},
                  {.key = "run_kind", .title = "KIND"},
                  {.key = "state",
                   .title = "STATE",
                   .right = false,
                   .show =
                       [](const Json& item) {
                         return item["planning"] == true ? std::string("planning")
                                                         : item["state"].get<std::string>();
                       },
                   .style =
                       [](const Json& item) {
                         return phase_style(item["state"].get<std::string>());
                       }},
                  {.key = "partitions", .title = "PARTITIONS", .right = true},
                  {.key = "rows", .title = "ROWS", .right = true, .show = number("rows")},
                  {.key = "quarantined",
                   .title = "QUARANTINED",
                   .right = true,
                   .show = number("quarantined")},
                  {.key = "started_at",
                   .title = "STARTED",
                   .right = false,
                   .show =
                       [&](const Json& item) {
                         const auto at = parse_time(item["started_at"].get<std::string>());
                         return in.output.time(at.value_or(0));
                       }},
                  {.key = "microseconds",
                   .title = "TOOK",
                   .right = true,
                   .show =
                       [](const Json& item) {
                         return item["microseconds"].is_number()
                                    ? spell_seconds(item["microseconds"].get<std::int64_t>())
                                    : std::string();
                       }},
                  {.key = "requester", .title = "BY"},
                  {.key = "uuid", .title = "UUID"}},
      .items = {},
      .ledger_size = book->state.size,
      .empty = "nothing has run yet",
      .footer = {}};
  for (std::size_t i = book->state.runs.size(); i-- > 0;) {
    const RunState& run = book->state.runs[i];
    if (!pipeline.empty() && run.pipeline != pipeline) continue;
    const std::string now = run.open ? "open" : std::string(word(run.outcome));
    if (!wanted.empty() && now != wanted) continue;
    if (limit > 0 && listing.items.size() >= limit) {
      listing.more = true;
      listing.footer = fmt::format("the newest {}; --limit 0 shows all", limit);
      break;
    }
    listing.items.push_back(run_item(book->state, RunId{static_cast<std::uint32_t>(i)}));
  }
  return printed(in.output.print(listing));
}

Outcome runs_show(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = find_run(book->state, in.arguments.text("RUN"));
  if (!id) return std::unexpected(id.error());
  const RunState& run = *book->state.find(*id);
  Document document{.kind = "Run",
                    .json = run_item(book->state, *id),
                    .text = {},
                    .ledger_size = book->state.size};
  const Json& item = document.json;
  std::string& text = document.text;
  text = fmt::format("run {} of {} v{}: {}\n", *id, run.pipeline, dump(item["version"]),
                     item["state"].get<std::string>());
  text += fmt::format("  {}  by {}  started {}{}\n", uuid_text(run.uuid), printable(run.requester),
                      in.output.time(run.started_at),
                      run.open ? "" : "  took " + spell_seconds(run.finished_at - run.started_at));
  if (planning(run))
    text += fmt::format(
        "  {} of {} partitions planned so far; nothing is attempted before the rest is\n"
        "  next  daybook run PIPELINE plans the rest and goes on\n",
        run.slots.size(), run.partitions);
  if (!run.circuit.empty())
    text += fmt::format("  circuit open: too many failures of {}\n", printable(run.circuit));
  document.json["slots"] = Json::array();
  std::size_t widest = 9;
  for (const SlotId slot : run.slots)
    widest = std::max(widest, columns(book->state.find(slot)->partition));
  for (const SlotId slot : run.slots) {
    Json one = run_slot_item(book->state, *id, slot);
    const std::string result = one["result"].get<std::string>();
    std::string partition = one["partition"].get<std::string>();
    partition.resize(widest, ' ');
    text += fmt::format(
        "  {}  {}  {:>12} row{}{}\n", partition,
        in.output.style(phase_style(result), fmt::format("{:<12}", result)),
        one["rows"].is_number() ? grouped(one["rows"].get<std::uint64_t>()) : "-",
        one["rows"] == 1 ? " " : "s",
        one["quarantined"].is_number() && one["quarantined"] != 0
            ? fmt::format("  {:>7} quarantined", grouped(one["quarantined"].get<std::uint64_t>()))
            : "");
    document.json["slots"].push_back(std::move(one));
  }
  if (in.arguments.has("events")) {
    document.json["entries"] = Json::array();
    text += "\n";
    const auto read =
        book->ledger->read(run.started, book->state.size, [&](EntryIndex index, Bytes bytes) {
          const auto entry = decode(bytes);
          if (!entry) return false;
          if (run_of(book->state, entry->event) != *id) return true;
          document.json["entries"].push_back(Json::parse(entry_json(*entry, index)));
          text +=
              fmt::format("  {:>6}  {}  {}\n", index, in.output.time(entry->envelope.recorded_at),
                          printable(sentence(book->state, entry->event)));
          return true;
        });
    if (!read) return std::unexpected(problem_of(read.error()));
  }
  return printed(in.output.print(document));
}

}  // namespace daybook::commands
