#include "runner/dataplane/leaf_spool.h"

#include <cerrno>
#include <cstring>

namespace daybook {
namespace {
constexpr unsigned low_levels = 8;  // of which the hashes are made again when they are asked for
}

void LeafSpool::append(std::span<const Digest> leaves) {
  if (leaves.empty()) return;
  if (!open_ && !failed_) open_.reset(std::fopen(file_.c_str(), "w+b"));
  failed_ = failed_ || !open_ ||
            std::fwrite(leaves.data(), sizeof(Digest), leaves.size(), open_.get()) != leaves.size();
  if (upper_.empty()) upper_.emplace_back();
  tree_.append(leaves, [this](unsigned level, std::uint64_t, std::span<const Digest> hashes) {
    if (level != low_levels) return;
    upper_[0].insert(upper_[0].end(), hashes.begin(), hashes.end());
  });
}

Result<void> LeafSpool::finish() {
  if (failed_ || (open_ && std::fflush(open_.get()) != 0))
    return fail(Error::Code::io, "{}: {}", file_.string(), std::strerror(errno));
  while (!upper_.empty() && upper_.back().size() > 1) {
    const std::vector<Digest>& below = upper_.back();
    std::vector<Digest> level(below.size() / 2);
    hash_nodes(std::span(below).first(level.size() * 2), level);
    upper_.push_back(std::move(level));
  }
  return {};
}

Result<std::vector<Digest>> LeafSpool::read(std::uint64_t first, std::uint64_t count) const {
  std::vector<Digest> out(count);
  if (!open_ || std::fseek(open_.get(), static_cast<long>(first * sizeof(Digest)), SEEK_SET) != 0 ||
      std::fread(out.data(), sizeof(Digest), count, open_.get()) != count)
    return fail(Error::Code::io, "{} can not be read back", file_.string());
  return out;
}

Result<Digest> LeafSpool::subtree(unsigned level, std::uint64_t index) const {
  if (level >= low_levels) return upper_.at(level - low_levels).at(index);
  const auto leaves = read(index << level, std::uint64_t{1} << level);
  if (!leaves) return std::unexpected(leaves.error());
  return merkle_root(*leaves);
}

Result<std::vector<Digest>> LeafSpool::prove(std::uint64_t index) const {
  return prove_inclusion(index, size(),
                         [this](unsigned level, std::uint64_t i) { return subtree(level, i); });
}

Result<Digest> LeafSpool::leaf(std::uint64_t index) const { return subtree(0, index); }

}  // namespace daybook
