#include "runner/connect/slot_store.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/connect/file_steps.h"

namespace daybook {
namespace {

// Nobody works long under a slot's lock: who holds it for longer stands still, and is waited for by
// asking again.
constexpr std::uint32_t lock_wait_ms_max = 2'000;
const std::string fence_file = "fence.json";
constexpr std::string_view manifest_ending = ".json", tombstone_ending = ".tombstone.json";

struct Owner {
  EntryIndex fence = 0;
  std::string origin, pipeline, partition;
  bool is(std::string_view book, std::string_view of, std::string_view key) const {
    return origin == book && pipeline == of && partition == key;
  }
};

std::string to_json(const Owner& owner) {
  const nlohmann::json json = {{"fence", owner.fence},
                               {"origin", owner.origin},
                               {"pipeline", owner.pipeline},
                               {"partition", owner.partition}};
  return json.dump(2) + "\n";
}

std::optional<Owner> read_owner(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (!json.at("fence").is_number_unsigned()) return std::nullopt;  // -1 would be above them all
    return Owner{.fence = json.at("fence").get<EntryIndex>(),
                 .origin = json.at("origin").get<std::string>(),
                 .pipeline = json.at("pipeline").get<std::string>(),
                 .partition = json.at("partition").get<std::string>()};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// "12.json" -> 12; nothing for any other name.
std::optional<Generation> manifest_generation(std::string_view name) {
  if (!name.ends_with(manifest_ending)) return std::nullopt;
  name.remove_suffix(manifest_ending.size());
  Generation generation = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), generation);
  if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) return std::nullopt;
  return generation;
}

std::unexpected<SinkFailure> unreadable(const Directory& directory, const std::string& name,
                                        std::string_view why) {
  return sink_conflict("a marker of the sink is unreadable",
                       fmt::format("{}: {}", directory.at(name), why));
}

SinkResult<std::optional<Owner>> owner_of(const Directory& directory) {
  auto text = read_small_file(directory, fence_file);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  std::optional<Owner> owner = read_owner(**text);
  if (!owner) return unreadable(directory, fence_file, "not a fence");
  return owner;
}

}  // namespace

std::string slot_name(const std::string& partition) {
  return hex(sha256(bytes_of(partition))).substr(0, 16);
}

std::string generation_directory(Generation generation, const Digest& load_id) {
  return fmt::format("{}-{}", generation, hex(load_id).substr(0, 16));
}

std::string StoredGeneration::directory() const {
  return generation_directory(manifest.generation, manifest.load_id);
}

std::string StoredGeneration::part(std::size_t number) { return fmt::format("part-{}", number); }

std::vector<MarkedGeneration> marks(const std::vector<StoredGeneration>& stored) {
  std::vector<MarkedGeneration> history;
  for (const StoredGeneration& each : stored) {
    MarkedGeneration mark{.generation = each.manifest.generation,
                          .load_id = each.manifest.load_id,
                          .mode = each.manifest.mode,
                          .taken_back = std::nullopt};
    if (each.tombstone) mark.taken_back = {each.tombstone->action, each.tombstone->load_id};
    for (const LostLoad& lost : each.manifest.lost) mark.lost.push_back(lost.generation);
    history.push_back(mark);
  }
  return history;
}

SinkResult<SlotStore> SlotStore::open(const Directory& control, const Directory& stages,
                                      const std::string& partition) {
  SlotStore store;
  store.name_ = slot_name(partition);
  auto directory = make_directories(control, store.name_);
  if (!directory) return std::unexpected(directory.error());
  auto stage = make_directories(stages, store.name_);
  if (!stage) return std::unexpected(stage.error());
  store.directory_ = std::move(*directory);
  store.stage_ = std::move(*stage);
  // Until somebody held the slot, whoever made its folders may have ended before they were durable.
  auto fenced = status_of(store.directory_, fence_file);
  if (!fenced) return std::unexpected(fenced.error());
  if (!*fenced) {
    for (const Directory* parent : {&control, &stages}) {
      if (auto synced = sync_directory(*parent); !synced) return std::unexpected(synced.error());
    }
  }
  return store;
}

