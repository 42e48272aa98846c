#include "tests/simulation/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/connect/failure.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/simulation.h"

namespace daybook::sim {

namespace {

constexpr Timestamp session_timeout = 120 * second, lock_timeout = 10 * second;

std::unexpected<SinkFailure> lost_connection() {
  return sink_failure(ErrorClass::dependency_down, "sqlstate.08006", "the connection was lost", "",
                      "simulation");
}

}  // namespace

SinkResult<void> Server::serve() {
  if (world_.unwinding()) return lost_connection();
  world_.wait(static_cast<Timestamp>(world_.faults.below(10'000)));
  if (world_.strikes(Fault::server_crash)) crash();
  if (world_.time < down_until_)
    return sink_failure(ErrorClass::dependency_down, "sqlstate.57P03", "the server starts", "",
                        "simulation");
  if (!world_.strikes(Fault::server_error)) return {};
  world_.happened(Fault::server_error);
  struct Code {
    const char* code;
    ErrorClass error;
  };
  constexpr std::array codes = {Code{"sqlstate.40001", ErrorClass::transient},
                                Code{"sqlstate.40P01", ErrorClass::transient},
                                Code{"sqlstate.53300", ErrorClass::throttled},
                                Code{"sqlstate.53100", ErrorClass::dependency_down},
                                Code{"sqlstate.57014", ErrorClass::transient},
                                Code{"sqlstate.XX000", ErrorClass::internal},
                                Code{"sqlstate.42501", ErrorClass::permission},
                                Code{"sqlstate.22001", ErrorClass::data}};
  const Code& code = codes[world_.faults.below(codes.size())];
  return sink_failure(code.error, code.code, "an error of the server", "", "simulation");
}

void Server::crash() {
  world_.happened(Fault::server_crash);
  ++incarnation_;
  locks_.clear();
  down_until_ = world_.time + static_cast<Timestamp>(world_.faults.below(20)) * second;
  if (before_.empty() || !world_.strikes(Fault::lost_tail)) return;
  world_.happened(Fault::lost_tail);
  went_back = true;
  const std::size_t back = 1 + world_.faults.below(before_.size());
  std::set<Digest> had;
  for (const auto& [key, slot] : committed)
    for (const ServerMarker& marker : slot.markers) had.insert(marker.load_id);
  committed = before_[before_.size() - back];
  before_.resize(before_.size() - back);
  for (const auto& [key, slot] : committed)
    for (const ServerMarker& marker : slot.markers) had.erase(marker.load_id);
  vanished.insert(had.begin(), had.end());
}

void Server::client_gone(const Process& client) {
  for (auto& [key, lock] : locks_)
    if (lock.client == &client)
      lock.until = std::min(lock.until,
                            world_.time + static_cast<Timestamp>(world_.faults.below(30)) * second);
}

SinkResult<Server::Transaction> Server::begin(const ServerKey& key) {
  for (const Timestamp give_up = world_.time + lock_timeout;;) {
    const auto held = locks_.find(key);
    if (held == locks_.end() || held->second.until <= world_.time) break;
    world_.sometimes("a load waited for another's transaction");
    if (world_.time >= give_up)
      return sink_failure(ErrorClass::transient, "sqlstate.55P03", "lock timeout", "",
                          "simulation");
    world_.wait(second / 2);
    if (world_.unwinding()) return lost_connection();
  }
  const std::uint64_t number = ++numbers_;
  locks_[key] = {number, world_.current, world_.time + session_timeout};
  return Transaction{key, committed[key], incarnation_, number};
}

bool Server::holds(const Transaction& transaction) {
  const auto lock = locks_.find(transaction.key);
  return transaction.incarnation == incarnation_ && lock != locks_.end() &&
         lock->second.number == transaction.number && lock->second.until > world_.time;
}

SinkResult<void> Server::still_there(const Transaction& transaction) {
  if (auto served = serve(); !served) return served;
  if (holds(transaction)) return {};
  return lost_connection();
}

void Server::rollback(const Transaction& transaction) {
  if (!world_.unwinding() && holds(transaction)) locks_.erase(transaction.key);
}

void Server::apply(Transaction& transaction) {
  before_.push_back(committed);
  if (before_.size() > 4) before_.pop_front();
  committed[transaction.key] = transaction.slot;
  locks_.erase(transaction.key);
}

SinkResult<void> Server::commit(Transaction& transaction) {
  world_.reached("server.commit_sent");
  if (world_.unwinding()) return lost_connection();
  if (!holds(transaction)) return lost_connection();
  // The fence is of the boot that speaks, and what a slot was fenced with never goes down.
  if (const Keeper* keeper = world_.current->keeper.get();
      keeper != nullptr && transaction.slot.fence >> 40U != keeper->state().epoch)
    throw Broken{"I15: a fence that is not of the boot that takes it"};
  if (transaction.slot.fence < committed[transaction.key].fence)
    throw Broken{"I26: the fence of a slot goes down"};
  if (world_.strikes(Fault::lost_answer)) {
    world_.happened(Fault::lost_answer);
    switch (world_.faults.below(3)) {
      case 0: rollback(transaction); break;  // it never arrived
      case 1: apply(transaction); break;
      default: {
        // It is under way, and arrives later or not at all.
        const auto span = static_cast<Timestamp>(world_.faults.below(30)) * second;
        world_.sometimes("a commit arrived after its client had given up");
        world_.at(world_.time + span, nullptr, [this, late = transaction]() mutable {
          if (holds(late)) apply(late);
        });
      }
    }
    if (canary(Canary::ignore_lost_answer)) return {};
    return ambiguous(lost_connection().error());
  }
  apply(transaction);
  world_.reached("server.committed");
  return {};
}

namespace {

class Driver final : public SinkDriver {
 public:
  explicit Driver(Server& server) : server_(server), world_(World::here()) {}

  SinkResult<void> prepare(const std::vector<Column>&, LoadMode, const std::vector<std::string>&,
                           std::uint64_t) override {
    return server_.serve();
  }

  SinkResult<LoadEvidence> load(const LoadPlan& plan) override {
    auto begun = fenced(plan.pipeline, plan.partition, plan.origin, plan.fence);
    if (!begun) return std::unexpected(begun.error());
    Server::Transaction& t = *begun;
    if (auto there = find(plan, t.slot); !there || *there) {
      if (!there) {
        server_.rollback(t);
        return std::unexpected(there.error());
      }
      if (auto raised = server_.commit(t); !raised) return std::unexpected(raised.error());
      world_.sometimes("a load found its own marker");
      return **there;
    }
    const auto rows =
        Simulation::here().feed.staged.find(Simulation::here().own(plan.staged.string()));
    if (rows == Simulation::here().feed.staged.end()) {
      server_.rollback(t);
      return sink_failure(ErrorClass::internal, "staged", "the staged files are gone", "", "sim");
    }
    if (!canary(Canary::forget_marker))
      t.slot.markers.push_back({.generation = plan.generation,
                                .load_id = plan.load_id,
                                .content = plan.content,
                                .rows = plan.rows,
                                .taken_back_by = {},
                                .fence = plan.fence});
    if (canary(Canary::marker_apart)) {
      if (auto apart = server_.commit(t); !apart) return std::unexpected(apart.error());
      world_.reached("server.marker");
      auto again = server_.begin(t.key);
      if (!again) return std::unexpected(again.error());
      t = std::move(*again);
    }
    world_.reached("server.marker");
    for (const LostLoad& lost : plan.lost) std::erase(t.slot.visible, lost.load_id);
    if (plan.mode != LoadMode::append) t.slot.visible.clear();
    world_.reached("server.rows");
    std::vector<std::string> arriving = rows->second;
    if (canary(Canary::half_the_rows)) arriving.resize((arriving.size() + 1) / 2);
    t.slot.rows[plan.load_id] = arriving;
    t.slot.visible.push_back(plan.load_id);
    if (auto alive = server_.still_there(t); !alive) {
      server_.rollback(t);
      return std::unexpected(alive.error());
    }
    if (arriving.size() != plan.rows && !canary(Canary::half_the_rows)) {
      server_.rollback(t);
      return sink_failure(ErrorClass::internal, "rows", "rows are missing", "", "sim");
    }
    if (auto done = server_.commit(t); !done) return std::unexpected(done.error());
    return LoadEvidence{
        .recovered = false, .rows = plan.rows, .evidence = "xid 1 system 7", .files = {}};
  }

  SinkResult<std::optional<LoadEvidence>> settle(const LoadPlan& plan) override {
    if (canary(Canary::guess_absence)) return std::nullopt;
    auto begun = fenced(plan.pipeline, plan.partition, plan.origin, plan.fence);
    if (!begun) return std::unexpected(begun.error());
    // Taken back, or another load under its number or a later one: this one can not come any more.
    const auto marker =
        std::ranges::find(begun->slot.markers, plan.load_id, &ServerMarker::load_id);
    const bool known = marker != begun->slot.markers.end() && !marker->taken_back_by;
    auto there =
        known ? find(plan, begun->slot) : SinkResult<std::optional<LoadEvidence>>(std::nullopt);
    if (!there) {
      server_.rollback(*begun);
      return there;
    }
    // The fence is raised for good: only then may absence be said.
    if (auto raised = server_.commit(*begun); !raised) return std::unexpected(raised.error());
    world_.sometimes(*there ? "a load was settled as committed" : "a load was settled as absent");
    return there;
  }

  SinkResult<std::uint64_t> verify(const LoadPlan& plan) override {
    if (auto served = server_.serve(); !served) return std::unexpected(served.error());
    const ServerSlot& slot = server_.committed[{plan.pipeline, plan.partition}];
    const auto marker = std::ranges::find(slot.markers, plan.load_id, &ServerMarker::load_id);
    const bool seen = std::ranges::find(slot.visible, plan.load_id) != slot.visible.end();
    if (!seen || (marker == slot.markers.end() && !canary(Canary::forget_marker)))
      return sink_conflict("the load is not in the sink", hex(plan.load_id));
    return canary(Canary::half_the_rows) ? plan.rows : count(slot, plan.load_id);
  }

  SinkResult<CompensationEvidence> dry_run(const CompensationPlan& plan) override {
    if (auto served = server_.serve(); !served) return std::unexpected(served.error());
    return weigh(plan, server_.committed[{plan.pipeline, plan.partition}]);
  }

  SinkResult<CompensationEvidence> compensate(const CompensationPlan& plan) override {
    auto begun = fenced(plan.pipeline, plan.partition, plan.origin, plan.fence);
    if (!begun) return std::unexpected(begun.error());
    Server::Transaction& t = *begun;
    for (const ServerMarker& marker : t.slot.markers)
      if (marker.taken_back_by == plan.load_id) {
        const CompensationEvidence known{.recovered = true,
                                         .rows_removed = marker.rows_removed,
                                         .rows_restored = marker.rows_restored,
                                         .evidence = "tombstone"};
        if (auto raised = server_.commit(t); !raised) return std::unexpected(raised.error());
        world_.sometimes("a compensation found its own tombstone");
        return known;
      }
    auto numbers = weigh(plan, t.slot);
    if (!numbers) {
      server_.rollback(t);
      return numbers;
    }
    ServerMarker& marker =
        *std::ranges::find(t.slot.markers, plan.generation_load_id, &ServerMarker::load_id);
    marker.taken_back_by = plan.load_id;
    marker.rows_removed = numbers->rows_removed;
    marker.rows_restored = numbers->rows_restored;
    world_.reached("server.tombstone");
    if (plan.action != CompensationAction::flag)
      std::erase(t.slot.visible, plan.generation_load_id);
    if (canary(Canary::wrong_rows_removed))
      for (auto& [key, other] : server_.committed)
        if (key != t.key) other.visible.clear();
    if (plan.restores != 0) {
      std::erase(t.slot.visible, plan.restores_load_id);
      t.slot.visible.push_back(plan.restores_load_id);
    }
    if (auto done = server_.commit(t); !done) return std::unexpected(done.error());
    return numbers;
  }

  SinkResult<std::vector<SinkGeneration>> inventory(bool deep) override {
    if (auto served = server_.serve(); !served) return std::unexpected(served.error());
    std::vector<SinkGeneration> out;
    for (const auto& [key, slot] : server_.committed)
      for (const ServerMarker& marker : slot.markers) {
        const bool current = std::ranges::find(slot.visible, marker.load_id) != slot.visible.end();
        out.push_back({.pipeline = key.first,
                       .partition = key.second,
                       .generation = marker.generation,
                       .load_id = marker.load_id,
                       .content = marker.content,
                       .rows = marker.rows,
                       .tombstone = marker.taken_back_by.has_value(),
                       .current = current,
                       .damage = deep && current && count(slot, marker.load_id) != marker.rows
                                     ? "rows are missing"
                                     : "",
                       .origin = slot.origin});
      }
    return out;
  }

  SinkResult<std::vector<std::filesystem::path>> current_files(const MergeBase&) override {
    return std::vector<std::filesystem::path>();
  }
  SinkResult<void> tidy(const LoadPlan&) override { return {}; }
  StagedFormat staged_format() const override { return StagedFormat::postgres_copy; }

 private:
  // Begins, waits for the slot, and raises its fence within the transaction.
  SinkResult<Server::Transaction> fenced(const std::string& pipeline, const std::string& partition,
                                         const std::string& origin, EntryIndex fence) {
    if (canary(Canary::fence_without_boot)) fence &= (EntryIndex{1} << 40U) - 1;
    if (auto served = server_.serve(); !served) return std::unexpected(served.error());
    world_.reached("server.begun");
    auto begun = server_.begin({pipeline, partition});
    if (!begun) return begun;
    if (begun->slot.fence > fence && !canary(Canary::drop_fence)) {
      const EntryIndex held = begun->slot.fence;
      server_.rollback(*begun);
      world_.sometimes("a lower fence was refused");
      return sink_fenced(held, fence);
    }
    begun->slot.fence = fence;
    begun->slot.origin = origin;
    world_.reached("server.fenced");
    return begun;
  }

  // What the markers say of this load: it is there, it is not, or it can not be.
  SinkResult<std::optional<LoadEvidence>> find(const LoadPlan& plan, const ServerSlot& slot) {
    for (const ServerMarker& marker : slot.markers) {
      if (marker.generation > plan.generation)
        return sink_conflict("the sink holds a later generation", hex(marker.load_id));
      if (marker.generation != plan.generation) continue;
      if (marker.load_id != plan.load_id || marker.content != plan.content)
        return sink_conflict("the generation holds another load", hex(marker.load_id));
      if (marker.taken_back_by) return sink_conflict("it was taken back", hex(marker.load_id));
      return LoadEvidence{
          .recovered = true, .rows = marker.rows, .evidence = "xid 1 system 7", .files = {}};
    }
    if (plan.mode != LoadMode::append) return std::nullopt;
    for (const Digest& visible : slot.visible)
      if (std::ranges::find(plan.intended, visible) == plan.intended.end())
        return sink_conflict("the sink holds a load the book never intended", hex(visible));
    return std::nullopt;
  }

  SinkResult<CompensationEvidence> weigh(const CompensationPlan& plan, const ServerSlot& slot) {
    const auto marker =
        std::ranges::find(slot.markers, plan.generation_load_id, &ServerMarker::load_id);
    const bool seen =
        std::ranges::find(slot.visible, plan.generation_load_id) != slot.visible.end();
    if (marker == slot.markers.end() || !seen || marker->taken_back_by)
      return sink_conflict("the generation is not in the sink", hex(plan.generation_load_id));
    CompensationEvidence out{.recovered = false,
                             .rows_removed = count(slot, plan.generation_load_id),
                             .rows_restored = 0,
                             .evidence = "tombstone"};
    if (plan.restores != 0) {
      const auto kept = slot.rows.find(plan.restores_load_id);
      if (kept == slot.rows.end())
        return sink_conflict("nothing is kept to restore", hex(plan.generation_load_id));
      out.rows_restored = kept->second.size();
    }
    return out;
  }

  static std::uint64_t count(const ServerSlot& slot, const Digest& load) {
    const auto rows = slot.rows.find(load);
    return rows == slot.rows.end() ? 0 : rows->second.size();
  }

  Server& server_;
  World& world_;
};

}  // namespace

std::unique_ptr<SinkDriver> open_server_sink(Server& server) {
  return std::make_unique<Driver>(server);
}

}  // namespace daybook::sim
