#include "runner/service/erasure_requests.h"

#include <limits>

#include "replay/words.h"
#include "runner/witnesses.h"
#include "statemachine/batch_name.h"

namespace daybook {

namespace asio = boost::asio;
using Json = nlohmann::json;

namespace {

std::unexpected<RequestFailure> failed(Error error) {
  return std::unexpected(RequestFailure(std::move(error)));
}
std::unexpected<RequestFailure> misfit(std::string_view key, std::string_view what) {
  return failed({Error::Code::invalid, fmt::format("\"{}\" is to be {}", key, what)});
}

bool is_id(const Json& json) {
  return json.is_number_unsigned() &&
         json.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max();
}

std::expected<std::string, RequestFailure> text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string() ||
      found->get_ref<const std::string&>().size() > limits::text_bytes_max)
    return misfit(key, "a text");
  return found->get<std::string>();
}

std::expected<ErasureChoice, RequestFailure> choice_at(const Json& json) {
  ErasureChoice choice;
  const auto batches = json.find("batches"), inputs = json.find("inputs");
  if (batches == json.end() || !batches->is_array()) return misfit("batches", "a list");
  if (inputs == json.end() || !inputs->is_array()) return misfit("inputs", "a list");
  for (const Json& batch : *batches) {
    if (!batch.is_object() || !batch.contains("batch") || !is_id(batch["batch"]) ||
        !batch.contains("records") || !batch["records"].is_array())
      return misfit("batches", "a list of batches with records");
    auto& records = choice.records[BatchId{batch["batch"].get<std::uint32_t>()}];
    for (const Json& record : batch["records"]) {
      if (!is_id(record)) return misfit("records", "a list of numbers");
      records.insert(record.get<std::uint32_t>());
    }
  }
  for (const Json& input : *inputs) {
    const auto digest =
        input.is_string() ? digest_from_hex(input.get<std::string>()) : std::nullopt;
    if (!digest) return misfit("inputs", "a list of digests");
    choice.inputs.insert(*digest);
  }
  return choice;
}

Json receipt(const State& state, ErasureId id) {
  const ErasureState& erasure = *state.find(id);
  const bool done = erasure.phase == ErasureState::Phase::finished;
  std::set<PayloadRef> payloads;
  std::uint64_t bytes = 0;
  for (const ErasureItem& item : erasure.items)
    if (payloads.insert(item.payload).second) bytes += item.payload.bytes;
  return {{"erasure", static_cast<std::uint32_t>(id)},
          {"policy", erasure.policy},
          {"payloads", payloads.size()},
          {"bytes", bytes},
          {"proposed_at_entry", erasure.at},
          {"started_at_entry", erasure.started},
          {"finished_at_entry", done ? Json(erasure.finished) : Json()}};
}

}  // namespace

Json json_of(const State& state, const PlannedErasure& plan) {
  Json items = Json::array(), runs = Json::array();
  for (const ErasureItem& item : plan.items) {
    const Slot* slot = state.find(item.slot);
    items.push_back(
        {{"kind", word(item.kind)},
         {"pipeline", slot == nullptr ? "" : slot->pipeline},
         {"partition", slot == nullptr ? "" : slot->partition},
         {"run", static_cast<std::uint32_t>(item.run)},
         {"batch", item.batch == no_batch ? Json() : Json(batch_name(state, item.batch))},
         {"records", item.batch == no_batch ? Json()
                     : item.records.empty() ? Json("all")
                                            : Json(item.records)},
         {"payload", hex(item.payload.digest)},
         {"bytes", item.payload.bytes},
         {"entry", item.entry}});
  }
  for (const RunId run : plan.unreplayable) runs.push_back(static_cast<std::uint32_t>(run));
  return {{"policy", plan.policy},     {"records", plan.records}, {"undecided", plan.undecided},
          {"payloads", plan.payloads}, {"bytes", plan.bytes},     {"items", std::move(items)},
          {"unreplayable_runs", runs}, {"held", plan.held},       {"digest", hex(plan.digest)}};
}

asio::awaitable<RequestAnswer> propose_erasure_request(Keeper& keeper, Actor actor,
                                                       Json arguments) {
  const auto policy = text_at(arguments, "policy"), reason = text_at(arguments, "reason");
  if (!policy) co_return std::unexpected(policy.error());
  if (!reason) co_return std::unexpected(reason.error());
  const auto choice = choice_at(arguments);
  if (!choice) co_return std::unexpected(choice.error());
  auto plan = plan_erasure(keeper.view(), *choice, *policy);
  if (!plan) co_return failed(plan.error());
  Json out = json_of(keeper.state(), *plan);
  const auto answer = co_await propose_erasure(keeper, std::move(actor), std::move(*plan), *reason);
  if (!answer) co_return std::unexpected(RequestFailure(answer.error()));
  const auto& proposed = std::get<ErasureProposed>(answer->events.front());
  out["erasure"] = static_cast<std::uint32_t>(proposed.erasure);
  out["approval"] =
      static_cast<std::uint32_t>(std::get<ApprovalRequested>(answer->events.back()).approval);
  out["digest"] = hex(proposed.plan);
  out["first"] = answer->first;
  co_return out;
}

asio::awaitable<RequestAnswer> start_erasure_request(Keeper& keeper, Actor actor, Json arguments) {
  if (!arguments.contains("erasure") || !is_id(arguments["erasure"]))
    co_return misfit("erasure", "a number");
  const ErasureId id{arguments["erasure"].get<std::uint32_t>()};
  const ErasureState* erasure = keeper.state().find(id);
  if (erasure == nullptr)
    co_return failed({Error::Code::not_found, fmt::format("there is no erasure {}", id)});
  if (erasure->phase == ErasureState::Phase::proposed) {
    const auto complete = still_complete(keeper.view(), *erasure);
    if (!complete) co_return failed(complete.error());
    if (!*complete)
      co_return failed({Error::Code::conflict,
                        "an input of this plan was read again since it was proposed",
                        "withdraw it and propose anew: the new reading belongs to the plan"});
    StartErasure start{.erasure = id, .plan = erasure->plan};
    const auto started = co_await keeper.ask(std::move(actor), std::move(start));
    if (!started) co_return std::unexpected(RequestFailure(started.error()));
  }
  if (keeper.state().find(id)->phase == ErasureState::Phase::executing)
    if (const auto done = carry_out_erasure(keeper, id); !done) co_return failed(done.error());
  if (keeper.state().find(id)->phase == ErasureState::Phase::withdrawn)
    co_return failed({Error::Code::conflict, fmt::format("erasure {} was withdrawn", id)});
  // A receipt is worth what is signed over it.
  if (const auto signed_now = co_await witnessed_checkpoint(keeper); !signed_now)
    co_return failed(signed_now.error());
  co_return receipt(keeper.state(), id);
}

}  // namespace daybook
