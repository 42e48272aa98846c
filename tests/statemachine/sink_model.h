// An independent account of what a sink shows, to hold against the state.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>
#include <variant>

#include "statemachine/decide.h"

namespace daybook {

// A digest of the load's identity: enough of one for a model.
inline Digest load_id(const State& state, const Slot& slot, Generation generation,
                      const Digest& content) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : load_identity(state, slot, generation, content))
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211U;
  Digest id{};
  for (std::size_t i = 0; i < id.size(); ++i)
    id[i] = static_cast<std::uint8_t>(hash >> (i % 8 * 8));
  return id;
}

// What the readers of a sink see, kept from the loads alone: by slot, the generations that are
// there.
class SinkModel {
 public:
  void see(const State& before, const Event& event) {
    if (const auto* e = std::get_if<LoadIntended>(&event))
      modes_[{e->slot, e->load_id}] = {e->mode, e->generation};
    if (const auto* e = std::get_if<LoadCommitted>(&event)) {
      const auto& [mode, number] = modes_.at({e->slot, e->load_id});
      std::set<Generation>& there = visible_[e->slot];
      EXPECT_FALSE(there.contains(number)) << "loaded twice";
      if (mode != LoadMode::append) there.clear();
      there.insert(number);
    }
    if (const auto* e = std::get_if<LoadLost>(&event))
      visible_[e->slot].erase(modes_.at({e->slot, e->load_id}).second);
    if (const auto* e = std::get_if<CompensationCommitted>(&event)) {
      const CompensationStep& step = before.find(e->compensation)->steps[e->step];
      std::set<Generation>& there = visible_[step.slot];
      there.erase(step.generation);
      if (step.restores != 0) there.insert(step.restores);
    }
  }
  void agree(const State& state) const {
    for (std::uint32_t i = 0; i < state.slots.size(); ++i) {
      const Slot& slot = state.slots[i];
      std::set<Generation> standing;
      for (const GenerationState& g : slot.generations)
        if (stands(g.standing)) standing.insert(g.number);
      const auto found = visible_.find(SlotId{i});
      const std::set<Generation> there =
          found == visible_.end() ? std::set<Generation>{} : found->second;
      ASSERT_EQ(standing, there) << "slot " << i;
      ASSERT_EQ(slot.current, there.empty() ? 0 : *there.rbegin()) << "slot " << i;
    }
  }

 private:
  std::map<std::pair<SlotId, Digest>, std::pair<LoadMode, Generation>> modes_;
  std::map<SlotId, std::set<Generation>> visible_;
};

}  // namespace daybook
