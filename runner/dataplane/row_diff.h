// Two sets of rows side by side: which came, which went, which hold other values.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/dataplane/stage.h"
#include "runner/definition/pipeline.h"

namespace daybook {

// Files that together are the rows, in the form a sink of ours writes them.
struct RowFiles {
  FileFormat format = FileFormat::parquet;
  std::vector<std::filesystem::path> files;
};

struct RowDiffRequest {
  RowFiles a, b;
  std::vector<std::string> key;     // of a row; empty: rows are compared as wholes
  std::uint64_t sample = 10;        // rows shown of each kind
  std::filesystem::path directory;  // exists, ours alone: what does not fit into memory goes here
  std::uint64_t memory_limit_bytes = 0;  // 0: engine default
};

using CellText = std::optional<std::string>;  // exact; nothing: null

struct RowChange {
  enum class Kind : std::uint8_t { added, removed, changed };
  Kind kind = Kind::changed;
  std::vector<std::pair<std::string, CellText>> key;  // of a changed row
  std::vector<std::pair<std::string, CellText>> row;  // of one that came or went: all its columns
  struct Cell {
    std::string column;
    CellText a, b;
    bool operator==(const Cell&) const = default;
  };
  std::vector<Cell> changes;  // columns with other values
  bool operator==(const RowChange&) const = default;
};

struct RowDiff {
  std::uint64_t rows_a = 0, rows_b = 0;
  std::uint64_t added = 0, removed = 0, changed = 0;
  std::vector<std::pair<std::string, std::uint64_t>>
      changed_columns;                      // rows changed in each, not 0
  std::vector<std::string> only_a, only_b;  // columns
  std::vector<std::string> key;             // that rows were matched by; empty: as wholes
  std::string no_key;                       // why they were, where a key was asked for
  std::vector<RowChange> sample;            // first removed, then added, then changed; by key
  bool same() const {
    return added == 0 && removed == 0 && changed == 0 && only_a.empty() && only_b.empty();
  }
};

// Values are compared in their exact text form, so that a column of another type with the same
// values is the same. A key that is not unique on both sides is not used. Blocking; memory is
// bounded by the limit, and what is returned by the sample.
std::expected<RowDiff, StageFailure> diff_rows(const RowDiffRequest& request);

}  // namespace daybook
