// The protocol, step by step (crash points in brackets):
//
//   load        before_stage → stage dir → [stage_made] → files linked or copied [file_staged],
//               read back, synced → [staged] → lock, fence [fence_written] → [fenced] →
//               generation moved in place → [generation_moved] → manifest (durable under a
//               temporary name) [before_manifest] → renamed = committed → [manifest_written] →
//               published → [committed]
//   compensate  lock, fence → files to restore verified → tombstone [before_tombstone] → renamed =
//               committed → [tombstone_written] → published → [compensated]
//
// Before the rename of the manifest nothing of the attempt can be seen; after it, everything that
// is left to do is derived from the manifests and done by whoever takes the slot next.
#include "runner/connect/directory_sink.h"

#include <algorithm>
#include <charconv>

#include "runner/connect/crash_point.h"
#include "runner/connect/directory_compensation.h"
#include "runner/connect/failure.h"
#include "runner/connect/file_steps.h"
#include "runner/connect/file_system_kind.h"
#include "runner/connect/visible.h"

namespace daybook {
namespace {

const std::string control_name = ".daybook", stages_name = ".stage";

std::string_view extension_of(FileFormat format) {
  switch (format) {
    case FileFormat::csv: return "csv";
    case FileFormat::jsonl: return "jsonl";
    case FileFormat::parquet: return "parquet";
  }
  return "parquet";
}

// The partition is a directory's name: one component, not hidden, not one of ours.
SinkResult<void> check_partition(const std::string& partition) {
  constexpr std::size_t bytes_max = 128;
  const bool plain = std::ranges::all_of(partition, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '=' || c == '+' || c == '-';
  });
  if (!partition.empty() && partition.size() <= bytes_max && plain && partition.front() != '.') {
    return {};
  }
  return sink_failure(ErrorClass::definition, "partition",
                      "the partition key can not be a directory's name",
                      fmt::format("partition key \"{}\": a directory sink takes 1 to {} of "
                                  "[A-Za-z0-9._=+-], the first not a dot",
                                  partition, bytes_max),
                      "sink.partition");
}

void at_manifest() { DAYBOOK_CRASH_POINT("dir.before_manifest"); }
void at_tombstone() { DAYBOOK_CRASH_POINT("dir.before_tombstone"); }

class Driver : public SinkDriver {
 public:
  Driver(Directory base, std::filesystem::path below, Directory root, Directory control,
         Directory stages, FileFormat format)
      : base_(std::move(base)),
        below_(std::move(below)),
        root_(std::move(root)),
        control_(std::move(control)),
        stages_(std::move(stages)),
        format_(format) {}

  SinkResult<void> prepare(const std::vector<Column>& columns, LoadMode mode,
                           const std::vector<std::string>& key, std::uint64_t token) override;
  SinkResult<LoadEvidence> load(const LoadPlan& plan) override;
  SinkResult<std::optional<LoadEvidence>> settle(const LoadPlan& plan) override;
  SinkResult<std::uint64_t> verify(const LoadPlan& plan) override;
  SinkResult<CompensationEvidence> dry_run(const CompensationPlan& plan) override;
  SinkResult<CompensationEvidence> compensate(const CompensationPlan& plan) override;
  SinkResult<std::vector<SinkGeneration>> inventory(bool deep) override;
  SinkResult<std::vector<std::filesystem::path>> current_files(const MergeBase& base) override;
  SinkResult<void> tidy(const LoadPlan& plan) override;
  StagedFormat staged_format() const override;

