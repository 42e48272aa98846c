// One attempt at a load, and what is known of the load when it is over.
#pragma once

#include <optional>
#include <vector>

#include "runner/connect/sink.h"
#include "statemachine/state.h"

namespace daybook {

// What counts for nothing of what the slot was to hold, whatever the target has of it: what the
// book calls lost, and what it gave up. Of a merge that was given up rows may be shared with
// others, and merging again writes the same.
std::vector<LostLoad> lost_of(const Slot& slot);

MergeBase merge_base(const Slot& slot);

struct LoadAttempted {
  SinkResult<std::optional<LoadEvidence>> became;  // as settle() answers
  std::optional<SinkFailure> failure = {};         // of the attempt, where nothing of it came in
  bool pushed_back() const;                        // less at a time would help
};

// That an attempt failed says that nothing of it came in. That the load is not there, and can not
// come of a writer that was overtaken either, only the sink can say, under the fence: it is asked.
// Blocking.
LoadAttempted attempt_load(const Pipeline& pipeline, const SinkMemory& memory,
                           const LoadPlan& plan);

// Whether a sink that was asked for a load says that it is not as it was loaded: its marker or its
// data differ, or the target itself is gone. Any other failure says nothing of the load.
bool says_what_is_there(const SinkFailure& failure);
// Whether asking again changes nothing before somebody has put something right.
bool waits_for_a_person(const SinkFailure& failure);

StageFailure as_stage_failure(const SinkFailure& failure);
bool pushes_back(ErrorClass error);

}  // namespace daybook
