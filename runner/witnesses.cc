#include "runner/witnesses.h"

#include <algorithm>
#include <optional>

#include "ledger/merkle.h"
#include "replay/checkpoint.h"
#include "runner/log_keys.h"
#include "runner/transparency/http_client.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

struct Kept {
  Checkpoint checkpoint;
  std::string note;
};

Result<std::optional<Kept>> kept_at(const Ledger& ledger, const std::string& key) {
  auto note = ledger.get(key);
  if (!note && note.error().code == Error::Code::not_found) return std::nullopt;
  if (!note) return std::unexpected(note.error());
  const auto parsed = parse_note(*note);
  auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  if (!checkpoint) return fail(Error::Code::corrupt, "{}: {}", key, checkpoint.error().detail);
  return Kept{std::move(*checkpoint), std::move(*note)};
}

// The latest note under the origin that is in force.
Result<std::optional<Kept>> latest_kept(const Ledger& ledger, const std::string& origin) {
  const auto keys = ledger.keys("checkpoint/");
  if (!keys) return std::unexpected(keys.error());
  if (keys->empty()) return std::nullopt;
  auto kept = kept_at(ledger, keys->back());
  if (kept && *kept && (*kept)->checkpoint.origin != origin) return std::nullopt;
  return kept;
}

struct Asked {
  std::string name;
  HttpUrl url;
  WitnessTalk talk;
};

asio::awaitable<void> talk_to_all(Executor& executor, std::vector<Asked>& all) {
  while (true) {
    std::vector<Asked*> open;
    for (Asked& one : all)
      if (one.talk.request()) open.push_back(&one);
    if (open.empty()) co_return;
    std::vector<Result<HttpAnswer>> answers(open.size());
    const std::function<void(std::size_t)> post = [&](std::size_t i) {
      answers[i] =
          http_post(open[i]->url.below("add-checkpoint"), "text/plain", *open[i]->talk.request());
    };
    co_await blocking_each(executor, open.size(), post);
    for (std::size_t i = 0; i < open.size(); ++i) {
      const Result<HttpAnswer>& answer = answers[i];
      if (answer)
        open[i]->talk.answer(answer->status, answer->content_type, answer->body);
      else
        open[i]->talk.unreachable(answer.error().detail);
    }
  }
}

// What every witness says to `kept`; their cosignatures are kept with it.
asio::awaitable<Result<std::vector<WitnessAnswer>>> show(Keeper& keeper, Kept& kept,
                                                         std::uint64_t old_guess, bool keep) {
  const std::string origin = kept.checkpoint.origin;
  const Ledger& ledger = keeper.ledger();
  const WitnessedLog log{
      .consistency = [&ledger](std::uint64_t from,
                               std::uint64_t to) { return ledger.consistency_proof(from, to); },
      .signed_at =
          [&ledger, origin](std::uint64_t size) {
            const auto found = kept_at(ledger, checkpoint_key(size));
            return found && *found && (*found)->checkpoint.origin == origin;
          }};
  std::vector<Asked> all;
  std::vector<WitnessAnswer> out;
  for (const auto& [name, witness] : keeper.state().witnesses) {
    auto key = parse_vkey(witness.vkey);
    auto url = parse_http_url(witness.url);
    if (!key || !url) {
      out.push_back({.name = name,
                     .says = WitnessSays::no_answer,
                     .seen = 0,
                     .detail = !key ? key.error().detail : url.error().detail});
      continue;
    }
    all.push_back({name, std::move(*url), WitnessTalk(*key, kept.note, old_guess, log)});
  }
  co_await talk_to_all(keeper.executor(), all);
  std::vector<NoteSignature> cosignatures;
  for (const Asked& one : all) {
    out.push_back({.name = one.name,
                   .says = one.talk.says(),
                   .seen = one.talk.seen(),
                   .detail = one.talk.detail()});
    cosignatures.insert(cosignatures.end(), one.talk.cosignatures().begin(),
                        one.talk.cosignatures().end());
  }
  if (keep && !cosignatures.empty()) {
    // Read again: what was kept meanwhile stays.
    const std::string key = checkpoint_key(kept.checkpoint.head.size);
    const auto now = ledger.get(key);
    if (!now) co_return std::unexpected(now.error());
    auto note = with_cosignatures(*now, cosignatures);
    if (!note) co_return std::unexpected(note.error());
    if (*note != *now)
      if (const auto done = keeper.remember(key, *note); !done)
        co_return std::unexpected(done.error());
    kept.note = std::move(*note);
  }
  std::ranges::sort(out, {}, &WitnessAnswer::name);
  co_return out;
}

}  // namespace

