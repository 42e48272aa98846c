// Doing a recorded attempt again, in a sandbox: from the inputs, the definition, the released
// records and the salts that the book recorded, with nothing written but files below one directory.
// What comes out is held against what the attempt committed to.
//
// Nothing of this touches the book, a sink or a source. Inputs are the retained copies where the
// book has them, else the files at their recorded paths as long as their bytes are the recorded
// ones. The engine is this program's; that it is another than the recorded one is a difference like
// every other, and is said first.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/book_view.h"
#include "runner/dataplane/stage.h"
#include "runner/definition/pipeline.h"

namespace daybook {

// What the book says about one attempt that was staged.
struct RecordedAttempt {
  EntryIndex at = no_entry;  // its AttemptStaged
  AttemptStaged staged;
  std::string pipeline, sink, partition;
  DefinitionId definition{};
  Digest definition_digest{}, engine{};
  Generation generation = 0;           // that it became; 0: it was never loaded
  Generation before = 0;               // that stood in the target while it was staged; 0: none
  std::vector<OverlayRecord> overlay;  // released records that were put in place
  bool overlay_only = false;
};

// The attempt whose AttemptStaged stands at `at`. Folds the book up to there: what was released and
// what stood in the target are answered as of then.
Result<RecordedAttempt> recorded_attempt(const BookView& book, EntryIndex at);

// Where the attempt behind a generation, or the last one that `run` staged for the slot, is
// recorded. `not_found` says why there is none.
Result<EntryIndex> staged_at(const BookView& book, SlotId slot, Generation generation);
Result<EntryIndex> staged_at(const BookView& book, RunId run, SlotId slot);

struct Difference {
  std::string what;  // "engine", "counts.accepted", "rule id.required", "row 17, column name"
  std::string recorded, now;  // for people; a digest as hexadecimal digits
  bool operator==(const Difference&) const = default;
};

struct Reexecution {
  RecordedAttempt recorded;
  std::shared_ptr<const Pipeline> pipeline;  // what was executed
  StageResult result;                        // files below directory / "output"
  std::filesystem::path directory;
  // In the order of cause and effect; empty: identical, down to every leaf.
  std::vector<Difference> differences;
  bool identical() const { return differences.empty(); }
};

// Why it could not be done at all.
struct ReexecutionFailure {
  enum class Kind : std::uint8_t {
    missing,  // an input, a payload, the salts: `what` names it
    changed,  // an input is there and is not what was read
    program,  // this program can not read the definition as it ran
    failed,   // the attempt itself fails now
    storage,  // the machine
  } kind = Kind::failed;
  std::string what;  // "feed/2024-06-01/runways.csv", "the salts", "definition 3"
  std::string detail, hint;
};

struct ReexecutionOptions {
  std::filesystem::path directory;  // made here; must not exist; the caller removes it
  unsigned threads = 1;
  std::uint64_t memory_limit_bytes = 0;
  // Instead of the recorded definition: "what would have come out". Then inputs are looked up by
  // the same names, and differences are those of the outcome.
  std::shared_ptr<const Pipeline> instead;
  // Form of the output files; by default the sink's, or Parquet where it has none.
  std::optional<StagedFormat> format;
  LineageWish* lineage = nullptr;  // outlives the call
};

// Blocking. Fails with `failed` and code "cancelled" in `detail` after progress.cancel.
std::expected<Reexecution, ReexecutionFailure> reexecute(const BookView& book,
                                                         const RecordedAttempt& recorded,
                                                         const ReexecutionOptions& options,
                                                         StageProgress& progress);

// What in `result` is not as recorded; `differences` of a Reexecution without engine and
// definition.
std::vector<Difference> differences_of(const AttemptStaged& recorded, const StageResult& result);

}  // namespace daybook
