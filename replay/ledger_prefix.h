// The first entries of a ledger, read as a ledger of their own: everything that reads a ledger
// reads a book as it was then. Takes no append. Its head is what the tree says of that size.
//
// Of the values beside the log those are there that are of at most this size: a checkpoint, its
// time stamps, a snapshot. When a witness or an authority signed what is there is not recorded: a
// cosignature that came later is shown with the checkpoint it is on.
#pragma once

#include <memory>

#include "ledger/ledger.h"

namespace daybook {

class LedgerPrefix : public Ledger {
 public:
  // `invalid` where the ledger has fewer entries. `whole` outlives this.
  static Result<std::unique_ptr<LedgerPrefix>> open(const Ledger& whole, std::uint64_t size);

  TreeHead head() const override { return head_; }
  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override;
  Result<void> read_groups(std::uint64_t from, std::uint64_t to,
                           const VisitGroup& visit) const override;
  Result<Digest> root_at(std::uint64_t size) const override;
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                              std::uint64_t size) const override;
  Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                std::uint64_t to) const override;
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override;
  Result<std::string> get(std::string_view key) const override;
  Result<std::vector<std::string>> keys(std::string_view prefix) const override;

  Result<TreeHead> append(std::span<const Bytes>) override;      // always an error
  Result<void> put(std::string_view key, Bytes value) override;  // always an error

 private:
  LedgerPrefix(const Ledger& whole, TreeHead head) : whole_(whole), head_(head) {}
  Result<void> within(std::uint64_t size) const;
  bool shows(std::string_view key) const;

  const Ledger& whole_;
  const TreeHead head_;
};

}  // namespace daybook