asio::awaitable<Result<WitnessedCheckpoint>> ask_witnesses(Keeper& keeper) {
  WitnessedCheckpoint out;
  const std::string origin = log_name(keeper.state()).origin;
  auto kept = latest_kept(keeper.ledger(), origin);
  if (!kept) co_return std::unexpected(kept.error());
  if (*kept) {
    out.head = (*kept)->checkpoint.head;
    out.note = (*kept)->note;
  }
  if (keeper.state().witnesses.empty()) co_return out;
  const bool any = kept->has_value();
  if (!any) {
    // The checkpoint of no entry contradicts nothing, whatever was signed elsewhere.
    const auto key = signing_key(keeper.paths(), keeper.state());
    if (!key) co_return std::unexpected(key.error());
    const Checkpoint empty{origin, {0, empty_root()}};
    auto note = sign_checkpoint(empty, *key);
    if (!note) co_return std::unexpected(note.error());
    *kept = Kept{empty, std::move(*note)};
  }
  auto answers = co_await show(keeper, **kept, out.head.size, any);
  if (!answers) co_return std::unexpected(answers.error());
  if (any) out.note = (*kept)->note;
  out.witnesses = std::move(*answers);
  co_return out;
}

asio::awaitable<Result<WitnessedCheckpoint>> witnessed_checkpoint(Keeper& keeper) {
  auto before = co_await ask_witnesses(keeper);
  if (!before) co_return std::unexpected(before.error());
  if (const auto good = not_overtaken(*before); !good) co_return std::unexpected(good.error());
  if (const auto signed_now = keeper.checkpoint(); !signed_now)
    co_return std::unexpected(signed_now.error());
  auto kept = latest_kept(keeper.ledger(), log_name(keeper.state()).origin);
  if (!kept) co_return std::unexpected(kept.error());
  if (!*kept || (*kept)->checkpoint.head == before->head) co_return before;
  WitnessedCheckpoint out{.head = (*kept)->checkpoint.head, .note = (*kept)->note, .witnesses = {}};
  if (keeper.state().witnesses.empty()) co_return out;
  auto answers = co_await show(keeper, **kept, before->head.size, true);
  if (!answers) co_return std::unexpected(answers.error());
  out.note = (*kept)->note;
  out.witnesses = std::move(*answers);
  if (const auto good = not_overtaken(out); !good) co_return std::unexpected(good.error());
  co_return out;
}

Result<void> not_overtaken(const WitnessedCheckpoint& checkpoint) {
  for (const WitnessAnswer& answer : checkpoint.witnesses)
    if (answer.says == WitnessSays::ahead || answer.says == WitnessSays::contradicts)
      return std::unexpected(
          Error{Error::Code::corrupt,
                fmt::format("the witness {} {}: this is an old copy of the book, or a fork of it; "
                            "nothing is signed",
                            answer.name, answer.detail),
                "find the newer copy; where it is lost for good, daybook ledger new-origin goes on "
                "with this one under another name"});
  return {};
}

std::vector<std::string> warnings_of(const WitnessedCheckpoint& checkpoint) {
  std::vector<std::string> out;
  for (const WitnessAnswer& answer : checkpoint.witnesses)
    if (answer.says != WitnessSays::cosigned)
      out.push_back(fmt::format("witness {}: {}; it is asked again at the next checkpoint",
                                answer.name, answer.detail));
  return out;
}

}  // namespace daybook
