#include "runner/service/requests.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "ledger/codec/event_codec.h"
#include "ledger/note.h"
#include "ledger/payload_store.h"
#include "ledger/ssh_signature.h"
#include "runner/compensation.h"
#include "runner/quarantine.h"
#include "runner/reconcile.h"
#include "runner/runner.h"
#include "runner/service/erasure_requests.h"
#include "runner/service/log_requests.h"
#include "runner/transparency/http_client.h"

namespace daybook {

namespace asio = boost::asio;
using Json = nlohmann::json;

namespace {

constexpr std::size_t wire_depth_max = 16;
constexpr std::size_t text_max = 64 * 1024;

// Arguments as they are read: the first that does not fit is kept, and everything after it is moot.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  std::string text(const char* key, bool required = true) {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_string()) {
      if (required || found != json_.end()) miss(key, "a text");
      return {};
    }
    auto out = found->get<std::string>();
    if (out.size() > text_max) miss(key, "a shorter text");
    return out;
  }
  std::uint32_t number(const char* key) {
    const auto found = json_.find(key);
    if (found == json_.end() || !is_id(*found)) {
      miss(key, "a number");
      return 0;
    }
    return found->get<std::uint32_t>();
  }
  bool has(const char* key) const { return json_.contains(key); }
  bool flag(const char* key) {
    const auto found = json_.find(key);
    if (found == json_.end()) return false;
    if (!found->is_boolean()) {
      miss(key, "true or false");
      return false;
    }
    return found->get<bool>();
  }
  template <typename T>
  std::vector<T> list(const char* key) {
    std::vector<T> out;
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_array() || found->size() > 100'000) {
      miss(key, "a list");
      return out;
    }
    for (const Json& element : *found) {
      if constexpr (std::is_same_v<T, std::string>) {
        if (!element.is_string()) {
          miss(key, "a list of texts");
          break;
        }
        out.push_back(element.get<std::string>());
      } else {
        if (!is_id(element)) {
          miss(key, "a list of numbers");
          break;
        }
        out.push_back(static_cast<T>(element.get<std::uint32_t>()));
      }
    }
    return out;
  }
  const std::optional<Error>& fault() const { return fault_; }
  void miss(const char* key, std::string_view what) {
    if (!fault_) fault_ = Error{Error::Code::invalid, fmt::format("\"{}\" is to be {}", key, what)};
  }

 private:
  static bool is_id(const Json& json) {
    return json.is_number_unsigned() &&
           json.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max();
  }
  const Json& json_;
  std::optional<Error> fault_;
};

Scope scope_of(Reader& read) {
  Scope scope;
  if (read.has("slot"))
    scope.kind = ScopeKind::partition, scope.slot = SlotId{read.number("slot")};
  else if (read.has("run"))
    scope.kind = ScopeKind::run, scope.run = RunId{read.number("run")};
  else if (read.has("pipeline"))
    scope = {.kind = ScopeKind::pipeline, .pipeline = read.text("pipeline")};
  return scope;
}

