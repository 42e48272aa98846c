#include "runner/connect/history.h"

namespace daybook {

std::vector<Generation> standing(std::span<const MarkedGeneration> history) {
  std::vector<Generation> stand;
  for (const MarkedGeneration& load : history) {
    const bool undone = load.taken_back.has_value();
    if (undone && load.taken_back->action == CompensationAction::restore_previous) continue;
    if (load.mode != LoadMode::append) stand.clear();
    if (!undone) stand.push_back(load.generation);
  }
  return stand;
}

Generation standing_before(std::span<const MarkedGeneration> history, Generation generation) {
  std::size_t earlier = 0;
  while (earlier < history.size() && history[earlier].generation < generation) ++earlier;
  const std::vector<Generation> stand = standing(history.first(earlier));
  return stand.empty() ? 0 : stand.back();
}

}  // namespace daybook
