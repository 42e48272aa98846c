// What people do: decide about what waits, take loads back, approve each other's plans, erase, and
// interfere at any moment.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ledger/payload_store.h"
#include "runner/compensation.h"
#include "runner/erasure.h"
#include "tests/simulation/simulation.h"
#include "tools/bench/ssh_signer.h"

namespace daybook::sim {

namespace asio = boost::asio;

namespace {

const Actor ana{.principal = "ana", .kind = ActorKind::human, .on_behalf_of = {}};

// Who may approve what ana runs and proposes.
struct Approver {
  std::string name;
  bench::SshSigner key;
};
const std::array<Approver, 2>& approvers() {
  static const std::array<Approver, 2> both = {
      {{"bo", bench::SshSigner(1)}, {"cleo", bench::SshSigner(2)}}};
  return both;
}

const Approver& proposer() {
  static const Approver herself{ana.principal, bench::SshSigner(3)};
  return herself;
}

std::vector<Scope> paused_scopes(const State& state) {
  std::vector<Scope> out;
  if (state.paused) out.emplace_back();
  for (const std::string& pipeline : state.paused_pipelines)
    out.push_back(
        {.kind = ScopeKind::pipeline, .pipeline = pipeline, .run = no_run, .slot = no_slot});
  for (const RunId run : state.open_runs)
    if (state.find(run)->paused) out.push_back(scope_of(run));
  for (std::uint32_t i = 0; i < state.slots.size(); ++i)
    if (state.slots[i].paused)
      out.push_back(
          {.kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = SlotId{i}});
  return out;
}

}  // namespace

// Somebody uses the keeper between two steps of the process; its end is the process's.
template <typename Work>
void Simulation::as_somebody(Process& process, Work work) {
  if (process.end != End::none) return;  // decided, and not carried out yet
  world.current = &process;
  try {
    work(*process.keeper);
  } catch (const Ended&) {
    if (process.end == End::none) process.end = End::killed;
  }
  world.current = nullptr;
}

void Simulation::resume_paused(Process& process) {
  as_somebody(process, [&](Keeper& keeper) {
    for (Scope& scope : paused_scopes(keeper.state()))
      if (keeper.ask_now(ana, Resume{std::move(scope), "go on"}))
        world.sometimes("what was paused was resumed");
  });
}

// At any moment, whatever is on its way.
void Simulation::interfere(Process& process) {
  if (!process.keeper || process.late || process.end != End::none) return;
  const State& state = process.keeper->state();
  Scope scope;
  scope.kind = static_cast<ScopeKind>(world.operators.below(4));
  if (scope.kind == ScopeKind::pipeline) scope.pipeline = "items";
  if (scope.kind == ScopeKind::run) {
    if (state.open_runs.empty()) return;
    scope.run = *state.open_runs.begin();
  }
  if (scope.kind == ScopeKind::partition) {
    if (state.slots.empty()) return;
    scope.slot = SlotId{static_cast<std::uint32_t>(world.operators.below(state.slots.size()))};
  }
  world.happened(Fault::interference);
  if (world.operators.one_in(3)) {
    as_somebody(process, [&](Keeper& keeper) {
      if (keeper.ask_now(ana, Cancel{scope, "not wanted"}))
        world.sometimes(scope.kind == ScopeKind::partition ? "a partition was cancelled"
                                                           : "runs were cancelled by their scope");
    });
    return;
  }
  as_somebody(process, [&](Keeper& keeper) {
    if (keeper.ask_now(ana, Pause{scope, "looked at"})) world.sometimes("something was paused");
  });
  if (process.end != End::none || world.operators.one_in(4)) return;  // the next one resumes it
  const auto span = static_cast<Timestamp>(world.operators.below(300)) * second;
  world.at(world.time + span, &process, [this, &process, scope] {
    if (process.keeper->ask_now(ana, Resume{scope, "go on"}))
      world.sometimes("what was paused was resumed");
  });
}

// Those who were asked sign some of what waits: one in `one_in` of it. The keys are real ones.
void Simulation::approve(Process& process, std::uint32_t one_in) {
  as_somebody(process, [&](Keeper& keeper) {
    for (std::uint32_t i = 0; i < keeper.state().approvals.size(); ++i) {
      const ApprovalId id{i};
      const auto waits = [&] {
        const ApprovalState& a = keeper.state().approvals[i];
        return !a.rejected && !a.voided && !a.satisfied();
      };
      if (!waits() || (one_in > 1 && !world.operators.one_in(one_in))) continue;
      for (const Approver* approver : {&proposer(), &approvers()[0], &approvers()[1]})
        if (!keeper.state().principals.contains(approver->name))
          (void)keeper.ask_now(ana, EnrollPrincipal{.principal = approver->name,
                                                    .public_key = approver->key.public_key().line,
                                                    .roles = {"approver"}});
      if (one_in > 1 && world.operators.one_in(10)) {
        if (keeper.ask_now(ana, RejectApproval{id, approvers()[0].name, "not like this"}))
          world.sometimes("an approval was rejected");
        continue;
      }
      // Whoever asked for it may not, although the key is good and the role is there.
      if (const auto text = approval_text(keeper.view(), id); text && world.operators.one_in(8)) {
        const auto own = check_approval(keeper.view(), id, proposer().name,
                                        proposer().key.sign(sha256(bytes_of(*text))));
        if (!own || keeper.ask_now(ana, *own))
          throw Broken{"I34: somebody approved what they asked for themselves"};
        world.sometimes("an approval by whoever asked for it was refused");
      }
      for (const Approver& approver : approvers()) {
        if (!waits()) break;
        const auto text = approval_text(keeper.view(), id);
        if (!text) break;  // erased, or about what has changed
        const std::string signature = approver.key.sign(sha256(bytes_of(*text)));
        const auto checked = check_approval(keeper.view(), id, approver.name, signature);
        if (!checked) throw Broken{"I35: a good signature of an enrolled approver is refused"};
        (void)keeper.ask_now(ana, *checked);
      }
      if (!keeper.state().approvals[i].satisfied()) continue;
      switch (keeper.state().approvals[i].subject) {
        case ApprovalSubject::load: world.sometimes("a load was approved"); break;
        case ApprovalSubject::compensation: world.sometimes("a compensation was approved"); break;
        case ApprovalSubject::erasure: world.sometimes("an erasure was approved"); break;
      }
    }
  });
}

// --- decisions

// Decides about what waits for a person: some of it.
void Simulation::people(Process& process) {
  as_somebody(process, [&](Keeper& keeper) {
    for (std::uint32_t i = 0; i < keeper.state().slots.size(); ++i) {
      const Slot& slot = keeper.state().slots[i];
      if (slot.phase == SlotPhase::quarantined && world.operators.one_in(2) &&
          keeper.ask_now(ana, ReleaseSlot{SlotId{i}, "tried again"}))
        world.sometimes("a partition that was set aside was released");
      if (slot.phase == SlotPhase::held && world.operators.one_in(2) &&
          keeper.ask_now(ana, DecideHold{SlotId{i}, HoldDecision::load_anyway, "it is right"}))
        world.sometimes("a held partition was let through");
    }
    for (std::uint32_t i = 0; i < keeper.state().batches.size(); ++i) {
      const BatchState& batch = keeper.state().batches[i];
      if (batch.superseded || batch.records == 0 || !world.operators.one_in(3)) continue;
      const auto record = static_cast<std::uint32_t>(world.operators.below(batch.records));
      if (world.operators.one_in(2)) {
        const std::string text = fmt::format("p,{},good-amended-{}", record, i);
        const auto kept = keeper.payloads_put(text);
        if (!kept) continue;
        (void)keeper.ask_now(
            ana, AmendRecord{BatchId{i}, record, *kept, sha256(bytes_of(text)), "mended"});
      }
      if (world.operators.one_in(4)) {
        if (keeper.ask_now(ana, DiscardRecords{BatchId{i}, {record}, "worthless"}))
          world.sometimes("a record was discarded");
      } else if (keeper.ask_now(ana, ReleaseRecords{BatchId{i}, {record}, "right after all"})) {
        world.sometimes("a record was released");
      }
    }
  });
  if (process.end == End::none) approve(process, 2);
  if (process.end != End::none && !process.ended) world.end_now(process);
}

// --- corrections

void Simulation::compensate() {
  {
    Process& process = boot();
    if (given_up_) return;
    std::vector<SlotId> slots;
    const State& state = process.keeper->state();
    for (std::uint32_t i = 0; i < state.slots.size(); ++i)
      if (state.slots[i].current != 0 && world.operators.one_in(2)) slots.push_back(SlotId{i});
    if (slots.empty() || !state.open_compensations.empty()) {
      decide_proposals(process);
      if (!process.ended) leave(process);
      return resume_compensation();
    }
    auto propose = [](Process& p, std::vector<SlotId> chosen) -> asio::awaitable<void> {
      auto plan = co_await plan_compensation(p.keeper->view(), p, std::move(chosen), std::nullopt);
      if (!plan || !plan->possible()) co_return;
      const Digest digest = plan->digest;
      const auto id = co_await propose_compensation(*p.keeper, ana, *plan, "it was wrong");
      if (!id) co_return;
      // Some wait until another day: much can have happened to the sink by then.
      if (p.world.operators.one_in(3)) co_return;
      const Command start = StartCompensation{*id, digest};
      (void)co_await p.keeper->ask(ana, start);
    };
    say("invoke", "compensate", "");
    const bool done = drive(process, propose(process, std::move(slots)));
    say(done ? "ok" : "unknown", "compensate", "");
    if (!process.ended && !process.late) leave(process);
  }
  resume_compensation();
}

// What was proposed and not begun: approved and begun, or withdrawn where that can not be any more.
void Simulation::decide_proposals(Process& process) {
  approve(process, 2);
  if (process.end == End::none)
    as_somebody(process, [&](Keeper& keeper) {
      const std::set<CompensationId> open = keeper.state().open_compensations;
      for (const CompensationId id : open) {
        const CompensationState& c = *keeper.state().find(id);
        if (c.phase != CompensationState::Phase::proposed) continue;
        const bool begun = keeper.ask_now(ana, StartCompensation{id, c.plan}).has_value();
        if (begun && c.approval)
          world.sometimes("a compensation was begun once it was approved");
        else if (!begun && world.operators.one_in(3))
          (void)keeper.ask_now(ana, WithdrawCompensation{id, "not wanted any more"});
      }
    });
  if (process.end != End::none && !process.ended) world.end_now(process);
}

// What a promoted standby lost can not be taken back: the operator gives that up, and reconcile
// will say that it is lost.
void Simulation::withdraw_if_settled(Process& process, CompensationId id) {
  const CompensationState& c = *process.keeper->state().find(id);
  if (c.phase != CompensationState::Phase::executing || c.intended || c.last_failure.empty())
    return;
  auto withdraw = [](Process& p, CompensationId which) -> asio::awaitable<void> {
    const Command command = WithdrawCompensation{which, "the sink does not hold it"};
    const auto answer = co_await p.keeper->ask(ana, command);
    if (answer) p.world.sometimes("a compensation that could not be done was withdrawn");
  };
  (void)drive(process, withdraw(process, id));
}

void Simulation::resume_compensation() {
  for (int tries = 0; tries < 60; ++tries) {
    const bool calm = std::exchange(world.faults_off, world.faults_off || tries > 20);
    Process& process = boot();
    if (given_up_) return;
    std::optional<CompensationId> open;
    for (const CompensationId id : process.keeper->state().open_compensations)
      if (process.keeper->state().find(id)->phase == CompensationState::Phase::executing) open = id;
    if (!open) {
      world.faults_off = calm;
      return leave(process);
    }
    const auto result = std::make_shared<std::optional<Result<void>>>();
    auto work = [](Process& p, CompensationId id, auto out) -> asio::awaitable<void> {
      auto ended = co_await p.runner->compensate(id);
      out->emplace(std::move(ended));
    };
    const bool done = drive(process, work(process, *open, result));
    if (done && (*result)->has_value()) world.sometimes("a compensation was executed");
    if (done && !(*result)->has_value() && !process.ended && !process.late)
      withdraw_if_settled(process, *open);
    if (!process.ended && !process.late) leave(process);
    world.faults_off = calm;
    world.time += static_cast<Timestamp>(world.operators.below(60)) * second;
  }
  throw Broken{"I18: a compensation does not end"};
}

// --- erasure

// Some records of a batch, or all of it, for good. What an earlier try left open comes first.
void Simulation::erase() {
  Process& process = boot();
  if (given_up_) return;
  const State& state = process.keeper->state();
  std::vector<RecordChoice> choices;
  for (std::uint32_t i = 0; i < state.batches.size(); ++i) {
    const BatchState& batch = state.batches[i];
    if (batch.records == 0 || batch.payload.bytes == 0 || batch.erased_whole) continue;
    const auto first = static_cast<std::uint32_t>(world.operators.below(batch.records));
    const auto last =
        world.operators.one_in(3) ? static_cast<std::uint32_t>(batch.records - 1) : first;
    choices.push_back({BatchId{i}, first, last});
  }
  if (state.open_erasures.empty() && !choices.empty()) {
    const RecordChoice chosen = choices[world.operators.below(choices.size())];
    auto propose = [](Process& p, RecordChoice choice) -> asio::awaitable<void> {
      const ErasureWish wish{.records = {choice}};
      const auto found = find_for_erasure(p.keeper->view(), wish);
      if (!found || found->choice.empty()) co_return;
      auto plan = plan_erasure(p.keeper->view(), found->choice, found->policy);
      if (!plan) co_return;
      (void)co_await propose_erasure(*p.keeper, ana, std::move(*plan), "somebody asked for it");
    };
    (void)drive(process, propose(process, chosen));
  }
  if (!process.ended && !process.late) approve(process, 1);
  if (!process.ended && !process.late) hold_or_let_go(process);
  if (!process.ended && !process.late && process.end == End::none)
    as_somebody(process, [&](Keeper& keeper) {
      const std::set<ErasureId> open = keeper.state().open_erasures;
      for (const ErasureId id : open) {
        const ErasureState& e = *keeper.state().find(id);
        if (e.phase == ErasureState::Phase::proposed) {
          const auto started = keeper.ask_now(ana, StartErasure{id, e.plan});
          if (!started) {
            if (started.error().code == Refusal::Code::on_hold)
              world.sometimes("a legal hold kept what was to be erased");
            if (world.operators.one_in(2))
              (void)keeper.ask_now(ana, WithdrawErasure{id, "not wanted any more"});
            continue;
          }
          erasing_.insert(id);
        }
        if (carry_out_erasure(keeper, id)) {
          erasing_.erase(id);
          world.sometimes("an erasure was carried out");
        } else {
          process.end = End::storage;
          break;
        }
      }
    });
  if (process.end != End::none && !process.ended && !process.late) world.end_now(process);
  if (!process.ended && !process.late) leave(process);
}

// Holds come and go between a proposal, its approval and its start, at every scope.
void Simulation::hold_or_let_go(Process& process) {
  as_somebody(process, [&](Keeper& keeper) {
    for (std::uint32_t i = 0; i < keeper.state().legal_holds.size(); ++i)
      if (keeper.state().legal_holds[i].in_force() && counsel_.one_in(2) &&
          keeper.ask_now(ana, ReleaseLegalHold{LegalHoldId{i}, "the case is over"}))
        world.sometimes("a legal hold was released");
    if (!counsel_.one_in(4)) return;
    const State& state = keeper.state();
    Scope scope;
    scope.kind = static_cast<ScopeKind>(counsel_.below(4));
    if (scope.kind == ScopeKind::pipeline) scope.pipeline = "items";
    if (scope.kind == ScopeKind::run)
      scope.run = RunId{static_cast<std::uint32_t>(counsel_.below(state.runs.size()))};
    if (scope.kind == ScopeKind::partition)
      scope.slot = SlotId{static_cast<std::uint32_t>(counsel_.below(state.slots.size()))};
    (void)keeper.ask_now(ana, PlaceLegalHold{scope, "a case is open"});
  });
}

// What was begun is done before anything else is.
void Simulation::erasures_go_on(const Keeper& keeper) {
  for (const ErasureId id : keeper.state().open_erasures)
    if (keeper.state().find(id)->phase == ErasureState::Phase::executing)
      throw Broken{"I41: an erasure that was begun is not over after a start"};
  for (const ErasureId id : std::exchange(erasing_, {}))
    if (const ErasureState* e = keeper.state().find(id);
        e != nullptr && e->phase == ErasureState::Phase::finished)
      world.sometimes("an erasure was carried out by the process after");
}

}  // namespace daybook::sim
