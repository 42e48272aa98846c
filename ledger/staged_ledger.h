// A ledger whose append can be taken in three steps, so that they overlap: while one group is being
// anchored, the next is written and a third is hashed. ledger/append_pipeline.h does that.
#pragma once

#include "ledger/ledger.h"

namespace daybook {

class StagedLedger : public Ledger {
 public:
  // One group on its way, with its buffers: use it again and again.
  class Group {
   public:
    virtual ~Group() = default;
    TreeHead head;  // of the ledger up to and with this group, once prepared
  };
  virtual std::unique_ptr<Group> new_group() const = 0;

  // append is these three in a row. Each step belongs to one thread at a time and takes the groups
  // in the order in which they were prepared; a step out of order, or an error, stops the ledger as
  // a failed append does. Nothing is promised before acknowledge returns.
  // Copies what it needs of `entries`, touches no file. `invalid` changes nothing.
  virtual Result<void> prepare(std::span<const Bytes> entries, Group& group) = 0;
  // On stable storage, but not yet under the anchor.
  virtual Result<void> store(Group& group) = 0;
  // The anchor and head() say so, for this group and all stored before it.
  virtual Result<void> acknowledge(Group& group) = 0;
};

}  // namespace daybook