 private:
  using History = std::vector<StoredGeneration>;
  // What the slot already says of this load: its evidence, or nothing. The slot is ours.
  SinkResult<std::optional<LoadEvidence>> find_load(const LoadPlan& plan, const SlotStore& slot,
                                                    const History& history);
  // The same before it comes in: or that it may not.
  SinkResult<std::optional<LoadEvidence>> look(const LoadPlan& plan, const SlotStore& slot);
  SinkResult<void> stage(const LoadPlan& plan, const SlotStore& slot, const std::string& name);
  SinkResult<void> place(const LoadPlan& plan, const SlotStore& slot, const std::string& name);
  SinkResult<LoadEvidence> commit(const LoadPlan& plan, const SlotStore& slot);
  Manifest manifest_of(const LoadPlan& plan) const;
  LoadEvidence evidence_of(const StoredGeneration& stored, bool recovered) const;

  Directory base_;               // the project
  std::filesystem::path below_;  // of root_, in it
  Directory root_, control_, stages_;
  FileFormat format_;
};

StagedFormat Driver::staged_format() const {
  switch (format_) {
    case FileFormat::csv: return StagedFormat::csv;
    case FileFormat::jsonl: return StagedFormat::jsonl;
    case FileFormat::parquet: return StagedFormat::parquet;
  }
  return StagedFormat::parquet;
}

SinkResult<void> Driver::prepare(const std::vector<Column>&, LoadMode,
                                 const std::vector<std::string>&, std::uint64_t token) {
  const auto root = medium_of(root_), control = medium_of(control_), stages = medium_of(stages_);
  for (const auto* medium : {&root, &control, &stages}) {
    if (!*medium) return std::unexpected(medium->error());
  }
  if (root->device != control->device || root->device != stages->device) {
    return sink_failure(ErrorClass::definition, "filesystem",
                        "the sink's folders are on several file systems",
                        fmt::format("{}, {} and {} must be on one file system", root_.path,
                                    control_name, stages_name),
                        "sink.filesystem");
  }
  if (const std::string_view refused = without_atomic_rename(root->kind); !refused.empty()) {
    return sink_failure(ErrorClass::definition, "filesystem",
                        "the file system keeps no atomic rename over a crash",
                        fmt::format("{} is on {}: a directory sink needs a local file system with "
                                    "hard links and atomic exchange (ext4, xfs, btrfs, tmpfs)",
                                    root_.path, refused),
                        "sink.filesystem");
  }
  if (auto synced = sync_path(base_, below_); !synced) return synced;
  // What the protocol is made of, tried once: an exclusive file, a link, an exchange.
  const std::string a = fmt::format("probe-{:016x}-a", token),
                    b = fmt::format("probe-{:016x}-b", token);
  for (const std::string& name : {a, b}) {
    auto probe = make_directories(stages_, name);
    if (!probe) return std::unexpected(probe.error());
    if (auto made = replace_file(*probe, "file", "probe\n"); !made) return made;
    auto linked = bring_file(*probe, "file", *probe, "link");
    if (!linked && linked.error().code != "errno.EEXIST") return linked;
  }
  if (auto swapped = exchange(stages_, a, stages_, b); !swapped) return swapped;
  for (const std::string& name : {a, b}) {
    if (auto removed = remove_directory(stages_, name); !removed) return removed;
  }
  return {};
}

Manifest Driver::manifest_of(const LoadPlan& plan) const {
  Manifest manifest{.origin = plan.origin,
                    .pipeline = plan.pipeline,
                    .partition = plan.partition,
                    .generation = plan.generation,
                    .replaces = plan.replaces,
                    .load_id = plan.load_id,
                    .content = plan.content,
                    .rows = plan.rows,
                    .fence = plan.fence,
                    .mode = plan.mode,
                    .files = {},
                    .lost = plan.lost};
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    manifest.files.push_back(
        {.name = visible_name(plan.generation, plan.load_id, i, extension_of(format_)),
         .bytes = plan.files[i].bytes,
         .rows = plan.files[i].rows,
         .digest = plan.files[i].digest});
  }
  return manifest;
}

