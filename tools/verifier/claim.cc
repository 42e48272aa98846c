#include "tools/verifier/claim.h"

#include "replay/claims.h"
#include "tools/verifier/export_directory.h"
#include "tools/verifier/proof.h"
#include "tools/verifier/verify_export.h"

namespace daybook {
namespace {

// The first byte that is another one, in words.
std::string difference(std::string_view made, std::string_view given) {
  std::size_t at = 0, line = 1;
  while (at < made.size() && at < given.size() && made[at] == given[at])
    if (given[at++] == '\n') ++line;
  return fmt::format("is not what the entries say, from byte {} (line {}) on", at, line);
}

}  // namespace

Judgement verify_completeness(const std::string& path, const TrustPolicy& policy) {
  State state;
  Judgement judgement = verify_export(path + "/book", policy, Entries::fold, &state);
  judgement.subject = "completeness";
  const auto directory = ExportDirectory::open(path);
  if (!directory) {
    judgement.found({Verdict::unusable, no_index, "", directory.error().detail});
    return judgement;
  }
  const auto walked = directory->walk([&](const std::string& name, ExportDirectory::Kind kind) {
    const bool known = (name == "claim.json" && kind == ExportDirectory::Kind::file) ||
                       (name == "book" && kind == ExportDirectory::Kind::directory);
    if (!known) judgement.found({Verdict::tampered, no_index, name, "does not belong here"});
    return false;
  });
  if (!walked) judgement.found(fault_of(walked.error(), no_index, ""));
  const auto claim = directory->read("claim.json", claim_bytes_max);
  if (!claim) {
    judgement.found(fault_of(claim.error(), no_index, "claim.json"));
    return judgement;
  }
  if (judgement.verdict() != Verdict::good) return judgement;
  const auto refuse = [&](std::string detail) {
    judgement.found({Verdict::tampered, no_index, "claim.json", std::move(detail)});
    return judgement;
  };
  const auto question = read_completeness_claim(*claim);
  if (!question) return refuse(question.error().detail);
  const auto made = completeness_claim(state, *question);
  if (!made) return refuse(made.error().detail);
  if (*made != *claim) return refuse(difference(*made, *claim));
  const auto found = completeness(state, *question);
  judgement.proven = fmt::format(
      "{} partition{} of {} in {}{}{}: {} final, {} open, {} missing: {}", found->partitions.size(),
      found->partitions.size() == 1 ? "" : "s", question->pipeline, question->sink,
      question->from.empty() ? "" : " from " + question->from,
      question->to.empty() ? "" : " to " + question->to,
      found->partitions.size() - found->open - found->missing, found->open, found->missing,
      found->complete() ? "complete" : "not complete");
  if (!found->complete())
    judgement.found(
        {Verdict::unmet, no_index, "claim.json", "proven, and not complete: " + judgement.proven});
  return judgement;
}

Judgement verify_conservation(std::string_view claim, const TrustPolicy& policy) {
  Judgement judgement;
  judgement.subject = "conservation";
  const auto refuse = [&](std::string detail) {
    judgement.found({Verdict::tampered, no_index, "", std::move(detail)});
    return judgement;
  };
  const auto entries = read_conservation_claim(claim);
  if (!entries) return refuse(entries.error().detail);
  std::string checkpoint;
  for (const ProvenEntry& entry : *entries) {
    const auto proof = parse_proof(entry.proof);
    if (!proof) return refuse(fmt::format("entry {}: {}", entry.index, proof.error().detail));
    if (proof->index != entry.index)
      return refuse(fmt::format("the proof of entry {} is of entry {}", entry.index, proof->index));
    if (!checkpoint.empty() && proof->checkpoint != checkpoint)
      return refuse("the proofs are under different checkpoints");
    checkpoint = proof->checkpoint;
    Judgement one = verify_proof(entry.proof, bytes_of(entry.bytes), policy);
    one.subject = judgement.subject;
    judgement = std::move(one);
    if (judgement.verdict() != Verdict::good) return judgement;
  }
  const auto made = conservation_claim(*entries);
  if (!made) return refuse(made.error().detail);
  if (*made != claim) return refuse(difference(*made, claim));
  judgement.proven = "received = accepted + quarantined + filtered + merged, as the claim has them";
  return judgement;
}

}  // namespace daybook
