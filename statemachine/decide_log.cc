// The rules of what others see of the log: who cosigns it, and who signs it.
#include <algorithm>

#include "statemachine/decisions.h"

namespace daybook::decisions {

using enum Refusal::Code;

Decision on(const State& state, const Context&, const AddWitness& c) {
  if (c.name.empty() || c.name.size() > 128 || c.vkey.empty() || c.url.empty())
    return refuse(mismatch, "a witness has a name, a key and a URL");
  if (c.vkey.size() > limits::text_bytes_max || c.url.size() > limits::text_bytes_max)
    return refuse(too_large, "the key and the URL of a witness have at most {} bytes",
                  limits::text_bytes_max);
  for (const auto& [name, witness] : state.witnesses) {
    if (name == c.name && witness.vkey == c.vkey && witness.url == c.url)
      return refuse(already, "{} is a witness with this key and URL", c.name);
    if (name != c.name && witness.vkey == c.vkey)
      return refuse(conflict, "this key is that of the witness {}", name);
  }
  if (!state.witnesses.contains(c.name) && state.witnesses.size() >= limits::witnesses_max)
    return refuse(too_large, "at most {} witnesses", limits::witnesses_max);
  return {{WitnessAdded{.name = c.name, .vkey = c.vkey, .url = c.url}}};
}

Decision on(const State& state, const Context&, const RemoveWitness& c) {
  if (!state.witnesses.contains(c.name)) return refuse(unknown, "there is no witness {}", c.name);
  if (c.reason.empty()) return refuse(mismatch, "removing a witness needs a reason");
  return {{WitnessRemoved{.name = c.name, .reason = c.reason}}};
}

namespace {

// A key signs for one log, and for one stretch of it.
std::expected<void, Refusal> fresh_key(const State& state, const std::string& vkey,
                                       EntryIndex index, const std::string& reason) {
  if (vkey.empty() || vkey.size() > limits::text_bytes_max)
    return refuse(mismatch, "a key is needed");
  if (reason.empty()) return refuse(mismatch, "another key needs a reason");
  const auto used = [&](const LogKeyChange& change) {
    return change.old_vkey == vkey || change.vkey == vkey;
  };
  if (vkey == state.log_vkey || std::ranges::any_of(state.log_keys, used))
    return refuse(already, "this key signed for the book before");
  if (index != state.size)
    return refuse(stale, "the key was named after {} entries, the book has {}", index, state.size);
  return {};
}

}  // namespace

Decision on(const State& state, const Context&, const RotateLogKey& c) {
  if (const auto fresh = fresh_key(state, c.log_vkey, c.index, c.reason); !fresh)
    return std::unexpected(fresh.error());
  if (c.signature.empty()) return refuse(mismatch, "the old key has to sign for the new one");
  return {{LogKeyRotated{
      .log_vkey = c.log_vkey, .root = c.root, .signature = c.signature, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const ChangeLogOrigin& c) {
  if (const auto fresh = fresh_key(state, c.log_vkey, c.index, c.reason); !fresh)
    return std::unexpected(fresh.error());
  const auto used = [&](const LogKeyChange& change) {
    return change.old_origin == c.origin || change.origin == c.origin;
  };
  if (c.origin.empty() || c.origin.size() > limits::text_bytes_max)
    return refuse(mismatch, "a log has an origin");
  if (c.origin == state.origin || std::ranges::any_of(state.log_keys, used))
    return refuse(already, "{} was the origin of this book before", c.origin);
  return {{LogOriginChanged{.origin = c.origin,
                            .log_vkey = c.log_vkey,
                            .old_origin = log_name(state).origin,
                            .seen = c.seen,
                            .root = c.root,
                            .signature = c.signature,
                            .reason = c.reason}}};
}

}  // namespace daybook::decisions
