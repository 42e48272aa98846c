// What readers of a directory sink see of one partition: <root>/<partition>/, a plain directory of
// plain files (hard links to the stored data), replaced as one atomic act.
#pragma once

#include <string>
#include <vector>

#include "runner/connect/slot_store.h"

namespace daybook {

// Name readers see of the n-th file (from 0) of a generation: "part-3-9f2c7d01aa5512bc-0.parquet".
std::string visible_name(Generation generation, const Digest& load_id, std::size_t number,
                         std::string_view extension);

// Whether what is found as it should be is known to be durable. An attempt that ended between the
// exchange and its sync leaves it so that only the next one can make sure.
enum class Found : bool { perhaps_not_durable, durable };

// Makes <root>/<partition> hold exactly the standing generations' files and whatever others keep
// there, durably. The slot's lock is held. Changes nothing where it already does; finishes, or
// clears away, what an earlier attempt left at any point.
SinkResult<void> publish(const Directory& root, const SlotStore& slot,
                         const std::vector<StoredGeneration>& history, const std::string& partition,
                         Found found = Found::perhaps_not_durable);

// Differences between what readers see and the standing generations: missing or replaced files of
// ours, files that are nobody's. Empty when there are none.
SinkResult<std::vector<std::string>> visible_differences(
    const Directory& root, const SlotStore& slot, const std::vector<StoredGeneration>& history,
    const std::string& partition);

}  // namespace daybook
