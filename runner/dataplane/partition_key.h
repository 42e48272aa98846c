// Column partitioning: the key a value belongs to. Keys hold only [A-Za-z0-9._=+-]; other values
// get the key "x-" and the first 16 hex digits of their SHA-256. Nulls and values that do not parse
// belong to "unkeyed", so that no record is outside every partition.
#pragma once

#include <string>

#include "runner/dataplane/vectors.h"
#include "runner/definition/pipeline.h"

namespace daybook {

class PartitionKey {
 public:
  PartitionKey() = default;
  // Not by column: key_of is never to be called.
  PartitionKey(const Partitioning& partitioning, const std::vector<Column>& columns);
  bool by_column() const { return by_column_; }
  std::uint32_t column() const { return column_; }
  std::string key_of(const VectorView& view, std::uint32_t row) const;
  static constexpr std::string_view unkeyed = "unkeyed";

 private:
  bool by_column_ = false;
  std::uint32_t column_ = 0;
  ColumnType type_;
  Partitioning::Unit unit_ = Partitioning::Unit::value;
  std::uint32_t buckets_ = 1;
};

}  // namespace daybook
