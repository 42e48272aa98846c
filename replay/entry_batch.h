// Collects entries and hashes them many at a time: several times faster than one by one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ledger/merkle.h"

namespace daybook {

class EntryBatch {
 public:
  // As many as make full lanes for the upper levels of the tree too.
  static constexpr std::size_t entries_max = 1'024;

  void add(Bytes entry) {
    bytes_.insert(bytes_.end(), entry.begin(), entry.end());
    ends_.push_back(bytes_.size());
  }
  bool full() const { return ends_.size() == entries_max; }

  // The leaf hashes of what was added since the last call. They live until the next one.
  std::span<const Digest> take() {
    entries_.clear();
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      entries_.push_back(Bytes(bytes_).subspan(begin, end - begin));
      begin = end;
    }
    leaves_.resize(entries_.size());
    hash_leaves(entries_, leaves_);
    bytes_.clear();
    ends_.clear();
    return leaves_;
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> ends_;
  std::vector<Bytes> entries_;
  std::vector<Digest> leaves_;
};

}  // namespace daybook
