#include "tools/daybook/progress.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "replay/sentences.h"

namespace daybook {

namespace {

// Frames a second, in thousandths so that "0.5" needs no floating point.
std::chrono::milliseconds frame_interval() {
  const char* text = std::getenv("DAYBOOK_PROGRESS_FPS");
  if (text == nullptr) return std::chrono::milliseconds(100);
  const std::string_view all(text);
  std::uint32_t whole = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), whole);
  std::uint32_t milli = error == std::errc() ? std::min(whole, 60U) * 1000 : 0;
  std::uint32_t unit = 100;
  if (const std::size_t dot = all.find('.'); dot != std::string_view::npos)
    for (const char c : all.substr(dot + 1, 3)) {
      if (c < '0' || c > '9') break;
      milli += unit * static_cast<std::uint32_t>(c - '0');
      unit /= 10;
    }
  if (milli == 0) return std::chrono::hours(24);
  return std::chrono::milliseconds(1'000'000 / milli);
}

std::string bar(const Terminal& terminal, int permille, std::size_t width) {
  const std::size_t full = static_cast<std::size_t>(std::clamp(permille, 0, 1000)) * width / 1000;
  std::string out;
  for (std::size_t i = 0; i < width; ++i)
    out += terminal.utf8 ? i < full ? "━" : "╌" : i < full ? "=" : "-";
  return styled(terminal, Style::accent, out);
}

std::string eta(std::int64_t elapsed_us, int permille) {
  if (permille <= 20 || permille >= 1000) return {};
  return "  " + spell_seconds(elapsed_us / permille * (1000 - permille)) + " left";
}

}  // namespace

ProgressLine::ProgressLine(Output& output)
    : output_(output),
      begun_(Steady::now()),
      drawn_(begun_ - std::chrono::hours(1)),
      told_(begun_),
      interval_(frame_interval()) {
  // Where nobody looks at a line, once a second is enough to look for news.
  if (!output.err().is_terminal) interval_ = std::chrono::seconds(1);
}

std::int64_t ProgressLine::elapsed_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun_).count();
}

bool ProgressLine::due() const { return Steady::now() - drawn_ >= interval_; }

void ProgressLine::draw(std::string_view name, int permille, const std::string& text,
                        const Json& status) {
  const auto now = Steady::now();
  drawn_ = now;
  if (output_.format() == Format::jsonl) {
    if (now - told_ < std::chrono::seconds(1)) return;
    told_ = now;
    output_.stream("status", status);
    std::fflush(stdout);
    return;
  }
  if (output_.quiet()) return;
  const std::string tail = text + eta(elapsed_us(), permille);
  if (output_.err().is_terminal) {
    const std::size_t width = output_.err().width;
    std::string line = printable(name) + "  ";
    const std::size_t used = columns(line) + columns(tail) + 3;
    if (permille >= 0 && used + 8 <= width)
      line += bar(output_.err(), permille, std::min<std::size_t>(width - used, 30)) + "  ";
    // As long as the edge it would wrap, and what wraps is not taken back.
    const std::string out = "\r\x1b[2K" + fit(line + tail, width > 4 ? width - 3 : 1);
    std::fwrite(out.data(), 1, out.size(), stderr);
    std::fflush(stderr);
    shown_ = true;
  } else if (now - told_ >= std::chrono::seconds(30)) {
    told_ = now;
    output_.say(fmt::format("{}  {}", printable(name), tail));
  }
}

void ProgressLine::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\x1b[2K", stderr);
  std::fflush(stderr);
}

void CountProgress::show(std::uint64_t done, std::uint64_t total) {
  if (!line_.due() || line_.elapsed_us() < 300'000) return;
  const std::uint64_t us =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(line_.elapsed_us()));
  const int permille = total == 0 ? -1 : static_cast<int>(done * 1000 / total);
  line_.draw(name_, permille,
             fmt::format("{} of {} {}  {}/s", grouped(done), grouped(total), unit_,
                         grouped(done * 1'000'000 / us)),
             {{"done", done}, {"total", total}, {"unit", unit_}});
}

// Whoever waits for a sink, or for who holds its lock, is told so once.
void RunProgress::tell(const Runner& runner, const State& state) {
  for (const auto& [slot, why] : runner.trouble()) {
    if (slot == no_slot) continue;
    std::string& told = told_[slot];
    if (told == why) continue;
    told = why;
    line_.clear();
    output_.say(fmt::format("waiting  {}: {}", slot_title(state, slot), printable(why)));
  }
}

void RunProgress::show(Runner& runner, const State& state) {
  tell(runner, state);
  if (!line_.due()) return;
  std::size_t total = 0, done = 0;
  std::uint64_t rows = 0, quarantined = 0;
  std::set<SlotId> near;
  for (const RunId id : state.open_runs) {
    const RunState& run = *state.find(id);
    if (run.pipeline != pipeline_) continue;
    for (const SlotId slot_id : run.slots) {
      const Slot& slot = *state.find(slot_id);
      ++total;
      if (settled(slot.phase) || slot.run != id) ++done;
      // Between staging and loading nobody works on it, and it is nearly done all the same.
      if (slot.run == id && slot.staged && !settled(slot.phase)) {
        near.insert(slot_id);
        rows += slot.staged->counts.read;
      }
      for (const GenerationState& g : slot.generations)
        if (g.run == id && !near.contains(slot_id))
          rows += g.counts.read, quarantined += g.counts.quarantined;
    }
  }
  std::uint64_t part = 0;  // thousandths of partitions that are at work
  std::string what;
  std::map<std::string, unsigned> doing;
  for (const Working& working : runner.working()) {
    ++doing[working.what];
    if (!working.progress) {
      near.insert(working.slot);
      continue;
    }
    if (near.contains(working.slot)) continue;
    const std::uint64_t bytes = working.progress->bytes_read, all = working.progress->bytes_total;
    if (all > 0) part += std::min<std::uint64_t>(bytes * 900 / all, 900);
    rows += working.progress->rows_read;
  }
  part += near.size() * 900;
  for (const auto& [verb, count] : doing) what += fmt::format("  {} {}", verb, count);
  if (total == 0) {
    line_.draw(pipeline_, -1, "planning", {{"phase", "planning"}});
    return;
  }
  // A retry reads again: what is shown never goes back.
  const int permille = permille_ = std::max(
      permille_, static_cast<int>(std::min<std::uint64_t>((done * 1000 + part) / total, 999)));
  rows = rows_ = std::max(rows_, rows);
  const std::uint64_t us =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(line_.elapsed_us()));
  std::string text = fmt::format("{}/{} partitions  {} rows  {} rows/s{}", done, total,
                                 grouped(rows), grouped(rows * 1'000'000 / us), what);
  line_.draw(pipeline_, permille, text,
             {{"pipeline", pipeline_},
              {"partitions", total},
              {"done", done},
              {"rows", rows},
              {"quarantined", quarantined},
              {"permille", permille},
              {"microseconds", us}});
}

}  // namespace daybook
