// The head of the ledger, kept outside the database: what turns a silently shorter database into a
// refusal. Two slots of 512 bytes, written in turn, so that a torn write leaves the other one.
//
// Slot, integers little-endian: "DAYBOOKA" | u64 turn | u64 size | u64 boot epoch | ledger id [16]
// | root [32] | zeros | SHA-256 of all before [32]. The valid slot with the greater turn counts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "ledger/digest.h"
#include "ledger/error.h"
#include "ledger/file_system.h"
#include "ledger/ledger.h"

namespace daybook {

using LedgerId = std::array<std::uint8_t, 16>;  // random; what tells two books apart

struct AnchorHead {
  LedgerId ledger{};
  TreeHead head;
  std::uint64_t boot_epoch = 0;  // how often the ledger was opened for writing
  bool operator==(const AnchorHead&) const = default;
};

class Anchor {
 public:
  // Makes the file with both slots valid. conflict where it exists.
  static Result<Anchor> create(FileSystem& files, const std::string& path, const AnchorHead& head);
  // corrupt where no slot is valid, not_found where there is no file. Writes nothing.
  static Result<Anchor> open(FileSystem& files, const std::string& path);
  // For a process beside the keeper.
  static Result<AnchorHead> read(FileSystem& files, const std::string& path);

  const AnchorHead& head() const { return head_; }
  // On stable storage when this returns. After an error: stop.
  Result<void> advance(const AnchorHead& head);

 private:
  Anchor(std::unique_ptr<File> file, AnchorHead head, std::uint64_t turn)
      : file_(std::move(file)), head_(head), turn_(turn) {}

  std::unique_ptr<File> file_;
  AnchorHead head_;
  std::uint64_t turn_;
};

}  // namespace daybook
