// Quarantined records as items, and as lines of an exchange file.
#pragma once

#include "tools/daybook/held_records.h"

namespace daybook {

std::string record_name(const HeldRecord& record);  // "0:17"
Json record_item(const State& state, const HeldRecord& record);
Listing record_listing(const State& state, const std::vector<HeldRecord>& records);

}  // namespace daybook
