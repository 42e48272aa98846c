// What becomes of rows that a load puts out of readers' sight: they move to the twin, from where a
// compensation brings them back, and leave it when no compensation can want them any more.
#pragma once

#include <vector>

#include "runner/connect/postgres_markers.h"
#include "runner/connect/postgres_table.h"

namespace daybook {

// All of these run inside the caller's transaction, under the slot's fence.

// Replace: what the slot's earlier loads still have in the target. Gives the number of rows.
SinkResult<std::uint64_t> retire_earlier(PgConnection& pg, const PostgresTable& table,
                                         const LoadPlan& plan,
                                         const std::vector<PostgresMarker>& markers);

// Merge: rows of the same key, of whatever load, for which the staged rows then stand.
SinkResult<std::uint64_t> merge_staged(PgConnection& pg, const PostgresTable& table,
                                       const LoadPlan& plan);

// What is left of loads the book calls lost moves to the twin under their own ids, so that no
// compensation of a later load takes it for something that stood.
SinkResult<void> set_lost_aside(PgConnection& pg, const PostgresTable& table,
                                const std::vector<LostLoad>& lost);

// Removes from the twin what the slot's superseded loads had, save what its newest `kept` loads
// put there; what is removed is counted in daybook.retired_removed.
SinkResult<void> remove_retired(PgConnection& pg, const PostgresTable& table,
                                const std::vector<PostgresMarker>& markers, std::size_t kept);

// How many rows of this load were removed from the twin for good.
SinkResult<std::uint64_t> rows_removed_for_good(PgConnection& pg, const Digest& load_id);

}  // namespace daybook
