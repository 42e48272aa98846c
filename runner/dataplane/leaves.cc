#include "runner/dataplane/leaves.h"

#include <cstring>
#include <string>

namespace daybook {

LeafBatch::LeafBatch(std::string_view context, const Digest& secret, std::string_view label)
    : opening_(std::string(1, '\0').append(context)), salts_(secret, label) {}

void LeafBatch::grow(std::size_t whole) {
  if (buffer_.size() < whole) buffer_.resize(whole + whole / 2);
}

char* LeafBatch::room(std::uint64_t number, std::size_t size) {
  const std::size_t salted = sizeof(LeafSalt) + size;
  grow(used_ + salted + slack);
  char* at = buffer_.data() + used_ + sizeof(LeafSalt);
  copies_.push_back({used_, salted});
  numbers_.push_back(number);
  used_ += salted + slack;
  return at;
}

void LeafBatch::add(std::uint64_t number, std::string_view bytes) {
  std::memcpy(room(number, bytes.size()), bytes.data(), bytes.size());
}

std::string_view LeafBatch::message(std::size_t i) const {
  return {buffer_.data() + copies_[i].begin + sizeof(LeafSalt), copies_[i].size - sizeof(LeafSalt)};
}

void LeafBatch::flush(std::vector<Digest>& leaves) {
  salted_.resize(numbers_.size());
  salts_.of(numbers_, salted_);
  spans_.clear();
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    char* const at = buffer_.data() + copies_[i].begin;
    std::memcpy(at, salted_[i].data(), sizeof(LeafSalt));
    spans_.push_back(bytes_of({at, copies_[i].size}));
  }
  const std::size_t old = leaves.size();
  leaves.resize(old + spans_.size());
  sha256_many(opening_, spans_, std::span(leaves).subspan(old));
  clear();
}

void LeafBatch::clear() {
  used_ = 0;
  copies_.clear();
  numbers_.clear();
}

}  // namespace daybook
