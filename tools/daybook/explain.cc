// Why a partition is where it is: its entries in order, each as a sentence, and what comes next.
#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "replay/queries.h"
#include "replay/words.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/views.h"

namespace daybook::commands {

namespace {

std::string verdict(const State& state, const Slot& slot) {
  const GenerationState* current = generation(slot, slot.current);
  const std::string stands =
      current == nullptr
          ? "nothing of it is in the target"
          : fmt::format("generation {} with {} row{} stands in {}", current->number,
                        grouped(current->rows), current->rows == 1 ? "" : "s", slot.sink);
  std::string out = fmt::format("{} is {}; {}.", slot.partition, name(slot.phase), stands);
  if (slot.expected && slot.current == 0) out += " It is expected, so this is a gap.";
  if (slot.paused || state.paused || state.paused_pipelines.contains(slot.pipeline))
    out += " It is paused.";
  if (slot.phase == SlotPhase::load_intended)
    out += " A load of it was begun, and the sink has not said yet what became of it.";
  if (slot.failures > 0)
    out += fmt::format(" {} attempt{} failed in run {}.", slot.failures,
                       slot.failures == 1 ? "" : "s", slot.run);
  return out;
}

// Why the partition as a whole is set aside: what its last entry says.
Result<std::string> set_aside_for(const Ledger& ledger, const Slot& slot) {
  std::string reason;
  const auto read = ledger.read(slot.story, slot.story + 1, [&](EntryIndex, Bytes bytes) {
    if (const auto entry = decode(bytes))
      if (const auto* aside = std::get_if<SlotQuarantined>(&entry->event)) reason = aside->reason;
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return reason;
}

std::vector<std::string> advice(const Slot& slot, std::string_view set_aside_for) {
  const std::string& key = slot.partition;
  switch (slot.phase) {
    case SlotPhase::held:
      return {fmt::format("daybook hold load {} --reason …     let it pass", key),
              fmt::format("daybook hold discard {} --reason …  drop what was staged", key)};
    case SlotPhase::awaiting_approval:
      return {slot.approval ? fmt::format("daybook approvals approve {} --key …", *slot.approval)
                            : "daybook approvals list"};
    case SlotPhase::quarantined:
      if (set_aside_for == "conflict")
        return {"daybook reconcile     what the target holds, and the book does not know",
                fmt::format(
                    "daybook quarantine release-partition {} --reason …  once it is settled", key)};
      return {fmt::format("daybook quarantine release-partition {} --reason …", key)};
    case SlotPhase::failed:
    case SlotPhase::lost:
    case SlotPhase::cancelled: return {"daybook rerun PIPELINE --failed"};
    case SlotPhase::planned:
    case SlotPhase::retry_waiting:
    case SlotPhase::staged:
    case SlotPhase::running:
    case SlotPhase::load_intended:
    case SlotPhase::loaded: return {"daybook run PIPELINE     goes on where it stood"};
    case SlotPhase::compensating: return {"daybook compensate list --open"};
    case SlotPhase::verified:
    case SlotPhase::skipped:
      if (const GenerationState* current = generation(slot, slot.current);
          current != nullptr && current->counts.quarantined > 0)
        return {fmt::format("daybook quarantine list --partition {}", key)};
      return {};
    case SlotPhase::idle: return {"daybook run PIPELINE"};
    case SlotPhase::compensated:
      return {"daybook run PIPELINE     loads it again if its input changed"};
  }
  return {};
}

}  // namespace

Outcome explain(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id =
      find_slot(book->state, in.arguments.text("PARTITION"), in.arguments.text("pipeline"));
  if (!id) return std::unexpected(id.error());
  const Slot& slot = *book->state.find(*id);

  const auto told = daybook::explain(book->state, *book->ledger, *id);
  if (!told) return std::unexpected(problem_of(told.error()));
  const std::vector<StoryLine>& story = *told;

  // What led to the state of now begins with the last plan; before it stand earlier generations.
  std::size_t begin = 0;
  if (!in.arguments.has("all")) {
    const auto planned =
        std::ranges::find(story.rbegin(), story.rend(), "PartitionPlanned", &StoryLine::kind);
    if (planned != story.rend()) begin = static_cast<std::size_t>(story.rend() - planned) - 1;
  }

  Document document{.kind = "Explanation",
                    .json = slot_item(book->state, *id),
                    .text = {},
                    .ledger_size = book->state.size};
  std::string now = verdict(book->state, slot);
  if (const RunState* run = book->state.find(slot.run);
      run != nullptr && slot.phase == SlotPhase::planned && planning(*run))
    now += fmt::format(" Run {} has planned {} of {} partitions, and begins when it has all.",
                       slot.run, run->slots.size(), run->partitions);
  document.text = printable(now) + "\n\n";
  document.json["verdict"] = now;
  document.json["story"] = Json::array();
  if (begin > 0) document.text += fmt::format("  {} earlier: --all\n", begin);
  for (std::size_t i = begin; i < story.size(); ++i) {
    const StoryLine& line = story[i];
    document.text += fmt::format("  {:>6}  {}  {:<10}  {}\n", line.index,
                                 in.output.style(Style::dim, in.output.time(line.at)),
                                 printable(line.who.principal), printable(line.text));
    document.json["story"].push_back({{"index", line.index},
                                      {"recorded_at", iso_time(line.at)},
                                      {"by", line.who.principal},
                                      {"kind", line.kind},
                                      {"sentence", line.text}});
  }
  std::string reason;
  if (slot.phase == SlotPhase::quarantined) {
    auto said = set_aside_for(*book->ledger, slot);
    if (!said) return std::unexpected(problem_of(said.error()));
    reason = std::move(*said);
  }
  const auto next = advice(slot, reason);
  document.json["next"] = next;
  if (!next.empty()) {
    document.text += "\nnext\n";
    for (const std::string& line : next) document.text += "  " + line + "\n";
  }
  return printed(in.output.print(document));
}

}  // namespace daybook::commands
