#include "runner/dataplane/partition_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/digest.h"

namespace daybook {

PartitionKey::PartitionKey(const Partitioning& partitioning, const std::vector<Column>& columns)
    : unit_(partitioning.unit), buckets_(std::max(1U, partitioning.buckets)) {
  if (partitioning.by != Partitioning::By::column) return;
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name != partitioning.name) continue;
    by_column_ = true;
    column_ = i;
    type_ = columns[i].type;
  }
}

std::string PartitionKey::key_of(const VectorView& view, std::uint32_t row) const {
  if (!view.valid(row)) return std::string(unkeyed);
  const std::string text = value_text(view, type_, row);
  switch (unit_) {
    case Partitioning::Unit::day: return text.substr(0, 10);
    case Partitioning::Unit::month: return text.substr(0, 7);
    case Partitioning::Unit::hash: {
      const Digest digest = sha256(bytes_of(text));
      std::uint64_t number = 0;
      for (int i = 0; i < 8; ++i) number = number << 8 | digest[static_cast<std::size_t>(i)];
      return fmt::format("{:05}", number % buckets_);
    }
    case Partitioning::Unit::value: break;
  }
  const bool plain = !text.empty() && text.size() <= 128 && text != "." && text != ".." &&
                     text != unkeyed && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '=' ||
                              c == '+' || c == '-';
                     });
  return plain ? text : "x-" + hex(sha256(bytes_of(text))).substr(0, 16);
}

}  // namespace daybook
