// An exported directory as the verifier meets it: untrusted names and files. Nothing below it is
// reached through a symbolic link, no file is opened that could wait, and none is read further than
// the caller allows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/error.h"

namespace daybook {

// An open file, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

class ExportDirectory {
 public:
  // The directory a person named may be reached through links.
  static Result<ExportDirectory> open(const std::string& path);

  // The content of the file `name` ("tile/0/000"). `not_found` where it is not there; `invalid`
  // where it is no plain file, is behind a link, or has more than `bytes_max` bytes; `io` where the
  // machine does not give it.
  Result<std::string> read(const std::string& name, std::size_t bytes_max) const;

  // Every name below, in no particular order. A directory is descended into when `visit` says so.
  enum class Kind { file, directory, other };
  using Visit = std::function<bool(const std::string& name, Kind kind)>;
  Result<void> walk(const Visit& visit) const;

 private:
  explicit ExportDirectory(Descriptor root) : root_(std::move(root)) {}

  Descriptor root_;
  mutable std::string parent_;  // the directory of the last file read
  mutable Descriptor opened_;
};

// A file a person named: links are followed, but it is a plain file of at most `bytes_max` bytes.
Result<std::string> read_named_file(const std::string& path, std::size_t bytes_max);

// One file of an export by its path. `width` entries or hashes; full ones have 256.
struct TileName {
  std::optional<unsigned> level;  // none: a bundle of entries
  std::uint64_t index = 0;
  unsigned width = 0;
  bool operator==(const TileName&) const = default;
};
std::optional<TileName> parse_tile_name(std::string_view path);  // the one spelling, or nothing
bool is_tile_directory(std::string_view path);                   // may hold files of tiles

// Does a tree of `size` have it? True of full ones, of the last partial ones, and of those that
// were the last at some smaller size.
bool is_within(const TileName& name, std::uint64_t size);

}  // namespace daybook
