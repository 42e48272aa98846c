#include "ledger/rocksdb_framing.h"

#include <fmt/format.h>
#include <rocksdb/env.h>

#include <memory>
#include <vector>

namespace daybook {

using rocksdb::Slice;
using rocksdb::Status;

namespace {

constexpr std::size_t block_bytes = 32'768, header_bytes = 7;  // crc[4] length[2] type[1]

bool says_recycled(unsigned char type) { return type >= 5 && type <= 8; }

Result<void> failed(const std::string& path, const Status& status) {
  return std::unexpected(
      Error{Error::Code::io, fmt::format("reading {}: {}", path, status.ToString()), ""});
}

Result<void> check_file(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  const Status opened = env.NewSequentialFile(path, &file, rocksdb::EnvOptions());
  if (opened.IsNotFound() || opened.IsPathNotFound()) return {};
  if (!opened.ok()) return failed(path, opened);
  std::vector<char> room(block_bytes);
  for (std::uint64_t start = 0;; start += block_bytes) {
    Slice block;
    if (const Status read = file->Read(block_bytes, &block, room.data()); !read.ok())
      return failed(path, read);
    for (std::size_t at = 0; at + header_bytes <= block.size();) {
      const auto* header = reinterpret_cast<const unsigned char*>(block.data()) + at;
      if (says_recycled(header[6]))
        return std::unexpected(
            Error{Error::Code::corrupt,
                  fmt::format("{} is damaged at byte {}: no record of ours is of type {}", path,
                              start + at, header[6]),
                  "restore the book from a copy; nothing was changed"});
      at += header_bytes + (std::size_t{header[4]} | std::size_t{header[5]} << 8U);
    }
    if (block.size() < block_bytes) return {};
  }
}

}  // namespace

Result<void> check_framing(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  if (const Status listed = env.GetChildren(directory, &names); !listed.ok())
    return failed(directory, listed);
  for (const std::string& name : names)
    if (name.starts_with("MANIFEST-") || name.ends_with(".log"))
      if (auto good = check_file(env, directory + "/" + name); !good) return good;
  return {};
}

}  // namespace daybook
