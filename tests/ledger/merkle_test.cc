#include "ledger/merkle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "ledger/sha256_lanes.h"

namespace daybook {
namespace {

std::vector<Digest> leaves_of(std::size_t count) {
  std::vector<Digest> leaves(count);
  for (std::size_t i = 0; i < count; ++i)
    leaves[i] = hash_leaf(bytes_of(fmt::format("event {}", i)));
  return leaves;
}

// RFC 6962 2.1 as written: recursion over the list, portable hash. The twin of everything below.
Digest model_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  const Digest left = model_root(leaves.first(k));
  const Digest right = model_root(leaves.subspan(k));
  std::string text("\1");
  text.append(reinterpret_cast<const char*>(left.data()), 32);
  text.append(reinterpret_cast<const char*>(right.data()), 32);
  return sha256(bytes_of(text));
}

SubtreeHash subtrees_of(const std::vector<Digest>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> Result<Digest> {
    return model_root(std::span(leaves).subspan(index << level, std::size_t{1} << level));
  };
}

TEST(Merkle, ReproducesThePublishedRoots) {
  const std::map<std::size_t, std::string> roots = {
      {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {1, "a344deda6399e079700f18caccc174ed11ef1b1d164271e3a95d82c734466977"},
      {2, "9597a008c399108ddc67f881629dfbda16be63fcb74b42892f749dde08d3364a"},
      {3, "72e0d17598d40c143f14ebfb05e2c5c4ddd6bebf165f3569443ac4695887d302"},
      {4, "7f4975ae5b9ea05a1ad4eb463d5f20924087048e978cf6b342036eec5c9057e6"},
      {5, "b5af9c41186dda1343de76873b2805a2b1421fd1a889de9fa98b2a8ed8d214be"},
      {7, "b41d61b2e0cdce6e80fb379cb6e3bbd00ffb7fb3baa825195ef1f8a0e916bd7f"},
      {8, "b85fa09c40ad92872ba33e56c146e2920d23e82a8b75544cf60ed65a1bf8628d"},
      {255, "222da0f6c081dc3968fb864966d8d8ea1905ccdb4dbee33459a6dc48eb21d275"},
      {256, "d56a4e1ca488792c837ccd7fa985ebaa67c35c17b6e70b80cd31becfad851b17"},
      {257, "eacc42cbd69a46934c40b01109c2b3ea32880da8a053cce4e0c962d09f69b6d0"},
      {70000, "07aacf4b136b01993481b12907d4afa72d97bc7cc79b1c7c491dff4e066e1530"}};
  const std::vector<Digest> leaves = leaves_of(70000);
  EXPECT_EQ(hex(leaves[1]), "189a944dd1bd99ed6685a75670d57a64591e901d32714d6f6c58e55d8a9edb46");
  for (const auto& [size, root] : roots) {
    EXPECT_EQ(hex(merkle_root(std::span(leaves).first(size))), root) << size;
  }
}

TEST(Merkle, ReproducesThePublishedConsistencyProofs) {
  const std::vector<Digest> leaves = leaves_of(8);
  const auto four = prove_consistency(4, 8, subtrees_of(leaves));
  ASSERT_EQ(four->size(), 1U);
  EXPECT_EQ(hex((*four)[0]), "a366b496af19ff420d3392a754451068d3b13f6cb71a26bac69855dc355a44fa");
  std::vector<std::string> three;
  const auto three_seven = prove_consistency(3, 7, subtrees_of(leaves));
  for (const Digest& d : three_seven.value()) three.push_back(hex(d));
  EXPECT_EQ(three, (std::vector<std::string>{
                       "9b0b2f1d58bf086890b4146f09efa42ca13e525aa03393921560c5814ff53088",
                       "80b29edd0e34b87ae52eb22cc1b7c798088abbd8017f7646d15f9a571d2bf0e7",
                       "9597a008c399108ddc67f881629dfbda16be63fcb74b42892f749dde08d3364a",
                       "031520cca752afa6745ca8e067ab355250da4388bd5a17a84f7658b6de20de19"}));
}

TEST(Frontier, HasTheSameRootHoweverTheLeavesAreGrouped) {
  const std::vector<Digest> leaves = leaves_of(700);
  std::mt19937_64 random(7);
  for (int round = 0; round < 40; ++round) {
    Frontier frontier;
    std::map<unsigned, std::uint64_t> seen;
    while (frontier.size() < leaves.size()) {
      const std::size_t take = std::min<std::size_t>(
          std::size_t{1} + random() % (round % 3 == 0 ? 4 : 300), leaves.size() - frontier.size());
      frontier.append(std::span(leaves).subspan(frontier.size(), take),
                      [&](unsigned level, std::uint64_t first, std::span<const Digest> hashes) {
                        EXPECT_EQ(seen[level], first);
                        for (std::size_t i = 0; i < hashes.size() && level > 0; ++i) {
                          EXPECT_EQ(hashes[i], *subtrees_of(leaves)(level, first + i));
                        }
                        seen[level] += hashes.size();
                      });
      ASSERT_EQ(frontier.root(), model_root(std::span(leaves).first(frontier.size())));
    }
    EXPECT_EQ(seen[0], 700U);
    EXPECT_EQ(seen[8], 2U);
  }
}

TEST(Merkle, ProvesEveryInclusionAndNoOther) {
  const std::vector<Digest> leaves = leaves_of(40);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const Digest root = model_root(std::span(leaves).first(size));
    EXPECT_EQ(*root_of(size, subtrees_of(leaves)), root);
    for (std::uint64_t index = 0; index < size; ++index) {
      std::vector<Digest> proof = *prove_inclusion(index, size, subtrees_of(leaves));
      ASSERT_TRUE(verify_inclusion(leaves[index], index, size, proof, root));
      EXPECT_FALSE(verify_inclusion(leaves[index], index, index, proof, root));
      EXPECT_FALSE(verify_inclusion(leaves[(index + 1) % 40], index, size, proof, root));
      for (Digest& hash : proof) {
        hash[5] ^= 1;
        EXPECT_FALSE(verify_inclusion(leaves[index], index, size, proof, root));
        hash[5] ^= 1;
      }
      proof.push_back(root);
      EXPECT_FALSE(verify_inclusion(leaves[index], index, size, proof, root));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.pop_back();
      EXPECT_FALSE(verify_inclusion(leaves[index], index, size, proof, root));
    }
  }
}

TEST(Merkle, ProvesEveryConsistencyAndNoOther) {
  const std::vector<Digest> leaves = leaves_of(40);
  for (std::uint64_t to = 0; to <= leaves.size(); ++to) {
    const Digest to_root = model_root(std::span(leaves).first(to));
    for (std::uint64_t from = 0; from <= to; ++from) {
      const Digest from_root = model_root(std::span(leaves).first(from));
      std::vector<Digest> proof = *prove_consistency(from, to, subtrees_of(leaves));
      ASSERT_TRUE(verify_consistency(from, from_root, to, to_root, proof)) << from << " " << to;
      Digest other = to_root;
      other[0] ^= 1;
      if (from > 0) {
        EXPECT_FALSE(verify_consistency(from, from_root, to, other, proof));
      }
      for (Digest& hash : proof) {
        hash[31] ^= 128;
        EXPECT_FALSE(verify_consistency(from, from_root, to, to_root, proof));
        hash[31] ^= 128;
      }
      proof.push_back(to_root);
      EXPECT_FALSE(verify_consistency(from, from_root, to, to_root, proof));
    }
  }
}

TEST(Merkle, RefusesAConsistencyThatNothingProves) {
  const std::vector<Digest> leaves = leaves_of(5);
  const Digest three = model_root(std::span(leaves).first(3)), five = model_root(leaves);
  const std::vector<Digest> none, some = *prove_consistency(3, 5, subtrees_of(leaves));
  EXPECT_FALSE(verify_consistency(5, five, 3, three, none));
  EXPECT_FALSE(verify_consistency(3, three, 5, five, none));
  EXPECT_FALSE(verify_consistency(5, three, 5, five, none));
  EXPECT_FALSE(verify_consistency(0, three, 5, five, none));
  EXPECT_FALSE(verify_consistency(0, empty_root(), 5, five, some));
  EXPECT_FALSE(verify_consistency(3, five, 5, five, some));
}

// Hashes come from tiles on a disk: whichever of them can not be had ends the work with its error.
TEST(Merkle, PassesOnThatAHashCanNotBeRead) {
  const std::vector<Digest> leaves = leaves_of(23);
  const SubtreeHash good = subtrees_of(leaves);
  const auto works_after = [&](auto&& work) {
    for (std::size_t fails_at = 0;; ++fails_at) {
      std::size_t asked = 0;
      const auto answer = work([&](unsigned level, std::uint64_t index) -> Result<Digest> {
        if (asked++ == fails_at) return fail(Error::Code::unavailable, "hash {}", fails_at);
        return good(level, index);
      });
      if (asked <= fails_at) {
        EXPECT_TRUE(answer);
        return fails_at;
      }
      EXPECT_FALSE(answer) << fails_at;
      if (!answer) {
        EXPECT_EQ(answer.error().detail, fmt::format("hash {}", fails_at));
      }
    }
  };
  const auto inclusion = [](const SubtreeHash& from) { return prove_inclusion(9, 23, from); };
  const auto consistency = [](const SubtreeHash& from) { return prove_consistency(11, 23, from); };
  const auto root = [](const SubtreeHash& from) { return root_of(23, from); };
  const auto frontier = [](const SubtreeHash& from) { return Frontier::rebuild(23, from); };
  EXPECT_GT(works_after(inclusion), 4U);
  EXPECT_GT(works_after(consistency), 4U);
  EXPECT_EQ(works_after(root), 4U);
  EXPECT_EQ(works_after(frontier), 4U);
}

TEST(Merkle, RefusesAProofLongerThanTheWireCanCarry) {
  const std::vector<Digest> proof(64);
  EXPECT_FALSE(verify_inclusion(Digest{}, 1, ~0ULL, proof, Digest{}));
  EXPECT_FALSE(verify_consistency(1, Digest{}, ~0ULL, Digest{}, proof));
}

TEST(Sha256Lanes, AgreeWithOpenSslAtEveryLength) {
  std::mt19937_64 random(11);
  std::string pool(70000, '\0');
  for (char& c : pool) c = static_cast<char>(random());
  std::vector<Bytes> messages;
  for (std::size_t size = 0; size < 400; ++size) {
    messages.push_back(bytes_of(std::string_view(pool).substr(random() % 1000, size)));
  }
  messages.push_back(bytes_of(std::string_view(pool).substr(0, 65535)));
  std::shuffle(messages.begin(), messages.end(), random);
  std::vector<Digest> portable(messages.size());
  sha256_many(0, messages, portable, Sha256Lanes::portable);
  for (std::size_t i = 0; i < messages.size(); i += 37) {
    std::string whole(1, '\0');
    whole.append(reinterpret_cast<const char*>(messages[i].data()), messages[i].size());
    EXPECT_EQ(portable[i], sha256(bytes_of(whole)));
  }
  std::string block(64, 'x');
  for (char& c : block) c = static_cast<char>(random());
  const Sha256Opening opening(block);
  std::vector<Digest> opened(messages.size());
  sha256_many(opening, messages, opened, Sha256Lanes::portable);
  for (std::size_t i = 0; i < messages.size(); i += 37) {
    std::string whole = block;
    whole.append(reinterpret_cast<const char*>(messages[i].data()), messages[i].size());
    EXPECT_EQ(opened[i], sha256(bytes_of(whole)));
  }
  std::vector<Digest> nodes(200);
  sha256_pairs(1, std::span(portable).first(400), nodes, Sha256Lanes::portable);

  for (const Sha256Lanes way : {Sha256Lanes::automatic, Sha256Lanes::sha_ni, Sha256Lanes::avx512}) {
    if (way == Sha256Lanes::sha_ni && !sha_ni_available()) continue;
    if (way == Sha256Lanes::avx512 && !avx512_available()) continue;
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3},
                                    std::size_t{16}, std::size_t{100}, messages.size()}) {
      std::vector<Digest> lanes(count);
      sha256_many(0, std::span(messages).first(count), lanes, way);
      EXPECT_TRUE(std::ranges::equal(lanes, std::span(portable).first(count)));
      sha256_many(opening, std::span(messages).first(count), lanes, way);
      EXPECT_TRUE(std::ranges::equal(lanes, std::span(opened).first(count)));
    }
    std::vector<Digest> mine(200);
    sha256_pairs(1, std::span(portable).first(400), mine, way);
    EXPECT_EQ(mine, nodes);
  }
}

TEST(Base64, AcceptsOneTextForOneValue) {
  EXPECT_EQ(base64(bytes_of("light w")), "bGlnaHQgdw==");
  EXPECT_EQ(base64_decode("bGlnaHQgdw=="), "light w");
  EXPECT_EQ(base64_decode(""), "");
  for (const char* text : {"bGlnaHQgdx==", "bGlnaHQgdw=", "bGlnaHQgdw",
                           " bGlnaHQgdw=", "====", "bG=naHQg", "bGln\nHQg", "AB=="}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace daybook
