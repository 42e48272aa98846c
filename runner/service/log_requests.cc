#include "runner/service/log_requests.h"

#include <algorithm>
#include <array>

#include "replay/checkpoint.h"
#include "replay/timestamps.h"
#include "runner/log_keys.h"
#include "runner/witnesses.h"

namespace daybook {

namespace asio = boost::asio;
using Json = nlohmann::json;

namespace {

constexpr std::array verbs = std::to_array<std::string_view>({
    "witness-collect",
    "log-key-rotate",
    "log-origin-new",
    "timestamp-pending",
    "timestamp-keep",
});

std::unexpected<RequestFailure> failed(Error error) {
  return std::unexpected(RequestFailure(std::move(error)));
}

std::expected<std::string, RequestFailure> text_at(const Json& arguments, const char* key,
                                                   bool required = true) {
  const auto found = arguments.find(key);
  if (found == arguments.end() && !required) return std::string();
  if (found == arguments.end() || !found->is_string())
    return failed({Error::Code::invalid, fmt::format("\"{}\" is to be a text", key)});
  return found->get<std::string>();
}

std::expected<std::string, RequestFailure> bytes_at(const Json& arguments, const char* key) {
  const auto text = text_at(arguments, key);
  if (!text) return text;
  auto bytes = base64_decode(*text);
  if (!bytes) return failed({Error::Code::invalid, fmt::format("\"{}\" is to be base64", key)});
  return std::move(*bytes);
}

const char* word(WitnessSays says) {
  switch (says) {
    case WitnessSays::cosigned: return "cosigned";
    case WitnessSays::newer: return "newer";
    case WitnessSays::ahead: return "ahead";
    case WitnessSays::contradicts: return "contradicts";
    case WitnessSays::unknown_log: return "unknown log";
    case WitnessSays::no_answer: return "no answer";
  }
  return "?";
}

Json json_of(const WitnessedCheckpoint& checkpoint) {
  Json out = {{"size", checkpoint.head.size},
              {"root", hex(checkpoint.head.root)},
              {"note", checkpoint.note},
              {"witnesses", Json::array()}};
  for (const WitnessAnswer& answer : checkpoint.witnesses)
    out["witnesses"].push_back({{"name", answer.name},
                                {"says", word(answer.says)},
                                {"seen", answer.seen},
                                {"detail", answer.detail}});
  return out;
}

std::unexpected<RequestFailure> failed(const std::variant<Error, Refusal>& why) {
  return std::visit([](const auto& one) { return std::unexpected(RequestFailure(one)); }, why);
}

// What comes after an entry that names a key: a checkpoint signed with it.
asio::awaitable<RequestAnswer> first_signed(Keeper& keeper, LogKeyNamed named) {
  const auto checkpoint = co_await witnessed_checkpoint(keeper);
  if (!checkpoint) co_return failed(checkpoint.error());
  Json out = json_of(*checkpoint);
  out["entry"] = named.at;
  out["origin"] = named.origin;
  out["old_vkey"] = named.old_vkey;
  out["vkey"] = named.vkey;
  co_return out;
}

asio::awaitable<RequestAnswer> rotate(Keeper& keeper, Actor actor, Json arguments) {
  auto reason = text_at(arguments, "reason");
  if (!reason) co_return std::unexpected(reason.error());
  const auto seen = co_await ask_witnesses(keeper);
  if (!seen) co_return failed(seen.error());
  if (const auto good = not_overtaken(*seen); !good) co_return failed(good.error());
  auto named = rotate_log_key(keeper, actor, std::move(*reason));
  if (!named) co_return failed(named.error());
  co_return co_await first_signed(keeper, std::move(*named));
}

asio::awaitable<RequestAnswer> new_origin(Keeper& keeper, Actor actor, Json arguments) {
  auto origin = text_at(arguments, "origin", false), reason = text_at(arguments, "reason");
  if (!origin) co_return std::unexpected(origin.error());
  if (!reason) co_return std::unexpected(reason.error());
  if (origin->empty()) {
    const auto moves = std::ranges::count_if(
        keeper.state().log_keys,
        [](const LogKeyChange& change) { return change.old_origin != change.origin; });
    *origin = fmt::format("{}-{}", keeper.state().origin, moves + 2);
  }
  std::uint64_t seen = 0;
  if (const auto answers = co_await ask_witnesses(keeper))
    for (const WitnessAnswer& answer : answers->witnesses) seen = std::max(seen, answer.seen);
  auto named = change_log_origin(keeper, actor, std::move(*origin), seen, std::move(*reason));
  if (!named) co_return failed(named.error());
  co_return co_await first_signed(keeper, std::move(*named));
}

RequestAnswer keep(Keeper& keeper, const Json& arguments, bool pending) {
  const auto note = bytes_at(arguments, "note");
  const auto other = bytes_at(arguments, pending ? "request" : "response");
  if (!note) return std::unexpected(note.error());
  if (!other) return std::unexpected(other.error());
  // Only what this book signed is kept.
  const auto parsed = parse_note(*note);
  const auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  if (!checkpoint) return failed(checkpoint.error());
  const auto kept = keeper.ledger().get(checkpoint_key(checkpoint->head.size));
  const auto ours = kept ? parse_note(*kept) : std::unexpected(kept.error());
  if (!ours || ours->text != parsed->text)
    return failed({Error::Code::conflict, "this is no checkpoint of this book"});
  const KeepValue put = [&](std::string_view key, std::string_view value) {
    return keeper.remember(key, value);
  };
  if (pending) {
    const auto done = keep_pending_timestamp(put, {*note, *other});
    if (!done) return failed(done.error());
    return Json{{"size", checkpoint->head.size}};
  }
  const auto stamp = keep_timestamp(keeper.ledger(), put, *note, *other);
  if (!stamp) return failed(stamp.error());
  return Json{{"size", stamp->size}, {"number", stamp->number}, {"name", stamp->name()}};
}

}  // namespace

bool is_log_request(std::string_view verb) { return std::ranges::find(verbs, verb) != verbs.end(); }

asio::awaitable<RequestAnswer> handle_log_request(Keeper& keeper, Actor actor, Request request) {
  if (request.verb == "log-key-rotate")
    co_return co_await rotate(keeper, std::move(actor), std::move(request.arguments));
  if (request.verb == "log-origin-new")
    co_return co_await new_origin(keeper, std::move(actor), std::move(request.arguments));
  if (request.verb == "witness-collect") {
    const auto checkpoint = co_await witnessed_checkpoint(keeper);
    if (!checkpoint) co_return failed(checkpoint.error());
    co_return json_of(*checkpoint);
  }
  co_return keep(keeper, request.arguments, request.verb == "timestamp-pending");
}

}  // namespace daybook
