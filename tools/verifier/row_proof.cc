#include "tools/verifier/row_proof.h"

#include "replay/proof_bundle.h"

namespace daybook {

Judgement verify_row_proof(std::string_view archive, const TrustPolicy& policy) {
  Judgement judgement;
  judgement.subject = "row";
  const auto tampered = [&](std::uint64_t index, std::string path, std::string detail) {
    judgement.found({Verdict::tampered, index, std::move(path), std::move(detail)});
    return judgement;
  };
  const auto files = read_stored_zip(archive);
  if (!files) return tampered(no_index, "", files.error().detail);
  judgement.files = files->size();
  const auto bundle = parse_bundle(*files);
  if (!bundle) return tampered(bundle.error().entry, bundle.error().path, bundle.error().detail);
  const auto followed = follow(policy, bundle->log_keys);
  if (!followed) return tampered(no_index, "log-keys", followed.error().detail);
  if (!open_signed(bundle->checkpoint, *followed, "checkpoint", judgement)) return judgement;
  const auto facts = check_bundle(*bundle, judgement.origin, judgement.head);
  if (!facts) return tampered(facts.error().entry, facts.error().path, facts.error().detail);
  const StoredFiles expected = files_of(*bundle, *facts);
  for (const auto& [path, content] : *files) {
    const auto found = expected.find(path);
    if (found == expected.end()) return tampered(no_index, path, "does not belong here");
    if (found->second != content)
      return tampered(no_index, path, "does not say what the rest of the bundle proves");
  }
  if (files->size() != expected.size()) return tampered(no_index, "", "a file is missing");
  judgement.index = facts->staged_at;
  judgement.proven = fmt::format("{} {} of {} · {} {} · {} source record{}",
                                 facts->quarantined ? "quarantined record" : "output row",
                                 facts->index, facts->count, facts->pipeline, facts->partition,
                                 facts->records.size(), facts->records.size() == 1 ? "" : "s");
  return judgement;
}

}  // namespace daybook
