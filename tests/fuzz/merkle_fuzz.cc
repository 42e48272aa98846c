// Inclusion and consistency proofs: the true one passes, and no change of it does.
#include <cstring>

#include "ledger/merkle.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

namespace {

std::uint64_t number(const std::uint8_t*& data, std::size_t& size, std::size_t width) {
  std::uint64_t value = 0;
  const std::size_t taken = std::min(width, size);
  for (std::size_t i = 0; i < taken; ++i) value |= std::uint64_t{data[i]} << (8 * i);
  data += taken;
  size -= taken;
  return value;
}

Result<Digest> subtree(const std::vector<Digest>& leaves, unsigned level, std::uint64_t index) {
  const std::uint64_t first = index << level;
  return merkle_root(std::span(leaves).subspan(first, std::size_t{1} << level));
}

// Digests from what is left of the input; the last one filled up with zeros.
std::vector<Digest> digests(const std::uint8_t* data, std::size_t size) {
  std::vector<Digest> out(std::min<std::size_t>((size + 31) / 32, 70));
  for (std::size_t i = 0; i < out.size(); ++i)
    std::memcpy(out[i].data(), data + 32 * i, std::min<std::size_t>(32, size - 32 * i));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint64_t wide = number(data, size, 8);
  const std::uint64_t other = number(data, size, 8);
  const std::uint64_t count = 1 + number(data, size, 1);
  const std::uint64_t index = number(data, size, 1) % count;
  const std::uint64_t change = number(data, size, 2);

  std::vector<Digest> leaves(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint8_t byte = static_cast<std::uint8_t>(i);
    leaves[i] = hash_leaf(std::as_bytes(std::span(&byte, 1)));
  }
  const Digest root = merkle_root(leaves);
  const SubtreeHash ask = [&](unsigned level, std::uint64_t at) {
    return subtree(leaves, level, at);
  };
  auto proof = *prove_inclusion(index, count, ask);
  DAYBOOK_ASSERT(verify_inclusion(leaves[index], index, count, proof, root));
  const auto consistent = *prove_consistency(index + 1, count, ask);
  const Digest earlier = merkle_root(std::span(leaves).first(index + 1));
  DAYBOOK_ASSERT(verify_consistency(index + 1, earlier, count, root, consistent));

  if (wide != index)
    DAYBOOK_ASSERT(!verify_inclusion(leaves[index], wide, count, proof, root) || wide >= count ||
                   leaves[wide] == leaves[index]);
  if (!proof.empty()) {
    auto spoilt = proof;
    spoilt[change % spoilt.size()][change / 256 % 32] ^=
        static_cast<std::uint8_t>(1 + change % 255);
    DAYBOOK_ASSERT(!verify_inclusion(leaves[index], index, count, spoilt, root));
    proof.pop_back();
    DAYBOOK_ASSERT(!verify_inclusion(leaves[index], index, count, proof, root));
  }
  // Any numbers, any hashes.
  const auto given = digests(data, size);
  (void)verify_inclusion(root, wide, other, given, root);
  if (wide != other) (void)verify_consistency(wide, root, other, earlier, given);
  return 0;
}
