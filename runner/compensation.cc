#include "runner/compensation.h"

#include <algorithm>

#include "ledger/payload_store.h"
#include "ledger/ssh_signature.h"
#include "replay/signatures.h"
#include "runner/definitions.h"
#include "runner/fence.h"
#include "runner/sink_memory.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

CompensationAction action_of(CompensateBy by) {
  switch (by) {
    case CompensateBy::restore_previous: return CompensationAction::restore_previous;
    case CompensateBy::remove: return CompensationAction::remove;
    case CompensateBy::flag: return CompensationAction::flag;
  }
  return CompensationAction::restore_previous;
}

std::string_view words(CompensationAction action) {
  switch (action) {
    case CompensationAction::restore_previous: return "restore the previous generation";
    case CompensationAction::remove: return "remove";
    case CompensationAction::flag: return "flag";
  }
  return "?";
}

std::string plan_text(const State& state, const PlannedCompensation& plan) {
  std::string text = fmt::format("daybook compensation, version 1\nbook {}\naction {}\n",
                                 state.origin, words(plan.action));
  for (const CompensationStepPlan& step : plan.steps) {
    const Slot& slot = *state.find(step.step.slot);
    text += fmt::format(
        "step {} {} {} generation {} load sha256:{} restores {} rows-removed {} rows-restored {}\n",
        step.pipeline, step.sink, step.partition, step.step.generation,
        hex(generation(slot, step.step.generation)->load_id), step.step.restores, step.rows_removed,
        step.rows_restored);
  }
  return text;
}

}  // namespace

bool PlannedCompensation::possible() const {
  return !steps.empty() && std::ranges::all_of(steps, [](const CompensationStepPlan& step) {
    return step.note.empty();
  });
}

std::vector<SlotId> slots_loaded_by(const State& state, RunId run) {
  std::vector<SlotId> out;
  for (std::size_t i = 0; i < state.slots.size(); ++i) {
    const GenerationState* current = generation(state.slots[i], state.slots[i].current);
    if (current != nullptr && current->run == run)
      out.push_back(SlotId{static_cast<std::uint32_t>(i)});
  }
  return out;
}

asio::awaitable<Result<PlannedCompensation>> plan_compensation(
    BookView book, Executor& executor, std::vector<SlotId> slots,
    std::optional<CompensationAction> action) {
  const State& state = book.state;
  // Newest load first: what was loaded last is taken back first.
  std::ranges::sort(slots, std::greater<>{}, [&](SlotId id) {
    const Slot& slot = *state.find(id);
    const GenerationState* current = generation(slot, slot.current);
    return current == nullptr ? 0 : current->committed_at;
  });
  DefinitionCache definitions(book);
  PlannedCompensation plan;
  bool chosen = action.has_value();
  if (action) plan.action = *action;
  for (const SlotId id : slots) {
    const Slot slot = *state.find(id);
    const GenerationState* current = generation(slot, slot.current);
    if (current == nullptr)
      co_return fail(Error::Code::not_found, "nothing of {} {} is loaded", slot.pipeline,
                     slot.partition);
    const auto definition = definitions.get(current->definition);
    if (!definition) co_return std::unexpected(definition.error());
    const auto pipeline = *definition;
    if (!chosen) {
      plan.action = action_of(pipeline->sink.compensate);
      chosen = true;
    }
    plan.approvals = std::max(plan.approvals, pipeline->approvals_compensate);
    const bool restores = plan.action == CompensationAction::restore_previous;
    CompensationStepPlan step{.step = {.slot = id,
                                       .generation = slot.current,
                                       .restores = restores ? current->replaced : 0,
                                       .load_id = {}},
                              .pipeline = slot.pipeline,
                              .sink = slot.sink,
                              .partition = slot.partition,
                              .note = {}};
    step.step.load_id = sha256(bytes_of(fmt::format(
        "daybook/compensation/v1\n{}\n{}\n{}\n{}\n{}\n{}\n", state.origin, slot.pipeline, slot.sink,
        slot.partition, slot.current, hex(current->load_id))));
    CompensationPlan dry{.origin = state.origin,
                         .pipeline = slot.pipeline,
                         .partition = slot.partition,
                         .action = plan.action,
                         .generation = step.step.generation,
                         .restores = step.step.restores,
                         .generation_load_id = current->load_id,
                         .restores_load_id = {},
                         .load_id = step.step.load_id,
                         .fence = fence_of(state.epoch, state.size)};
    if (const GenerationState* old = generation(slot, step.step.restores))
      dry.restores_load_id = old->load_id;
    auto job = [pipeline, dry,
                memory = sink_memory(book, slot.sink)]() -> SinkResult<CompensationEvidence> {
      auto sink = open_sink(*pipeline, memory);
      if (!sink) return std::unexpected(sink.error());
      return (*sink)->dry_run(dry);
    };
    const auto numbers = co_await blocking(executor, std::move(job));
    if (numbers) {
      step.rows_removed = numbers->rows_removed;
      step.rows_restored = numbers->rows_restored;
    } else if (numbers.error().error == ErrorClass::dependency_down) {
      co_return fail(Error::Code::unavailable, "{}: {}", slot.sink, numbers.error().detail);
    } else {
      step.note = numbers.error().detail;
    }
    plan.steps.push_back(std::move(step));
  }
  plan.text = plan_text(state, plan);
  plan.digest = sha256(bytes_of(plan.text));
  co_return plan;
}

