#include "tests/simulation/fiber.h"

#include <utility>

namespace daybook::sim {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;

Fiber* running = nullptr;
std::vector<std::unique_ptr<std::byte[]>> spare_stacks;

}  // namespace

Fiber::Fiber(std::move_only_function<void()> work) : work_(std::move(work)) {
  if (spare_stacks.empty()) {
    stack_ = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
  } else {
    stack_ = std::move(spare_stacks.back());
    spare_stacks.pop_back();
  }
}

Fiber::~Fiber() {
  end();
  spare_stacks.push_back(std::move(stack_));
}

void Fiber::start() {
  Fiber* self = running;
  try {
    self->work_();
  } catch (const Ended&) {
  } catch (...) {
    self->error_ = std::current_exception();
  }
  self->work_ = nullptr;
  self->done_ = true;
  // The end of a stack has nobody to return to.
  ::swapcontext(&self->here_, &self->scheduler_);
}

void Fiber::enter() {
  Fiber* before = std::exchange(running, this);
  if (!std::exchange(started_, true)) {
    ::getcontext(&here_);
    here_.uc_stack.ss_sp = stack_.get();
    here_.uc_stack.ss_size = stack_bytes;
    here_.uc_link = nullptr;
    ::makecontext(&here_, &Fiber::start, 0);
  }
  ::swapcontext(&scheduler_, &here_);
  running = before;
}

void Fiber::resume() {
  if (done_) return;
  enter();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Fiber::end() {
  if (done_) return;
  if (!started_) {
    work_ = nullptr;
    done_ = true;
    return;
  }
  ending_ = true;
  while (!done_) enter();
  error_ = nullptr;
}

void Fiber::leave() {
  Fiber* self = running;
  if (self->ending_) {
    // A destructor that would wait while its stack is unwound does not.
    if (std::uncaught_exceptions() > 0) return;
    throw Ended{};
  }
  ::swapcontext(&self->here_, &self->scheduler_);
  if (self->ending_) throw Ended{};
}

Fiber* Fiber::current() { return running; }

}  // namespace daybook::sim
