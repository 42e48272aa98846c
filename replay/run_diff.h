// Two runs side by side, from what the book says of them: environment, partitions, attempts,
// outcomes, counts, and for each partition the first entry at which the two histories part.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

// One thing that is not the same. Texts are exact and may be empty: not there.
struct RunDifference {
  std::string what;  // "rows quarantined", "rule amount.minimum", "feed/2026-01-01/orders.csv"
  std::string a, b;
  bool operator==(const RunDifference&) const = default;
};

struct AttemptFacts {
  Attempt attempt = 0;
  EntryIndex started = no_entry, ended = no_entry;
  std::optional<AttemptStaged> staged;
  std::optional<AttemptFailed> failed;
  bool lost = false;
};

// An entry about a partition, with what of it two runs can have in common: no ids, times or
// indices.
struct Happening {
  EntryIndex index = no_entry;
  std::string essence, sentence;
};

// What one run did with one partition.
struct PartitionFacts {
  SlotId slot{};
  std::optional<PartitionPlanned> planned;
  std::optional<PartitionSkipped> skipped;
  std::vector<AttemptFacts> attempts;
  std::optional<GenerationState> loaded;  // by this run; of several the last
  std::vector<Digest> files;              // that it is in the sink, where that is files
  std::vector<Happening> happenings;

  const AttemptStaged* staged() const;  // of the last attempt that staged, or null
  std::string outcome() const;          // "loaded", "skipped: …", "failed: source.missing" …
};

struct RunFacts {
  RunId run = no_run;
  std::string program;   // version of daybook that started it
  EntryIndex ended = 0;  // the entries of the run lie in [started, ended)
  std::map<std::string, PartitionFacts> partitions;  // by key
};

// Reads the entries of the run, and backwards from its first one to the boot that wrote it. Memory
// grows with the run, not with the book.
Result<RunFacts> run_facts(const State& state, const Ledger& ledger, RunId run);

struct PartitionDiff {
  std::string partition;
  const PartitionFacts* a = nullptr;  // null: the run did not have it
  const PartitionFacts* b = nullptr;
  std::vector<RunDifference> differences;  // empty: the same
  // The first entries that are not the same; null where one history is the beginning of the other.
  const Happening* first_a = nullptr;
  const Happening* first_b = nullptr;
  bool same() const { return differences.empty() && first_a == nullptr && first_b == nullptr; }
  // Both made the same rows: they loaded the same files, or committed to the same content.
  // Commitments may be salted, so that other ones do not mean other rows.
  bool same_rows() const;
};

// `a` and `b` outlive what is returned. In the order of the keys.
std::vector<PartitionDiff> diff_partitions(const RunFacts& a, const RunFacts& b);

// What the two ran with and as: engine, program, definition, kind, reason, requester, outcome.
std::vector<RunDifference> diff_settings(const State& state, const RunFacts& a, const RunFacts& b);

}  // namespace daybook
