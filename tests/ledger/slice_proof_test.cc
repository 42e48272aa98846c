#include "ledger/slice_proof.h"

#include <gtest/gtest.h>

#include <random>

#include "ledger/memory_ledger.h"
#include "ledger/merkle.h"

namespace daybook {
namespace {

std::string text_of(std::uint64_t index) { return fmt::format("entry {}", index); }
Digest leaf_of(std::uint64_t index) { return hash_leaf(bytes_of(text_of(index))); }

std::unique_ptr<Ledger> ledger_of(std::uint64_t size) {
  auto ledger = std::make_unique<MemoryLedger>();
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < size; ++i) texts.push_back(text_of(i));
  std::vector<Bytes> entries;
  for (const std::string& text : texts) entries.push_back(bytes_of(text));
  EXPECT_TRUE(ledger->append(entries).has_value());
  return ledger;
}

std::map<std::uint64_t, Digest> leaves_at(const std::vector<std::uint64_t>& indices) {
  std::map<std::uint64_t, Digest> leaves;
  for (const std::uint64_t index : indices) leaves.emplace(index, leaf_of(index));
  return leaves;
}

TEST(SliceProof, LeadsAnySliceOfAnyTreeToItsRoot) {
  std::mt19937_64 random(7);
  for (std::uint64_t size = 1; size <= 70; ++size) {
    const auto ledger = ledger_of(size);
    for (int n = 0; n < 8; ++n) {
      std::vector<std::uint64_t> indices;
      for (std::uint64_t i = 0; i < size; ++i)
        if (random() % 4 == 0 || (i + 1 == size && indices.empty())) indices.push_back(i);
      const auto proof = prove_slice(*ledger, indices, size);
      ASSERT_TRUE(proof.has_value());
      EXPECT_EQ(slice_root(leaves_at(indices), size, *proof), ledger->head().root)
          << size << " entries";
    }
  }
}

TEST(SliceProof, OfOneEntryHasAsManyHashesAsItsInclusionProofAndOfAllHasNone) {
  const auto ledger = ledger_of(50);
  for (std::uint64_t index = 0; index < 50; ++index) {
    const auto proof = prove_slice(*ledger, std::vector{index}, 50);
    ASSERT_TRUE(proof.has_value());
    EXPECT_EQ(proof->size(), ledger->inclusion_proof(index, 50)->size());
  }
  std::vector<std::uint64_t> all(50);
  for (std::uint64_t i = 0; i < 50; ++i) all[i] = i;
  EXPECT_TRUE(prove_slice(*ledger, all, 50)->empty());
}

TEST(SliceProof, RefusesEveryOtherLeafPlaceSizeAndHash) {
  const auto ledger = ledger_of(37);
  const std::vector<std::uint64_t> indices = {3, 4, 17, 36};
  const auto proof = prove_slice(*ledger, indices, 37);
  ASSERT_TRUE(proof.has_value());
  const Digest root = ledger->head().root;
  const auto leaves = leaves_at(indices);
  for (std::size_t i = 0; i < proof->size(); ++i) {
    auto bent = *proof;
    bent[i][0] ^= 1;
    EXPECT_NE(slice_root(leaves, 37, bent), root);
  }
  for (const std::uint64_t index : indices) {
    auto other = leaves;
    other[index] = leaf_of(99);
    EXPECT_NE(slice_root(other, 37, *proof), root);
    other = leaves;
    other.erase(index);
    EXPECT_NE(slice_root(other, 37, *proof), root);
  }
  auto longer = *proof;
  longer.push_back(root);
  EXPECT_EQ(slice_root(leaves, 37, longer), std::nullopt);
  auto shorter = *proof;
  shorter.pop_back();
  EXPECT_EQ(slice_root(leaves, 37, shorter), std::nullopt);
  EXPECT_NE(slice_root(leaves, 38, *proof), root);
  EXPECT_EQ(slice_root(leaves, 36, *proof), std::nullopt);
  EXPECT_EQ(slice_root({}, 37, *proof), std::nullopt);
}

TEST(SliceProof, IsTotalForSizesThatNoTreeHas) {
  for (const std::uint64_t size : {std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    EXPECT_EQ(slice_root({{0, leaf_of(0)}, {size - 1, leaf_of(1)}}, size, {}), std::nullopt);
    EXPECT_EQ(slice_root({{size, leaf_of(0)}}, size, {}), std::nullopt);
  }
}

}  // namespace
}  // namespace daybook
