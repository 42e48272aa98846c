// RFC 6962 trees over records and rows. A leaf is SHA-256(0x00 || context || bytes); the context is
// one of the strings below, so that no leaf of one kind can pass for another. With its zeros it
// fills, after the 0x00, the first block of SHA-256 exactly: that block is hashed once for all.
// The position of a record or row is its place in the tree: a proof against the committed (root,
// count) binds it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ledger/digest.h"
#include "ledger/sha256_lanes.h"

namespace daybook {

namespace leaf_contexts {
// A name, and zeros up to 63 bytes.
template <std::size_t size>
constexpr std::array<char, 63> padded(const char (&name)[size]) {
  std::array<char, 63> text{};
  for (std::size_t i = 0; i < size; ++i) text[i] = name[i];
  return text;
}
inline constexpr std::array<char, 63> record = padded("daybook/record/v1");
inline constexpr std::array<char, 63> row = padded("daybook/row/v1");
inline constexpr std::array<char, 63> quarantine = padded("daybook/quarantine/v1");
}  // namespace leaf_contexts

inline constexpr std::string_view record_context{leaf_contexts::record.data(), 63};
inline constexpr std::string_view row_context{leaf_contexts::row.data(), 63};
inline constexpr std::string_view quarantine_context{leaf_contexts::quarantine.data(), 63};

// Collects messages and hashes them many at a time.
class LeafBatch {
 public:
  explicit LeafBatch(std::string_view context);
  void add(std::string_view bytes);    // copies
  void refer(std::string_view bytes);  // the bytes stay where they are until flush()
  // Room for `count` messages at once; `size_of(i)` is the size of each. After each there are 16
  // bytes of nobody's, so that short texts can be written in whole words.
  template <typename SizeOf>
  void reserve(std::size_t count, SizeOf size_of, char** at) {
    std::size_t whole = used_;
    for (std::size_t i = 0; i < count; ++i) whole += size_of(i) + slack;
    grow(whole);
    for (std::size_t i = 0; i < count; ++i) at[i] = room(size_of(i));
  }
  std::size_t size() const { return copies_.size() + spans_.size(); }
  // Appends the leaf hashes in order of add() and starts over.
  void flush(std::vector<Digest>& leaves);

 private:
  static constexpr std::size_t slack = 16;
  struct Copy {
    std::size_t begin, size;
  };
  void grow(std::size_t whole);
  char* room(std::size_t size);

  Sha256Opening opening_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::vector<Copy> copies_;
  std::vector<Bytes> spans_;
};

}  // namespace daybook
