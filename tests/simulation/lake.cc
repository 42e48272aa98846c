#include "tests/simulation/lake.h"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>

#include "runner/connect/failure.h"
#include "runner/connect/files.h"
#include "runner/connect/readers_umask.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/simulation.h"

namespace daybook::sim {

Lake::Lake(World& world) : world_(world), root_(make_node(true)) {}

Lake::NodePtr Lake::make_node(bool directory) {
  auto node = std::make_shared<Node>();
  node->directory = directory;
  node->number = ++numbers_;
  return node;
}

Lake::NodePtr Lake::find(const std::string& path) const {
  NodePtr at = root_;
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "/" || part.empty() || part == ".") continue;
    const auto found = at->entries.find(part.string());
    if (found == at->entries.end()) return nullptr;
    at = found->second;
  }
  return at;
}

Lake::NodePtr Lake::make_path(const std::string& path) {
  NodePtr at = root_;
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "/" || part.empty() || part == ".") continue;
    NodePtr& next = at->entries[part.string()];
    if (!next) next = make_node(true);
    at->durable[part.string()] = next;
    at = next;
  }
  return at;
}

void Lake::change(std::vector<Change> changes) {
  for (const Change& each : changes) {
    if (each.node)
      each.directory->entries[each.name] = each.node;
    else
      each.directory->entries.erase(each.name);
  }
  journal_.push_back(std::move(changes));
}

namespace {

void settle(const std::vector<Lake::Change>& changes) {
  for (const Lake::Change& each : changes) {
    if (each.node)
      each.directory->durable[each.name] = each.node;
    else
      each.directory->durable.erase(each.name);
  }
}

}  // namespace

// Where names are ordered a journal is written from its start: what comes before a synced change is
// kept, too (ext4, xfs). Else a directory is kept by itself, in its own order (btrfs).
void Lake::sync_names(const NodePtr& directory) {
  std::vector<std::vector<Change>> rest;
  const auto concerns = [&](const std::vector<Change>& changes) {
    return std::ranges::any_of(changes, [&](const Change& c) { return c.directory == directory; });
  };
  const auto last = std::ranges::find_if(journal_.rbegin(), journal_.rend(), concerns).base();
  for (auto each = journal_.begin(); each != journal_.end(); ++each) {
    if (each < last && (world_.options.ordered_names || concerns(*each)))
      settle(*each);
    else
      rest.push_back(std::move(*each));
  }
  journal_ = std::move(rest);
}

void Lake::power_loss() {
  std::set<const Node*> cut;  // directories of which nothing more is kept
  bool all_cut = false;
  for (const auto& changes : journal_) {
    const bool cut_here = world_.faults.one_in(4);
    all_cut = all_cut || (cut_here && world_.options.ordered_names);
    const auto gone = [&](const Change& c) { return cut.contains(c.directory.get()); };
    if (!cut_here && !all_cut && std::ranges::none_of(changes, gone)) {
      settle(changes);
      continue;
    }
    for (const Change& each : changes) cut.insert(each.directory.get());
  }
  journal_.clear();
  std::vector<NodePtr> all = {root_};
  for (std::size_t i = 0; i < all.size(); ++i) {
    Node& node = *all[i];
    if (node.directory) {
      node.entries = node.durable;
      for (const auto& [name, below] : node.entries) all.push_back(below);
      continue;
    }
    if (node.data.size() > node.synced.size() && node.data.starts_with(node.synced))
      node.synced = node.data.substr(
          0, node.synced.size() + world_.faults.below(node.data.size() - node.synced.size() + 1));
    node.data = node.synced;
  }
}

int Lake::operate(std::string_view what) {
  if (world_.unwinding()) return EIO;
  world_.mark(what);
  world_.reached("lake.operation");
  if (world_.time < full_until_ && (what == "create" || what == "write" || what == "mkdir"))
    return ENOSPC;
  if (world_.strikes(Fault::io_error)) {
    world_.happened(Fault::io_error);
    return EIO;
  }
  if (world_.strikes(Fault::disk_full)) {
    world_.happened(Fault::disk_full);
    full_until_ = world_.time + static_cast<Timestamp>(world_.faults.below(300)) * second;
  }
  return 0;
}

int Lake::open(NodePtr node) {
  opened_[next_] = {std::move(node), world_.current};
  return next_++;
}

void Lake::close(int descriptor) {
  const auto found = opened_.find(descriptor);
  if (found == opened_.end()) return;
  if (found->second.node->locked_by == descriptor) found->second.node->locked_by = -1;
  opened_.erase(found);
}

bool Lake::is_open_to(const Process& client) const {
  return std::ranges::any_of(opened_, [&](const auto& o) { return o.second.client == &client; });
}

