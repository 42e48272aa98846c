#include "runner/stored_rows.h"

#include <fmt/format.h>

#include "replay/queries.h"
#include "runner/connect/slot_store.h"
#include "runner/dataplane/inputs.h"

namespace daybook {

Result<StoredRows> stored_rows(const BookView& book, const Pipeline& pipeline, const Slot& slot,
                               const GenerationState& generation) {
  const auto* sink = std::get_if<DirectorySink>(&pipeline.sink.to);
  if (sink == nullptr)
    return fail(Error::Code::not_found, "{} keeps no rows of single generations", slot.sink);
  if (generation.committed_at == no_entry)
    return fail(Error::Code::not_found, "generation {} was not loaded", generation.number);
  const auto loaded = loaded_files(book.ledger, generation.committed_at);
  if (!loaded) return std::unexpected(loaded.error());

  const std::filesystem::path data = std::filesystem::path(pipeline.project) / sink->path /
                                     ".daybook" / slot_name(slot.partition) /
                                     generation_directory(generation.number, generation.load_id);
  StoredRows rows{.format = sink->format, .files = {}};
  StageProgress progress;
  for (std::size_t i = 0; i < loaded->size(); ++i) {
    const std::filesystem::path file = data / StoredGeneration::part(i);
    std::error_code error;
    if (!std::filesystem::exists(file, error))
      return fail(Error::Code::not_found, "generation {} of {} is not kept any more",
                  generation.number, slot.partition);
    const auto found = hash_input(file.string(), pipeline.project, progress);
    if (!found) return fail(Error::Code::io, "{}: {}", file.string(), found.error().detail);
    if (found->digest != (*loaded)[i].digest)
      return fail(Error::Code::corrupt, "{} is not the file that entry {} recorded", file.string(),
                  generation.committed_at);
    rows.files.push_back(file);
  }
  return rows;
}

}  // namespace daybook
