#include "statemachine/batch_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace daybook {

std::string batch_name(const State& state, BatchId id) {
  const BatchState* batch = state.find(id);
  const Slot* slot = batch == nullptr ? nullptr : state.find(batch->slot);
  if (slot == nullptr) return "?";
  const auto place = std::ranges::find(slot->batches, id) - slot->batches.begin();
  return place == 0 ? fmt::format("{}", batch->slot) : fmt::format("{}.{}", batch->slot, place);
}

std::optional<BatchId> batch_named(const State& state, std::string_view name) {
  std::uint32_t numbers[2] = {0, 0};
  const char* const end = name.data() + name.size();
  auto read = std::from_chars(name.data(), end, numbers[0]);
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == '.') {
    read = std::from_chars(read.ptr + 1, end, numbers[1]);
  }
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  const Slot* slot = state.find(SlotId{numbers[0]});
  if (slot == nullptr || numbers[1] >= slot->batches.size()) return std::nullopt;
  const BatchId id = slot->batches[numbers[1]];
  // One name each: "0.0" and "00" are none.
  return batch_name(state, id) == name ? std::optional(id) : std::nullopt;
}

}  // namespace daybook
