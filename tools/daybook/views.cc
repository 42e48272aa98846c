#include "tools/daybook/views.h"

#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "ledger/digest.h"
#include "replay/words.h"
#include "runner/quarantine.h"

namespace daybook {

namespace {

Json counts_json(const RowCounts& counts) {
  return {{"read", counts.read},
          {"accepted", counts.accepted},
          {"quarantined", counts.quarantined},
          {"filtered", counts.filtered},
          {"merged", counts.merged}};
}

Json entry_number(EntryIndex index) { return index == no_entry ? Json() : Json(index); }

std::uint64_t waiting_records(const State& state, const std::string& pipeline) {
  std::uint64_t count = 0;
  for (const BatchId id : open_batches(state, pipeline)) {
    const BatchState& batch = *state.find(id);
    if (batch.erased_whole) continue;
    count += batch.records - batch.erased.size();
    for (const auto& [position, record] : batch.touched)
      if (record.status != RecordState::Status::amended && !batch.erased.contains(position))
        --count;
  }
  return count;
}

}  // namespace

Json slot_item(const State& state, SlotId id) {
  const Slot& slot = *state.find(id);
  const GenerationState* current = generation(slot, slot.current);
  Json out = {{"pipeline", slot.pipeline},
              {"partition", slot.partition},
              {"sink", slot.sink},
              {"phase", name(slot.phase)},
              {"generation", slot.current},
              {"rows", current != nullptr ? Json(current->rows) : Json()},
              {"quarantined", current != nullptr ? Json(current->counts.quarantined) : Json()},
              {"attempts", slot.attempt},
              {"failures", slot.failures},
              {"run", slot.run == no_run ? Json() : Json(static_cast<std::uint32_t>(slot.run))},
              {"expected", slot.expected},
              {"gap", slot.expected && slot.current == 0},
              {"paused", slot.paused},
              {"error", slot.error ? Json(word(*slot.error)) : Json()},
              {"entry", entry_number(slot.story)},
              {"slot", static_cast<std::uint32_t>(id)}};
  if (slot.phase == SlotPhase::retry_waiting) out["not_before"] = iso_time(slot.not_before);
  if (current != nullptr) {
    out["counts"] = counts_json(current->counts);
    out["load_id"] = hex(current->load_id);
    out["content"] = hex(current->content);
  }
  return out;
}

Json run_item(const State& state, RunId id) {
  const RunState& run = *state.find(id);
  const DefinitionState* definition = state.find_definition(run.definition);
  std::uint64_t rows = 0, quarantined = 0;
  for (const SlotId slot_id : run.slots) {
    const Slot& slot = *state.find(slot_id);
    for (const GenerationState& g : slot.generations)
      if (g.run == id && g.standing != Standing::aborted && g.standing != Standing::intended) {
        rows += g.rows;
        quarantined += g.counts.quarantined;
      }
  }
  const std::string word_of_state =
      run.open ? run.paused ? "paused" : "open" : std::string(word(run.outcome));
  return {{"run", static_cast<std::uint32_t>(id)},
          {"uuid", uuid_text(run.uuid)},
          {"pipeline", run.pipeline},
          {"version", definition != nullptr ? Json(definition->version) : Json()},
          {"run_kind", word(run.kind)},
          {"state", word_of_state},
          {"partitions", run.slots.size()},
          {"taken_on", run.partitions == 0 ? Json() : Json(run.partitions)},
          {"planning", planning(run)},
          {"skipped", run.skipped},
          {"rows", rows},
          {"quarantined", quarantined},
          {"requester", run.requester},
          {"started_at", iso_time(run.started_at)},
          {"finished_at", run.open ? Json() : Json(iso_time(run.finished_at))},
          {"microseconds", run.open ? Json() : Json(run.finished_at - run.started_at)},
          {"definition", definition != nullptr ? Json(hex(definition->digest)) : Json()},
          {"circuit", run.circuit.empty() ? Json() : Json(run.circuit)},
          {"entry", entry_number(run.started)}};
}

namespace {

// What the run left as an earlier one had left it, although nothing of it is loaded.
bool passed_over(const Slot& slot, RunId run) {
  return slot.run < run &&
         (slot.phase == SlotPhase::quarantined || slot.phase == SlotPhase::held ||
          slot.phase == SlotPhase::awaiting_approval || slot.phase == SlotPhase::compensated);
}

}  // namespace

Json run_slot_item(const State& state, RunId run, SlotId id) {
  const Slot& slot = *state.find(id);
  Json out = slot_item(state, id);
  const auto mine = std::ranges::find_if(slot.generations.rbegin(), slot.generations.rend(),
                                         [&](const GenerationState& g) { return g.run == run; });
  std::string result(name(slot.phase));
  if (mine != slot.generations.rend()) {
    out["generation"] = mine->number;
    out["rows"] = mine->rows;
    out["quarantined"] = mine->counts.quarantined;
    out["counts"] = counts_json(mine->counts);
    if (slot.run != run || mine->standing == Standing::compensated)
      result = std::string(word(mine->standing));
  } else if (slot.run == run && slot.staged) {
    out["rows"] = slot.staged->output_rows;
    out["quarantined"] = slot.staged->counts.quarantined;
    out["counts"] = counts_json(slot.staged->counts);
  } else if (passed_over(slot, run)) {
    out["rows"] = out["quarantined"] = out["counts"] = nullptr;
    out["since_run"] = static_cast<std::uint32_t>(slot.run);
  } else if (slot.run != run || slot.phase == SlotPhase::skipped ||
             slot.phase == SlotPhase::verified) {
    result = "unchanged";
  } else {
    // What stands in the target is another run's.
    out["rows"] = out["quarantined"] = out["counts"] = nullptr;
  }
  out["result"] = result;
  return out;
}

Style phase_style(std::string_view phase) {
  if (phase == name(SlotPhase::verified) || phase == "succeeded" || phase == "loaded")
    return Style::good;
  if (phase == name(SlotPhase::failed) || phase == name(SlotPhase::quarantined) ||
      phase == name(SlotPhase::lost) || phase == "failed")
    return Style::bad;
  if (phase == name(SlotPhase::held) || phase == name(SlotPhase::awaiting_approval) ||
      phase == name(SlotPhase::retry_waiting) || phase == "held" || phase == "paused")
    return Style::warn;
  return Style::plain;
}

std::vector<TableColumn> slot_columns() {
  const auto number = [](const char* key) {
    return [key](const Json& item) {
      return item[key].is_number() ? grouped(item[key].get<std::uint64_t>()) : std::string();
    };
  };
  return {
      {.key = "pipeline", .title = "PIPELINE"},
      {.key = "partition", .title = "PARTITION"},
      {.key = "phase",
       .title = "PHASE",
       .right = false,
       .show =
           [](const Json& item) {
             return item["phase"].get<std::string>() + (item["gap"].get<bool>() ? " (gap)" : "") +
                    (item["paused"].get<bool>() ? " (paused)" : "");
           },
       .style = [](const Json& item) { return phase_style(item["phase"].get<std::string>()); }},
      {.key = "generation",
       .title = "GEN",
       .right = true,
       .show =
           [](const Json& item) {
             return item["generation"] == 0 ? std::string() : dump(item["generation"]);
           }},
      {.key = "rows", .title = "ROWS", .right = true, .show = number("rows")},
      {.key = "quarantined", .title = "QUARANTINED", .right = true, .show = number("quarantined")},
      {.key = "attempts", .title = "ATTEMPTS", .right = true},
      {.key = "run", .title = "RUN", .right = true},
      {.key = "entry", .title = "ENTRY", .right = true},
  };
}

Exit exit_of(const State& state, RunId id) {
  const RunState* run = state.find(id);
  if (run == nullptr) return Exit::bad;
  bool aside = false, held = false, waits = false;
  for (const SlotId slot_id : run->slots) {
    const Slot& slot = *state.find(slot_id);
    if (slot.run != id && !passed_over(slot, id)) continue;
    aside = aside || (slot.run != id && slot.phase == SlotPhase::quarantined);
    held = held || slot.phase == SlotPhase::held;
    waits = waits || slot.phase == SlotPhase::awaiting_approval;
  }
  if (run->open) return Exit::pending;
  switch (run->outcome) {
    case RunOutcome::succeeded:
      // It did all there was to do; what waits from before is not loaded for all that.
      return aside ? Exit::bad : held ? Exit::gate : waits ? Exit::pending : Exit::good;
    case RunOutcome::held: return waits && !held ? Exit::pending : Exit::gate;
    case RunOutcome::failed:
    case RunOutcome::cancelled: return Exit::bad;
  }
  return Exit::bad;
}

std::vector<std::string> next_steps(const State& state, const std::string& pipeline) {
  std::vector<std::string> out;
  bool held = false, aside = false, failed = false;
  std::string failed_one;
  for (const Slot& slot : state.slots) {
    if (!pipeline.empty() && slot.pipeline != pipeline) continue;
    held = held || slot.phase == SlotPhase::held;
    aside = aside || slot.phase == SlotPhase::quarantined;
    if (slot.phase == SlotPhase::failed || slot.phase == SlotPhase::lost ||
        slot.phase == SlotPhase::quarantined) {
      failed = true;
      failed_one = slot.partition;
    }
  }
  if (failed) out.push_back("daybook explain " + failed_one);
  if (held) out.push_back("daybook hold list");
  if (aside) out.push_back("daybook quarantine partitions");
  for (const ApprovalState& approval : state.approvals)
    if (!approval.rejected && !approval.voided && !approval.satisfied()) {
      out.push_back("daybook approvals list");
      break;
    }
  if (waiting_records(state, pipeline) > 0) out.push_back("daybook quarantine groups");
  return out;
}

}  // namespace daybook
