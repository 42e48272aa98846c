// The proof of one row as an auditor gets it from a stranger: the archive, and behind its checksums
// the files (first byte odd: then "<name> <content>", apart by 0xff, without an archive around
// them).
#include "ledger/note.h"
#include "replay/proof_bundle.h"
#include "tests/fuzz/fuzz.h"
#include "tools/verifier/policy.h"
#include "tools/verifier/row_proof.h"

using namespace daybook;

namespace {

StoredFiles files_in(std::string_view text) {
  StoredFiles files;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('\xff'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t blank = std::min(one.find(' '), one.size());
    files.emplace(one.substr(0, blank), one.substr(std::min(blank + 1, one.size())));
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string key = [] {
    std::string text = fuzz::source_file("tests/golden/0.1.0.vkey");
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }();
  static const TrustPolicy policy = [] {
    const auto parsed = parse_policy("log " + key + "\nquorum none\n");
    DAYBOOK_ASSERT(parsed.has_value(), "{}", parsed.error().detail);
    return *parsed;
  }();
  static const Checkpoint golden =
      *open_checkpoint(fuzz::source_file("tests/golden/0.1.0/checkpoint"), *parse_vkey(key));

  if (size == 0) return 0;
  const std::string_view text = fuzz::text(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    (void)parse_policy(text);
    if (const auto files = read_stored_zip(text)) DAYBOOK_ASSERT(write_stored_zip(*files) == text);
    const Judgement judgement = verify_row_proof(text, policy);
    (void)judgement.text();
    (void)judgement.json();
    // The golden book was written before rows could be proved: no bundle of it is good.
    DAYBOOK_ASSERT(judgement.verdict() != Verdict::good);
    return 0;
  }
  const auto bundle = parse_bundle(files_in(text));
  if (!bundle) return 0;
  const auto facts = check_bundle(*bundle, golden.origin, golden.head);
  if (facts) (void)files_of(*bundle, *facts);
  return 0;
}