asio::awaitable<std::expected<CompensationId, Refusal>> propose_compensation(
    Keeper& keeper, Actor actor, PlannedCompensation plan, std::string reason) {
  const auto text = keeper.payloads().put(bytes_of(plan.text));
  if (!text) co_return std::unexpected(Refusal{Refusal::Code::conflict, text.error().detail});
  ProposeCompensation command{.action = plan.action,
                              .steps = {},
                              .plan = plan.digest,
                              .text = as_ref(*text),
                              .approvals = plan.approvals,
                              .reason = std::move(reason)};
  for (const CompensationStepPlan& step : plan.steps) command.steps.push_back(step.step);
  const auto answer = co_await keeper.ask(std::move(actor), std::move(command));
  if (!answer) co_return std::unexpected(answer.error());
  co_return std::get<CompensationProposed>(answer->events.front()).compensation;
}

Result<std::string> approval_text(const BookView& book, ApprovalId id) {
  const State& state = book.state;
  const ApprovalState* approval = state.find(id);
  if (approval == nullptr) return fail(Error::Code::not_found, "there is no approval {}", id);
  std::string text;
  if (approval->subject == ApprovalSubject::compensation) {
    const CompensationState* compensation = state.find(approval->compensation);
    if (compensation == nullptr)
      return fail(Error::Code::corrupt, "approval {} is about nothing", id);
    auto kept = book.payloads.get(as_address(compensation->text));
    if (!kept) return std::unexpected(kept.error());
    text = std::move(*kept);
  } else if (approval->subject == ApprovalSubject::erasure) {
    const ErasureState* erasure = state.find(approval->erasure);
    if (erasure == nullptr) return fail(Error::Code::corrupt, "approval {} is about nothing", id);
    auto kept = book.payloads.get(as_address(erasure->text));
    if (!kept) return std::unexpected(kept.error());
    text = std::move(*kept);
  } else {
    const Slot* slot = state.find(approval->slot);
    if (slot == nullptr || !slot->staged)
      return std::unexpected(
          Error{Error::Code::conflict,
                fmt::format("what approval {} was about is not staged any more", id),
                "run the pipeline again: it asks anew where something changed"});
    const RunState* run = state.find(slot->run);
    const DefinitionState* definition =
        run == nullptr ? nullptr : state.find_definition(run->definition);
    if (definition == nullptr)
      return fail(Error::Code::corrupt, "approval {} has no definition", id);
    text = load_approval_text(state, *slot, definition->digest, slot->staged->content,
                              slot->staged->output_rows);
  }
  if (sha256(bytes_of(text)) != approval->digest)
    return fail(Error::Code::conflict, "what approval {} was about has changed", id);
  return text;
}

std::expected<GiveApproval, std::variant<Error, Refusal>> check_approval(
    const BookView& book, ApprovalId id, const std::string& approver, const std::string& armored) {
  const auto text = approval_text(book, id);
  if (!text) return std::unexpected(text.error());
  const auto who = book.state.principals.find(approver);
  if (who == book.state.principals.end() || who->second.revoked)
    return std::unexpected(
        Refusal{Refusal::Code::not_allowed, fmt::format("{} is not enrolled", approver)});
  const auto signer = verify_ssh_signature(armored, *text, "daybook");
  if (!signer) return std::unexpected(signer.error());
  const auto enrolled = parse_ssh_public_key(who->second.public_key);
  if (!enrolled) return std::unexpected(enrolled.error());
  if (*signer != *enrolled)
    return std::unexpected(
        Refusal{Refusal::Code::not_allowed,
                fmt::format("it was signed with {}, but the key of {} is {}", signer->fingerprint,
                            approver, enrolled->fingerprint)});
  return GiveApproval{.approval = id,
                      .approver = approver,
                      .key_fingerprint = signer->fingerprint,
                      .signature = armored,
                      .digest = book.state.find(id)->digest};
}

}  // namespace daybook
