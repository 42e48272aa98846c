// A machine's own disk with a book on it. What a process acknowledged is remembered beside it,
// where no fault reaches: every later open is held against that.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/memory_ledger.h"
#include "runner/book.h"
#include "tests/simulation/world.h"
#include "tests/support/sim_disk.h"

namespace daybook::sim {

inline const std::string book_place = "/book";

class Machine {
 public:
  explicit Machine(World& world);
  // As another machine has it that takes over: the content of this one's disk as a loss of power
  // would leave it now.
  std::unique_ptr<Machine> taken_over();

  World& world;
  SimDisk disk;
  std::unique_ptr<MemoryLedger> memory;  // tier memory: the log without RocksDB
  TreeHead anchored;                     // tier memory: the anchor
  std::optional<BookConfig> config;
  TreeHead acknowledged{0, empty_root()};
  bool full = false;
  bool main = true;  // false once another took over: what it acknowledges, it tells nobody

  // Sets the next fault of the disk for a process that is to start.
  void arm();
  void after(End end);
  // The ledger as it is now, read without a process: for checks, when nobody has it open.
  Result<std::vector<std::string>> entries();
  // Damages a copy and opens it: it must be refused, or be whole. Tier rocksdb.
  void damage_a_copy();
};

// Link seam: what storage.h promises, on the current process's machine.
Result<std::unique_ptr<Ledger>> open_ledger_of(Machine& machine);

}  // namespace daybook::sim
