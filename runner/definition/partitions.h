// Ranges of a range-partitioned query and the units a partition can have.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "runner/definition/pipeline.h"

namespace daybook {

inline constexpr std::size_t partitions_max = 10'000;

struct PartitionRange {
  std::string key, from, to;  // [from, to)
};

// The ranges from `start` up to `end` (up to one range when there is no end). The error is a
// sentence.
std::expected<std::vector<PartitionRange>, std::string> partition_ranges(
    const Partitioning& partition);

bool is_partition_value(std::string_view value, Partitioning::Type type);

// Why the partition can not be worked on, whatever its files hold; empty where it can. It fails
// alone.
std::string partition_fault(const Pipeline& pipeline, const PartitionInput& input);

}  // namespace daybook
