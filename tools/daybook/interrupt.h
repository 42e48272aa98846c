// SIGINT and SIGTERM for commands without a loop of their own: while one of these lives, the first
// is remembered instead of ending the process, and the second ends it.
#pragma once

namespace daybook {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // True as soon as there was one, false when the time is over.
  bool wait_ms(int milliseconds) const;
  int signal() const;  // 0: none yet
};

}  // namespace daybook
