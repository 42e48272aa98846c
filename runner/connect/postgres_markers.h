// Fence and markers of a PostgreSQL sink: schema `daybook` in the target's own database, so that
// they commit, and are lost, together with the rows they speak of.
//
//   daybook.fence         one row a slot: the highest fence taken
//   daybook.load_marker   one row a load and one a compensation; inserted before any row moves
//   daybook.load_outcome  what the load or compensation did: inserted last in the same transaction
//   daybook.retired_removed  how many retired rows of a load were removed for good
//
// A loader role needs SELECT, INSERT on load_marker, load_outcome and retired_removed, SELECT,
// INSERT, UPDATE on fence, and neither DELETE nor TRUNCATE on any of them; only prepare() needs
// more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/connect/history.h"
#include "runner/connect/pg.h"

namespace daybook {

// A slot as the markers name it.
struct MarkerSlot {
  std::string target, origin, pipeline, partition;
};

struct PostgresMarker {
  MarkerSlot slot;
  Generation generation = 0, restores = 0;
  bool tombstone = false;
  Digest load_id{}, content{}, of_load_id{};  // of_load_id: of what a tombstone takes back
  std::uint64_t rows = 0;                     // loaded; of a tombstone: removed
  EntryIndex fence = 0;
  LoadMode mode = LoadMode::replace;                                 // of a load
  std::vector<Generation> lost = {};                                 // that it came instead of
  CompensationAction action = CompensationAction::restore_previous;  // of a tombstone
};

// What a transaction did to the rows. `rows_digest` sums a hash of each row's text over `columns`:
// independent of order, there to find change, not to withstand a forger who can write here too.
struct PostgresOutcome {
  std::string xid;
  std::uint64_t removed = 0, restored = 0;  // of a load: retired, 0
  std::string rows_digest;
  std::vector<std::string> columns;
};

// Creates the schema and its tables where they are missing.
SinkResult<void> ensure_markers(PgConnection& pg);

// Waits for a rival that holds the slot, then raises the fence or answers "fenced". From here to
// the end of the transaction the slot is ours; the raised fence stays if it commits.
SinkResult<void> take_fence(PgConnection& pg, const MarkerSlot& slot, EntryIndex fence);

// False: there is a marker of this load id or of this generation and kind already.
SinkResult<bool> insert_marker(PgConnection& pg, const PostgresMarker& marker);
SinkResult<void> insert_outcome(PgConnection& pg, const Digest& load_id,
                                const PostgresOutcome& outcome);
SinkResult<std::optional<PostgresOutcome>> read_outcome(PgConnection& pg, const Digest& load_id);

// Whether this database holds the marker of the load; false, too, where it never held any.
SinkResult<bool> holds_marker(PgConnection& pg, const Digest& load_id);

// Markers of one slot, or of every slot of the target: by slot, then generation, loads first.
SinkResult<std::vector<PostgresMarker>> read_markers(PgConnection& pg, const MarkerSlot& slot);
SinkResult<std::vector<PostgresMarker>> read_all_markers(PgConnection& pg,
                                                         const std::string& target);

// Of markers of one slot, in the form the fold takes.
std::vector<MarkedGeneration> marks(const std::vector<PostgresMarker>& markers);

}  // namespace daybook
