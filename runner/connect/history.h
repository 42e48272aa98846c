// What a sink's own markers say of one slot, folded: which generations stand.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/connect/sink.h"
#include "statemachine/events.h"

namespace daybook {

// A compensation's marker.
struct TakenBack {
  CompensationAction action = CompensationAction::restore_previous;
  Digest load_id{};  // of the compensation
  bool operator==(const TakenBack&) const = default;
};

// A load's marker, and what became of it.
struct MarkedGeneration {
  Generation generation = 0;
  Digest load_id{};
  LoadMode mode = LoadMode::replace;
  std::optional<TakenBack> taken_back;
  std::vector<Generation> lost = {};  // that no longer stood when it came
  bool operator==(const MarkedGeneration&) const = default;
};

// The generations that stand, oldest first; `history` is in order of generation. Replace and merge
// leave one, append adds one. A generation taken back by restore_previous is as if it had never
// been; one removed or flagged leaves its slot as it left it, empty, save in append mode.
std::vector<Generation> standing(std::span<const MarkedGeneration> history);

// Whether a later load came instead of it, because the book had called it lost.
bool is_lost(std::span<const MarkedGeneration> history, Generation generation);

// Appends and merges add to what stands: a conflict where any of that is a load the book never
// intended, of a writer it does not know of.
SinkResult<void> check_added_to(const LoadPlan& plan, std::span<const MarkedGeneration> history,
                                std::string_view target);

// How many of them are before `generation`.
std::size_t count_before(std::span<const MarkedGeneration> history, Generation generation);

// What stands, where that is what the book has as current; else a conflict: put over something
// else, the merged rows would not be those the book can account for.
SinkResult<std::vector<Generation>> merged_with(const MergeBase& base,
                                                std::span<const MarkedGeneration> history);

// What stood before `generation`: what restore_previous brings back. 0: nothing.
Generation standing_before(std::span<const MarkedGeneration> history, Generation generation);

}  // namespace daybook
