#include "runner/keeper.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "ledger/assertion.h"
#include "ledger/codec/event_codec.h"
#include "ledger/keys.h"
#include "ledger/payload_store.h"
#include "replay/checkpoint.h"
#include "replay/fold.h"
#include "replay/queries.h"
#include "runner/erasure.h"
#include "runner/log_keys.h"
#include "runner/storage.h"
#include "statemachine/apply.h"
#include "statemachine/effects.h"
#include "statemachine/invariants.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

// The correlation and cause an event carries come from the run and the slot it names.
struct Links {
  Uuid correlation{};
  EntryIndex cause = no_entry;
};

Links links(const State& state, const Event& event) {
  Links out;
  std::visit(
      [&](const auto& e) {
        RunId run = no_run;
        if constexpr (requires { e.uuid; }) {
          out.correlation = e.uuid;
          return;
        }
        if constexpr (requires { e.slot; }) {
          if (const Slot* slot = state.find(e.slot)) {
            out.cause = slot->story;
            run = slot->run;
          }
        }
        if constexpr (requires { e.run; }) run = e.run;
        if constexpr (requires {
                        e.batch;
                        e.reason;
                      }) {
          if (const BatchState* batch = state.find(e.batch)) {
            out.cause = batch->at;
            run = batch->run;
          }
        }
        if constexpr (requires { e.compensation; }) {
          if (const CompensationState* c = state.find(e.compensation)) out.cause = c->at;
        }
        if constexpr (requires { e.erasure; }) {
          if (const ErasureState* x = state.find(e.erasure)) out.cause = x->at;
        }
        if constexpr (requires { e.hold; }) {
          if (const LegalHold* hold = state.find(e.hold)) out.cause = hold->at;
        }
        if (const RunState* r = state.find(run)) {
          out.correlation = r->uuid;
          if (out.cause == no_entry) out.cause = r->started;
        }
      },
      event);
  return out;
}

}  // namespace

Keeper::Keeper(BookPaths paths, Executor& executor, Clock& clock, Entropy& entropy)
    : paths_(std::move(paths)), executor_(executor), clock_(clock), entropy_(entropy) {}

Keeper::~Keeper() = default;

namespace {

constexpr EntryIndex snapshot_every = 4'096;

// Every so many entries, and never so often that hashing the state each time, which grows with the
// book, comes to more than the entries themselves.
bool checkpoint_due(const BookConfig& config, EntryIndex fresh, EntryIndex covered) {
  return config.checkpoint_every > 0 &&
         fresh >= std::max<EntryIndex>(config.checkpoint_every, covered / 32);
}

}  // namespace

Result<void> Keeper::create(const BookPaths& paths, BookConfig config, Executor& executor,
                            Clock& clock, Entropy& entropy, const Actor& actor) {
  LedgerId id;
  entropy.fill(std::as_writable_bytes(std::span(id)));
  if (config.origin.empty())
    config.origin = "daybook.local/" + hex(std::as_bytes(std::span(id)).first(8));
  if (config.anchor.empty()) config.anchor = "anchor";
  // The ledger first: it refuses a folder that holds anything.
  if (const auto made = make_book_ledger(paths, config, id); !made) return made;
  if (const auto made = make_book_folders(paths); !made) return made;
  const auto key = create_signing_key(book_files(), paths.log_key().string(), config.origin,
                                      [&](std::span<std::byte> out) { entropy.fill(out); });
  if (!key) return std::unexpected(key.error());
  // Written last: a folder without it is not a book yet.
  if (const auto written = write_config(paths, config); !written) return written;

  Keeper keeper(paths, executor, clock, entropy);
  auto ledger = open_book_ledger(paths, config);
  if (!ledger) return std::unexpected(ledger.error());
  keeper.ledger_ = std::move(*ledger);
  const auto answer = keeper.ask_now(
      actor, CreateBook{.origin = config.origin, .log_vkey = key->verifier().vkey()});
  DAYBOOK_ASSERT(answer.has_value(), "a new book refuses its first entry");
  return {};
}

