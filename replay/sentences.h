// What an event says, in plain English: one sentence a kind, for people who were not there.
#pragma once

#include <cstdint>
#include <string>

#include "statemachine/events.h"
#include "statemachine/state.h"

namespace daybook {

// Without time and actor, which stand beside it. `state` is that of the same book at the event or
// later: it has the names behind the ids, which never change. Ids it does not know are shown as
// numbers.
std::string sentence(const State& state, const Event& event);

// "runways 2022-06-01".
std::string slot_title(const State& state, SlotId slot);

// "the load of runways 2022-06-01", "compensation 3", "erasure 0".
std::string approval_subject(const State& state, ApprovalSubject subject, SlotId slot,
                             CompensationId compensation, ErasureId erasure);

std::string short_hex(const Digest& digest);  // twelve digits
std::string grouped(std::uint64_t number);    // "12,345"

}  // namespace daybook
