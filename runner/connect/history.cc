#include "runner/connect/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/connect/failure.h"

namespace daybook {
namespace {

// A lost load stays lost, whatever becomes of the one that came in its place.
std::vector<Generation> lost_in(std::span<const MarkedGeneration> history) {
  std::vector<Generation> lost;
  for (const MarkedGeneration& load : history)
    lost.insert(lost.end(), load.lost.begin(), load.lost.end());
  return lost;
}

std::vector<Generation> stand_without(std::span<const MarkedGeneration> history,
                                      const std::vector<Generation>& lost) {
  std::vector<Generation> stand;
  for (const MarkedGeneration& load : history) {
    const bool undone = load.taken_back.has_value();
    if (undone && load.taken_back->action == CompensationAction::restore_previous) continue;
    if (load.mode != LoadMode::append) stand.clear();
    if (!undone) stand.push_back(load.generation);
  }
  std::erase_if(stand,
                [&](Generation each) { return std::ranges::find(lost, each) != lost.end(); });
  return stand;
}

}  // namespace

std::size_t count_before(std::span<const MarkedGeneration> history, Generation generation) {
  return static_cast<std::size_t>(
      std::ranges::lower_bound(history, generation, {}, &MarkedGeneration::generation) -
      history.begin());
}

std::vector<Generation> standing(std::span<const MarkedGeneration> history) {
  return stand_without(history, lost_in(history));
}

SinkResult<void> check_added_to(const LoadPlan& plan, std::span<const MarkedGeneration> history,
                                std::string_view target) {
  if (plan.mode == LoadMode::replace) return {};
  const std::size_t before = count_before(history, plan.generation);
  const std::vector<Generation> stand = standing(history.first(before));
  for (const MarkedGeneration& load : history.first(before)) {
    if (std::ranges::find(stand, load.generation) == stand.end()) continue;
    if (std::ranges::find(plan.intended, load.load_id) != plan.intended.end()) continue;
    return sink_conflict(
        "the sink holds a load the book never intended",
        fmt::format("{}: generation {} of {} is load {}, which this book never intended: nothing "
                    "is added to it",
                    target, load.generation, plan.partition, hex(load.load_id)));
  }
  return {};
}

SinkResult<std::vector<Generation>> merged_with(const MergeBase& base,
                                                std::span<const MarkedGeneration> history) {
  std::vector<Generation> stand;
  const MarkedGeneration* current = nullptr;
  for (const Generation each : standing(history)) {
    const auto marked = std::ranges::find(history, each, &MarkedGeneration::generation);
    if (std::ranges::find(base.lost, marked->load_id, &LostLoad::load_id) != base.lost.end())
      continue;
    stand.push_back(each);
    current = &*marked;
  }
  const Generation number = current == nullptr ? 0 : current->generation;
  if (number == base.generation && (current == nullptr || current->load_id == base.load_id))
    return stand;
  const auto words = [](Generation generation, const Digest& load_id) {
    return generation == 0 ? "nothing"
                           : fmt::format("generation {} (load {})", generation, hex(load_id));
  };
  return sink_conflict(
      "the generation merged with is not the current one",
      fmt::format("{}: the book merges over {}, the sink holds {}", base.partition,
                  words(base.generation, base.load_id),
                  words(number, current == nullptr ? Digest{} : current->load_id)));
}

Generation standing_before(std::span<const MarkedGeneration> history, Generation generation) {
  const std::size_t before = count_before(history, generation);
  const std::vector<Generation> stand = stand_without(history.first(before), lost_in(history));
  return stand.empty() ? 0 : stand.back();
}

bool is_lost(std::span<const MarkedGeneration> history, Generation generation) {
  const std::vector<Generation> lost = lost_in(history);
  return std::ranges::find(lost, generation) != lost.end();
}

}  // namespace daybook
