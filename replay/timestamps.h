// Time stamps (ledger/timestamp.h) of a book's checkpoints, as they are kept: outside the log,
// beside the checkpoint, with the exact bytes that were stamped. The note may get cosignatures
// later; the copy here does not.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/note.h"

namespace daybook {

struct KeptTimestamp {
  std::uint64_t size = 0;    // entries of the checkpoint
  std::uint32_t number = 0;  // of that size, from 0
  std::string note, response;
  bool operator==(const KeptTimestamp&) const = default;

  std::string name() const;  // "42-0": of its files, with ".checkpoint" and ".tsr"
};
// "42-0" and nothing else.
std::optional<std::pair<std::uint64_t, std::uint32_t>> parse_timestamp_name(std::string_view name);

// Those of checkpoints of at most `size` entries, in order.
Result<std::vector<KeptTimestamp>> kept_timestamps(const Ledger& ledger, std::uint64_t size);

// How a value is kept beside the log (Ledger::put).
using KeepValue = std::function<Result<void>(std::string_view key, std::string_view value)>;

// Keeps one more. The response is about the note's bytes (`invalid` otherwise).
Result<KeptTimestamp> keep_timestamp(const Ledger& ledger, const KeepValue& keep, std::string note,
                                     std::string response);

// A request that is under way: what is kept until its answer comes. The newest takes the place of
// the one before.
struct PendingTimestamp {
  std::string note, request;
};
Result<void> keep_pending_timestamp(const KeepValue& keep, const PendingTimestamp& pending);
Result<std::optional<PendingTimestamp>> pending_timestamp(const Ledger& ledger);

// The head that a stamped note claims: signed by one of `logs`, and what the response is about.
Result<TreeHead> stamped_head(const std::string& note, const std::string& response,
                              std::span<const NoteVerifier> logs);

}  // namespace daybook
