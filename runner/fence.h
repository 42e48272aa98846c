// The number that decides between two writers of one partition's place in a sink.
#pragma once

#include <cstdint>

#include "statemachine/ids.h"

namespace daybook {

// Boots count before entries. Of two keepers of copies of one book (the first was frozen, the
// second took over) the later one wins, however far the first one writes on in its own copy. Fits a
// signed 64-bit integer for 2^23 boots and 2^40 entries.
constexpr EntryIndex fence_of(std::uint32_t epoch, EntryIndex index) {
  return EntryIndex{epoch} << 40U | index;
}

}  // namespace daybook
