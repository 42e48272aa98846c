// The book as files that others verify without Daybook: a C2SP tlog-tiles directory
// (https://c2sp.org/tlog-tiles), and single entries as C2SP tlog proofs.
//
// A directory is the book up to its latest checkpoint: `checkpoint` (the signed note as it is),
// `tile/<L>/<N>[.p/<W>]` (hashes) and `tile/entries/<N>[.p/<W>]` (entries), and
// `timestamps/<size>-<n>.checkpoint` and `.tsr` where checkpoints were stamped (RFC 3161). It
// grows: an export into a directory that holds an earlier one adds what is new and removes nothing,
// so that every checkpoint somebody fetched before stays verifiable.
#pragma once

#include <string>

#include "ledger/error.h"
#include "ledger/file_system.h"
#include "ledger/ledger.h"

namespace daybook {

struct ExportReport {
  TreeHead head;                // what the exported checkpoint says
  std::uint64_t before = 0;     // entries the directory's checkpoint covered before; 0: none
  std::uint64_t files = 0;      // written now
  std::uint64_t bytes = 0;      // in them
  std::string checkpoint = {};  // the note
};

// Makes `directory` where it is absent; its parent exists. Every file is written beside, synced and
// renamed, the checkpoint last of all: whenever this ends, the directory's checkpoint is one whose
// files are all there and durable. What a stopped export left is finished by the next one.
//
// Entries are read and hashed again; nothing is written that does not agree with the stored tiles
// and the signed root (`corrupt`). `not_found` where nothing was signed yet; `conflict` where the
// directory holds another book, a longer one, or another file at a full tile's path, which is never
// written twice, and where another export is at work. Safe beside an append.
Result<ExportReport> export_tiles(const Ledger& ledger, const std::string& directory,
                                  FileSystem& files);

// The latest checkpoint that was kept, cosignatures and all, with its root reached again from the
// entries. `not_found` where nothing was signed yet.
Result<std::string> latest_checkpoint(const Ledger& ledger);

// The proof that entry `index` is under the latest checkpoint: https://c2sp.org/tlog-proof@v1.
// `not_found` where no checkpoint covers it yet. `keys`, a chain of keys (replay/log_keys.h),
// stands on its `extra` line where it is not empty.
Result<std::string> export_proof(const Ledger& ledger, std::uint64_t index,
                                 std::string_view keys = {});

}  // namespace daybook
