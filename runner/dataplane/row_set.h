// Many record numbers in little memory: at most a bit for every record of the source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace daybook {

class RowSet {
 public:
  // Rows rise; one that is there already changes nothing.
  void add(std::int64_t row);
  bool contains(std::int64_t row) const;
  bool empty() const { return blocks_.empty(); }
  std::size_t size() const { return size_; }

 private:
  static constexpr unsigned block_bits = 16;
  static constexpr std::size_t sparse_max = 4096;  // as many take what the bits of a block take
  struct Block {
    std::vector<std::uint16_t> rows;  // sorted, or none
    std::vector<std::uint64_t> bits;  // instead, where they are many
  };
  std::map<std::int64_t, Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace daybook
