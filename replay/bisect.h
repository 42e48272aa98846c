// Where two histories part, and where one departs from what it recorded of itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "replay/verify.h"
#include "statemachine/state.h"

namespace daybook {

struct Fork {
  EntryIndex common = 0;  // entries that both begin with; entry number `common` is the first other
  Digest root{};          // over them, by both trees
  EntryIndex size_a = 0, size_b = 0;
  std::uint32_t compared = 0;  // pairs of roots
  bool identical() const { return common == size_a && common == size_b; }
  // One is the other's beginning.
  bool prefix() const { return common == size_a || common == size_b; }
};

// The roots of equal beginnings are equal and those of other ones are not, so this asks for the
// roots of about log2(n) sizes and reads no entries save the two that differ. It believes the
// stored tiles: `corrupt` where they say that two entries differ whose bytes are the same, or where
// an entry does not have the hash its tree says.
Result<Fork> first_difference(const Ledger& a, const Ledger& b);

// A book against itself: the first thing in it that does not follow.
struct Departure {
  Finding first;              // the first finding of verify_book
  EntryIndex good = 0;        // the largest checkpoint before it that is reached again
  EntryIndex bad = no_entry;  // the first recorded checkpoint that is not; none: only `first`
  // Where the state departs: after `from` entries it is as recorded, after `to` it is not. Narrower
  // than (good, bad] where a snapshot was kept between them.
  EntryIndex from = 0, to = 0;
  bool by_snapshot = false;
  std::vector<std::string> fields;  // of the state that differ, where both states are there
};

// Nothing: every recorded state is reached. One pass over the book, as for verify_book.
Result<std::optional<Departure>> first_departure(const Ledger& ledger,
                                                 const VerifyProgress& progress = {});

// Names of what differs between two states: "slots[3]", "runs", "checkpoint"; at most ten.
std::vector<std::string> state_difference(const State& a, const State& b);

}  // namespace daybook