Result<std::unique_ptr<Keeper>> Keeper::open(const BookPaths& paths, Executor& executor,
                                             Clock& clock, Entropy& entropy) {
  auto config = read_config(paths);
  if (!config) return std::unexpected(config.error());
  std::unique_ptr<Keeper> keeper(new Keeper(paths, executor, clock, entropy));
  keeper->config_ = *config;
  // A key that can not sign would be noticed at the first checkpoint, after the book was written
  // to: it is looked at before the database is opened for writing. One that is gone is not refused,
  // because another origin is the way on (change_log_origin).
  const bool have_key = book_files().exists(paths.log_key().string());
  if (have_key)
    if (const auto key = load_signing_key(book_files(), paths.log_key().string()); !key)
      return std::unexpected(key.error());
  auto ledger = open_book_ledger(paths, *config);
  if (!ledger) return std::unexpected(ledger.error());
  keeper->ledger_ = std::move(*ledger);
  auto payloads = PayloadStore::open(book_files(), paths.root.string(),
                                     [&](std::span<std::byte> out) { entropy.fill(out); });
  if (!payloads) return std::unexpected(payloads.error());
  keeper->payloads_ = std::make_unique<PayloadStore>(std::move(*payloads));
  auto state = fold(*keeper->ledger_, keeper->ledger_->head().size);
  if (!state) return std::unexpected(state.error());
  keeper->state_ = std::move(*state);
  if (const auto settled = settle_log_keys(paths, keeper->state_); !settled)
    return std::unexpected(settled.error());
  if (have_key)
    if (const auto key = signing_key(paths, keeper->state_); !key)
      return std::unexpected(key.error());

  // What earlier processes staged and did not load is staged anew.
  clear_staging(paths);
  const auto booted = keeper->ask_now(system_actor(), Boot{.version = DAYBOOK_VERSION});
  if (!booted) return fail(Error::Code::corrupt, "{}", booted.error().detail);
  // Keys that an earlier process was to destroy are destroyed before anything is read with them.
  for (const Effect& effect : pending(keeper->state_))
    if (const auto* go_on = std::get_if<effect::ContinueErasure>(&effect))
      if (const auto done = carry_out_erasure(*keeper, go_on->erasure); !done)
        return std::unexpected(done.error());
  return keeper;
}

Timestamp Keeper::now() {
  const Monotonic mono = clock_.mono();
  // A book whose last entries are of a clock that ran ahead goes on from there.
  now_ = now_ == 0 ? state_.now : now_ + (mono - asked_);
  now_ = std::max({now_, clock_.wall(), state_.now});
  asked_ = mono;
  return now_;
}

Answer Keeper::decide_and_apply(const Actor& actor, const Command& command) {
  const Context context{.now = now(), .actor = actor};
  Decision decision = decide(state_, context, command);
  if (!decision) {
    const Refusal& refusal = decision.error();
    if (actor.kind != ActorKind::system && refusal.code != Refusal::Code::already &&
        refusal.code != Refusal::Code::no_book) {
      std::vector<Event> events = {
          CommandRefused{.command = std::string(command_name(command)),
                         .refusal = std::string(name(refusal.code)),
                         .detail = refusal.detail.substr(0, limits::text_bytes_max)}};
      append(actor, events);
    }
    return std::unexpected(refusal);
  }
  Accepted accepted{.first = state_.size, .events = *decision};
  append(actor, *decision);
  return accepted;
}

void Keeper::append(const Actor& actor, std::vector<Event>& events) {
  for (Event& event : events) {
    const Links from = links(state_, event);
    Entry entry{.envelope = {.recorded_at = now(),
                             .correlation = from.correlation,
                             .cause = from.cause,
                             .actor = actor,
                             .epoch = state_.epoch},
                .event = std::move(event)};
    if (const auto* booted = std::get_if<Booted>(&entry.event))
      entry.envelope.epoch = booted->epoch;
    const auto broken = violations(state_, entry);
    DAYBOOK_ASSERT(broken.empty(), "{}: {}", broken.front().rule, broken.front().detail);
    apply(state_, entry);
    waiting_.push_back(std::move(entry));
  }
}

