// The keeper's side of erasures: proposing one, and carrying one out.
#pragma once

#include "runner/erasure.h"
#include "runner/service/requests.h"

namespace daybook {

// {"policy", "reason", "batches": [{"batch", "records": [n…]}…], "inputs": ["hex digest"…]}: the
// plan with its number, and the approval it waits for.
boost::asio::awaitable<RequestAnswer> propose_erasure_request(Keeper& keeper, Actor actor,
                                                              nlohmann::json arguments);

// {"erasure"}: starts an approved one, or goes on with one that was started; destroys the keys. The
// answer is the receipt.
boost::asio::awaitable<RequestAnswer> start_erasure_request(Keeper& keeper, Actor actor,
                                                            nlohmann::json arguments);

nlohmann::json json_of(const State& state, const PlannedErasure& plan);

}  // namespace daybook
