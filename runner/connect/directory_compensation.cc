#include "runner/connect/directory_compensation.h"

#include <algorithm>

#include "runner/connect/failure.h"
#include "runner/connect/file_steps.h"

namespace daybook {
namespace {

// "3-9f2c7d01aa5512bc": the form of generation_directory().
bool is_generation_directory(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == 0 || dash == std::string_view::npos || name.size() != dash + 17) return false;
  const auto all = [](std::string_view text, std::string_view of) {
    return text.find_first_not_of(of) == std::string_view::npos;
  };
  return all(name.substr(0, dash), "0123456789") && all(name.substr(dash + 1), "0123456789abcdef");
}

// Moved in place by an attempt that died before its manifest: whoever held the lock is gone, and
// another attempt would bring its own.
SinkResult<void> remove_uncommitted(const SlotStore& slot,
                                    const std::vector<StoredGeneration>& history) {
  auto names = names_in(slot.directory());
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    const bool committed = std::ranges::any_of(
        history, [&](const StoredGeneration& each) { return each.directory() == name; });
    if (committed || !is_generation_directory(name)) continue;
    if (auto removed = remove_directory(slot.directory(), name); !removed) return removed;
  }
  return {};
}

}  // namespace

SinkResult<CompensationEvidence> weigh_compensation(const CompensationPlan& plan,
                                                    const SlotStore& slot,
                                                    const std::vector<StoredGeneration>& history) {
  if (plan.action == CompensationAction::flag) {
    return sink_failure(ErrorClass::definition, "compensate.flag", "files have no rows to flag",
                        "compensate: flag needs a table; a directory sink can restore_previous or "
                        "remove",
                        "sink.compensate");
  }
  const auto target = std::ranges::find_if(history, [&](const StoredGeneration& each) {
    return each.manifest.generation == plan.generation;
  });
  if (target == history.end() || target->manifest.load_id != plan.generation_load_id) {
    return sink_conflict("the generation is not in the sink",
                         fmt::format("generation {} (load {}) is not below {}", plan.generation,
                                     hex(plan.generation_load_id), slot.directory().path));
  }
  if (target->tombstone) {
    return sink_conflict("already compensated",
                         fmt::format("generation {} was taken back by compensation {}",
                                     plan.generation, hex(target->tombstone->load_id)));
  }
  std::vector<MarkedGeneration> before = marks(history);
  const std::vector<Generation> stand = standing(before);
  if (std::ranges::find(stand, plan.generation) == stand.end()) {
    const Generation later = stand.empty() ? history.back().manifest.generation : stand.back();
    const auto over = std::ranges::find_if(
        history, [&](const StoredGeneration& each) { return each.manifest.generation == later; });
    return sink_conflict("overwritten by a later load",
                         fmt::format("generation {} was replaced by generation {}: compensate load "
                                     "{} first",
                                     plan.generation, later, hex(over->manifest.load_id)));
  }
  if (plan.action == CompensationAction::restore_previous &&
      target->manifest.mode != LoadMode::append) {
    const Generation previous = standing_before(before, plan.generation);
    if (previous != plan.restores) {
      return sink_conflict("another generation would come back",
                           fmt::format("before generation {} stood generation {}, not {}",
                                       plan.generation, previous, plan.restores));
    }
  }
  std::vector<MarkedGeneration> after = before;
  for (MarkedGeneration& mark : after) {
    if (mark.generation == plan.generation) mark.taken_back = {plan.action, plan.load_id};
  }
  CompensationEvidence numbers;
  numbers.rows_removed = target->manifest.rows;
  for (const Generation back : standing(after)) {
    if (std::ranges::find(stand, back) != stand.end()) continue;
    const auto restored = std::ranges::find_if(
        history, [&](const StoredGeneration& each) { return each.manifest.generation == back; });
    auto bad = slot.damage(*restored);
    if (!bad) return std::unexpected(bad.error());
    if (!bad->empty()) return sink_conflict("what is to be restored is damaged", *bad);
    numbers.rows_restored += restored->manifest.rows;
  }
  return numbers;
}

SinkResult<void> remove_superseded(const SlotStore& slot,
                                   const std::vector<StoredGeneration>& history,
                                   std::size_t kept_max) {
  if (auto cleared = remove_uncommitted(slot, history); !cleared) return cleared;
  const std::vector<Generation> stand = standing(marks(history));
  std::size_t kept = 0;
  for (auto stored = history.rbegin(); stored != history.rend(); ++stored) {
    if (std::ranges::find(stand, stored->manifest.generation) != stand.end()) continue;
    if (!stored->tombstone && kept < kept_max) {
      ++kept;
      continue;
    }
    if (stored->tombstone && kept == 0) continue;  // the newest act stays for whoever looks at it
    auto data = find_directory(slot.directory(), stored->directory());
    if (!data) return std::unexpected(data.error());
    if (!*data) continue;
    for (std::size_t i = 0; i < stored->manifest.files.size(); ++i) {
      auto removed = remove_file(**data, StoredGeneration::part(i));
      if (!removed) return removed;
    }
    if (auto removed = remove_directory(slot.directory(), stored->directory()); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace daybook
