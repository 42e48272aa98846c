// Books to export: the published vectors (entry i is `event <i>`), and a book of real shapes.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "ledger/memory_ledger.h"
#include "ledger/note.h"
#include "replay/checkpoint.h"
#include "replay/export.h"
#include "tools/bench/sample_book.h"

namespace daybook::testing {

// The log key of the vectors.
inline NoteSigner vector_key() {
  return {"ledger.example/test", NoteKeyKind::note,
          *digest_from_hex("836ff184e7b41b1e13cb5fd89fa1de98dbbab99e9d2918913ff43b86a5c7c213")};
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Keeps a signed checkpoint over what is there, as a keeper does, but records nothing in the book.
inline std::string sign_head(Ledger& ledger, const NoteSigner& key) {
  const TreeHead head = ledger.head();
  const std::string note = must(sign_checkpoint({key.name, head}, key));
  must(ledger.put(checkpoint_key(head.size), bytes_of(note)));
  return note;
}

inline void append_texts(Ledger& ledger, const std::vector<std::string>& texts) {
  std::vector<Bytes> group;
  for (const std::string& text : texts) group.push_back(bytes_of(text));
  if (!group.empty()) must(ledger.append(group));
}

// Entries up to `size`, then a checkpoint.
inline void grow_events(Ledger& ledger, std::uint64_t size) {
  std::vector<std::string> texts;
  for (std::uint64_t i = ledger.head().size; i < size; ++i)
    texts.push_back(fmt::format("event {}", i));
  append_texts(ledger, texts);
  sign_head(ledger, vector_key());
}

// Some 700 entries with three recorded checkpoints and a fourth that covers them.
inline void fill_real_book(bench::SampleBook& book, Ledger& ledger) {
  book.run(20);
  book.checkpoint(ledger);
  book.run(20);
  book.compensate(SlotId{3});
  book.checkpoint(ledger);
  book.run(45);
  book.checkpoint(ledger);
  book.run(2);
  book.append_to(ledger);
  must(make_checkpoint(ledger, book.state, bench::SampleBook::key()));
}

}  // namespace daybook::testing
