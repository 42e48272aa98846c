// A snapshot: magic, layout of State, tree root at its size, digest of the state's bytes, these
// bytes.
#include "replay/fold.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "ledger/assertion.h"
#include "ledger/codec/event_codec.h"
#include "replay/state_bytes.h"
#include "statemachine/apply.h"

namespace daybook {
namespace {

constexpr std::string_view magic = "daybook snapshot 1\n";
constexpr std::string_view prefix = "snapshot/";
constexpr std::size_t snapshots_kept = 4;

std::string key_of(EntryIndex size) { return fmt::format("{}{:020}", prefix, size); }

std::optional<EntryIndex> size_of(std::string_view key) {
  key.remove_prefix(prefix.size());
  EntryIndex size = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), size);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return size;
}

// What a snapshot at `size` of this ledger begins with.
Result<std::string> header(const Ledger& ledger, EntryIndex size) {
  const auto root = ledger.root_at(size);
  if (!root) return std::unexpected(root.error());
  std::string out(magic);
  for (const Digest& digest : {state_layout(), *root})
    out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return out;
}

// The latest usable snapshot at or before `size`; the empty state where there is none.
State nearest(const Ledger& ledger, EntryIndex size) {
  const auto sizes = snapshot_sizes(ledger);
  for (auto at = sizes.rbegin(); at != sizes.rend(); ++at) {
    if (*at > size) continue;
    if (auto state = load_snapshot(ledger, *at)) return std::move(*state);
  }
  return {};
}

}  // namespace

std::vector<EntryIndex> snapshot_sizes(const Ledger& ledger) {
  std::vector<EntryIndex> sizes;
  const auto keys = ledger.keys(prefix);
  if (!keys) return sizes;
  for (const std::string& key : *keys)
    if (const auto size = size_of(key)) sizes.push_back(*size);
  return sizes;
}

std::optional<State> load_snapshot(const Ledger& ledger, EntryIndex size) {
  const auto expected = header(ledger, size);
  const auto stored = ledger.get(key_of(size));
  if (!expected || !stored || !stored->starts_with(*expected)) return std::nullopt;
  const auto rest = bytes_of(*stored).subspan(expected->size());
  if (rest.size() < sizeof(Digest)) return std::nullopt;
  const auto body = rest.subspan(sizeof(Digest));
  const Digest digest = sha256(body);
  if (std::memcmp(digest.data(), rest.data(), digest.size()) != 0) return std::nullopt;
  auto state = state_from_bytes(body);
  if (!state || state->size != size) return std::nullopt;
  return std::move(*state);
}

Result<void> fold_on(State& state, const Ledger& ledger, EntryIndex size) {
  const EntryIndex head = ledger.head().size;
  if (size > head) return fail(Error::Code::invalid, "the book has {} entries, not {}", head, size);
  if (state.size > size)
    return fail(Error::Code::invalid, "a state of {} entries does not go back to {}", state.size,
                size);
  std::optional<Error> wrong;
  Entry entry;
  const auto done = ledger.read(state.size, size, [&](std::uint64_t index, Bytes bytes) {
    if (index != state.size) {
      wrong = Error{Error::Code::corrupt,
                    fmt::format("entry {} stands where {} belongs", index, state.size)};
      return false;
    }
    if (auto decoded = decode(bytes, entry); !decoded) {
      wrong = std::move(decoded.error());
      wrong->detail = fmt::format("entry {}: {}", index, wrong->detail);
      return false;
    }
    apply(state, entry);
    DAYBOOK_ASSERT(state.size == index + 1, "apply counts every entry: {} {}", state.size, index);
    return true;
  });
  if (wrong) return std::unexpected(std::move(*wrong));
  if (!done) return done;
  if (state.size != size)
    return fail(Error::Code::corrupt, "the book ended after {} of {} entries", state.size, size);
  return {};
}

Result<State> fold(const Ledger& ledger, EntryIndex size, Snapshots snapshots) {
  Result<State> state;
  if (snapshots == Snapshots::use) *state = nearest(ledger, size);
  if (auto done = fold_on(*state, ledger, size); !done)
    state = std::unexpected(std::move(done.error()));
  return state;
}

Result<EntryIndex> size_as_of(const Ledger& ledger, Timestamp time) {
  EntryIndex low = 0,
             high = ledger.head().size;  // all before low are within, all from high are not
  while (low < high) {
    const EntryIndex middle = low + (high - low) / 2;
    Result<Entry> entry = fail(Error::Code::corrupt, "entry {} was not delivered", middle);
    const auto done = ledger.read(middle, middle + 1, [&](std::uint64_t, Bytes bytes) {
      entry = decode(bytes);
      return true;
    });
    if (!done) return std::unexpected(done.error());
    if (!entry) return std::unexpected(entry.error());
    if (entry->envelope.recorded_at <= time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

Result<void> save_snapshot(Ledger& ledger, const State& state) {
  auto value = header(ledger, state.size);
  if (!value) return std::unexpected(value.error());
  const auto body = state_bytes(state);
  const Digest digest = sha256(body);
  value->append(reinterpret_cast<const char*>(digest.data()), digest.size());
  value->append(reinterpret_cast<const char*>(body.data()), body.size());
  if (auto done = ledger.put(key_of(state.size), bytes_of(*value)); !done) return done;

  // A ledger forgets no key, but an emptied one takes no space.
  auto keys = ledger.keys(prefix);
  if (!keys) return std::unexpected(keys.error());
  if (keys->size() <= snapshots_kept) return {};
  const std::string& oldest = (*keys)[keys->size() - snapshots_kept - 1];
  return ledger.put(oldest, {});
}

}  // namespace daybook
