// The book's signing key on disk: one line in the text form of Go's note package,
// "PRIVATE+KEY+<name>+<id>+<base64(01 || seed)>", mode 0600.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "ledger/file_system.h"
#include "ledger/note.h"

namespace daybook {

// Fills the span with unpredictable bytes: the seam for randomness.
using RandomBytes = std::function<void(std::span<std::byte>)>;

// Durable when it returns; conflict where the file exists.
Result<NoteSigner> create_signing_key(FileSystem& files, const std::string& path,
                                      const std::string& name, const RandomBytes& entropy);
// invalid where others than the owner may read or write the file.
Result<NoteSigner> load_signing_key(FileSystem& files, const std::string& path);

}  // namespace daybook
