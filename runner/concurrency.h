// How many partitions are at work at once: grows while the machine and the sink bear it, halves
// when the sink pushes back. Additive increase, multiplicative decrease; no clock, no thread.
#pragma once

#include <algorithm>

namespace daybook {

class Concurrency {
 public:
  explicit Concurrency(unsigned ceiling)
      : ceiling_(std::max(1U, ceiling)), limit_(std::min(2U, ceiling_)) {}

  unsigned limit() const { return limit_; }

  // A fixed number from the definition; 0 adapts again.
  void fix(unsigned count) {
    fixed_ = count > 0;
    limit_ = fixed_ ? count : std::min(std::max(1U, limit_), ceiling_);
  }
  // A partition went through while others waited.
  void succeeded() {
    if (fixed_ || limit_ >= ceiling_) return;
    if (++successes_ < limit_) return;
    successes_ = 0;
    ++limit_;
  }
  // The sink or the machine said: too much (throttled, too many connections, out of memory).
  void pushed_back() {
    successes_ = 0;
    if (!fixed_) limit_ = std::max(1U, limit_ / 2);
  }

 private:
  unsigned ceiling_;
  unsigned limit_;
  unsigned successes_ = 0;
  bool fixed_ = false;
};

}  // namespace daybook
