// What was touched by a file or a run, as the book saw it: who read these bytes, what was loaded
// from them, who read that again.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

// Where an impact begins: any of these.
struct ImpactQuery {
  std::string file;              // an input by its name in the book, whatever bytes it had
  std::optional<Digest> digest;  // an input or output file by its bytes
  std::optional<RunId> run;      // what this run loaded
};

// One attempt that read what was touched, and what came of it.
struct Touched {
  SlotId slot{};
  RunId run{};
  Attempt attempt = 0;
  EntryIndex staged = no_entry;
  Generation generation = 0;               // that it became; 0: it was not loaded
  Standing standing = Standing::intended;  // of that generation
  bool current = false;                    // readers of the sink see it
  std::uint64_t rows = 0;
  unsigned depth = 0;  // 0: the run itself, or who read the file; 1: who read what those loaded …
  std::string through;  // the file that was read; empty for the run itself
};

struct Impact {
  std::vector<Touched> touched;                          // in book order
  std::vector<std::pair<std::string, Digest>> versions;  // of the file, by name: each once
};

// One pass over the entries up to state.size. A file is known again by its bytes (its digest as
// loaded and as read), so what a reader took from a database is not seen here.
Result<Impact> observed_impact(const State& state, const Ledger& ledger, const ImpactQuery& query);

}  // namespace daybook
