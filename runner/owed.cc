#include "runner/owed.h"

#include <concepts>

namespace daybook {
namespace {

// Where an effect stands among those that go first; nothing for loads and attempts.
std::optional<std::size_t> place_among_first(const Effect& effect) {
  if (std::holds_alternative<effect::AbandonAttempt>(effect)) return 0;
  if (std::holds_alternative<effect::SettleLoad>(effect)) return 1;
  if (std::holds_alternative<effect::VerifyLoaded>(effect)) return 2;
  return std::nullopt;
}

template <typename E, typename... Kinds>
concept one_of = (std::same_as<E, Kinds> || ...);

// Nothing that is owed depends on these.
template <typename E>
concept Indifferent = one_of<E, BookCreated, CheckpointSigned, PrincipalEnrolled, PrincipalRevoked,
                             CommandRefused, DefinitionRegistered, PartitionsExpected, RunStarted,
                             RunFinished, Drained, SlotOpened, Reconciled, RecordAmended,
                             RecordsReleased, RecordsDiscarded, PartitionsChosen, LoadFilesListed>;

}  // namespace

Owed::Owed(const State& state, std::set<RunId> runs) : state_(state) {
  for (const RunId run : runs) runs_.try_emplace(run);
  read_all();
}

void Owed::read_all() {
  places_.clear();
  first_.clear();
  loads_.clear();
  attempts_.clear();
  for (auto& [id, run] : runs_) run = {};
  for (const auto& [id, run] : runs_)
    for (const SlotId slot : state_.find(id)->slots) update(slot);
}

void Owed::see(const Event& event) {
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (Indifferent<E>) {
        } else if constexpr (requires { e.approval; }) {
          if (const ApprovalState* approval = state_.find(e.approval)) update(approval->slot);
        } else if constexpr (requires { e.slot; }) {
          update(e.slot);
        } else {
          read_all();  // a boot, a pause, a cancel, a circuit, a compensation
        }
      },
      event);
}

void Owed::update(SlotId id) {
  leave(id);
  const Slot* slot = state_.find(id);
  if (slot == nullptr || !runs_.contains(slot->run)) return;
  if (!state_.find(slot->run)->open) return;
  const Due due = daybook::due(state_, slot->run, id);
  enter(id, {.run = slot->run,
             .owes = due.owes,
             .unsettled = !settled(slot->phase),
             .effect = due.effect});
}

void Owed::enter(SlotId id, Place place) {
  OfRun& run = runs_.at(place.run);
  run.owing += place.owes;
  if (place.unsettled) run.unsettled.emplace(state_.find(id)->partition, id);
  if (place.effect) {
    if (const auto* attempt = std::get_if<effect::ExecuteAttempt>(&*place.effect))
      attempts_.emplace(attempt->not_before, id);
    else if (const auto rank = place_among_first(*place.effect))
      first_.emplace(*rank, id);
    else
      loads_.insert(id);
  }
  places_.emplace(id, std::move(place));
}

void Owed::leave(SlotId id) {
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  const Place& place = found->second;
  OfRun& run = runs_.at(place.run);
  run.owing -= place.owes;
  if (place.unsettled) run.unsettled.erase({state_.find(id)->partition, id});
  if (place.effect) {
    if (const auto* attempt = std::get_if<effect::ExecuteAttempt>(&*place.effect))
      attempts_.erase({attempt->not_before, id});
    else if (const auto rank = place_among_first(*place.effect))
      first_.erase({*rank, id});
    else
      loads_.erase(id);
  }
  places_.erase(found);
}

std::vector<Effect> Owed::first() const {
  std::vector<Effect> out;
  for (const auto& [rank, id] : first_) out.push_back(*places_.at(id).effect);
  return out;
}

std::vector<effect::Load> Owed::loads() const {
  std::vector<effect::Load> out;
  for (const SlotId id : loads_) out.push_back({places_.at(id).run, id});
  return out;
}

std::vector<RunId> Owed::to_plan() const {
  std::vector<RunId> out;
  for (const auto& [id, run] : runs_)
    if (const RunState& now = *state_.find(id); planning(now) && !paused(state_, now))
      out.push_back(id);
  return out;
}

std::vector<RunId> Owed::to_finish() const {
  std::vector<RunId> out;
  for (const auto& [id, run] : runs_)
    if (const RunState& now = *state_.find(id); now.open && !planning(now) && run.owing == 0)
      out.push_back(id);
  return out;
}

bool Owed::preceded(const Slot& slot) const {
  const auto run = runs_.find(slot.run);
  return run != runs_.end() && !run->second.unsettled.empty() &&
         run->second.unsettled.begin()->first < slot.partition;
}

}  // namespace daybook
