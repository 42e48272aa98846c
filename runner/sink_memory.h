// What the book remembers of a target, so that no process takes another cluster for the one it
// loaded into.
#pragma once

#include <string>

#include "runner/book_view.h"
#include "runner/connect/sink.h"

namespace daybook {

// The load committed last into `sink` that stands, and the cluster its evidence names. Reads one
// entry; empty where nothing stands there.
SinkMemory sink_memory(const BookView& book, const std::string& sink);

// "72…" of "xid 731 lsn 0/16B3748 timeline 1 system 72…"; empty where there is none.
std::string cluster_in(const std::string& evidence);

}  // namespace daybook
