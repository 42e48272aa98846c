// A sink that is a directory of files: Parquet, CSV or JSON Lines.
//
//   <root>/<partition>/part-<gen>-<load16>-<n>.<ext>   what readers see: <root>/*/*.parquet
//   <root>/.daybook/<slot>/…                           markers and the data of every generation
//   <root>/.stage/<slot>/…                             what is being made
//
// The manifest `.daybook/<slot>/<gen>.json` is the commit point. The visible directory is derived
// from it: plain files (hard links to the stored data) in a plain directory that is exchanged with
// its successor in one rename, so a reader's pattern finds one generation, whole, or in append mode
// all committed ones; after a crash between manifest and exchange it finds the previous one until
// the load is settled. Symbolic links would have been simpler, but a recursive pattern of common
// readers does not follow them and does walk into dot directories: it would have found every
// retained generation instead. Such a pattern over the whole root is right here at rest; only in
// the moment of an exchange (or after a crash in it) may it see the directory that comes or goes.
//
// Files of others in a partition's directory stay there. Superseded generations are kept for
// restore_previous; tidy() keeps the newest `superseded_generations_kept` of them. The staged files
// must not be written to any more: on one file system they are linked, not copied.
#pragma once

#include <filesystem>
#include <memory>

#include "runner/connect/sink.h"

namespace daybook {

// `project` is an absolute path that exists; the sink's path is relative to it and is made where it
// is missing, symbolic links below the project refused.
SinkResult<std::unique_ptr<SinkDriver>> open_directory_sink(const std::filesystem::path& project,
                                                            const DirectorySink& sink);

}  // namespace daybook
