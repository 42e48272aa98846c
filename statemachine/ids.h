// Identifiers and small shared values. Each id is its own type, so a SlotId can never be passed
// where a RunId is meant.
//
// Ids are dense: the n-th run, slot, definition … of the book has number n, counted from 0 in order
// of appearance. They make entries small and the fold a vector index; names stand once, in the
// entry that introduces the id.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace daybook {

enum class RunId : std::uint32_t {};
enum class SlotId : std::uint32_t {};
enum class DefinitionId : std::uint32_t {};
enum class BatchId : std::uint32_t {};  // quarantine batch
enum class ApprovalId : std::uint32_t {};
enum class CompensationId : std::uint32_t {};
enum class ErasureId : std::uint32_t {};
enum class LegalHoldId : std::uint32_t {};

inline constexpr RunId no_run{std::numeric_limits<std::uint32_t>::max()};
inline constexpr SlotId no_slot{std::numeric_limits<std::uint32_t>::max()};
inline constexpr BatchId no_batch{std::numeric_limits<std::uint32_t>::max()};
inline constexpr CompensationId no_compensation{std::numeric_limits<std::uint32_t>::max()};
inline constexpr ErasureId no_erasure{std::numeric_limits<std::uint32_t>::max()};

using Attempt = std::uint32_t;     // from 1 within a slot, over all runs: never reused
using Generation = std::uint32_t;  // from 1 within a slot; 0: none
using EntryIndex = std::uint64_t;  // 0-based position in the ledger
inline constexpr EntryIndex no_entry = std::numeric_limits<std::uint64_t>::max();

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

// UUIDv7 of a run; also the W3C trace id of everything it did.
using Uuid = std::array<std::uint8_t, 16>;

// Microseconds since 1970-01-01T00:00:00Z. Recorded, never read by a decision save declared
// expiries and retry delays.
using Timestamp = std::int64_t;

// A detached payload: salted digest and plain length. The bytes may be erased; this stays.
struct PayloadRef {
  Digest digest{};
  std::uint64_t bytes = 0;
  auto operator<=>(const PayloadRef&) const = default;
};

// Lets {fmt} print an id as its number.
constexpr auto format_as(RunId id) { return std::to_underlying(id); }
constexpr auto format_as(SlotId id) { return std::to_underlying(id); }
constexpr auto format_as(DefinitionId id) { return std::to_underlying(id); }
constexpr auto format_as(BatchId id) { return std::to_underlying(id); }
constexpr auto format_as(ApprovalId id) { return std::to_underlying(id); }
constexpr auto format_as(CompensationId id) { return std::to_underlying(id); }
constexpr auto format_as(ErasureId id) { return std::to_underlying(id); }
constexpr auto format_as(LegalHoldId id) { return std::to_underlying(id); }

}  // namespace daybook