std::optional<Command> simple_command(const std::string& verb, Reader& read) {
  if (verb == "pause") {
    Scope scope = scope_of(read);
    return Pause{.scope = std::move(scope), .reason = read.text("reason")};
  }
  if (verb == "resume") {
    Scope scope = scope_of(read);
    return Resume{.scope = std::move(scope), .reason = read.text("reason", false)};
  }
  if (verb == "cancel") {
    Scope scope = scope_of(read);
    return Cancel{.scope = std::move(scope), .reason = read.text("reason")};
  }
  if (verb == "hold") {
    const std::string decision = read.text("decision");
    if (decision != "load_anyway" && decision != "discard")
      read.miss("decision", "load_anyway or discard");
    return DecideHold{
        .slot = SlotId{read.number("slot")},
        .decision = decision == "load_anyway" ? HoldDecision::load_anyway : HoldDecision::discard,
        .reason = read.text("reason")};
  }
  if (verb == "slot-release")
    return ReleaseSlot{.slot = SlotId{read.number("slot")}, .reason = read.text("reason")};
  if (verb == "release")
    return ReleaseRecords{.batch = BatchId{read.number("batch")},
                          .records = read.list<std::uint32_t>("records"),
                          .reason = read.text("reason")};
  if (verb == "discard")
    return DiscardRecords{.batch = BatchId{read.number("batch")},
                          .records = read.list<std::uint32_t>("records"),
                          .reason = read.text("reason")};
  if (verb == "reject")
    return RejectApproval{.approval = ApprovalId{read.number("approval")},
                          .approver = read.text("approver"),
                          .reason = read.text("reason")};
  if (verb == "principal-add") {
    const std::string line = read.text("key");
    const auto key = parse_ssh_public_key(line);
    if (!key) read.miss("key", "an ssh-ed25519 public key as one line");
    return EnrollPrincipal{.principal = read.text("name"),
                           .public_key = key ? key->line : std::string(),
                           .roles = read.list<std::string>("roles")};
  }
  if (verb == "witness-add") {
    AddWitness add{.name = read.text("name"), .vkey = read.text("vkey"), .url = read.text("url")};
    if (const auto key = parse_vkey(add.vkey); !key || key->kind != NoteKeyKind::cosignature)
      read.miss("vkey", "the key of a witness, name+id+key of its cosignatures");
    if (const auto url = parse_http_url(add.url); !url)
      read.miss("url", "an http:// or https:// URL without user, query and fragment");
    return add;
  }
  if (verb == "witness-remove")
    return RemoveWitness{.name = read.text("name"), .reason = read.text("reason")};
  if (verb == "principal-revoke")
    return RevokePrincipal{.principal = read.text("name"), .reason = read.text("reason")};
  if (verb == "compensation-withdraw")
    return WithdrawCompensation{.compensation = CompensationId{read.number("compensation")},
                                .reason = read.text("reason")};
  if (verb == "erasure-withdraw")
    return WithdrawErasure{.erasure = ErasureId{read.number("erasure")},
                           .reason = read.text("reason")};
  if (verb == "legal-hold-add") {
    Scope scope = scope_of(read);
    return PlaceLegalHold{.scope = std::move(scope), .reason = read.text("reason")};
  }
  if (verb == "legal-hold-release")
    return ReleaseLegalHold{.hold = LegalHoldId{read.number("hold")},
                            .reason = read.text("reason")};
  return std::nullopt;
}

RequestAnswer recorded(Keeper& keeper, const Answer& answer) {
  if (!answer) return std::unexpected(RequestFailure(answer.error()));
  Json out = {{"first", answer->first}, {"entries", Json::array()}};
  for (std::size_t i = 0; i < answer->events.size(); ++i)
    if (const auto entry = keeper.entry(answer->first + i))
      out["entries"].push_back(Json::parse(entry_json(*entry, answer->first + i)));
  return out;
}

std::unexpected<RequestFailure> failed(Error error) {
  return std::unexpected(RequestFailure(std::move(error)));
}

// --- records ------------------------------------------------------------------------------------

asio::awaitable<RequestAnswer> amend(Keeper& keeper, Actor actor, const Json& arguments) {
  Reader read(arguments);
  const BatchId id{read.number("batch")};
  const std::uint32_t position = read.number("record");
  const auto bytes = base64_decode(read.text("bytes"));
  const std::string reason = read.text("reason");
  if (read.fault()) co_return failed(*read.fault());
  if (!bytes) co_return failed({Error::Code::invalid, "\"bytes\" is to be base64"});

  const auto record = read_record(keeper.view(), id, position);
  if (!record) co_return failed(record.error());
  const auto broken = ReplacementCheck(keeper.view())(*record, *bytes, Waive::nothing);
  if (!broken) co_return failed(broken.error());
  if (!broken->empty()) {
    std::string all;
    for (const Violation& violation : *broken)
      all += (all.empty() ? "" : "; ") + violation.rule + ": " + violation.message;
    co_return failed({Error::Code::invalid, "the amended record still breaks its rules: " + all,
                      "nothing was recorded"});
  }
  const auto kept = keeper.payloads_put(*bytes);
  if (!kept) co_return failed(kept.error());
  AmendRecord command{.batch = id,
                      .record = position,
                      .replacement = {},
                      .digest = sha256(bytes_of(*bytes)),
                      .reason = reason};
  command.replacement = *kept;
  co_return recorded(keeper, co_await keeper.ask(std::move(actor), std::move(command)));
}

