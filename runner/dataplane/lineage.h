// What is told of single rows and records of a partition while it is staged: where they are, what
// they came from and became, and the evidence for it.
//
// A wish names rows; the stage that gets it fills in what it found. Staging with a wish gives the
// same rows, files and digests as staging without one; it keeps the leaves of all trees in files
// below the request's directory meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/leaf_form.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// One leaf and its way to the root: the tree is of `count` leaves.
struct LeafProof {
  std::uint64_t index = 0, count = 0;
  LeafSalt salt{};
  std::string bytes;
  std::vector<Digest> path;
  bool operator==(const LeafProof&) const = default;
};

// A source record. Of Parquet the leaf is the file's digest, and `text` the record as JSON.
struct RecordTold {
  std::uint32_t input = 0;
  std::uint64_t row = 0;                   // from 1, header not counted
  std::uint64_t byte_offset = 0;           // of its first byte
  std::string text;                        // as it stands in the file
  std::optional<std::string> replaced_by;  // the released record that was read in its place
  bool released_as_is = false;             // rules were waived
  std::optional<LeafProof> proof;          // none where only released records were read
};

using ValueTexts = std::vector<std::optional<std::string>>;  // null: no value

struct OutputTold {
  std::uint64_t index = 0;  // of the output, from 0
  ValueTexts values;        // in order of StageResult::columns
  LeafProof proof;
  bool kept = false;  // by a merge, from the generation before: it is of no record of this one
  // The records it was made from, in order. Of a group: all of its members, at most
  // members_told_max of them. Empty after a sql step: any record may be in it.
  std::vector<RecordTold> records;
  std::uint64_t records_total = 0;
  bool any_record = false;
};
inline constexpr std::size_t members_told_max = 100;

struct QuarantinedTold {
  std::uint64_t index = 0;  // position in the quarantined set, from 0
  QuarantinedRecord record;
  LeafProof proof;
  std::optional<RecordTold> source;  // none of rows that a sql step made
};

// What one step made of a row.
struct StepTold {
  std::string step;                  // "the contract", "step 2 derive", "the output contract"
  std::string definition;            // "length_m = round(length_ft * 0.3048, 1)"
  std::vector<std::string> columns;  // after it
  ValueTexts values;                 // empty: the row did not come out of it
  std::string left;                  // why: "filtered", "merged", …; empty while it is in
  std::string rule;
  // Rows with the same key that it won over, or lost to: (input, record number), at most
  // members_told_max.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> rivals;
  bool won = false;
  std::string lookup_file;       // relative to the project
  std::uint64_t lookup_row = 0;  // record number in it, from 1; 0: not found
};

struct RowWish {
  enum class By : std::uint8_t {
    key,          // columns of the output with their values as text
    record,       // a source record: input and number
    quarantined,  // position in the quarantined set
  } by = By::key;
  std::vector<std::pair<std::string, std::string>> key;
  std::uint32_t input = 0;
  std::uint64_t number = 0;
};

struct RowTold {
  std::vector<OutputTold>
      outputs;  // several where a key is not unique, or a record went into several
  std::optional<QuarantinedTold> quarantined;
  std::optional<RecordTold> record;  // of a wish for a record
  std::vector<StepTold> steps;       // of the first record, where steps were asked for
};

struct LineageWish {
  std::vector<RowWish> rows;
  bool steps = false;
  // Filled by stage(): one for each of `rows`, in order; empty ones for what is not there.
  std::vector<RowTold> told;
};

}  // namespace daybook
