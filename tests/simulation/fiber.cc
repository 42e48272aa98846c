#include "tests/simulation/fiber.h"

#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace daybook::sim {

// Sanitizers know of a switch between stacks what they are told: before it, and on the other side.
class Sides {
#if defined(__SANITIZE_ADDRESS__)
 public:
  static void is_new(std::byte* stack, std::size_t size) {
    __asan_unpoison_memory_region(stack, size);
  }
  void to_fiber(const std::byte* stack, std::size_t size) {
    __sanitizer_start_switch_fiber(&scheduler_, stack, size);
  }
  void at_fiber() { __sanitizer_finish_switch_fiber(fiber_, &bottom_, &size_); }
  void to_scheduler(bool for_good) {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fiber_, bottom_, size_);
  }
  void at_scheduler() { __sanitizer_finish_switch_fiber(scheduler_, nullptr, nullptr); }

 private:
  void *scheduler_ = nullptr, *fiber_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#elif defined(__SANITIZE_THREAD__)
 public:
  ~Sides() {
    if (fiber_ != nullptr) __tsan_destroy_fiber(fiber_);
  }
  static void is_new(std::byte*, std::size_t) {}
  void to_fiber(const std::byte*, std::size_t) {
    scheduler_ = __tsan_get_current_fiber();
    if (fiber_ == nullptr) fiber_ = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(fiber_, 0);
  }
  void at_fiber() {}
  void to_scheduler(bool) { __tsan_switch_to_fiber(scheduler_, 0); }
  void at_scheduler() {}

 private:
  void *scheduler_ = nullptr, *fiber_ = nullptr;
#else
 public:
  static void is_new(std::byte*, std::size_t) {}
  void to_fiber(const std::byte*, std::size_t) {}
  void at_fiber() {}
  void to_scheduler(bool) {}
  void at_scheduler() {}
#endif
};

namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;

Fiber* running = nullptr;
std::vector<std::unique_ptr<std::byte[]>> spare_stacks;

}  // namespace

Fiber::Fiber(std::move_only_function<void()> work)
    : work_(std::move(work)), sides_(std::make_unique<Sides>()) {
  if (spare_stacks.empty()) {
    stack_ = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
  } else {
    stack_ = std::move(spare_stacks.back());
    spare_stacks.pop_back();
  }
  Sides::is_new(stack_.get(), stack_bytes);
}

Fiber::~Fiber() {
  end();
  spare_stacks.push_back(std::move(stack_));
}

void Fiber::start() {
  Fiber* self = running;
  self->sides_->at_fiber();
  try {
    self->work_();
  } catch (const Ended&) {
  } catch (...) {
    self->error_ = std::current_exception();
  }
  self->work_ = nullptr;
  self->done_ = true;
  // The end of a stack has nobody to return to.
  self->sides_->to_scheduler(true);
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
  sides_->to_fiber(stack_.get(), stack_bytes);
  ::swapcontext(&scheduler_, &here_);
  sides_->at_scheduler();
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
  self->sides_->to_scheduler(false);
  ::swapcontext(&self->here_, &self->scheduler_);
  self->sides_->at_fiber();
  if (self->ending_) throw Ended{};
}

Fiber* Fiber::current() { return running; }

}  // namespace daybook::sim
