// How far something is, for whoever waits: one redrawn line on a terminal, a plain line each 30
// seconds elsewhere, status lines in -o jsonl. Never in the way of the result.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "runner/runner.h"
#include "tools/daybook/output.h"

namespace daybook {

// Draws at most DAYBOOK_PROGRESS_FPS times a second (default 10).
class ProgressLine {
 public:
  explicit ProgressLine(Output& output);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool due() const;
  // `fraction_permille` below 0: not known. `text` stands behind the bar.
  void draw(std::string_view name, int fraction_permille, const std::string& text,
            const Json& status);
  void clear();  // nothing of the line stays
  std::int64_t elapsed_us() const;

 private:
  using Steady = std::chrono::steady_clock;
  Output& output_;
  Steady::time_point begun_, drawn_, told_;
  std::chrono::milliseconds interval_;
  bool shown_ = false;
};

// A count towards a known end.
class CountProgress {
 public:
  CountProgress(Output& output, std::string name, std::string unit)
      : line_(output), name_(std::move(name)), unit_(std::move(unit)) {}
  void show(std::uint64_t done, std::uint64_t total);
  void clear() { line_.clear(); }

 private:
  ProgressLine line_;
  std::string name_, unit_;
};

// A pipeline's run.
class RunProgress {
 public:
  RunProgress(Output& output, std::string pipeline)
      : output_(output), line_(output), pipeline_(std::move(pipeline)) {}
  void show(Runner& runner, const State& state);
  void clear() { line_.clear(); }

 private:
  void tell(const Runner& runner, const State& state);

  Output& output_;
  ProgressLine line_;
  std::string pipeline_;
  std::map<SlotId, std::string> told_;  // what a sink is asked again for
  int permille_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace daybook
