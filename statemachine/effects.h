// Work the outside owes the state: read off the state itself, so that replay after a crash yields
// exactly what is still to be done. The runner performs these; each outcome comes back as a
// command.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "statemachine/state.h"

namespace daybook {

namespace effect {
// An attempt that an earlier boot started and can not finish: record it as lost, under a new fence.
struct AbandonAttempt {
  SlotId slot{};
  bool operator==(const AbandonAttempt&) const = default;
};
struct ExecuteAttempt {
  RunId run{};
  SlotId slot{};
  Timestamp not_before = 0;
  bool operator==(const ExecuteAttempt&) const = default;
};
// Staged and cleared: intend the load and do it.
struct Load {
  RunId run{};
  SlotId slot{};
  bool operator==(const Load&) const = default;
};
// Intended, outcome unknown: ask the sink under the fence.
struct SettleLoad {
  SlotId slot{};
  bool operator==(const SettleLoad&) const = default;
};
struct VerifyLoaded {
  SlotId slot{};
  bool operator==(const VerifyLoaded&) const = default;
};
// Plan or skip what the run takes on and has not looked at yet, then CompletePlanning.
struct PlanRun {
  RunId run{};
  bool operator==(const PlanRun&) const = default;
};
struct FinishRun {
  RunId run{};
  bool operator==(const FinishRun&) const = default;
};
struct ContinueCompensation {
  CompensationId compensation{};
  bool operator==(const ContinueCompensation&) const = default;
};
// Its keys are to be destroyed; some, or all, may be gone already.
struct ContinueErasure {
  ErasureId erasure{};
  bool operator==(const ContinueErasure&) const = default;
};
}  // namespace effect

using Effect = std::variant<effect::AbandonAttempt, effect::ExecuteAttempt, effect::Load,
                            effect::SettleLoad, effect::VerifyLoaded, effect::FinishRun,
                            effect::ContinueCompensation, effect::ContinueErasure, effect::PlanRun>;

// What one slot of an open run owes: nothing to do now and still owing is what is paused, under
// way, or waits for its run to be planned.
struct Due {
  bool owes = false;  // the run may not finish
  std::optional<Effect> effect;
};
Due due(const State& state, RunId run, SlotId slot);

// All of it, in a fixed order: settle what is uncertain first, then verify, load, execute, plan,
// finish. Leaves out what is paused, cancelled or waits for a person.
std::vector<Effect> pending(const State& state);

}  // namespace daybook