LoadEvidence Driver::evidence_of(const StoredGeneration& stored, bool recovered) const {
  LoadEvidence evidence{.recovered = recovered,
                        .rows = stored.manifest.rows,
                        .evidence = fmt::format("manifest sha256:{}", hex(stored.digest)),
                        .files = stored.manifest.files};
  for (OutputFile& file : evidence.files) {
    file.name = fmt::format("{}/{}", stored.manifest.partition, file.name);
  }
  return evidence;
}

SinkResult<std::optional<LoadEvidence>> Driver::find_load(const LoadPlan& plan,
                                                          const SlotStore& slot,
                                                          const History& history) {
  const auto stored = std::ranges::find_if(history, [&](const StoredGeneration& each) {
    return each.manifest.load_id == plan.load_id && !each.tombstone;
  });
  if (stored == history.end()) return std::nullopt;
  if (stored->manifest.content != plan.content || stored->manifest.rows != plan.rows) {
    return sink_conflict(
        "a marker of the load says something else",
        fmt::format("{}: generation {} is load {}, of other content", slot.directory().path,
                    stored->manifest.generation, hex(plan.load_id)));
  }
  auto bad = slot.damage(*stored);
  if (!bad) return std::unexpected(bad.error());
  // What was harmed after it came in is not shown: the second look says so, and it is loaded anew.
  if (bad->empty()) {
    if (auto shown = publish(root_, slot, history, plan.partition); !shown) {
      return ambiguous(shown.error());
    }
  }
  return evidence_of(*stored, true);
}

// Whether a load that is not there may come in.
SinkResult<void> may_come_in(const LoadPlan& plan, const SlotStore& slot,
                             const std::vector<StoredGeneration>& history) {
  for (const StoredGeneration& stored : history) {
    const Manifest& manifest = stored.manifest;
    if (manifest.generation > plan.generation) {
      return sink_conflict("the sink holds a later generation",
                           fmt::format("{} holds generation {} (load {}), later than generation {}",
                                       slot.directory().path, manifest.generation,
                                       hex(manifest.load_id), plan.generation));
    }
    if (manifest.generation != plan.generation) continue;
    if (manifest.load_id != plan.load_id) {
      return sink_conflict("the generation holds another load",
                           fmt::format("generation {} holds load {}, not {}", plan.generation,
                                       hex(manifest.load_id), hex(plan.load_id)));
    }
    return sink_conflict("the load has been compensated",
                         fmt::format("generation {} was taken back by {}", plan.generation,
                                     hex(stored.tombstone->load_id)));
  }
  const std::vector<MarkedGeneration> marked = marks(history);
  if (plan.mode == LoadMode::merge) {
    // The staged files hold the merge of what stood when they were made: it must still stand.
    const MergeBase base{plan.pipeline, plan.partition, plan.replaces, plan.replaces_load_id,
                         plan.lost};
    if (auto stand = merged_with(base, marked); !stand) return std::unexpected(stand.error());
  }
  return check_added_to(plan, marked, slot.directory().path);
}

SinkResult<void> Driver::stage(const LoadPlan& plan, const SlotStore& slot,
                               const std::string& name) {
  DAYBOOK_CRASH_POINT("dir.before_stage");
  if (auto cleared = remove_directory(slot.stage(), name); !cleared) return cleared;
  auto stage = make_directories(slot.stage(), name);
  if (!stage) return std::unexpected(stage.error());
  DAYBOOK_CRASH_POINT("dir.stage_made");
  auto source = open_directory(plan.staged);
  if (!source) return std::unexpected(source.error());
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    const StagedFile& file = plan.files[i];
    if (file.name.find('/') != std::string::npos || file.name.empty()) {
      return sink_failure(ErrorClass::internal, "staged.name", "a staged file's name is a path",
                          file.name, "sink.staged");
    }
    const std::string part = StoredGeneration::part(i);
    auto brought = bring_file(*source, file.name, *stage, part);
    if (!brought) return brought;
    auto found = identify(*stage, part);
    if (!found) return std::unexpected(found.error());
    if (!*found || (*found)->bytes != file.bytes || (*found)->digest != file.digest) {
      return sink_failure(
          ErrorClass::internal, "staged.changed", "a staged file is not what was staged",
          fmt::format("{}: size or digest differs from what was staged", source->at(file.name)),
          "sink.staged");
    }
    DAYBOOK_CRASH_POINT("dir.file_staged");
  }
  if (auto synced = sync_directory(*stage); !synced) return synced;
  DAYBOOK_CRASH_POINT("dir.staged");
  return {};
}

