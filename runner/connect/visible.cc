#include "runner/connect/visible.h"

#include <algorithm>
#include <map>
#include <set>

#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"

namespace daybook {
namespace {

const std::string view_name = "view";

std::string visible_stem(Generation generation, const Digest& load_id) {
  return fmt::format("part-{}-{}-", generation, hex(load_id).substr(0, 16));
}

struct Source {
  std::string directory, part;  // below the slot's
};
using Wanted = std::map<std::string, Source>;  // by visible name

Wanted wanted_files(const std::vector<StoredGeneration>& history) {
  const std::vector<Generation> stand = standing(marks(history));
  Wanted wanted;
  for (const StoredGeneration& stored : history) {
    if (std::ranges::find(stand, stored.manifest.generation) == stand.end()) continue;
    for (std::size_t i = 0; i < stored.manifest.files.size(); ++i) {
      wanted[stored.manifest.files[i].name] = {stored.directory(), StoredGeneration::part(i)};
    }
  }
  return wanted;
}

// Every name we ever made visible in this slot: only these are ever removed. Of a lost load whose
// manifest is gone, what begins like its names.
class OurNames {
 public:
  explicit OurNames(const std::vector<StoredGeneration>& history) {
    for (const StoredGeneration& stored : history) {
      for (const OutputFile& file : stored.manifest.files) names_.insert(file.name);
      for (const LostLoad& lost : stored.manifest.lost)
        lost_.push_back(visible_stem(lost.generation, lost.load_id));
    }
  }
  bool contains(const std::string& name) const {
    return names_.contains(name) || std::ranges::any_of(lost_, [&](const std::string& stem) {
             return name.starts_with(stem);
           });
  }

