#include "runner/dataplane/leaves.h"

#include <cstring>
#include <string>

#include "ledger/assertion.h"

namespace daybook {

LeafBatch::LeafBatch(std::string_view context) : opening_(std::string(1, '\0').append(context)) {}

void LeafBatch::grow(std::size_t whole) {
  if (buffer_.size() < whole) buffer_.resize(whole + whole / 2);
}

char* LeafBatch::room(std::size_t size) {
  DAYBOOK_ASSERT(spans_.empty(), "a batch copies or refers, not both");
  grow(used_ + size + slack);
  char* at = buffer_.data() + used_;
  copies_.push_back({used_, size});
  used_ += size + slack;
  return at;
}

void LeafBatch::add(std::string_view bytes) {
  std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
}

void LeafBatch::refer(std::string_view bytes) {
  DAYBOOK_ASSERT(copies_.empty(), "a batch copies or refers, not both");
  spans_.push_back(bytes_of(bytes));
}

void LeafBatch::flush(std::vector<Digest>& leaves) {
  for (const Copy& copy : copies_) {
    spans_.push_back(bytes_of({buffer_.data() + copy.begin, copy.size}));
  }
  const std::size_t old = leaves.size();
  leaves.resize(old + spans_.size());
  sha256_many(opening_, spans_, std::span(leaves).subspan(old));
  used_ = 0;
  copies_.clear();
  spans_.clear();
}

}  // namespace daybook
