// Leaves of the trees over records and rows, made many at a time (ledger/leaf_form.h says their
// form).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ledger/leaf_form.h"
#include "ledger/sha256_lanes.h"

namespace daybook {

// The rows that a merge puts together are numbered by their place; all other rows by their source
// record. Salts of the two must not meet.
inline constexpr std::string_view merged_row_label = "daybook/merged row/v2";

// Collects messages and hashes them many at a time. Each has a number, which no other message under
// the same secret and label has.
class LeafBatch {
 public:
  LeafBatch(std::string_view context, const Digest& secret, std::string_view label);
  LeafBatch(std::string_view context, const Digest& secret) : LeafBatch(context, secret, context) {}
  void add(std::uint64_t number, std::string_view bytes);  // copies
  // Room for `count` messages at once; `size_of(i)` is the size of each. After each there are 16
  // bytes of nobody's, so that short texts can be written in whole words.
  template <typename NumberOf, typename SizeOf>
  void reserve(std::size_t count, NumberOf number_of, SizeOf size_of, char** at) {
    std::size_t whole = used_;
    for (std::size_t i = 0; i < count; ++i) whole += sizeof(LeafSalt) + size_of(i) + slack;
    grow(whole);
    for (std::size_t i = 0; i < count; ++i) at[i] = room(number_of(i), size_of(i));
  }
  std::size_t size() const { return copies_.size(); }
  // The bytes of message i of those added since the last flush, without its salt.
  std::string_view message(std::size_t i) const;
  // Appends the leaf hashes in order of add() and starts over.
  void flush(std::vector<Digest>& leaves);
  void clear();  // starts over without hashing

 private:
  static constexpr std::size_t slack = 16;
  struct Copy {
    std::size_t begin, size;  // with the salt
  };
  void grow(std::size_t whole);
  char* room(std::uint64_t number, std::size_t size);

  Sha256Opening opening_;
  LeafSalts salts_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::vector<Copy> copies_;
  std::vector<std::uint64_t> numbers_;
  std::vector<LeafSalt> salted_;  // scratch
  std::vector<Bytes> spans_;      // scratch
};

}  // namespace daybook
