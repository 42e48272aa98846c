// One attempt of one partition, as blocking work: stage it, keep copies of what was read and what
// was set aside. Touches no state; what it found becomes a command.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runner/connect/sink.h"
#include "runner/dataplane/stage.h"
#include "runner/definition/pipeline.h"
#include "runner/keeper.h"

namespace daybook {

// A partition the source offers, before the book has decided about it.
struct Offered {
  PartitionInput input;
  std::string key;         // partition key in the book
  std::string column_key;  // column partitioning
};

struct AttemptWork {
  std::shared_ptr<const Pipeline> pipeline;
  Offered offered;
  std::filesystem::path directory;  // made here, removed by the caller
  PayloadStore* payloads = nullptr;
  MergeBase base;  // what stands in the partition
  SinkMemory memory;
  std::vector<OverlayRecord> overlay;
  bool release = false, overlay_only = false;
  unsigned threads = 1;
  std::uint64_t memory_limit_bytes = 0;  // of the engine, for this attempt
  PayloadRef salts;      // of an attempt before with the same content, which may be; else length 0
  Digest fresh_salts{};  // random: what is used otherwise
  // A retained copy of a source with this digest, where one exists. Safe from any thread.
  std::function<PayloadRef(const Digest&)> known_copies;
};

struct AttemptOutcome {
  StageResult result;  // inputs carry their retained copies
  PayloadRef quarantine;
  PayloadRef salts;
  std::filesystem::path directory;
};

std::expected<AttemptOutcome, StageFailure> execute_attempt(const AttemptWork& work,
                                                            StageProgress& progress);

// Rules and steps beyond what one entry may list, summed under one name: counts never vanish.
std::vector<RuleCount> bounded_rules(std::vector<RuleCount> rules);

// The secret that an attempt's leaves are salted with. `not_found` where it was erased.
Result<Digest> read_salts(const PayloadStore& payloads, const PayloadRef& salts);

// The command that records it; run, slot and attempt are left to the caller.
StageAttempt stage_command(const AttemptOutcome& outcome, const Pipeline& pipeline);

// Columns of what the sink receives.
std::vector<Column> output_columns(const Pipeline& pipeline);

// Where a source with this digest was retained before; length 0 where it was not.
PayloadRef known_copy(const Keeper& keeper, const Digest& source);
Result<void> remember_copy(Keeper& keeper, const Digest& source, const PayloadRef& copy);

}  // namespace daybook