// The staged directory becomes the generation's. Without a manifest nobody looks at it yet, and
// what an earlier attempt of this load left under the name is dead: the fence is ours.
SinkResult<void> Driver::place(const LoadPlan& plan, const SlotStore& slot,
                               const std::string& name) {
  const std::string final_name = generation_directory(plan.generation, plan.load_id);
  auto moved = move_new(slot.stage(), name, slot.directory(), final_name);
  if (!moved) return std::unexpected(moved.error());
  if (!*moved) {
    auto swapped = exchange(slot.stage(), name, slot.directory(), final_name);
    if (!swapped) return swapped;
    if (auto removed = remove_directory(slot.stage(), name); !removed) return removed;
  }
  if (auto synced = sync_directory(slot.stage()); !synced) return synced;
  if (auto synced = sync_directory(slot.directory()); !synced) return synced;
  DAYBOOK_CRASH_POINT("dir.generation_moved");
  return {};
}

SinkResult<LoadEvidence> Driver::commit(const LoadPlan& plan, const SlotStore& slot) {
  const Manifest manifest = manifest_of(plan);
  const std::string name = fmt::format("{}.json", plan.generation);
  auto created = create_file(slot.directory(), name, to_json(manifest), &at_manifest);
  if (!created) return std::unexpected(created.error());
  if (!*created) {
    return sink_conflict("the generation has a manifest already", slot.directory().at(name));
  }
  DAYBOOK_CRASH_POINT("dir.manifest_written");
  auto history = slot.history();
  if (!history) return ambiguous(history.error());
  if (auto shown = publish(root_, slot, *history, plan.partition); !shown) {
    return ambiguous(shown.error());
  }
  DAYBOOK_CRASH_POINT("dir.committed");
  return evidence_of(history->back(), false);
}

SinkResult<LoadEvidence> Driver::load(const LoadPlan& plan) {
  if (auto fit = check_partition(plan.partition); !fit) return std::unexpected(fit.error());
  auto slot = SlotStore::open(control_, stages_, plan.partition);
  if (!slot) return std::unexpected(slot.error());
  const std::string name = fmt::format("{}.{}", hex(plan.load_id), plan.fence);
  if (auto staged = stage(plan, *slot, name); !staged) {
    (void)remove_directory(slot->stage(), name);  // what stays is tidy's
    return std::unexpected(staged.error());
  }
  auto held = slot->take(plan.fence, plan.origin, plan.pipeline, plan.partition);
  if (!held) {
    (void)remove_directory(slot->stage(), name);
    return std::unexpected(held.error());
  }
  DAYBOOK_CRASH_POINT("dir.fenced");
  auto looked = look(plan, *slot);
  if (!looked || *looked) {
    (void)remove_directory(slot->stage(), name);
    if (!looked) return std::unexpected(looked.error());
    return **looked;
  }
  if (auto placed = place(plan, *slot, name); !placed) return std::unexpected(placed.error());
  return commit(plan, *slot);
}

SinkResult<std::optional<LoadEvidence>> Driver::look(const LoadPlan& plan, const SlotStore& slot) {
  auto history = slot.history();
  if (!history) return std::unexpected(history.error());
  auto found = find_load(plan, slot, *history);
  if (!found || *found) return found;
  if (auto may = may_come_in(plan, slot, *history); !may) return std::unexpected(may.error());
  return std::nullopt;
}

