// An exported directory (export.h) read as the ledger it was made from: everything that reads a
// ledger reads an export too. Takes no append, and vouches for nothing: hashes are those the files
// hold, and no signature is asked about. Whether they fit together is a question for verify_book
// or daybook-verify.
#pragma once

#include <memory>
#include <string>

#include "ledger/file_system.h"
#include "ledger/ledger.h"
#include "ledger/tile_tree.h"

namespace daybook {

class ExportedLedger : public Ledger {
 public:
  // `not_found` where the directory holds no checkpoint; `corrupt` where that is none. `files`
  // outlives the ledger.
  static Result<std::unique_ptr<ExportedLedger>> open(const std::string& directory,
                                                      FileSystem& files);

  const std::string& origin() const { return origin_; }  // as the checkpoint says

  TreeHead head() const override { return head_; }
  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override;
  Result<Digest> root_at(std::uint64_t size) const override;
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                              std::uint64_t size) const override;
  Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                std::uint64_t to) const override;
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override;
  Result<std::string> get(std::string_view key) const override;  // the checkpoint's note
  Result<std::vector<std::string>> keys(std::string_view prefix) const override;

  Result<TreeHead> append(std::span<const Bytes>) override;      // always an error
  Result<void> put(std::string_view key, Bytes value) override;  // always an error

 private:
  ExportedLedger(std::string directory, FileSystem& files)
      : directory_(std::move(directory)), files_(files) {}
  Result<std::string> file(const std::string& name, std::size_t bytes_max) const;
  Result<std::vector<Digest>> hashes(const std::string& name, std::size_t count) const;
  SubtreeHash subtrees() const;

  std::string directory_;
  FileSystem& files_;
  std::string origin_, note_;
  TreeHead head_;
  OpenTiles open_;
};

}  // namespace daybook
