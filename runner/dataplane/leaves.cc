#include "runner/dataplane/leaves.h"

#include <cstring>

#include "ledger/merkle.h"

namespace daybook {

char* LeafBatch::room(std::size_t size) {
  const std::size_t whole = context_.size() + size;
  if (buffer_.size() < used_ + whole) buffer_.resize(2 * (used_ + whole));
  char* at = buffer_.data() + used_;
  std::memcpy(at, context_.data(), context_.size());
  used_ += whole;
  ends_.push_back(used_);
  return at + context_.size();
}

void LeafBatch::add(std::string_view bytes) {
  std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
}

void LeafBatch::flush(std::vector<Digest>& leaves) {
  spans_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    spans_.push_back(std::as_bytes(std::span(buffer_.data() + begin, end - begin)));
    begin = end;
  }
  const std::size_t old = leaves.size();
  leaves.resize(old + spans_.size());
  hash_leaves(spans_, std::span(leaves).subspan(old));
  used_ = 0;
  ends_.clear();
}

}  // namespace daybook
