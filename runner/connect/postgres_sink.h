// A sink that is a PostgreSQL table.
//
// One transaction is one load: fence, marker, old rows retired, new rows, count check, COMMIT.
// Every row of ours carries its load id in `_load_id`; rows of others are never touched. A row that
// is replaced or overwritten moves to daybook."retired:<table>" and stays there until it is
// restored, or tidied away with all but the newest superseded generations. Every operation uses a
// connection of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "runner/connect/sink.h"

namespace daybook {

// No statement takes longer than `timeout`. `memory` is what the book remembers of the target.
SinkResult<std::unique_ptr<SinkDriver>> open_postgres_sink(
    const PostgresSink& sink, std::chrono::milliseconds timeout = std::chrono::minutes(10),
    const SinkMemory& memory = {});

}  // namespace daybook
