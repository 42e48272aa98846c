#include "tests/simulation/figures.h"

namespace daybook::sim {

const std::initializer_list<std::string_view> registered_points = {
    "run.started",          "run.planning",         "run.planned",
    "run.attempt_started",  "run.staged",           "run.load_intended",
    "run.load_done",        "run.load_committed",   "ledger.before_write",
    "ledger.written",       "ledger.anchored",      "server.begun",
    "server.fenced",        "server.marker",        "server.rows",
    "server.commit_sent",   "server.committed",     "server.tombstone",
    "dir.before_stage",     "dir.stage_made",       "dir.file_staged",
    "dir.staged",           "dir.fence_written",    "dir.fenced",
    "dir.generation_moved", "dir.before_manifest",  "dir.manifest_written",
    "dir.committed",        "dir.view_made",        "dir.view_swapped",
    "dir.published",        "dir.before_tombstone", "dir.tombstone_written",
    "dir.compensated",      "lake.operation",
};

const std::initializer_list<std::string_view> registered_sometimes = {
    "a group was kept whose append failed",
    "entries without an answer were kept",
    "the book could not be written and the process ended",
    "a start failed and the next one recovered",
    "a damaged book was refused",
    "damage was found when it was read",
    "a source was slower than the attempt may take",
    "a source changed while it was read",
    "a load waited for another's transaction",
    "a load waited for another's lock",
    "a commit arrived after its client had given up",
    "a load found its own marker",
    "a load was settled as committed",
    "a load was settled as absent",
    "a lower fence was refused",
    "a compensation was executed",
    "a compensation that could not be done was withdrawn",
    "a compensation found its own tombstone",
    "a load that a promoted standby does not have was found lost",
    "a late writer loaded where its successor had not been",
    "a run was cancelled",
    "a run was interrupted",
    "a run was left open because a sink did not answer",
    "a partition that was set aside was released",
    "a held partition was let through",
    "a record was released",
    "a record was discarded",
};

}  // namespace daybook::sim
