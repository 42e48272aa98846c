// The marker of a directory sink: one JSON file a generation, one a compensation. A load is
// committed when its manifest is there, and not before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/connect/history.h"
#include "runner/connect/sink.h"

namespace daybook {

struct Manifest {
  std::string origin, pipeline, partition;
  Generation generation = 0, replaces = 0;
  Digest load_id{}, content{};
  std::uint64_t rows = 0;
  EntryIndex fence = 0;
  LoadMode mode = LoadMode::replace;
  std::vector<OutputFile> files;    // name as readers see it, below the partition's directory
  std::vector<LostLoad> lost = {};  // that it came instead of
  bool operator==(const Manifest&) const = default;
};

struct Tombstone {
  std::string origin, pipeline, partition;
  Generation generation = 0, restores = 0;
  Digest generation_load_id{}, load_id{};  // of what is taken back; of the compensation
  CompensationAction action = CompensationAction::restore_previous;
  EntryIndex fence = 0;
  std::uint64_t rows_removed = 0, rows_restored = 0;
  bool operator==(const Tombstone&) const = default;
};

// Keys sorted, two spaces, newline at the end: the same value gives the same bytes.
std::string to_json(const Manifest& manifest);
std::string to_json(const Tombstone& tombstone);

// The message names what is wrong with the text.
Result<Manifest> read_manifest(std::string_view text);
Result<Tombstone> read_tombstone(std::string_view text);

std::string_view name_of(LoadMode mode);
std::string_view name_of(CompensationAction action);
std::optional<LoadMode> load_mode(std::string_view name);
std::optional<CompensationAction> compensation_action(std::string_view name);

}  // namespace daybook
