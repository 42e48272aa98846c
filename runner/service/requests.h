// What another process (or a person at this one) may ask the keeper for, as JSON: one verb with its
// arguments. The same requests are handled in process where no keeper lives and through the
// keeper's socket where one does.
//
//   pause, resume         {"pipeline"|"run"|"slot", "reason"}; none of the three: the whole book
//   cancel                {"run", "reason"}
//   hold                  {"slot", "decision": "load_anyway"|"discard", "reason"}
//   slot-release          {"slot", "reason"}
//   amend                 {"batch", "record", "bytes" (base64), "reason"}
//   release, discard      {"batch", "records": [n…], "reason"}
//   approve               {"approval", "approver", "signature"}
//   reject                {"approval", "approver", "reason"}
//   principal-add         {"name", "key", "roles": […]}
//   principal-revoke      {"name", "reason"}
//   compensation-plan     {"slots": [n…]}
//   compensation-propose  {"slots": [n…], "reason"}
//   compensation-start    {"compensation"}
//   compensation-withdraw {"compensation", "reason"}
//   erasure-propose       {"policy", "reason", "batches": [{"batch", "records": [n…]}…],
//                          "inputs": ["hex digest"…]}
//   erasure-start         {"erasure"}
//   erasure-withdraw      {"erasure", "reason"}
//   legal-hold-add        {"pipeline"|"run"|"slot", "reason"}; none of the three: the whole book
//   legal-hold-release    {"hold", "reason"}
//   reconcile             {"pipeline", "deep", "record"}
//   witness-add           {"name", "vkey", "url"}
//   witness-remove        {"name", "reason"}
//   and those of log_requests.h
#pragma once

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "ledger/error.h"
#include "runner/keeper.h"
#include "statemachine/decide.h"

namespace daybook {

class Runner;

struct Request {
  std::string verb;
  nlohmann::json arguments = nlohmann::json::object();
};

using RequestFailure = std::variant<Error, Refusal>;
using RequestAnswer = std::expected<nlohmann::json, RequestFailure>;

// The one command a request stands for, for verbs that need nothing but the state: what a dry run
// gives to decide(). not_found for other verbs, invalid for arguments that do not fit.
Result<Command> command_of(const Request& request);

// Does it. `{"entries": [entry…]}` with what was recorded, and more where the verb has more to say.
// Without a runner, what needs one is `unavailable`.
boost::asio::awaitable<RequestAnswer> handle(Keeper& keeper, Runner* runner, Actor actor,
                                             Request request);

// The requests that change nothing (compensation-plan, and reconcile without "record"), for whoever
// has the book open: no keeper is needed, and none is in the way.
boost::asio::awaitable<RequestAnswer> handle_reading(BookView book, Executor& executor,
                                                     Request request);

// The wire: one JSON text each way. Total: hostile bytes give `invalid`.
std::string to_wire(const Request& request);
std::string to_wire(const RequestAnswer& answer);
Result<Request> request_from_wire(std::string_view text);
Result<RequestAnswer> answer_from_wire(std::string_view text);

}  // namespace daybook
