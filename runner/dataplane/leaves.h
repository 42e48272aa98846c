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
