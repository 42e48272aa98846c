// An append-only sequence of entries under one RFC 6962 Merkle tree. Knows bytes, not pipelines.
//
// Entry i (0-based) is the exact byte string given to append; its leaf hash is
// SHA-256(0x00 || bytes). Entries are 1 to 65,535 bytes (the limit of a C2SP tlog-tiles bundle).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

inline constexpr std::size_t entry_bytes_max = 65'535;

// The size of the log and the Merkle root over all of its entries: what an anchor and a checkpoint
// both say.
struct TreeHead {
  std::uint64_t size = 0;
  Digest root{};
  bool operator==(const TreeHead&) const = default;
};

class Ledger {
 public:
  virtual ~Ledger() = default;

  // Appends the group after head(), all or nothing. When this returns, every entry of the group is
  // on stable storage, under the returned root, and the anchor says so: it may be acknowledged.
  // On error nothing of the group may be acknowledged and the ledger takes no more appends: the
  // process is to stop, and the next open decides what was kept (crash-only).
  // One thread at a time.
  virtual Result<TreeHead> append(std::span<const Bytes> entries) = 0;

  // The head of what is durable. Safe beside an append.
  virtual TreeHead head() const = 0;

  // Calls `visit(index, bytes)` for each entry of [from, to) in order; `bytes` is 8-byte aligned
  // and lives only during the call. Stops early when visit returns false (that is success). Fails
  // with `corrupt` rather than deliver a gap, a short range, or an entry that does not parse. Safe
  // beside an append.
  using Visit = std::function<bool(std::uint64_t index, Bytes entry)>;
  virtual Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const = 0;

  // The same by groups of consecutive entries, for readers that hash or decode many at a time.
  using VisitGroup = std::function<bool(std::uint64_t first, std::span<const Bytes> entries)>;
  virtual Result<void> read_groups(std::uint64_t from, std::uint64_t to,
                                   const VisitGroup& visit) const {
    return read(from, to, [&](std::uint64_t index, Bytes entry) {
      return visit(index, std::span(&entry, 1));
    });
  }

  // The root over the first `size` entries, from tiles; size <= head().size.
  virtual Result<Digest> root_at(std::uint64_t size) const = 0;

  // Inclusion path of `index` in the tree of `size`, leaf sibling first; and the consistency proof
  // between two sizes. RFC 6962 2.1.1 and 2.1.2.
  virtual Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                                      std::uint64_t size) const = 0;
  virtual Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                        std::uint64_t to) const = 0;

  // The 256 hashes of a sealed tile (ledger/tiles.h) as stored: what a full verification compares.
  // Requires (index + 1) << 8 (level + 1) <= head().size.
  virtual Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const = 0;

  // Small named values beside the log (checkpoints, snapshots, indexes): replaced as a whole,
  // durable when this returns. Nothing here is trusted: it can always be rebuilt or re-verified
  // from entries.
  virtual Result<void> put(std::string_view key, Bytes value) = 0;
  virtual Result<std::string> get(std::string_view key) const = 0;  // not_found where absent
  // Keys with this prefix, in byte order.
  virtual Result<std::vector<std::string>> keys(std::string_view prefix) const = 0;
};

}  // namespace daybook
