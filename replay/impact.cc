#include "replay/impact.h"

#include <algorithm>
#include <map>

#include "ledger/codec/event_codec.h"

namespace daybook {
namespace {

// What is read was loaded before, so one pass in book order sees every link of a chain.
class Following {
 public:
  Following(const State& state, const ImpactQuery& query) : state_(state), query_(query) {
    if (query.digest) touched_bytes_[*query.digest] = 0;
    for (std::size_t i = 0; i < state.slots.size(); ++i)
      for (const GenerationState& g : state.slots[i].generations)
        by_staged_[g.staged_at] = {SlotId{static_cast<std::uint32_t>(i)}, g.number};
  }

  void take(EntryIndex index, const Event& event) {
    if (const auto* staged = std::get_if<AttemptStaged>(&event)) return take(index, *staged);
    if (const auto* listed = std::get_if<LoadFilesListed>(&event))
      take(listed->load_id, listed->files);
    if (const auto* committed = std::get_if<LoadCommitted>(&event))
      take(committed->load_id, committed->files);
  }

  Impact impact;

 private:
  void take(EntryIndex index, const AttemptStaged& staged) {
    Touched touched{.slot = staged.slot,
                    .run = staged.run,
                    .attempt = staged.attempt,
                    .staged = index,
                    .through = {}};
    bool found = query_.run == staged.run;
    for (const InputFile& file : staged.files) {
      const bool named = !query_.file.empty() && file.name == query_.file;
      if (named || file.digest == query_.digest) add_version(file);
      const auto bytes = touched_bytes_.find(file.digest);
      if (!named && bytes == touched_bytes_.end()) continue;
      const unsigned depth = named ? 0 : bytes->second;
      if (!found || depth < touched.depth) {
        if (query_.run == staged.run) continue;  // the run itself is the beginning
        touched.depth = depth;
        touched.through = file.name;
      }
      found = true;
    }
    if (!found) return;
    if (const auto became = by_staged_.find(index); became != by_staged_.end()) {
      const Slot& slot = *state_.find(became->second.first);
      const GenerationState& g = *generation(slot, became->second.second);
      touched.generation = g.number;
      touched.standing = g.standing;
      touched.current = stands(g.standing);
      touched.rows = g.rows;
      by_load_[g.load_id] = touched.depth;
    }
    impact.touched.push_back(std::move(touched));
  }

  void take(const Digest& load_id, const std::vector<OutputFile>& files) {
    const auto load = by_load_.find(load_id);
    if (load == by_load_.end()) return;
    for (const OutputFile& file : files) {
      const auto [there, fresh] = touched_bytes_.emplace(file.digest, load->second + 1);
      if (!fresh) there->second = std::min(there->second, load->second + 1);
    }
  }

  void add_version(const InputFile& file) {
    const std::pair version(file.name, file.digest);
    if (std::ranges::find(impact.versions, version) == impact.versions.end())
      impact.versions.push_back(version);
  }

  const State& state_;
  const ImpactQuery& query_;
  std::map<Digest, unsigned> touched_bytes_;  // depth of who reads them
  std::map<Digest, unsigned> by_load_;        // depth of who loaded it
  std::map<EntryIndex, std::pair<SlotId, Generation>> by_staged_;
};

}  // namespace

Result<Impact> observed_impact(const State& state, const Ledger& ledger, const ImpactQuery& query) {
  Following following(state, query);
  Result<void> broken;
  Entry entry;
  const auto read = ledger.read(0, state.size, [&](EntryIndex index, Bytes bytes) {
    if (auto decoded = decode(bytes, entry); !decoded) {
      broken = std::move(decoded);
      return false;
    }
    following.take(index, entry.event);
    return true;
  });
  if (!read) return std::unexpected(read.error());
  if (!broken) return std::unexpected(broken.error());
  return std::move(following.impact);
}

}  // namespace daybook