SinkResult<std::optional<LoadEvidence>> Driver::settle(const LoadPlan& plan) {
  if (!check_partition(plan.partition)) return std::nullopt;  // no load can ever have begun
  auto slot = SlotStore::open(control_, stages_, plan.partition);
  if (!slot) return std::unexpected(slot.error());
  // A slot that is another's lets nobody of this book in, whatever the fence.
  auto others = slot->is_of_another(plan.origin, plan.pipeline, plan.partition);
  if (!others) return std::unexpected(others.error());
  if (*others) return std::nullopt;
  auto held = slot->take(plan.fence, plan.origin, plan.pipeline, plan.partition);
  if (!held) return std::unexpected(held.error());
  auto history = slot->history();
  if (!history) return std::unexpected(history.error());
  auto found = find_load(plan, *slot, *history);
  if (!found || *found) return found;
  // Absent for good: every earlier attempt holds a lower fence, and none of them holds the lock. Of
  // what is there readers see all; where that fails now, whoever takes the slot next does it.
  (void)publish(root_, *slot, *history, plan.partition);
  return std::nullopt;
}

SinkResult<std::uint64_t> Driver::verify(const LoadPlan& plan) {
  auto slot = SlotStore::find(control_, stages_, slot_name(plan.partition));
  if (!slot) return std::unexpected(slot.error());
  std::vector<StoredGeneration> history;
  if (*slot) {
    auto read = (*slot)->history();
    if (!read) return std::unexpected(read.error());
    history = std::move(*read);
  }
  const auto stored = std::ranges::find_if(history, [&](const StoredGeneration& each) {
    return each.manifest.load_id == plan.load_id && each.manifest.generation == plan.generation;
  });
  if (stored == history.end() || stored->manifest.content != plan.content) {
    return sink_conflict("the load is not in the sink",
                         fmt::format("no manifest of load {} (generation {}) below {}",
                                     hex(plan.load_id), plan.generation, root_.path));
  }
  auto bad = (*slot)->damage(*stored);
  if (!bad) return std::unexpected(bad.error());
  if (!bad->empty()) return sink_conflict("loaded data is damaged", *bad);
  auto differs = visible_differences(root_, **slot, history, plan.partition);
  if (!differs) return std::unexpected(differs.error());
  for (const OutputFile& file : stored->manifest.files) {
    for (const std::string& text : *differs) {
      if (text.starts_with(file.name)) return sink_conflict("loaded data is not visible", text);
    }
  }
  return stored->manifest.rows;
}

SinkResult<CompensationEvidence> Driver::dry_run(const CompensationPlan& plan) {
  auto slot = SlotStore::find(control_, stages_, slot_name(plan.partition));
  if (!slot) return std::unexpected(slot.error());
  if (!*slot) {
    return sink_conflict(
        "the generation is not in the sink",
        fmt::format("nothing of partition {} is below {}", plan.partition, root_.path));
  }
  auto history = (*slot)->history();
  if (!history) return std::unexpected(history.error());
  return weigh_compensation(plan, **slot, *history);
}

