// Named places at which a test may kill or stop the process, one per step of a protocol.
//
// DAYBOOK_CRASH_AT=name or name:n in the environment, read once at start, sends SIGKILL to the
// process at the n-th time (from 1) it comes by. DAYBOOK_STOP_AT does the same with SIGSTOP:
// whoever sends SIGCONT lets it go on from there. Unset, a point costs one test of a global. A name
// that is not in the list below does not compile; one in the variable that is not in the list ends
// the process at start, so that a misspelled test can not pass. The CMake option
// DAYBOOK_CRASH_POINTS=OFF defines all of this away.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace daybook {

// The registry: tests walk it and fail where a point was never reached.
inline constexpr std::array crash_points = std::to_array<std::string_view>({
    // the runner, between the book and the sink
    "run.started",
    "run.planning",
    "run.planned",
    "run.attempt_started",
    "run.staged",
    "run.load_intended",
    "run.load_done",
    "run.load_committed",
    // another key for the log, between its file and the book
    "log_key.made",
    "log_key.named",
    "log_key.replaced",
    // erasure, between the book and the keys
    "erase.started",
    "erase.key_destroyed",
    "erase.finished",
    // directory sinks, load
    "dir.before_stage",
    "dir.stage_made",
    "dir.file_staged",
    "dir.staged",
    "dir.fence_written",
    "dir.fenced",
    "dir.generation_moved",
    "dir.before_manifest",
    "dir.manifest_written",
    "dir.committed",
    // directory sinks, making the committed generations visible
    "dir.view_made",
    "dir.view_swapped",
    "dir.published",
    // directory sinks, compensation
    "dir.before_tombstone",
    "dir.tombstone_written",
    "dir.compensated",
    // PostgreSQL, load
    "pg.connected",
    "pg.begun",
    "pg.fenced",
    "pg.after_marker",
    "pg.retired",
    "pg.mid_copy",
    "pg.copied",
    "pg.checked",
    "pg.commit_sent",
    "pg.committed",
    // PostgreSQL, compensation
    "pg.tombstone_inserted",
    "pg.rows_removed",
    "pg.rows_restored",
    // PostgreSQL, removing what can not be restored any more: no part of a load
    "tidy.pg_removed",
});

namespace crash_point {

consteval bool registered(std::string_view name) {
  return std::find(crash_points.begin(), crash_points.end(), name) != crash_points.end();
}

extern std::atomic<bool> armed;

enum class Act : std::uint8_t { kill, stop };

// "name" or "name:n"; false, and nothing armed, when the name is not in the registry or n is not a
// number from 1. What the environment variable does at start; tests call it in a forked child. One
// point is armed at a time.
bool arm(std::string_view spec, Act act = Act::kill);
void disarm();
void reached(std::string_view name);

}  // namespace crash_point
}  // namespace daybook

#if DAYBOOK_CRASH_POINTS
#define DAYBOOK_CRASH_POINT(name)                                        \
  do {                                                                   \
    static_assert(::daybook::crash_point::registered(name));             \
    if (::daybook::crash_point::armed.load(std::memory_order_relaxed)) { \
      ::daybook::crash_point::reached(name);                             \
    }                                                                    \
  } while (false)
#else
#define DAYBOOK_CRASH_POINT(name) static_assert(::daybook::crash_point::registered(name))
#endif
