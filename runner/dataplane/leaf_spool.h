// The leaves of one tree, kept in a file while a partition is staged, so that paths can be had
// afterwards for any of them: memory of one hash for each 128 leaves.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "ledger/merkle.h"

namespace daybook {

class LeafSpool {
 public:
  explicit LeafSpool(std::filesystem::path file) : file_(std::move(file)) {}
  void append(std::span<const Digest> leaves);
  // After the last append. An error of any of the writes is told here.
  Result<void> finish();
  std::uint64_t size() const { return tree_.size(); }
  Digest root() const { return tree_.root(); }
  // After finish(); index < size().
  Result<std::vector<Digest>> prove(std::uint64_t index) const;
  Result<Digest> leaf(std::uint64_t index) const;

 private:
  Result<std::vector<Digest>> read(std::uint64_t first, std::uint64_t count) const;
  Result<Digest> subtree(unsigned level, std::uint64_t index) const;

  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path file_;
  std::unique_ptr<std::FILE, Closer> open_;
  bool failed_ = false;
  Frontier tree_;
  std::vector<std::vector<Digest>> upper_;  // complete subtrees of level 8 + i
};

}  // namespace daybook
