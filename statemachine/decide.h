// What may happen next. Reads the state, answers with facts or with a reason not to; changes
// nothing.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/state.h"

namespace daybook {

// A refusal is an ordinary answer, not a failure: the caller asked for what the state rules out.
struct Refusal {
  enum class Code : std::uint8_t {
    book_exists,
    no_book,
    unknown,      // run, slot, batch, approval … that is not there
    already,      // it is so already
    conflict,     // another run works on it, or the state has moved on
    wrong_phase,  // not possible from where the slot, run or compensation stands
    paused,
    cancelled,
    circuit_open,
    too_early,    // before the retry delay is over
    stale,        // the digest is not that of the current plan
    not_allowed,  // role, separation of duties, key
    not_approved,
    too_large,  // over a limit of `limits`
    mismatch,   // counts or digests contradict what the book holds
    on_hold,    // a legal hold keeps it
  };
  Code code = Code::conflict;
  std::string detail;
  bool operator==(const Refusal&) const = default;
};

std::string_view name(Refusal::Code code);
std::string_view name(SlotPhase phase);  // "waiting for a retry"

using Decision = std::expected<std::vector<Event>, Refusal>;

Decision decide(const State& state, const Context& context, const Command& command);

// What a person may ask for. A role binds once somebody enrolled holds it: from then on what it
// covers is refused to everybody without it. A book in which nobody holds it is open to whoever may
// write to its folder. An admin may do everything but approve, which always takes an approver.
namespace roles {
inline constexpr std::string_view admin = "admin";        // enrols, revokes; keys and witnesses
inline constexpr std::string_view operate = "operator";   // runs, pauses, cancels, reconciles
inline constexpr std::string_view steward = "steward";    // amends, releases, discards records
inline constexpr std::string_view approver = "approver";  // signs loads and compensations
inline constexpr std::string_view reader = "reader";      // nothing of the above
inline constexpr std::array all = {admin, operate, steward, approver, reader};
}  // namespace roles

// Delay before the next attempt after `failures` failures: exponential, capped, half of it jitter
// drawn from `seed`. Pure, so that the book can show why it was that long.
std::uint64_t retry_delay_ms(const RetryRule& rule, std::uint32_t failures, std::uint64_t seed);

// read = accepted + quarantined + filtered + merged, without overflow.
bool conserved(const RowCounts& counts);

// The generation a load of this content is to have: a new one, or that of an aborted load of the
// same content.
Generation next_generation(const Slot& slot, const Digest& content);

// The identity of a load: SHA-256 over this text is the load id (the caller hashes).
std::string load_identity(const State& state, const Slot& slot, Generation generation,
                          const Digest& content);

}  // namespace daybook
