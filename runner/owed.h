// What the runs being driven owe, kept up to date entry by entry. Says of these runs what pending()
// says, without reading every partition of the book after every entry: a run of n partitions costs
// n log n, not n².
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "statemachine/effects.h"

namespace daybook {

class Owed {
 public:
  // Reads the runs' partitions once. `state` outlives this.
  Owed(const State& state, std::set<RunId> runs);

  // After `event` was applied to the state. Later events may have been applied, too.
  void see(const Event& event);

  // Abandon, settle and verify, in this order.
  std::vector<Effect> first() const;
  // Staged and cleared, in the order in which the partitions came into the book.
  std::vector<effect::Load> loads() const;
  // Those that may start soonest first.
  const std::set<std::pair<Timestamp, SlotId>>& attempts() const { return attempts_; }
  // Runs that may plan now, and runs that may finish now.
  std::vector<RunId> to_plan() const;
  std::vector<RunId> to_finish() const;
  // Whether a partition with a lower key is unsettled in the slot's run.
  bool preceded(const Slot& slot) const;

 private:
  struct Place {
    RunId run = no_run;
    bool owes = false, unsettled = false;
    std::optional<Effect> effect;
  };
  struct OfRun {
    std::size_t owing = 0;
    std::set<std::pair<std::string, SlotId>> unsettled;
  };

  void read_all();
  void update(SlotId slot);
  void enter(SlotId slot, Place place);
  void leave(SlotId slot);

  const State& state_;
  std::map<RunId, OfRun> runs_;
  std::map<SlotId, Place> places_;
  std::set<std::pair<std::size_t, SlotId>> first_;  // by kind, then slot
  std::set<SlotId> loads_;
  std::set<std::pair<Timestamp, SlotId>> attempts_;
};

}  // namespace daybook
