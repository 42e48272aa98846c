#include "replay/signatures.h"

#include "ledger/ssh_signature.h"
#include "replay/log_keys.h"
#include "statemachine/decide.h"

namespace daybook {
namespace {

using Kind = SignatureVerdict::Kind;

SignatureVerdict wrong(std::string detail) { return {Kind::wrong, std::move(detail)}; }

// The text a load approval is about, from the state it was given in.
Result<std::string> text_of_load(const State& before, const ApprovalState& approval) {
  const Slot* slot = before.find(approval.slot);
  const RunState* run = slot == nullptr ? nullptr : before.find(slot->run);
  const DefinitionState* definition =
      run == nullptr ? nullptr : before.find_definition(run->definition);
  if (definition == nullptr || !slot->staged)
    return fail(Error::Code::invalid, "what it approves is not staged");
  std::string text = load_approval_text(before, *slot, definition->digest, slot->staged->content,
                                        slot->staged->output_rows);
  if (sha256(bytes_of(text)) != approval.digest)
    return fail(Error::Code::invalid, "what is staged is not what approval was asked for");
  return text;
}

Result<std::string> text_of_plan(const State& before, const ApprovalState& approval,
                                 const PlanText& text) {
  const CompensationState* compensation = before.find(approval.compensation);
  const ErasureState* erasure = before.find(approval.erasure);
  if (compensation == nullptr && erasure == nullptr)
    return fail(Error::Code::invalid, "it approves nothing");
  if (!text) return fail(Error::Code::not_found, "the plan's text is not here");
  auto plan = text(compensation != nullptr ? compensation->text : erasure->text);
  if (plan && sha256(bytes_of(*plan)) != approval.digest)
    return fail(Error::Code::invalid, "the plan's text is not what approval was asked for");
  return plan;
}

SignatureVerdict check(const State& before, const ApprovalGiven& e, const PlanText& text) {
  const ApprovalState* approval = before.find(e.approval);
  const auto who = before.principals.find(e.approver);
  if (approval == nullptr || who == before.principals.end())
    return wrong(fmt::format("{} was not asked", e.approver));
  const auto enrolled = parse_ssh_public_key(who->second.public_key);
  if (!enrolled)
    return wrong(fmt::format("the key of {}: {}", e.approver, enrolled.error().detail));

  auto signer = verify_ssh_signature(e.signature, approval->digest, "daybook");
  if (!signer && signer.error().code == Error::Code::unavailable) {
    const auto plan = approval->subject == ApprovalSubject::load
                          ? text_of_load(before, *approval)
                          : text_of_plan(before, *approval, text);
    if (!plan && plan.error().code == Error::Code::not_found)
      return {Kind::unchecked, signer.error().detail};
    signer =
        plan ? verify_ssh_signature(e.signature, *plan, "daybook") : std::unexpected(plan.error());
  }
  if (!signer)
    return wrong(fmt::format("the approval by {}: {}", e.approver, signer.error().detail));
  if (*signer != *enrolled || e.key_fingerprint != signer->fingerprint)
    return wrong(fmt::format("the approval by {} is signed with {}, enrolled is {}", e.approver,
                             signer->fingerprint, enrolled->fingerprint));
  return {Kind::good};
}

}  // namespace

std::string load_approval_text(const State& state, const Slot& slot, const Digest& definition,
                               const Digest& content, std::uint64_t rows) {
  return fmt::format(
      "daybook approval of a load, version 1\n"
      "book {}\npipeline {}\nsink {}\npartition {}\ngeneration {}\n"
      "definition sha256:{}\ncontent sha256:{}\nrows {}\n",
      state.origin, slot.pipeline, slot.sink, slot.partition, next_generation(slot, content),
      hex(definition), hex(content), rows);
}

SignatureVerdict check_signatures(const State& before, const Entry& entry, const PlanText& text) {
  if (const auto* given = std::get_if<ApprovalGiven>(&entry.event))
    return check(before, *given, text);
  // Not counted: what is counted are people's.
  Result<void> good;
  if (const auto* rotated = std::get_if<LogKeyRotated>(&entry.event))
    good = check_endorsement(before, *rotated);
  else if (const auto* changed = std::get_if<LogOriginChanged>(&entry.event))
    good = check_endorsement(before, *changed);
  if (!good) return wrong(fmt::format("the new key of the log: {}", good.error().detail));
  return {};
}

}  // namespace daybook
