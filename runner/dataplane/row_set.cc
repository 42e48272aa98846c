#include "runner/dataplane/row_set.h"

#include <algorithm>

#include "ledger/assertion.h"

namespace daybook {

void RowSet::add(std::int64_t row) {
  const std::int64_t number = row >> block_bits;
  const auto low = static_cast<std::uint16_t>(row);
  DAYBOOK_ASSERT(blocks_.empty() || number >= blocks_.rbegin()->first, "{}", row);
  Block& block = blocks_[number];
  if (block.bits.empty()) {
    DAYBOOK_ASSERT(block.rows.empty() || low >= block.rows.back(), "{}", row);
    if (!block.rows.empty() && block.rows.back() == low) return;
    if (block.rows.size() < sparse_max) {
      block.rows.push_back(low);
      ++size_;
      return;
    }
    block.bits.resize((std::size_t{1} << block_bits) / 64);
    for (const std::uint16_t r : block.rows) block.bits[r >> 6] |= 1ULL << (r & 63);
    block.rows = {};
  }
  std::uint64_t& word = block.bits[low >> 6];
  size_ += (word >> (low & 63) & 1) == 0 ? 1 : 0;
  word |= 1ULL << (low & 63);
}

bool RowSet::contains(std::int64_t row) const {
  const auto found = blocks_.find(row >> block_bits);
  if (found == blocks_.end()) return false;
  const auto low = static_cast<std::uint16_t>(row);
  const Block& block = found->second;
  if (!block.bits.empty()) return (block.bits[low >> 6] >> (low & 63) & 1) != 0;
  return std::binary_search(block.rows.begin(), block.rows.end(), low);
}

}  // namespace daybook