void Keeper::flush() {
  flush_posted_ = false;
  const bool grows = !waiting_.empty();
  if (grows) {
    std::vector<std::vector<std::byte>> encoded;
    encoded.reserve(waiting_.size());
    for (const Entry& entry : waiting_) encoded.push_back(encode(entry));
    const std::vector<Bytes> group(encoded.begin(), encoded.end());
    const EntryIndex first = ledger_->head().size;
    const auto head = ledger_->append(group);
    if (!head) storage_failed(head.error());
    DAYBOOK_ASSERT(head->size == state_.size, "the ledger holds {} entries, the state {}",
                   head->size, state_.size);
    const std::vector<Entry> durable = std::exchange(waiting_, {});
    for (std::size_t i = 0; i < durable.size(); ++i)
      for (const auto& observer : observers_) observer(first + i, durable[i]);
  }
  for (auto& waiter : std::exchange(waiters_, {})) waiter();
  const EntryIndex covered = state_.checkpoint ? state_.checkpoint->size : 0;
  // One that can not be made is tried again when more is written, not over and over; at the end of
  // the run it is made, or reported.
  if (grows && checkpoint_due(config_, state_.size - covered, covered) &&
      !std::exchange(checkpoint_posted_, true))
    asio::post(executor_.loop(), [this] {
      (void)checkpoint();
      checkpoint_posted_ = false;
    });
}

// Returns when everything applied so far is durable.
asio::awaitable<void> Keeper::durable() {
  auto begin = [this](auto handler) {
    waiters_.push_back([handler = std::move(handler)]() mutable { std::move(handler)(); });
    if (std::exchange(flush_posted_, true)) return;
    asio::post(executor_.loop(), [this] { flush(); });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(begin),
                                                                       asio::use_awaitable);
}

asio::awaitable<Answer> Keeper::ask(Actor actor, Command command) {
  Answer answer = decide_and_apply(actor, command);
  co_await durable();
  co_return answer;
}

asio::awaitable<std::vector<Answer>> Keeper::ask_all(Actor actor, std::vector<Command> commands) {
  std::vector<Answer> answers;
  answers.reserve(commands.size());
  for (const Command& command : commands) answers.push_back(decide_and_apply(actor, command));
  co_await durable();
  co_return answers;
}

Answer Keeper::ask_now(const Actor& actor, const Command& command) {
  Answer answer = decide_and_apply(actor, command);
  flush();
  return answer;
}

Result<void> Keeper::checkpoint() {
  flush();
  if (state_.checkpoint && state_.checkpoint->at + 1 == state_.size) return {};
  const auto key = signing_key(paths_, state_);
  if (!key) return std::unexpected(key.error());
  const auto signed_now = make_checkpoint(*ledger_, state_, *key);
  if (!signed_now) return std::unexpected(signed_now.error());
  const auto broken = violations(state_);
  DAYBOOK_ASSERT(broken.empty(), "{}: {}", broken.front().rule, broken.front().detail);
  const auto recorded =
      ask_now(system_actor(), RecordCheckpoint{.size = signed_now->size,
                                               .root = signed_now->root,
                                               .state_root = signed_now->state_root});
  if (!recorded && recorded.error().code != Refusal::Code::already)
    return fail(Error::Code::conflict, "{}", recorded.error().detail);
  // Often enough that opening stays quick, seldom enough that small books need none.
  if (state_.size - snapshot_at_ < snapshot_every) return {};
  snapshot_at_ = state_.size;
  return save_snapshot(*ledger_, state_);
}

Result<PayloadRef> Keeper::payloads_put(std::string_view text) {
  const auto kept = payloads_->put(bytes_of(text));
  if (!kept) return std::unexpected(kept.error());
  return as_ref(*kept);
}

Result<void> Keeper::remember(std::string_view key, std::string_view value) {
  return ledger_->put(key, bytes_of(value));
}

void Keeper::observe(std::function<void(EntryIndex, const Entry&)> observer) {
  observers_.push_back(std::move(observer));
}

Result<Entry> Keeper::entry(EntryIndex index) const { return entry_at(*ledger_, index); }

PayloadRef as_ref(const PayloadAddress& address) { return {address.digest, address.length}; }
PayloadAddress as_address(const PayloadRef& ref) { return {ref.digest, ref.bytes}; }

Actor local_actor() {
  const struct passwd* user = ::getpwuid(::geteuid());
  return {.principal = user != nullptr ? user->pw_name : fmt::format("uid-{}", ::geteuid()),
          .kind = ActorKind::human,
          .on_behalf_of = {}};
}

}  // namespace daybook