 private:
  std::set<std::string> names_;
  std::vector<std::string> lost_;
};

struct Difference {
  std::vector<std::string> missing, stale, foreign;  // stale: ours, but no longer standing
};

SinkResult<Difference> difference(const Directory& shown, const SlotStore& slot,
                                  const Wanted& wanted, const OurNames& ours) {
  auto names = names_in(shown);
  if (!names) return std::unexpected(names.error());
  Difference result;
  for (const auto& [name, source] : wanted) {
    auto data = find_directory(slot.directory(), source.directory);
    if (!data) return std::unexpected(data.error());
    auto here = status_of(shown, name);
    if (!here) return std::unexpected(here.error());
    std::optional<FileIdentity> stored;
    if (*data) {
      auto found = status_of(**data, source.part);
      if (!found) return std::unexpected(found.error());
      stored = *found;
    }
    if (!*here || !stored || (*here)->inode != stored->inode) result.missing.push_back(name);
  }
  for (const std::string& name : *names) {
    if (wanted.contains(name)) continue;
    (ours.contains(name) ? result.stale : result.foreign).push_back(name);
  }
  return result;
}

// Clears a view that is not shown (any more): our links go, what is others' moves to where readers
// look.
SinkResult<void> absorb(const Directory& root, const SlotStore& slot, const std::string& partition,
                        const OurNames& ours) {
  auto view = find_directory(slot.stage(), view_name);
  if (!view) return std::unexpected(view.error());
  if (!*view) return {};
  auto names = names_in(**view);
  if (!names) return std::unexpected(names.error());
  std::optional<Directory> shown;
  for (const std::string& name : *names) {
    if (!ours.contains(name)) {
      if (!shown) {
        auto made = make_directories(root, partition);
        if (!made) return std::unexpected(made.error());
        shown = std::move(*made);
      }
      auto moved = move_new(**view, name, *shown, name);
      if (!moved) return std::unexpected(moved.error());
      if (*moved) continue;
      auto here = status_of(*shown, name), there = status_of(**view, name);
      if (!here) return std::unexpected(here.error());
      if (!there) return std::unexpected(there.error());
      if (!*here || !*there || (*here)->inode != (*there)->inode) {
        return sink_conflict("two files of one name, both of others",
                             fmt::format("{} and {}", (*view)->at(name), shown->at(name)));
      }
    }
    if (auto removed = remove_file(**view, name); !removed) return removed;
  }
  if (shown) {
    if (auto synced = sync_directory(*shown); !synced) return synced;
  }
  return remove_empty_directory(slot.stage(), view_name);
}

SinkResult<void> sync_both(const Directory& root, const SlotStore& slot) {
  if (auto synced = sync_directory(root); !synced) return synced;
  return sync_directory(slot.stage());
}

SinkResult<void> build_view(const Directory& view, const SlotStore& slot, const Wanted& wanted,
                            const std::optional<Directory>& shown,
                            const std::vector<std::string>& foreign) {
  for (const auto& [name, source] : wanted) {
    auto data = find_directory(slot.directory(), source.directory);
    if (!data) return std::unexpected(data.error());
    if (!*data) {
      return sink_conflict("a standing generation's data is missing",
                           slot.directory().at(source.directory));
    }
    auto part = status_of(**data, source.part);
    if (!part) return std::unexpected(part.error());
    if (!*part) {
      return sink_conflict("a standing generation's data is missing", (*data)->at(source.part));
    }
    if (auto linked = link_file(**data, source.part, view, name); !linked) return linked;
  }
  for (const std::string& name : foreign) {
    auto regular = status_of(*shown, name);
    if (!regular) return std::unexpected(regular.error());
    if (!*regular) continue;  // a directory of others: moved after the swap
    if (auto linked = link_file(*shown, name, view, name); !linked) return linked;
  }
  return sync_directory(view);
}

}  // namespace

std::string visible_name(Generation generation, const Digest& load_id, std::size_t number,
                         std::string_view extension) {
  return fmt::format("{}{}.{}", visible_stem(generation, load_id), number, extension);
}

SinkResult<void> publish(const Directory& root, const SlotStore& slot,
                         const std::vector<StoredGeneration>& history, const std::string& partition,
                         Found found) {
  const Wanted wanted = wanted_files(history);
  const OurNames ours(history);
  const auto as_found = [&]() -> SinkResult<void> {
    return found == Found::durable ? SinkResult<void>{} : sync_both(root, slot);
  };
  if (auto cleared = absorb(root, slot, partition, ours); !cleared) return cleared;

  auto shown = find_directory(root, partition);
  if (!shown) return std::unexpected(shown.error());
  Difference differs;
  if (*shown) {
    auto compared = difference(**shown, slot, wanted, ours);
    if (!compared) return std::unexpected(compared.error());
    differs = std::move(*compared);
    const bool as_wanted = differs.missing.empty() && differs.stale.empty();
    if (as_wanted && !(wanted.empty() && differs.foreign.empty())) return as_found();
  } else if (wanted.empty()) {
    return as_found();
  }

  if (wanted.empty() && differs.foreign.empty()) {
    auto hidden = move_new(root, partition, slot.stage(), view_name);
    if (!hidden) return std::unexpected(hidden.error());
  } else {
    auto view = make_directories(slot.stage(), view_name);
    if (!view) return std::unexpected(view.error());
    auto built = build_view(*view, slot, wanted, *shown, differs.foreign);
    if (!built) return built;
    DAYBOOK_CRASH_POINT("dir.view_made");
    if (*shown) {
      auto swapped = exchange(slot.stage(), view_name, root, partition);
      if (!swapped) return swapped;
    } else {
      auto moved = move_new(slot.stage(), view_name, root, partition);
      if (!moved) return std::unexpected(moved.error());
      if (!*moved) {
        return sink_failure(ErrorClass::transient, "busy",
                            "somebody made the partition's directory", root.at(partition),
                            "sink.publish");
      }
    }
  }
  DAYBOOK_CRASH_POINT("dir.view_swapped");
  if (auto synced = sync_both(root, slot); !synced) return synced;
  if (auto cleared = absorb(root, slot, partition, ours); !cleared) return cleared;
  DAYBOOK_CRASH_POINT("dir.published");
  return {};
}

SinkResult<std::vector<std::string>> visible_differences(
    const Directory& root, const SlotStore& slot, const std::vector<StoredGeneration>& history,
    const std::string& partition) {
  const Wanted wanted = wanted_files(history);
  auto shown = find_directory(root, partition);
  if (!shown) return std::unexpected(shown.error());
  std::vector<std::string> texts;
  if (!*shown) {
    for (const auto& [name, source] : wanted) texts.push_back(name + ": not visible");
    return texts;
  }
  auto found = difference(**shown, slot, wanted, OurNames(history));
  if (!found) return std::unexpected(found.error());
  for (const auto& name : found->missing) texts.push_back(name + ": missing or replaced");
  for (const auto& name : found->stale) texts.push_back(name + ": superseded, but visible");
  for (const auto& name : found->foreign) texts.push_back(name + ": not of this book");
  return texts;
}

}  // namespace daybook
