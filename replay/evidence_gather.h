// Gathers the evidence of an incident or an audit from a book (replay/evidence.h). Reads only.
#pragma once

#include <functional>
#include <optional>

#include "ledger/note.h"
#include "ledger/payload_store.h"
#include "replay/evidence.h"

namespace daybook {

struct EvidenceWish {
  std::optional<RunId> run = {};  // one of these three
  std::optional<CompensationId> compensation = {};
  std::optional<std::pair<EntryIndex, EntryIndex>> range = {};  // both within
  bool with_records = false;  // the bytes of quarantined records, too
  std::string made_at = {};
};

// The book as of the last entry of this ledger, and as it is now: what was erased between them can
// not be read, and is left out. The text that an approval was about is asked with the state of the
// moment it was asked for: `conflict` or `not_found` where that can not be told any more.
struct EvidenceSource {
  const State& state;
  const State& now;
  const Ledger& ledger;
  const PayloadStore& payloads;
  std::function<Result<std::string>(const State& then, ApprovalId id)> approval_text;
};

// Under the latest signed checkpoint: `not_found` where no entry of it is covered yet. `key` is the
// book's: it signs the list of files. All files, the manifest among them.
Result<StoredFiles> gather_evidence(const EvidenceSource& book, const EvidenceWish& wish,
                                    const NoteSigner& key);

}  // namespace daybook