SinkResult<std::optional<SlotStore>> SlotStore::find(const Directory& control,
                                                     const Directory& stages,
                                                     const std::string& slot) {
  auto directory = find_directory(control, slot);
  if (!directory) return std::unexpected(directory.error());
  if (!*directory) return std::nullopt;
  auto stage = make_directories(stages, slot);
  if (!stage) return std::unexpected(stage.error());
  SlotStore store;
  store.name_ = slot;
  store.directory_ = std::move(**directory);
  store.stage_ = std::move(*stage);
  return store;
}

SinkResult<FileLock> SlotStore::lock() const {
  return FileLock::take(directory_, "lock", lock_wait_ms_max);
}

SinkResult<FileLock> SlotStore::take(EntryIndex fence, const std::string& origin,
                                     const std::string& pipeline,
                                     const std::string& partition) const {
  auto held = lock();
  if (!held) return held;
  auto owner = owner_of(directory_);
  if (!owner) return std::unexpected(owner.error());
  if (*owner) {
    if (!(*owner)->is(origin, pipeline, partition)) {
      return sink_conflict(
          "the partition belongs to another pipeline or book",
          fmt::format("partition {} at {} belongs to pipeline {} of book {}", (*owner)->partition,
                      directory_.path, (*owner)->pipeline, (*owner)->origin));
    }
    if ((*owner)->fence > fence) return sink_fenced((*owner)->fence, fence);
    if ((*owner)->fence == fence) {
      // Written by an earlier try of ours, which may have failed to sync it.
      if (auto synced = sync_directory(directory_); !synced) return std::unexpected(synced.error());
      return held;
    }
  }
  auto raised =
      replace_file(directory_, fence_file, to_json(Owner{fence, origin, pipeline, partition}));
  if (!raised) return std::unexpected(raised.error());
  DAYBOOK_CRASH_POINT("dir.fence_written");
  return held;
}

SinkResult<bool> SlotStore::is_of_another(const std::string& origin, const std::string& pipeline,
                                          const std::string& partition) const {
  auto owner = owner_of(directory_);
  if (!owner) return std::unexpected(owner.error());
  return *owner && !(*owner)->is(origin, pipeline, partition);
}

SinkResult<std::vector<StoredGeneration>> SlotStore::history() const {
  auto names = names_in(directory_);
  if (!names) return std::unexpected(names.error());
  std::vector<StoredGeneration> stored;
  for (const std::string& name : *names) {
    const auto generation = manifest_generation(name);
    if (!generation) continue;
    auto text = read_small_file(directory_, name);
    if (!text) return std::unexpected(text.error());
    if (!*text) continue;
    auto manifest = read_manifest(**text);
    if (!manifest) return unreadable(directory_, name, manifest.error().detail);
    if (manifest->generation != *generation) return unreadable(directory_, name, "another's name");
    StoredGeneration each{.manifest = std::move(*manifest),
                          .digest = sha256(bytes_of(**text)),
                          .tombstone = std::nullopt};
    const std::string tombstone_name = fmt::format("{}{}", *generation, tombstone_ending);
    auto taken_back = read_small_file(directory_, tombstone_name);
    if (!taken_back) return std::unexpected(taken_back.error());
    if (*taken_back) {
      auto tombstone = read_tombstone(**taken_back);
      if (!tombstone) return unreadable(directory_, tombstone_name, tombstone.error().detail);
      each.tombstone = std::move(*tombstone);
      each.tombstone_digest = sha256(bytes_of(**taken_back));
    }
    stored.push_back(std::move(each));
  }
  std::sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) {
    return a.manifest.generation < b.manifest.generation;
  });
  return stored;
}

SinkResult<std::string> SlotStore::damage(const StoredGeneration& stored) const {
  auto data = find_directory(directory_, stored.directory());
  if (!data) return std::unexpected(data.error());
  if (!*data) return fmt::format("{}: the generation's data is missing", stored.directory());
  for (std::size_t i = 0; i < stored.manifest.files.size(); ++i) {
    const OutputFile& file = stored.manifest.files[i];
    auto found = identify(**data, StoredGeneration::part(i));
    if (!found) return std::unexpected(found.error());
    if (!*found) return fmt::format("{}: missing from the store", file.name);
    if ((*found)->bytes != file.bytes) {
      return fmt::format("{}: {} bytes, {} were loaded", file.name, (*found)->bytes, file.bytes);
    }
    if ((*found)->digest != file.digest) return fmt::format("{}: digest differs", file.name);
  }
  return std::string();
}

}  // namespace daybook