SinkResult<CompensationEvidence> Driver::compensate(const CompensationPlan& plan) {
  if (auto fit = check_partition(plan.partition); !fit) return std::unexpected(fit.error());
  auto slot = SlotStore::open(control_, stages_, plan.partition);
  if (!slot) return std::unexpected(slot.error());
  auto held = slot->take(plan.fence, plan.origin, plan.pipeline, plan.partition);
  if (!held) return std::unexpected(held.error());
  auto history = slot->history();
  if (!history) return std::unexpected(history.error());

  bool recovered = false;
  for (const StoredGeneration& stored : *history) {
    recovered = recovered || (stored.tombstone && stored.tombstone->load_id == plan.load_id);
  }
  if (!recovered) {
    auto numbers = weigh_compensation(plan, *slot, *history);
    if (!numbers) return numbers;
    const Tombstone tombstone{.origin = plan.origin,
                              .pipeline = plan.pipeline,
                              .partition = plan.partition,
                              .generation = plan.generation,
                              .restores = plan.restores,
                              .generation_load_id = plan.generation_load_id,
                              .load_id = plan.load_id,
                              .action = plan.action,
                              .fence = plan.fence,
                              .rows_removed = numbers->rows_removed,
                              .rows_restored = numbers->rows_restored};
    const std::string name = fmt::format("{}.tombstone.json", plan.generation);
    auto created = create_file(slot->directory(), name, to_json(tombstone), &at_tombstone);
    if (!created) return std::unexpected(created.error());
    if (!*created) return sink_conflict("already compensated", slot->directory().at(name));
    DAYBOOK_CRASH_POINT("dir.tombstone_written");
    history = slot->history();
    if (!history) return ambiguous(history.error());
  }
  if (auto shown = publish(root_, *slot, *history, plan.partition); !shown) {
    return ambiguous(shown.error());
  }
  DAYBOOK_CRASH_POINT("dir.compensated");
  for (const StoredGeneration& stored : *history) {
    if (!stored.tombstone || stored.tombstone->load_id != plan.load_id) continue;
    return CompensationEvidence{
        .recovered = recovered,
        .rows_removed = stored.tombstone->rows_removed,
        .rows_restored = stored.tombstone->rows_restored,
        .evidence = fmt::format("tombstone sha256:{}", hex(stored.tombstone_digest))};
  }
  return ambiguous(sink_conflict("the tombstone is gone", slot->directory().path).error());
}

SinkResult<std::vector<SinkGeneration>> Driver::inventory(bool deep) {
  auto slots = names_in(control_);
  if (!slots) return std::unexpected(slots.error());
  std::vector<SinkGeneration> found;
  for (const std::string& name : *slots) {
    auto slot = SlotStore::find(control_, stages_, name);
    if (!slot) return std::unexpected(slot.error());
    if (!*slot) continue;
    auto history = (*slot)->history();
    if (!history) return std::unexpected(history.error());
    if (history->empty()) continue;
    const std::vector<Generation> stand = standing(marks(*history));
    std::vector<std::string> differs;
    if (deep) {
      auto seen = visible_differences(root_, **slot, *history, history->back().manifest.partition);
      if (!seen) return std::unexpected(seen.error());
      differs = std::move(*seen);
    }
    for (const StoredGeneration& stored : *history) {
      const Manifest& manifest = stored.manifest;
      SinkGeneration each{.pipeline = manifest.pipeline,
                          .partition = manifest.partition,
                          .generation = manifest.generation,
                          .load_id = manifest.load_id,
                          .content = manifest.content,
                          .rows = manifest.rows,
                          .tombstone = stored.tombstone.has_value(),
                          .current = std::ranges::find(stand, manifest.generation) != stand.end(),
                          .damage = {},
                          .origin = manifest.origin};
      if (deep && !is_lost(marks(*history), manifest.generation)) {
        // A superseded generation may have been tidied away as a whole; its files, where they are,
        // must be sound, since it may be restored.
        auto data = find_directory((*slot)->directory(), stored.directory());
        if (!data) return std::unexpected(data.error());
        if (*data || each.current) {
          auto bad = (*slot)->damage(stored);
          if (!bad) return std::unexpected(bad.error());
          each.damage = std::move(*bad);
        }
        const Generation newest =
            stand.empty() ? history->back().manifest.generation : stand.back();
        for (const std::string& text : differs) {
          const bool mine = std::ranges::any_of(
              manifest.files, [&](const OutputFile& f) { return text.starts_with(f.name); });
          const bool nobodys = text.ends_with("not of this book") && manifest.generation == newest;
          if (!mine && !nobodys) continue;
          if (!each.damage.empty() && !(each.added_only && mine)) continue;
          each.damage = text;
          each.added_only = !mine;
        }
      }
      found.push_back(std::move(each));
    }
  }
  std::ranges::sort(found, [](const SinkGeneration& a, const SinkGeneration& b) {
    return std::tie(a.partition, a.generation) < std::tie(b.partition, b.generation);
  });
  return found;
}

