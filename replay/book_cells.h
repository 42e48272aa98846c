// How values become cells. Used by book_columns*.cc alone.
#pragma once

#include <string_view>

#include "replay/book_tables.h"
#include "replay/words.h"

namespace daybook::tables {

inline Cell as_number(std::uint64_t value) { return static_cast<std::int64_t>(value); }
inline Cell entry_number(EntryIndex index) { return index == no_entry ? Cell() : as_number(index); }
inline Cell as_text(std::string_view value) { return std::string(value); }
inline Cell text_or_null(std::string_view value) { return value.empty() ? Cell() : as_text(value); }
inline Cell digest_text(const Digest& digest) {
  return digest == Digest{} ? Cell() : Cell(hex(digest));
}
inline Cell time_cell(Timestamp at) { return at == 0 ? Cell() : Cell(std::int64_t{at}); }
template <typename Id>
inline Cell id_or_null(Id id, Id none) {
  return id == none ? Cell() : as_number(std::to_underlying(id));
}
inline Cell list(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ", ") + value;
  return text_or_null(out);
}

inline const Slot* slot_of(const State& state, SlotId id) { return state.find(id); }
inline std::string_view pipeline_name(const State& state, SlotId id) {
  const Slot* slot = slot_of(state, id);
  return slot == nullptr ? std::string_view() : slot->pipeline;
}
inline std::string_view partition_name(const State& state, SlotId id) {
  const Slot* slot = slot_of(state, id);
  return slot == nullptr ? std::string_view() : slot->partition;
}

}  // namespace daybook::tables
