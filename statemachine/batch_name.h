// What people call a quarantine batch: the number of its slot, and ".1", ".2" … for the slot's
// later ones. The order in which partitions end, and so the batch's own number, is no part of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "statemachine/state.h"

namespace daybook {

std::string batch_name(const State& state, BatchId id);  // "?" where there is none such
std::optional<BatchId> batch_named(const State& state, std::string_view name);

}  // namespace daybook
