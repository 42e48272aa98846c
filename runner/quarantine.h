// Quarantined records as a steward sees them, and what their decisions mean for the next attempt.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "runner/book_view.h"
#include "runner/dataplane/replacement.h"
#include "runner/definitions.h"

namespace daybook {

enum class RecordStatus : std::uint8_t { held, amended, released, delivered, discarded, erased };

struct HeldRecord {
  BatchId batch{};
  std::string batch_name;      // what people call it
  std::uint32_t position = 0;  // within the batch
  SlotId slot{};
  std::string source;  // file name within the project
  Digest source_digest{};
  PayloadRef source_copy;  // the retained source; length 0: none
  QuarantinedRecord record;
  RecordStatus status = RecordStatus::held;
  std::optional<std::string> amendment;  // the replacement's text
  PayloadRef replacement;                // where it lies; length 0: none
  EntryIndex erased_at = no_entry;       // its bytes are gone since this entry
};

// A record on its way past, before it is parsed.
struct PassingRecord {
  BatchId batch{};
  std::uint32_t position = 0;
  Digest source{};
  std::uint64_t row = 0;
  RecordStatus status = RecordStatus::held;
  PayloadRef replacement;
  std::string_view line;  // of the quarantine file; lives as long as the visit
};

// The records of one batch with their standing, one after the other: memory grows with the
// decisions about them, not with the batch. Of an erased record its place and the rules it broke
// are left; of a batch that was erased as a whole only how many there were. A decision on the same
// record (source, row) in an earlier, superseded batch of the slot carries over: reading a file
// again forgets nothing.
class BatchReader {
 public:
  static Result<BatchReader> open(const BookView& book, BatchId id);
  // In order; false ends it. What was visited before an error is not to be relied on.
  using Visit = std::function<Result<bool>(const PassingRecord&)>;
  Result<void> each(const Visit& visit);
  // Without what earlier batches say.
  Result<void> each_own(const Visit& visit) const;
  Result<HeldRecord> whole(const PassingRecord& record) const;

 private:
  using Identity = std::pair<Digest, std::uint64_t>;  // source digest, row
  struct Earlier {
    RecordStatus status;
    PayloadRef replacement;
  };
  BatchReader(const BookView& book, BatchId id) : book_(book), id_(id) {}
  const BatchState& batch() const;
  Digest source_of(std::uint32_t input) const;
  Result<void> look_back();

  BookView book_;
  BatchId id_;
  std::string name_;
  std::vector<InputFile> files_;
  bool looked_back_ = false;
  std::map<Identity, Earlier> earlier_;
};

Result<HeldRecord> read_record(const BookView& book, BatchId batch, std::uint32_t position);
// All at once: for small batches.
Result<std::vector<HeldRecord>> read_batch(const BookView& book, BatchId batch);

// What a replacement of a record would still break: every rule, or only what no waiver covers (a
// record that is released as it is must still be readable).
class ReplacementCheck {
 public:
  explicit ReplacementCheck(const BookView& book) : book_(book), definitions_(book) {}
  // Under the definition the record's batch was read with.
  Result<std::vector<Violation>> operator()(const HeldRecord& record, const std::string& bytes,
                                            Waive waive);

 private:
  BookView book_;
  DefinitionCache definitions_;
  std::map<Digest, std::string> headers_;  // by source
};

// All batches of the book (or one pipeline) that are not superseded.
std::vector<BatchId> open_batches(const State& state, const std::string& pipeline);

// Partitions into which records were released and not delivered, by a release without a run or one
// whose process ended before it.
std::vector<std::string> undelivered_partitions(const State& state, const std::string& pipeline,
                                                const std::string& sink);

// What released records mean for the slot's next attempt, sorted by (source, row).
Result<std::vector<OverlayRecord>> overlay_of(const BookView& book, SlotId slot);

// Released and not yet delivered: what an append-mode release is to read.
Result<std::vector<OverlayRecord>> undelivered_of(const BookView& book, SlotId slot);

}  // namespace daybook
