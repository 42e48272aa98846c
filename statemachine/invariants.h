// What is always true of a book (docs/reliability.md, invariants). Asked by the runner before each
// append (stop), by verify (report) and by the simulator (fail the seed).
#pragma once

#include <string>
#include <vector>

#include "statemachine/state.h"

namespace daybook {

struct InvariantViolation {
  std::string rule;  // "I14"
  std::string detail;
  bool operator==(const InvariantViolation&) const = default;
};

// May `entry` follow `before`? Cheap: looks only at what the entry touches.
std::vector<InvariantViolation> violations(const State& before, const Entry& entry);

// Is the state as a whole sound? Cost grows with the state.
std::vector<InvariantViolation> violations(const State& state);

}  // namespace daybook
