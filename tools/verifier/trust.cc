#include "tools/verifier/trust.h"

#include <algorithm>

#include "replay/log_keys.h"

namespace daybook {
namespace {

bool met(const Quorum& rule, const std::vector<VerifiedSignature>& good) {
  if (rule.witness)
    return std::ranges::find(good, *rule.witness, &VerifiedSignature::by) != good.end();
  const auto there =
      std::ranges::count_if(rule.of, [&](const Quorum& one) { return met(one, good); });
  return static_cast<std::size_t>(there) >= rule.needed;
}

bool stands_on(const Note& note, const NoteVerifier& by) {
  return std::ranges::any_of(note.signatures, [&](const NoteSignature& line) {
    return line.name == by.name && line.key_id == by.id();
  });
}

}  // namespace

std::vector<NoteVerifier> TrustPolicy::logs() const {
  std::vector<NoteVerifier> out = {log};
  out.insert(out.end(), other_logs.begin(), other_logs.end());
  out.insert(out.end(), vouched.begin(), vouched.end());
  return out;
}

Result<TrustPolicy> follow(TrustPolicy policy, std::string_view chain) {
  auto found = follow_keys(policy.logs(), chain);
  if (!found) return std::unexpected(found.error());
  policy.vouched.insert(policy.vouched.end(), found->begin(), found->end());
  return policy;
}

bool names_a_log(std::string_view bytes, const TrustPolicy& policy) {
  const auto note = parse_note(bytes);
  return note && std::ranges::any_of(policy.logs(),
                                     [&](const NoteVerifier& by) { return stands_on(*note, by); });
}

bool open_signed(std::string_view bytes, const TrustPolicy& policy, std::string_view path,
                 Judgement& judgement) {
  const auto refuse = [&](Verdict kind, std::string detail) {
    judgement.found({kind, no_index, std::string(path), std::move(detail)});
    return false;
  };
  const auto note = parse_note(bytes);
  if (!note) return refuse(Verdict::tampered, note.error().detail);

  const std::vector<NoteVerifier> logs = policy.logs();
  const auto log =
      std::ranges::find_if(logs, [&](const NoteVerifier& by) { return stands_on(*note, by); });
  if (log == logs.end())
    return refuse(Verdict::unmet, fmt::format("is not signed by {}", policy.log.vkey()));
  std::vector<NoteVerifier> known = policy.witnesses;
  known.push_back(*log);
  const auto good = verify_note(*note, known);
  if (!good) return refuse(Verdict::tampered, good.error().detail);

  const auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return refuse(Verdict::tampered, checkpoint.error().detail);
  const std::string& origin = policy.origin.empty() ? log->name : policy.origin;
  if (checkpoint->origin != origin)
    return refuse(Verdict::unmet,
                  fmt::format("is a checkpoint of {}, not of {}", checkpoint->origin, origin));

  std::vector<std::string> names;
  std::size_t witnessed = 0;
  for (const NoteVerifier& by : known) {
    if (std::ranges::find(*good, by, &VerifiedSignature::by) == good->end()) continue;
    if (by != *log) ++witnessed;
    names.push_back(by.name);
  }
  if (witnessed < policy.quorum)
    return refuse(Verdict::unmet, fmt::format("carries {} of the {} cosignatures asked for",
                                              witnessed, policy.quorum));
  if (!met(policy.rule, *good))
    return refuse(
        Verdict::unmet,
        fmt::format("carries the cosignatures of {} known witnesses, and they are not the "
                    "quorum of the policy",
                    witnessed));
  judgement.origin = checkpoint->origin;
  judgement.log_key = log->vkey();
  judgement.head = checkpoint->head;
  const auto after = std::ranges::find(policy.vouched, *log);
  judgement.rotations = after == policy.vouched.end()
                            ? 0
                            : static_cast<std::uint64_t>(after - policy.vouched.begin()) + 1;
  judgement.signed_by = {log->name};
  for (std::string& name : names)
    if (name != log->name) judgement.signed_by.push_back(std::move(name));
  return true;
}

}  // namespace daybook