// --- compensation -------------------------------------------------------------------------------

Json json_of(const PlannedCompensation& plan) {
  Json steps = Json::array();
  for (const CompensationStepPlan& step : plan.steps)
    steps.push_back({{"pipeline", step.pipeline},
                     {"sink", step.sink},
                     {"partition", step.partition},
                     {"generation", step.step.generation},
                     {"restores", step.step.restores},
                     {"rows_removed", step.rows_removed},
                     {"rows_restored", step.rows_restored},
                     {"note", step.note}});
  return {{"action", plan.action == CompensationAction::restore_previous ? "restore_previous"
                     : plan.action == CompensationAction::remove         ? "remove"
                                                                         : "flag"},
          {"steps", std::move(steps)},
          {"approvals", plan.approvals},
          {"digest", hex(plan.digest)},
          {"text", plan.text},
          {"possible", plan.possible()}};
}

using Planned = std::expected<PlannedCompensation, RequestFailure>;

asio::awaitable<Planned> planned(BookView book, Executor& executor, Json arguments) {
  Reader read(arguments);
  auto slots = read.list<SlotId>("slots");
  if (read.fault()) co_return failed(*read.fault());
  for (const SlotId slot : slots)
    if (book.state.find(slot) == nullptr)
      co_return failed({Error::Code::not_found, fmt::format("there is no slot {}", slot)});
  auto plan = co_await plan_compensation(book, executor, std::move(slots), std::nullopt);
  if (!plan) co_return failed(plan.error());
  co_return std::move(*plan);
}

asio::awaitable<RequestAnswer> propose(Keeper& keeper, Actor actor, Json arguments) {
  Reader read(arguments);
  const std::string reason = read.text("reason");
  if (read.fault()) co_return failed(*read.fault());
  auto plan = co_await planned(keeper.view(), keeper.executor(), std::move(arguments));
  if (!plan) co_return std::unexpected(plan.error());
  Json out = json_of(*plan);
  if (!plan->possible()) {
    std::string why = "there is nothing to take back";
    for (const CompensationStepPlan& step : plan->steps)
      if (!step.note.empty())
        why = fmt::format("{} {}: {}", step.pipeline, step.partition, step.note);
    co_return failed({Error::Code::conflict, why, "daybook compensate plan shows every step"});
  }
  const auto id = co_await propose_compensation(keeper, std::move(actor), std::move(*plan), reason);
  if (!id) co_return std::unexpected(RequestFailure(id.error()));
  out["compensation"] = static_cast<std::uint32_t>(*id);
  if (const CompensationState* state = keeper.state().find(*id); state->approval)
    out["approval"] = static_cast<std::uint32_t>(*state->approval);
  co_return out;
}

asio::awaitable<RequestAnswer> start_compensation(Keeper& keeper, Runner* runner, Actor actor,
                                                  const Json& arguments) {
  Reader read(arguments);
  const CompensationId id{read.number("compensation")};
  if (read.fault()) co_return failed(*read.fault());
  if (runner == nullptr)
    co_return failed(
        {Error::Code::unavailable, "this keeper runs nothing", "stop it, and ask again"});
  const CompensationState* state = keeper.state().find(id);
  if (state == nullptr)
    co_return failed({Error::Code::not_found, fmt::format("there is no compensation {}", id)});
  // One that was started before, by a process that is gone, is carried on.
  if (state->phase != CompensationState::Phase::executing) {
    StartCompensation start{.compensation = id, .plan = state->plan};
    const auto started = co_await keeper.ask(std::move(actor), std::move(start));
    if (!started) co_return std::unexpected(RequestFailure(started.error()));
  }
  const auto done = co_await runner->compensate(id);
  if (!done) co_return failed(done.error());
  state = keeper.state().find(id);
  co_return Json{{"compensation", static_cast<std::uint32_t>(id)},
                 {"steps", state->steps.size()},
                 {"done", state->done}};
}

std::string_view name(ReconcileFinding::Kind kind) {
  switch (kind) {
    case ReconcileFinding::Kind::lost: return "lost";
    case ReconcileFinding::Kind::unknown: return "unknown";
    case ReconcileFinding::Kind::damaged: return "damaged";
    case ReconcileFinding::Kind::added: return "added";
    case ReconcileFinding::Kind::stale: return "stale";
  }
  return "unknown";
}

