// A look at the logs of RocksDB before it reads them as a secondary. Its reader for that
// (FragmentBufferedReader of 7.8.3) never ends where a record after the first says that its log was
// recycled: it neither takes the record nor passes over it. Logs are not recycled here, so such a
// record is damage, and is said to be. Everything else is left to RocksDB, which has checksums.
// Format: github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format.
#pragma once

#include <string>

#include "ledger/error.h"

namespace rocksdb {
class Env;
}

namespace daybook {

// Of the MANIFESTs and write-ahead logs in the directory; reads each once. `corrupt` names the file
// and the byte. A file that its keeper deletes meanwhile is passed over.
Result<void> check_framing(rocksdb::Env& env, const std::string& directory);

}  // namespace daybook
