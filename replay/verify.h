// Verifies a whole book and reports; never repairs. What it says rests on the stored bytes alone:
// leaves, tiles and root are recomputed, every entry is decoded and folded from the first on, every
// recorded root and state root is reached again, every kept checkpoint's signature is checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "replay/signatures.h"
#include "statemachine/state.h"

namespace daybook {

struct Finding {
  EntryIndex index = no_entry;  // the entry it is about; none: the book as a whole
  std::string rule;  // "entry", "canonical", "tree", "checkpoint", "state root", "I14" …
  std::string detail;
  bool operator==(const Finding&) const = default;
};

struct BookReport {
  EntryIndex size = 0;             // entries the ledger says it has
  Digest root{};                   // recomputed
  Digest state_root{};             // of the fold, as far as it went
  EntryIndex folded = 0;           // entries that could be folded; size unless something is wrong
  std::uint64_t checkpoints = 0;   // recorded in the book, and reached again
  std::uint64_t signatures = 0;    // of kept checkpoints, that are good
  std::uint64_t cosignatures = 0;  // of them by witnesses of the book, that are good
  std::uint64_t timestamps = 0;    // of checkpoints, that are about them
  std::uint64_t approvals = 0;     // whose signatures are good
  std::uint64_t unchecked = 0;     // approvals of a plan whose text was not at hand

  // The earliest finding, and how much before it is still vouched for: the largest checkpoint of at
  // most that many entries whose signature, root and state root are right.
  EntryIndex first_bad = no_entry;
  EntryIndex trustworthy = 0;
  std::vector<Finding> findings;  // the first ten of each rule: one bad entry can break many
  std::uint64_t findings_total = 0;

  bool good() const { return findings_total == 0; }
  std::string summary() const;  // what is wrong and what is not, in plain sentences
};

using VerifyProgress = std::function<void(EntryIndex done, EntryIndex size)>;

// An error only where the world failed and nothing can be said (`io`); whatever is wrong with the
// book is in the report. Memory grows with the state, not with the ledger. Safe beside an append:
// it verifies the head it found. `plans` gives the texts that some approvals are over.
Result<BookReport> verify_book(const Ledger& ledger, const VerifyProgress& progress = {},
                               const PlanText& plans = {});

}  // namespace daybook