Json json_of(const ReconcileReport& report) {
  Json out = {{"sinks", report.sinks}, {"checked", report.checked}, {"findings", Json::array()}};
  for (const ReconcileFinding& finding : report.findings) {
    out["findings"].push_back({{"kind", name(finding.kind)},
                               {"pipeline", finding.pipeline},
                               {"sink", finding.sink},
                               {"partition", finding.partition},
                               {"generation", finding.generation},
                               {"load_id", hex(finding.load_id)},
                               {"detail", finding.detail},
                               {"loads_again", finding.loads_again}});
  }
  return out;
}

// With a keeper what was found is recorded.
asio::awaitable<RequestAnswer> reconciled(BookView book, Executor& executor, Keeper* keeper,
                                          Actor actor, Json arguments) {
  Reader read(arguments);
  std::string pipeline = read.text("pipeline", false);
  const bool deep = read.flag("deep"), record = read.flag("record");
  if (read.fault()) co_return failed(*read.fault());
  if (record && keeper == nullptr)
    co_return failed({Error::Code::unavailable, "only the keeper of a book records"});
  auto work = record ? reconcile(*keeper, std::move(actor), std::move(pipeline), deep)
                     : compare_with_sinks(book, executor, std::move(pipeline), deep);
  const auto report = co_await std::move(work);
  if (!report) co_return std::unexpected(report.error());
  co_return json_of(*report);
}

asio::awaitable<RequestAnswer> approve(Keeper& keeper, Actor actor, const Json& arguments) {
  Reader read(arguments);
  const ApprovalId id{read.number("approval")};
  const std::string approver = read.text("approver"), signature = read.text("signature");
  if (read.fault()) co_return failed(*read.fault());
  auto command = check_approval(keeper.view(), id, approver, signature);
  if (!command) co_return std::unexpected(std::move(command.error()));
  co_return recorded(keeper, co_await keeper.ask(std::move(actor), std::move(*command)));
}

// --- the wire -----------------------------------------------------------------------------------

// Nesting, without building anything: brackets outside of strings.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > wire_depth_max) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Result<Json> parse_wire(std::string_view text) {
  if (too_deep(text)) return fail(Error::Code::invalid, "the message is nested too deep");
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Error::Code::invalid, "the message is no JSON object");
  return json;
}

constexpr std::pair<Error::Code, const char*> error_names[] = {
    {Error::Code::io, "io"},
    {Error::Code::not_found, "not_found"},
    {Error::Code::conflict, "conflict"},
    {Error::Code::corrupt, "corrupt"},
    {Error::Code::newer_version, "newer_version"},
    {Error::Code::invalid, "invalid"},
    {Error::Code::unavailable, "unavailable"},
};

}  // namespace

Result<Command> command_of(const Request& request) {
  if (!request.arguments.is_object()) return fail(Error::Code::invalid, "arguments are an object");
  Reader read(request.arguments);
  auto command = simple_command(request.verb, read);
  if (!command) return fail(Error::Code::not_found, "\"{}\" is not one command", request.verb);
  if (read.fault()) return std::unexpected(*read.fault());
  return std::move(*command);
}

asio::awaitable<RequestAnswer> handle(Keeper& keeper, Runner* runner, Actor actor,
                                      Request request) {
  if (!request.arguments.is_object())
    co_return failed({Error::Code::invalid, "arguments are an object"});
  const std::string& verb = request.verb;
  if (verb == "amend") co_return co_await amend(keeper, std::move(actor), request.arguments);
  if (verb == "approve") co_return co_await approve(keeper, std::move(actor), request.arguments);
  if (verb == "compensation-propose")
    co_return co_await propose(keeper, std::move(actor), std::move(request.arguments));
  if (verb == "compensation-start")
    co_return co_await start_compensation(keeper, runner, std::move(actor), request.arguments);
  if (verb == "erasure-propose")
    co_return co_await propose_erasure_request(keeper, std::move(actor),
                                               std::move(request.arguments));
  if (verb == "erasure-start")
    co_return co_await start_erasure_request(keeper, std::move(actor),
                                             std::move(request.arguments));
  if (verb == "reconcile")
    co_return co_await reconciled(keeper.view(), keeper.executor(), &keeper, std::move(actor),
                                  std::move(request.arguments));
  if (is_log_request(verb))
    co_return co_await handle_log_request(keeper, std::move(actor), std::move(request));
  if (verb == "compensation-plan")
    co_return co_await handle_reading(keeper.view(), keeper.executor(), std::move(request));
  auto command = command_of(request);
  if (!command) co_return failed(command.error());
  co_return recorded(keeper, co_await keeper.ask(std::move(actor), std::move(*command)));
}