SinkResult<std::vector<std::filesystem::path>> Driver::current_files(const MergeBase& base) {
  std::vector<std::filesystem::path> paths;
  auto slot = SlotStore::find(control_, stages_, slot_name(base.partition));
  if (!slot) return std::unexpected(slot.error());
  std::vector<StoredGeneration> generations;
  if (*slot) {
    auto history = (*slot)->history();
    if (!history) return std::unexpected(history.error());
    generations = std::move(*history);
  }
  // Up to the base: what somebody else put over it load() finds to be the same, or refuses.
  const std::vector<MarkedGeneration> marked = marks(generations);
  const auto stand =
      merged_with(base, std::span(marked).first(count_before(marked, base.generation + 1)));
  if (!stand) return std::unexpected(stand.error());
  for (const StoredGeneration& stored : generations) {
    if (stored.manifest.pipeline != base.pipeline) continue;
    if (std::ranges::find(*stand, stored.manifest.generation) == stand->end()) continue;
    // The stored ones: readers' files may be exchanged while they are read, these are never.
    for (std::size_t i = 0; i < stored.manifest.files.size(); ++i) {
      paths.emplace_back(std::filesystem::path((*slot)->directory().path) / stored.directory() /
                         StoredGeneration::part(i));
    }
  }
  return paths;
}

SinkResult<void> Driver::tidy(const LoadPlan& plan) {
  const std::string& partition = plan.partition;
  auto slot = SlotStore::find(control_, stages_, slot_name(partition));
  if (!slot) return std::unexpected(slot.error());
  if (!*slot) return {};
  auto held = (*slot)->take(plan.fence, plan.origin, plan.pipeline, partition);
  if (!held) return std::unexpected(held.error());
  auto stages = names_in((*slot)->stage());
  if (!stages) return std::unexpected(stages.error());
  for (const std::string& name : *stages) {  // <load_id>.<fence>
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos || !digest_from_hex(name.substr(0, dot))) continue;
    EntryIndex fence = no_entry;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + dot + 1, end, fence);
    if (parsed.ec != std::errc{} || parsed.ptr != end || fence >= plan.fence) continue;
    if (auto removed = remove_directory((*slot)->stage(), name); !removed) return removed;
  }
  auto history = (*slot)->history();
  if (!history) return std::unexpected(history.error());
  // It was brought in, and then looked at again: whoever did that made it durable.
  if (auto shown = publish(root_, **slot, *history, partition, Found::durable); !shown)
    return shown;
  return remove_superseded(**slot, *history, superseded_generations_kept);
}

}  // namespace

SinkResult<std::unique_ptr<SinkDriver>> open_directory_sink(const std::filesystem::path& project,
                                                            const DirectorySink& sink) {
  const std::filesystem::path below = sink.path;
  if (below.empty() || below.is_absolute()) {
    return sink_failure(ErrorClass::definition, "path", "the sink's path is not below the project",
                        fmt::format("\"{}\" must be a path relative to the project", sink.path),
                        "sink.path");
  }
  auto base = open_directory(project.empty() ? std::filesystem::current_path() : project);
  if (!base) return std::unexpected(base.error());
  auto root = make_directories(*base, below);
  if (!root) return std::unexpected(root.error());
  auto control = make_directories(*root, control_name);
  if (!control) return std::unexpected(control.error());
  auto stages = make_directories(*root, stages_name);
  if (!stages) return std::unexpected(stages.error());
  return std::make_unique<Driver>(std::move(*base), below, std::move(*root), std::move(*control),
                                  std::move(*stages), sink.format);
}

}  // namespace daybook
