// Entries to bytes and back: the one place that knows both the events and their wire form
// (entry.capnp). No Cap'n Proto type and no exception leaves it. Safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"
#include "statemachine/events.h"

namespace daybook {

// Replaces `out` by the entry's bytes, in canonical form: equal entries give equal bytes. A caller
// that keeps `out` between calls allocates nothing. The bound of 65,535 bytes is for decide and the
// ledger to keep: a larger entry is encoded, and refused by append and by decode.
void encode(const Entry& entry, std::vector<std::byte>& out);
std::vector<std::byte> encode(const Entry& entry);

// `newer_version`: an event kind or an enumerant this program does not know; stop and upgrade,
// never skip. `corrupt`: the bytes are no entry. Total and bounded: it reads each byte at most a
// few times, whatever the bytes say. No copy is made of 8-byte aligned input. Fields that a newer
// program added to a known kind are ignored here; they stay in the stored bytes and under the tree.
Result<Entry> decode(Bytes bytes);

// The same into an entry that is reused from call to call; unspecified on error.
Result<void> decode(Bytes bytes, Entry& entry);

// Is this the one canonical spelling of its content? A question about form alone, which needs no
// schema: bytes may be canonical and no entry. Asked by tests and by verify, beside decode.
bool is_canonical(Bytes bytes);

// "LoadCommitted".
std::string_view event_name(const Event& event);

std::string iso_time(Timestamp time);     // "2026-01-31T09:00:00.000000Z"
std::string uuid_text(const Uuid& uuid);  // 8-4-4-4-12 hex digits

// One line for a reader: the kind, then every field that is neither empty nor "none", by its name
// in the schema. Digests are cut to 12 digits. Of bytes that are no entry it says that.
std::string describe(const Entry& entry);
std::string describe(Bytes bytes);

// One JSON object without line breaks: index, recorded_at, correlation, cause, epoch, actor, kind
// and the event's fields. Digests and UUIDs are hex; "none" is null; integers beyond 2^53 are
// strings, since JSON readers round them; bytes that are not UTF-8 become U+FFFD.
std::string entry_json(const Entry& entry, EntryIndex index);

}  // namespace daybook