asio::awaitable<RequestAnswer> handle_reading(BookView book, Executor& executor, Request request) {
  if (!request.arguments.is_object())
    co_return failed({Error::Code::invalid, "arguments are an object"});
  if (request.verb == "reconcile") {
    const Actor nobody;  // named: g++ 12 destroys a braced temporary of a co_await twice
    co_return co_await reconciled(book, executor, nullptr, nobody, std::move(request.arguments));
  }
  if (request.verb != "compensation-plan")
    co_return failed(
        {Error::Code::not_found, fmt::format("\"{}\" does not only read", request.verb)});
  auto plan = co_await planned(book, executor, std::move(request.arguments));
  if (!plan) co_return std::unexpected(plan.error());
  co_return json_of(*plan);
}

std::string to_wire(const Request& request) {
  const Json json = {{"verb", request.verb}, {"arguments", request.arguments}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_wire(const RequestAnswer& answer) {
  Json json;
  if (answer) {
    json["result"] = *answer;
  } else if (const auto* error = std::get_if<Error>(&answer.error())) {
    const auto* known =
        std::ranges::find(error_names, error->code, &std::pair<Error::Code, const char*>::first);
    json["error"] = {{"code", known->second}, {"detail", error->detail}, {"hint", error->hint}};
  } else {
    const auto& refusal = std::get<Refusal>(answer.error());
    json["refusal"] = {{"code", name(refusal.code)}, {"detail", refusal.detail}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Request> request_from_wire(std::string_view text) {
  const auto json = parse_wire(text);
  if (!json) return std::unexpected(json.error());
  const auto verb = json->find("verb"), arguments = json->find("arguments");
  if (verb == json->end() || !verb->is_string() || arguments == json->end() ||
      !arguments->is_object())
    return fail(Error::Code::invalid, "the message is no request");
  return Request{.verb = verb->get<std::string>(), .arguments = *arguments};
}

Result<RequestAnswer> answer_from_wire(std::string_view text) {
  const auto json = parse_wire(text);
  if (!json) return std::unexpected(json.error());
  if (const auto result = json->find("result"); result != json->end())
    return RequestAnswer(*result);
  const auto texts = [&](const char* key) -> std::optional<std::array<std::string, 3>> {
    const auto found = json->find(key);
    if (found == json->end() || !found->is_object()) return std::nullopt;
    std::array<std::string, 3> out;
    const char* fields[] = {"code", "detail", "hint"};
    for (std::size_t i = 0; i < 3; ++i)
      if (const auto field = found->find(fields[i]); field != found->end() && field->is_string())
        out[i] = field->get<std::string>();
    return out;
  };
  if (const auto error = texts("error")) {
    const auto* known = std::ranges::find_if(
        error_names, [&](const auto& one) { return one.second == (*error)[0]; });
    const Error::Code code = known == std::end(error_names) ? Error::Code::io : known->first;
    return RequestAnswer(std::unexpected(RequestFailure(Error{code, (*error)[1], (*error)[2]})));
  }
  if (const auto refusal = texts("refusal")) {
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Refusal::Code::on_hold); ++i)
      if (const Refusal::Code code{i}; name(code) == (*refusal)[0])
        return RequestAnswer(std::unexpected(RequestFailure(Refusal{code, (*refusal)[1]})));
    return RequestAnswer(
        std::unexpected(RequestFailure(Refusal{Refusal::Code::conflict, (*refusal)[1]})));
  }
  return fail(Error::Code::invalid, "the answer is none");
}

}  // namespace daybook
