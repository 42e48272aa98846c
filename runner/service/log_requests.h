// Requests about what others see of the log:
//
//   witness-collect    {}: signs a checkpoint of everything, and has it cosigned
//   log-key-rotate     {"reason"}
//   log-origin-new     {"origin", "reason"}; without "origin": the book's name and a number
//   timestamp-pending  {"note", "request"} (base64): what a time stamp is asked for, to be kept
//   timestamp-keep     {"note", "response"} (base64)
//
// The first three answer {"size", "root", "note", "witnesses": [{"name", "says", "seen",
// "detail"}…]}, those that change the key also {"entry", "origin", "old_vkey", "vkey"}.
#pragma once

#include <string_view>

#include "runner/service/requests.h"

namespace daybook {

bool is_log_request(std::string_view verb);
boost::asio::awaitable<RequestAnswer> handle_log_request(Keeper& keeper, Actor actor,
                                                         Request request);

}  // namespace daybook
