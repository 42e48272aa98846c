// What one seed simulates: drawn from the seed (swarm: each seed has some faults and not others),
// or given, which is how a failure is shrunk.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "statemachine/events.h"

namespace daybook::sim {

// Classes of faults that can be switched off one by one.
enum class Fault : std::uint8_t {
  kill,       // the process ends at a named point or at any event; what the disk cached stays
  power,      // power is lost: what was not synced may be gone, cut or torn
  torn,       // and may be wrong bytes
  io_error,   // a write, sync, rename … fails
  disk_full,  // and goes on failing until the process ends
  pause,      // the process is frozen and goes on later
  takeover,   // frozen, and another machine goes on with a copy of the book; the late one wakes up
  clock,      // the wall clock jumps
  lost_answer,   // COMMIT was sent, no answer came
  server_crash,  // the database restarts: transactions are rolled back
  lost_tail,     // a standby without the last commits is promoted
  server_error,  // an error of the server, any class
  source,        // fails, is slow, changes while it is read, loses and regains partitions
  damage,        // a byte of the book changes, a file is cut (of a copy: it must be refused)
  interference,  // somebody pauses, resumes or cancels, at any scope and any moment
  count
};
inline constexpr std::size_t fault_count = static_cast<std::size_t>(Fault::count);
inline constexpr std::array<std::string_view, fault_count> fault_names = {
    "kill",      "power-loss",   "torn-writes", "io-error",    "disk-full",
    "pause",     "takeover",     "clock",       "lost-answer", "server-crash",
    "lost-tail", "server-error", "source",      "damage",      "interference"};

enum class Tier : std::uint8_t { memory, rocksdb };
enum class Order : std::uint8_t { fifo, random, adversary };
enum class Target : std::uint8_t { server, directory };

struct Options {
  std::uint64_t seed = 0;
  Tier tier = Tier::memory;
  Order order = Order::random;
  Target target = Target::server;
  LoadMode mode = LoadMode::replace;  // merge: into directories only
  bool ordered_names = true;  // a synced directory takes along what was renamed elsewhere before it
  std::array<std::uint32_t, fault_count> per_million{};  // chance at each opportunity; 0: off
  std::uint32_t partitions = 4, rounds = 4, rows = 6;
  std::uint32_t attempts = 5;     // of a partition in a run
  std::uint32_t concurrency = 2;  // blocking work at a time
  std::uint64_t steps_max = 200'000;

  bool appends() const { return mode == LoadMode::append; }
  bool merges() const { return mode == LoadMode::merge; }
  std::uint32_t chance(Fault fault) const { return per_million[static_cast<std::size_t>(fault)]; }
  bool on(Fault fault) const { return chance(fault) > 0; }
  // Nobody simulates merges into a server.
  void aim_at(Target at) {
    target = at;
    if (at == Target::server && merges()) mode = LoadMode::replace;
  }
  void off(Fault fault) { per_million[static_cast<std::size_t>(fault)] = 0; }
};

Options options_of(std::uint64_t seed, Tier tier);
std::string describe(const Options& options);

}  // namespace daybook::sim
