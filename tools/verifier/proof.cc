// proof = "c2sp.org/tlog-proof@v1\n" ["extra " base64 "\n"] "index " decimal "\n"
//         *63(base64 hash "\n") "\n" signed-checkpoint
#include "tools/verifier/proof.h"

#include <charconv>
#include <cstring>
#include <optional>

#include "ledger/lines.h"
#include "ledger/merkle.h"

namespace daybook {
namespace {

constexpr std::string_view header = "c2sp.org/tlog-proof@v1";
constexpr std::uint64_t index_max = ~std::uint64_t{0} >> 1;

std::optional<std::uint64_t> parse_index(std::string_view line) {
  constexpr std::string_view word = "index ";
  if (!line.starts_with(word)) return std::nullopt;
  line.remove_prefix(word.size());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (line.empty() || error != std::errc() || end != line.data() + line.size() ||
      value > index_max || (line.size() > 1 && line[0] == '0'))
    return std::nullopt;
  return value;
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Error::Code::corrupt, "proof: {}", what);
}

}  // namespace

Result<TlogProof> parse_proof(std::string_view text) {
  if (take_line(text) != header) return malformed("the first line is not that of a tlog-proof@v1");
  TlogProof proof;
  auto line = take_line(text);
  if (line && line->starts_with("extra ")) {
    auto extra = base64_decode(line->substr(6));
    if (!extra) return malformed("bad extra line");
    proof.extra = std::move(*extra);
    line = take_line(text);
  }
  const auto index = line ? parse_index(*line) : std::nullopt;
  if (!index) return malformed("bad index line");
  proof.index = *index;
  for (line = take_line(text); line && !line->empty(); line = take_line(text)) {
    const auto hash = base64_decode(*line);
    if (!hash || hash->size() != sizeof(Digest)) return malformed("bad hash line");
    if (proof.path.size() == proof_hashes_max) return malformed("more than 63 hashes");
    std::memcpy(proof.path.emplace_back().data(), hash->data(), sizeof(Digest));
  }
  if (!line) return malformed("no blank line before the checkpoint");
  proof.checkpoint = text;
  return proof;
}

Judgement verify_proof(std::string_view bytes, Bytes entry, const TrustPolicy& policy) {
  Judgement judgement;
  judgement.subject = "proof";
  const auto proof = parse_proof(bytes);
  if (!proof) {
    judgement.found({Verdict::tampered, no_index, "", proof.error().detail});
    return judgement;
  }
  judgement.index = proof->index;
  const auto followed = follow(policy, proof->extra);
  if (!open_signed(proof->checkpoint, followed ? *followed : policy, "", judgement))
    return judgement;
  if (!verify_inclusion(hash_leaf(entry), proof->index, judgement.head.size, proof->path,
                        judgement.head.root))
    judgement.found({Verdict::tampered, proof->index, "",
                     "the entry is not the one at this index under the signed root"});
  return judgement;
}

}  // namespace daybook
