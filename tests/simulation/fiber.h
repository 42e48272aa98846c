// Blocking work that can be left in the middle: each piece has a stack of its own, so that real
// sink code, which blocks, takes turns with everything else in virtual time.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace daybook::sim {

// Thrown where a simulated process ends: unwinds what it was doing. Nothing of it may touch the
// world any more.
struct Ended {};

class Sides;  // what sanitizers are told

class Fiber {
 public:
  explicit Fiber(std::move_only_function<void()> work);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs it until it leaves or is done. From the scheduler alone. Rethrows what the work threw,
  // save Ended.
  void resume();
  // Unwinds it: what it was doing is over.
  void end();
  bool done() const { return done_; }

  // From within the work: back to the scheduler, until somebody resumes.
  static void leave();
  static Fiber* current();

 private:
  static void start();
  void enter();

  std::move_only_function<void()> work_;
  std::unique_ptr<Sides> sides_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t here_{}, scheduler_{};
  bool done_ = false, started_ = false, ending_ = false;
  std::exception_ptr error_;
};

}  // namespace daybook::sim
