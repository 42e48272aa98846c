// What a run would do: the real decisions, taken on a copy of the state.
#pragma once

#include <memory>

#include "runner/definition/pipeline.h"
#include "tools/daybook/handlers.h"

namespace daybook {

struct PlanWish {
  bool force = false, only_failed = false, exit_code = false;
};

Outcome show_plan(Invocation& in, std::shared_ptr<const Pipeline> pipeline, const PlanWish& wish);

}  // namespace daybook
