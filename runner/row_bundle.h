// Proofs of single rows and quarantined records, put together from a partition that was done again
// with lineage (reexecution.h) and from the book. What it gives was checked with check_bundle()
// before: a bundle that does not hold is never made.
#pragma once

#include <expected>
#include <map>
#include <string>

#include "replay/proof_bundle.h"
#include "runner/dataplane/lineage.h"
#include "runner/reexecution.h"

namespace daybook {

class RowBundles {
 public:
  // Reads the book's entries once. The latest signed checkpoint must cover the attempt
  // (`not_found`). `again` is identical to what was recorded (`conflict`); both outlive this.
  static Result<RowBundles> open(const BookView& book, const Reexecution& again);

  // Whether the bundle shows the source records: they hold what the steps masked or left out.
  enum class Sources : std::uint8_t { shown, left_out };
  Result<StoredFiles> of(const OutputTold& row, Sources sources) const;
  Result<StoredFiles> of(const QuarantinedTold& record, Sources sources) const;
  EntryIndex staged_at() const;

 private:
  explicit RowBundles(const Reexecution& again) : again_(&again) {}
  Result<StoredFiles> checked(const ProofBundle& bundle) const;

  const Reexecution* again_;
  ProofBundle common_;  // what all rows of the attempt share
  std::string origin_;
  TreeHead head_;
};

}  // namespace daybook
