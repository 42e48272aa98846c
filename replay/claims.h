// Statements about a book that others check without it: a text that is a function of entries alone.
// Who checks makes the text again from the proven entries and compares it byte for byte, so that
// nothing in it can be changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/error.h"
#include "statemachine/state.h"

namespace daybook {

// --- completeness: of these partitions none is missing, and each is in one state

enum class Calendar : std::uint8_t { book, day, month };  // which keys are to be there
std::string_view name(Calendar calendar);

struct CompletenessQuestion {
  std::string pipeline, sink;
  std::string from, to;                // keys, both included; empty: from the first, to the last
  Calendar calendar = Calendar::book;  // day and month: every one from `from` to `to`
  bool operator==(const CompletenessQuestion&) const = default;
};

// What became of a partition. All but `open` and `missing` are final: nothing more happens without
// a person.
enum class Disposition : std::uint8_t {
  delivered,   // readers of the sink see a verified generation of it
  set_aside,   // quarantined as a whole
  taken_back,  // compensated, and nothing stands in its place
  cancelled,
  open,     // planned, running, failed, held, waiting …
  missing,  // expected, or in the calendar, and never worked on
};
std::string_view name(Disposition disposition);
bool final(Disposition disposition);
Disposition disposition(const Slot& slot);

struct PartitionStanding {
  std::string partition;
  bool expected = false;
  Disposition disposition = Disposition::missing;
  SlotPhase phase = SlotPhase::idle;
  Generation generation = 0;
  std::uint64_t rows = 0;
  EntryIndex entry = no_entry;  // that put it into its phase
};

struct Completeness {
  std::vector<PartitionStanding> partitions;  // by key; each key once
  std::uint64_t open = 0, missing = 0;
  bool complete() const { return open == 0 && missing == 0; }
};

// `invalid` where a calendar has no bounds or more than 100,000 keys.
Result<Completeness> completeness(const State& state, const CompletenessQuestion& question);

// JSON with a line break at the end: question, book, size, and where each partition stands.
Result<std::string> completeness_claim(const State& state, const CompletenessQuestion& question);
// The question out of a claim, for who makes it again. Strict about what it needs; everything else
// is compared anyhow.
Result<CompletenessQuestion> read_completeness_claim(std::string_view text);

// --- conservation: of one load, received = accepted + quarantined + filtered + merged

// An entry as it is stored, and its proof (export_proof).
struct ProvenEntry {
  EntryIndex index = 0;
  std::string bytes, proof;
};

// The entries of one loaded generation: SlotOpened, AttemptStaged, LoadIntended, LoadCommitted, and
// LoadVerified where it is there, in book order. `invalid` says what does not fit together; a sum
// that does not hold is such a thing.
Result<std::string> conservation_claim(const std::vector<ProvenEntry>& entries);
Result<std::vector<ProvenEntry>> read_conservation_claim(std::string_view text);

}  // namespace daybook
