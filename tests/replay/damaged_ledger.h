// A ledger whose storage changes under it, after the append was acknowledged.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "ledger/memory_ledger.h"
#include "statemachine/ids.h"

namespace daybook::testing {

class DamagedLedger : public MemoryLedger {
 public:
  // Entry `index` now reads as this.
  std::map<EntryIndex, std::vector<std::byte>> replaced;
  // Tile (level, index) now reads with its first hash changed.
  std::optional<std::pair<unsigned, std::uint64_t>> bad_tile;
  std::optional<EntryIndex> ends_at;  // entries from here on are gone
  bool disk_fails = false;
  mutable std::uint64_t entries_read = 0;

  void flip(EntryIndex index, std::size_t bit) {
    std::vector<std::byte>& bytes = replaced[index];
    (void)MemoryLedger::read(index, index + 1, [&](std::uint64_t, Bytes entry) {
      bytes.assign(entry.begin(), entry.end());
      return true;
    });
    bytes[bit / 8 % bytes.size()] ^= static_cast<std::byte>(1U << bit % 8);
  }

  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override {
    if (disk_fails) return fail(Error::Code::io, "the disk does not answer");
    return MemoryLedger::read(from, ends_at ? std::max(from, std::min(to, *ends_at)) : to,
                              [&](std::uint64_t index, Bytes entry) {
                                ++entries_read;
                                const auto other = replaced.find(index);
                                return visit(index,
                                             other == replaced.end() ? entry : other->second);
                              });
  }
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override {
    auto hashes = MemoryLedger::tile(level, index);
    if (hashes && bad_tile == std::pair(level, index)) (*hashes)[0][0] ^= 1;
    return hashes;
  }
};

}  // namespace daybook::testing
