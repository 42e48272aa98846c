#include "runner/sink_memory.h"

#include "replay/queries.h"

namespace daybook {

std::string cluster_in(const std::string& evidence) {
  constexpr std::string_view word = "system ";
  const std::size_t at = evidence.rfind(word);
  if (at == std::string::npos) return {};
  const std::size_t from = at + word.size();
  return evidence.substr(from, evidence.find_first_not_of("0123456789", from) - from);
}

SinkMemory sink_memory(const BookView& book, const std::string& sink) {
  const GenerationState* last = nullptr;
  for (const Slot& slot : book.state.slots) {
    if (slot.sink != sink) continue;
    const GenerationState* current = generation(slot, slot.current);
    if (current != nullptr && (last == nullptr || current->committed_at > last->committed_at))
      last = current;
  }
  if (last == nullptr) return {};
  const auto entry = entry_at(book.ledger, last->committed_at);
  if (!entry) return {};
  const auto* committed = std::get_if<LoadCommitted>(&entry->event);
  if (committed == nullptr) return {};
  return {.cluster = cluster_in(committed->evidence), .load_id = last->load_id};
}

}  // namespace daybook
