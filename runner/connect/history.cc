#include "runner/connect/history.h"

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

std::vector<Generation> standing(std::span<const MarkedGeneration> history) {
  return stand_without(history, lost_in(history));
}

SinkResult<void> check_appended_to(const LoadPlan& plan, std::span<const MarkedGeneration> history,
                                   std::string_view target) {
  if (plan.mode != LoadMode::append) return {};
  const std::vector<Generation> stand = standing(history);
  for (const MarkedGeneration& load : history) {
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

Generation standing_before(std::span<const MarkedGeneration> history, Generation generation) {
  std::size_t earlier = 0;
  while (earlier < history.size() && history[earlier].generation < generation) ++earlier;
  const std::vector<Generation> stand = stand_without(history.first(earlier), lost_in(history));
  return stand.empty() ? 0 : stand.back();
}

bool is_lost(std::span<const MarkedGeneration> history, Generation generation) {
  const std::vector<Generation> lost = lost_in(history);
  return std::ranges::find(lost, generation) != lost.end();
}

}  // namespace daybook
