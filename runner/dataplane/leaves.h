// RFC 6962 trees over records and rows. A leaf is SHA-256(0x00 || context || bytes); the context is
// one of the strings below with its closing NUL, so that no leaf of one kind can pass for another.
// The position of a record or row is its place in the tree: a proof against the committed (root,
// count) binds it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ledger/digest.h"

namespace daybook {

inline constexpr std::string_view record_context{"daybook/record/v1", 18};
inline constexpr std::string_view row_context{"daybook/row/v1", 15};
inline constexpr std::string_view quarantine_context{"daybook/quarantine/v1", 22};

// Collects messages into one buffer and hashes them several at a time.
class LeafBatch {
 public:
  explicit LeafBatch(std::string_view context) : context_(context) {}
  void add(std::string_view bytes);
  // Room for one message of exactly `size` bytes after the context; valid until the next call.
  char* room(std::size_t size);
  // Room for `count` messages at once; `size_of(i)` is the size of each.
  template <typename SizeOf>
  void reserve(std::size_t count, SizeOf size_of, char** at) {
    const std::size_t first = used_;
    std::size_t whole = 0;
    for (std::size_t i = 0; i < count; ++i) whole += context_.size() + size_of(i);
    if (buffer_.size() < used_ + whole) buffer_.resize(2 * (used_ + whole));
    used_ = first;
    for (std::size_t i = 0; i < count; ++i) at[i] = room(size_of(i));
  }
  std::size_t size() const { return ends_.size(); }
  // Appends the leaf hashes in order of add() and starts over.
  void flush(std::vector<Digest>& leaves);

 private:
  std::string_view context_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::vector<std::size_t> ends_;
  std::vector<std::span<const std::byte>> spans_;
};

}  // namespace daybook
