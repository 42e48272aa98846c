#include "tools/daybook/interrupt.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>

namespace daybook {

namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void remember(int number) {
  if (received != 0) ::_exit(128 + number);
  received = number;
}

}  // namespace

Interrupt::Interrupt() {
  struct sigaction action {};
  action.sa_handler = remember;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool Interrupt::wait_ms(int milliseconds) const {
  if (received == 0) ::poll(nullptr, 0, milliseconds);  // a signal ends it early
  return received != 0;
}

int Interrupt::signal() const { return received; }

}  // namespace daybook