void Lake::client_gone(const Process& client) {
  std::vector<int> ours;
  for (const auto& [descriptor, opened] : opened_)
    if (opened.client == &client) ours.push_back(descriptor);
  for (const int descriptor : ours) close(descriptor);
}

}  // namespace daybook::sim

// --- what files.h promises -----------------------------------------------------------------------

namespace daybook {

using sim::Lake;

namespace {

Lake& lake() { return sim::Simulation::here().lake; }

Lake::NodePtr below(const Directory& directory, const std::string& name) {
  const auto& entries = lake().at(directory.fd()).entries;
  const auto found = entries.find(name);
  return found == entries.end() ? nullptr : found->second;
}

Directory opened(Lake::NodePtr node, std::string path) {
  return {Descriptor(lake().open(std::move(node))), std::move(path)};
}

SinkResult<void> operate(std::string_view what, const std::string& path) {
  if (const int error = lake().operate(what)) return errno_failure(error, what, path);
  return {};
}

// Of a fence file; one that can not be read is below them all.
EntryIndex fence_in(const Lake::Node& file) {
  const auto json = nlohmann::json::parse(file.data, nullptr, false);
  return json.is_object() ? json.value("fence", EntryIndex{0}) : 0;
}

bool skip_sync() { return sim::canary(sim::Canary::unsynced_files); }

}  // namespace

void set_readers_umask(mode_t) {}

void Descriptor::reset() {
  if (fd_ >= 0) lake().close(std::exchange(fd_, -1));
}

std::string Directory::at(std::string_view name) const { return fmt::format("{}/{}", path, name); }

SinkResult<Directory> open_directory(const std::filesystem::path& path) {
  const bool scratch = path.string().starts_with(sim::book_place);
  auto node = lake().find(scratch ? sim::Simulation::here().own(path.string()) : path.string());
  if (!node || !node->directory) return errno_failure(ENOENT, "open", path.string());
  return opened(std::move(node), path.string());
}

SinkResult<Directory> make_directories(const Directory& parent,
                                       const std::filesystem::path& wanted) {
  Lake::NodePtr at = lake().pointer(parent.fd());
  std::string path = parent.path;
  for (const auto& part : wanted) {
    if (part.empty() || part == ".") continue;
    path += "/" + part.string();
    const auto found = at->entries.find(part.string());
    if (found != at->entries.end()) {
      at = found->second;
      continue;
    }
    if (auto made = operate("mkdir", path); !made) return std::unexpected(made.error());
    // Time passed: as EEXIST is to mkdir, what another made meanwhile is as good.
    if (const auto meanwhile = at->entries.find(part.string()); meanwhile != at->entries.end()) {
      at = meanwhile->second;
      continue;
    }
    auto node = lake().make_node(true);
    lake().change({{at, part.string(), node}});
    if (auto synced = operate("fsync", path); !synced) return std::unexpected(synced.error());
    if (!skip_sync()) lake().sync_names(at);
    at = node;
  }
  return opened(at, path);
}

SinkResult<std::optional<Directory>> find_directory(const Directory& parent,
                                                    std::string_view name) {
  auto node = below(parent, std::string(name));
  if (!node) return std::nullopt;
  if (!node->directory) return errno_failure(ENOTDIR, "open", parent.at(name));
  return opened(std::move(node), parent.at(name));
}

SinkResult<Medium> medium_of(const Directory&) { return Medium{.device = 1, .kind = 0xEF53}; }

SinkResult<void> sync_directory(const Directory& directory) {
  if (auto done = operate("fsync", directory.path); !done) return done;
  if (!skip_sync()) lake().sync_names(lake().pointer(directory.fd()));
  return {};
}

SinkResult<std::optional<std::string>> read_small_file(const Directory& directory,
                                                       const std::string& name) {
  const auto node = below(directory, name);
  if (!node) return std::nullopt;
  return node->data;
}

SinkResult<void> write_file(const Directory& directory, const std::string& name,
                            std::string_view content) {
  if (auto made = operate("create", directory.at(name)); !made) return made;
  if (below(directory, name)) return errno_failure(EEXIST, "create", directory.at(name));
  auto node = lake().make_node(false);
  lake().change({{lake().pointer(directory.fd()), name, node}});
  if (auto written = operate("write", directory.at(name)); !written) return written;
  node->data = content;
  if (auto synced = operate("fsync", directory.at(name)); !synced) return synced;
  if (!skip_sync()) node->synced = node->data;
  return {};
}

SinkResult<std::optional<FileIdentity>> status_of(const Directory& directory,
                                                  const std::string& name) {
  const auto node = below(directory, name);
  if (!node || node->directory) return std::nullopt;
  return FileIdentity{.bytes = node->data.size(), .device = 1, .inode = node->number, .digest = {}};
}

SinkResult<std::optional<FileIdentity>> identify(const Directory& directory,
                                                 const std::string& name) {
  auto status = status_of(directory, name);
  if (!status || !*status) return status;
  (*status)->digest = sha256(bytes_of(below(directory, name)->data));
  return status;
}

SinkResult<void> bring_file(const Directory& source, const std::string& from,
                            const Directory& target, const std::string& to) {
  const auto node = below(source, from);
  if (auto linked = link_file(source, from, target, to); !linked) return linked;
  if (auto done = operate("fsync", target.at(to)); !done) return done;
  if (!skip_sync()) node->synced = node->data;
  return {};
}

SinkResult<void> link_file(const Directory& source, const std::string& from,
                           const Directory& target, const std::string& to) {
  if (auto done = operate("link", target.at(to)); !done) return done;
  const auto node = below(source, from);
  if (!node) return errno_failure(ENOENT, "link", source.at(from));
  if (below(target, to)) return errno_failure(EEXIST, "link", target.at(to));
  lake().change({{lake().pointer(target.fd()), to, node}});
  return {};
}

SinkResult<std::vector<std::string>> names_in(const Directory& directory) {
  std::vector<std::string> out;
  for (const auto& [name, node] : lake().at(directory.fd()).entries) out.push_back(name);
  return out;
}

SinkResult<void> remove_file(const Directory& directory, const std::string& name) {
  if (!below(directory, name)) return {};
  if (auto done = operate("unlink", directory.at(name)); !done) return done;
  lake().change({{lake().pointer(directory.fd()), name, nullptr}});
  return {};
}

SinkResult<void> remove_empty_directory(const Directory& parent, const std::string& name) {
  if (auto done = operate("rmdir", parent.at(name)); !done) return done;
  const auto node = below(parent, name);
  if (!node) return {};
  if (!node->entries.empty()) return errno_failure(ENOTEMPTY, "rmdir", parent.at(name));
  lake().change({{lake().pointer(parent.fd()), name, nullptr}});
  return {};
}

SinkResult<void> move_over(const Directory& directory, const std::string& name,
                           const std::string& new_name) {
  if (auto done = operate("rename", directory.at(new_name)); !done) return done;
  const auto node = below(directory, name);
  if (!node) return errno_failure(ENOENT, "rename", directory.at(name));
  const auto here = lake().pointer(directory.fd());
  if (new_name == "fence.json")
    if (const auto before = below(directory, new_name);
        before && fence_in(*node) < fence_in(*before))
      throw sim::Broken{"I26: the fence of a slot goes down"};
  lake().change({{here, new_name, node}, {here, name, nullptr}});
  return {};
}

SinkResult<bool> move_new(const Directory& from, const std::string& name, const Directory& to,
                          const std::string& new_name) {
  if (auto done = operate("rename", to.at(new_name)); !done) return std::unexpected(done.error());
  const auto node = below(from, name);
  if (!node) return errno_failure(ENOENT, "rename", from.at(name));
  if (below(to, new_name)) return false;
  lake().change(
      {{lake().pointer(to.fd()), new_name, node}, {lake().pointer(from.fd()), name, nullptr}});
  return true;
}

SinkResult<void> exchange(const Directory& a, const std::string& name_a, const Directory& b,
                          const std::string& name_b) {
  if (auto done = operate("exchange", b.at(name_b)); !done) return done;
  const auto node_a = below(a, name_a), node_b = below(b, name_b);
  if (!node_a || !node_b) return errno_failure(ENOENT, "exchange", b.at(name_b));
  lake().change(
      {{lake().pointer(a.fd()), name_a, node_b}, {lake().pointer(b.fd()), name_b, node_a}});
  return {};
}

SinkResult<FileLock> FileLock::take(const Directory& directory, const std::string& name,
                                    std::uint32_t wait_ms_max) {
  sim::World& world = sim::World::here();
  if (!below(directory, name)) {
    if (auto made = operate("create", directory.at(name)); !made)
      return std::unexpected(made.error());
    if (!below(directory, name))
      lake().change({{lake().pointer(directory.fd()), name, lake().make_node(false)}});
  }
  FileLock lock;
  lock.descriptor_ = Descriptor(lake().open(below(directory, name)));
  const Timestamp deadline = world.time + Timestamp{wait_ms_max} * 1000;
  for (;;) {
    Lake::Node& node = lake().at(lock.descriptor_.get());
    if (node.locked_by < 0) {
      node.locked_by = lock.descriptor_.get();
      return lock;
    }
    world.sometimes("a load waited for another's lock");
    if (world.time >= deadline || world.unwinding())
      return sink_failure(ErrorClass::transient, "locked", "another attempt holds the slot's lock",
                          directory.at(name), "sink.lock");
    world.wait(
        5'000'000);  // a frozen holder keeps it for hours, and each look is a step of the seed's
  }
}

}  // namespace daybook
