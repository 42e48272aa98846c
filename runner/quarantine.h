// Quarantined records as a steward sees them, and what their decisions mean for the next attempt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "runner/book_view.h"
#include "runner/dataplane/stage.h"

namespace daybook {

enum class RecordStatus : std::uint8_t { held, amended, released, delivered, discarded, erased };

struct HeldRecord {
  BatchId batch{};
  std::uint32_t position = 0;  // within the batch
  SlotId slot{};
  std::string source;  // file name within the project
  Digest source_digest{};
  QuarantinedRecord record;
  RecordStatus status = RecordStatus::held;
  std::optional<std::string> amendment;  // the replacement's text
  PayloadRef replacement;                // where it lies; length 0: none
  EntryIndex erased_at = no_entry;       // its bytes are gone since this entry
};

// The records of one batch with their standing. Of an erased record its place and the rules it broke
// are left; of a batch that was erased as a whole only how many there were. A decision on the same record (source, row) in an
// earlier, superseded batch of the slot carries over: reading a file again forgets nothing.
Result<std::vector<HeldRecord>> read_batch(const BookView& book, BatchId batch);

// All batches of the book (or one pipeline) that are not superseded.
std::vector<BatchId> open_batches(const State& state, const std::string& pipeline);

// What released records mean for the slot's next attempt, sorted by (source, row).
Result<std::vector<OverlayRecord>> overlay_of(const BookView& book, SlotId slot);

// Released and not yet delivered: what an append-mode release is to read.
Result<std::vector<OverlayRecord>> undelivered_of(const BookView& book, SlotId slot);

}  // namespace daybook
