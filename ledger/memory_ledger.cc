#include "ledger/memory_ledger.h"

#include <algorithm>
#include <cstring>

#include "ledger/tiles.h"

namespace daybook {

void MemoryLedger::keep(std::span<const Bytes> entries) {
  std::vector<Digest> leaves(entries.size());
  hash_leaves(entries, leaves);
  for (const Bytes& entry : entries) {
    std::vector<std::uint64_t>& words = entries_.emplace_back((entry.size() + 7) / 8);
    std::memcpy(words.data(), entry.data(), entry.size());
    sizes_.push_back(entry.size());
  }
  tree_.append(leaves, [&](unsigned level, std::uint64_t index, std::span<const Digest> tile) {
    tiles_[{level, index}].assign(tile.begin(), tile.end());
  });
}

Result<TreeHead> MemoryLedger::append(std::span<const Bytes> entries) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return fail(Error::Code::io, "stopped by an earlier failed write");
  for (const Bytes& entry : entries) {
    if (entry.empty() || entry.size() > entry_bytes_max) {
      return fail(Error::Code::invalid, "an entry has 1 to {} bytes, not {}", entry_bytes_max,
                  entry.size());
    }
  }
  if (fault_ != Fault::none) {
    if (fault_ == Fault::kept) keep(entries);
    stopped_ = true;
    fault_ = Fault::none;
    return fail(Error::Code::io, "injected");
  }
  keep(entries);
  head_ = {tree_.size(), tree_.root()};
  return head_;
}

void MemoryLedger::restart() {
  const std::lock_guard guard(mutex_);
  stopped_ = false;
  head_ = {tree_.size(), tree_.root()};
}

TreeHead MemoryLedger::head() const {
  const std::lock_guard guard(mutex_);
  return head_;
}

Result<void> MemoryLedger::bounded(std::uint64_t from, std::uint64_t to) const {
  if (from <= to && to <= head_.size) return {};
  return fail(Error::Code::invalid, "[{}, {}) of {}", from, to, head_.size);
}

Result<void> MemoryLedger::read(std::uint64_t from, std::uint64_t to, const Visit& visit) const {
  const std::lock_guard guard(mutex_);
  if (const auto within = bounded(from, to); !within) return within;
  for (std::uint64_t i = from; i < to; ++i) {
    if (!visit(i, std::as_bytes(std::span(entries_[i])).first(sizes_[i]))) break;
  }
  return {};
}

Result<void> MemoryLedger::read_groups(std::uint64_t from, std::uint64_t to,
                                       const VisitGroup& visit) const {
  const std::lock_guard guard(mutex_);
  if (const auto within = bounded(from, to); !within) return within;
  std::vector<Bytes> group;
  for (std::uint64_t first = from; first < to; first += group.size()) {
    group.clear();
    for (std::uint64_t i = first; i < std::min(to, first + tile_width); ++i) {
      group.push_back(std::as_bytes(std::span(entries_[i])).first(sizes_[i]));
    }
    if (!visit(first, group)) break;
  }
  return {};
}

SubtreeHash MemoryLedger::subtrees() const {
  return [this](unsigned level, std::uint64_t index) {
    return subtree_hash(
        tree_.open(), [this](unsigned l, std::uint64_t i) { return tile(l, i); }, level, index);
  };
}

Result<Digest> MemoryLedger::root_at(std::uint64_t size) const {
  const std::lock_guard guard(mutex_);
  if (const auto within = bounded(0, size); !within) return std::unexpected(within.error());
  return root_of(size, subtrees());
}

Result<std::vector<Digest>> MemoryLedger::inclusion_proof(std::uint64_t index,
                                                          std::uint64_t size) const {
  const std::lock_guard guard(mutex_);
  if (const auto within = bounded(0, size); !within) return std::unexpected(within.error());
  if (index >= size) return fail(Error::Code::invalid, "index {} of {}", index, size);
  return prove_inclusion(index, size, subtrees());
}

Result<std::vector<Digest>> MemoryLedger::consistency_proof(std::uint64_t from,
                                                            std::uint64_t to) const {
  const std::lock_guard guard(mutex_);
  if (const auto within = bounded(from, to); !within) return std::unexpected(within.error());
  return prove_consistency(from, to, subtrees());
}

Result<std::vector<Digest>> MemoryLedger::tile(unsigned level, std::uint64_t index) const {
  const std::lock_guard guard(mutex_);
  const auto found = tiles_.find({level, index});
  if (found == tiles_.end()) {
    return fail(Error::Code::not_found, "tile {} of level {}", index, level);
  }
  return found->second;
}

Result<void> MemoryLedger::put(std::string_view key, Bytes value) {
  const std::lock_guard guard(mutex_);
  if (stopped_) return fail(Error::Code::io, "stopped by an earlier failed write");
  values_[std::string(key)].assign(reinterpret_cast<const char*>(value.data()), value.size());
  return {};
}

Result<std::string> MemoryLedger::get(std::string_view key) const {
  const std::lock_guard guard(mutex_);
  const auto found = values_.find(key);
  if (found == values_.end()) return fail(Error::Code::not_found, "{}", key);
  return found->second;
}

Result<std::vector<std::string>> MemoryLedger::keys(std::string_view prefix) const {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> found;
  for (auto it = values_.lower_bound(prefix); it != values_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    found.push_back(it->first);
  }
  return found;
}

}  // namespace daybook
