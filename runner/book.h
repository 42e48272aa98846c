// Where a book's things are. One directory holds everything but the anchor, which may be elsewhere.
#pragma once

#include <filesystem>
#include <string>

#include "ledger/error.h"

namespace daybook {

struct BookPaths {
  std::filesystem::path root;  // absolute

  std::filesystem::path keys() const { return root / "keys"; }
  std::filesystem::path log_key() const { return keys() / "log.key"; }
  std::filesystem::path payloads() const { return root / "payloads"; }
  std::filesystem::path staging() const { return root / "staging"; }
  std::filesystem::path socket() const { return root / "keeper.sock"; }
  std::filesystem::path config() const { return root / "config.json"; }
};

// Finds the book from `start` upwards: the first `.daybook` folder that holds a config. not_found
// with a hint to `daybook init` otherwise.
Result<BookPaths> find_book(const std::filesystem::path& start);

// What a book is made with; config.json beside the database keeps it for people and for opening.
struct BookConfig {
  std::string origin;                       // "daybook.local/<hex>"
  std::string anchor;                       // path of the anchor; relative to the book's folder
  std::uint32_t checkpoint_every = 10'000;  // entries, besides one at the end of each run
};

Result<BookConfig> read_config(const BookPaths& paths);
Result<void> write_config(const BookPaths& paths, const BookConfig& config);

}  // namespace daybook
