// The ledger's contract in memory, with a power switch: for tests and simulation.
#pragma once

#include <map>
#include <mutex>

#include "ledger/ledger.h"
#include "ledger/tile_tree.h"

namespace daybook {

class MemoryLedger : public Ledger {
 public:
  // What the next append does to the storage.
  enum class Fault {
    none,
    lost,  // fails; nothing of the group was kept
    kept,  // fails; the whole group was kept, only the answer was lost
  };
  void fail_next_append(Fault fault) { fault_ = fault; }
  // The process died and was started again: appends are taken again, acknowledged entries are
  // there, and so is a group that was kept without its answer.
  void restart();

  Result<TreeHead> append(std::span<const Bytes> entries) override;
  TreeHead head() const override;
  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override;
  Result<void> read_groups(std::uint64_t from, std::uint64_t to,
                           const VisitGroup& visit) const override;
  Result<Digest> root_at(std::uint64_t size) const override;
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                              std::uint64_t size) const override;
  Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                std::uint64_t to) const override;
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override;
  Result<void> put(std::string_view key, Bytes value) override;
  Result<std::string> get(std::string_view key) const override;
  Result<std::vector<std::string>> keys(std::string_view prefix) const override;

 private:
  void keep(std::span<const Bytes> entries);
  Result<void> bounded(std::uint64_t from, std::uint64_t to) const;
  SubtreeHash subtrees() const;

  mutable std::recursive_mutex mutex_;  // visitors may ask for the head
  Fault fault_ = Fault::none;
  bool stopped_ = false;
  std::vector<std::vector<std::uint64_t>> entries_;  // words: aligned to 8
  std::vector<std::size_t> sizes_;
  TileTree tree_;
  TreeHead head_{0, empty_root()};
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Digest>> tiles_;
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace daybook
