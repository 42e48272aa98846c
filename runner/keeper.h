// The one writer of a book: decides, appends, applies. Everything on the executor's loop.
//
// A command is decided against the newest state and applied at once; the answer comes when its
// entries are durable and anchored. So several commands of one turn of the loop share one group
// commit, and what a later command saw is never durable without what it was built on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "runner/book.h"
#include "runner/book_view.h"
#include "runner/clock.h"
#include "runner/entropy.h"
#include "runner/executor.h"
#include "statemachine/decide.h"

namespace daybook {

struct PayloadAddress;

// The book's events and the payload store name the same thing; neither knows the other.
PayloadRef as_ref(const PayloadAddress& address);
PayloadAddress as_address(const PayloadRef& ref);

struct Accepted {
  EntryIndex first = 0;  // index of events[0]
  std::vector<Event> events;
};
using Answer = std::expected<Accepted, Refusal>;

class Keeper {
 public:
  // Makes a book in `paths.root` (which must not exist or be empty) with a new key and origin.
  static Result<void> create(const BookPaths& paths, BookConfig config, Executor& executor,
                             Clock& clock, Entropy& entropy, const Actor& actor);

  // Opens, verifies, replays and boots. `conflict` where another keeper lives; `corrupt` where the
  // book is damaged or shorter than its anchor (nothing was changed).
  static Result<std::unique_ptr<Keeper>> open(const BookPaths& paths, Executor& executor,
                                              Clock& clock, Entropy& entropy);
  ~Keeper();

  const State& state() const { return state_; }
  const Ledger& ledger() const { return *ledger_; }
  PayloadStore& payloads() { return *payloads_; }
  BookView view() const { return {.state = state_, .ledger = *ledger_, .payloads = *payloads_}; }
  const BookPaths& paths() const { return paths_; }
  Clock& clock() { return clock_; }
  // Time as entries record it and as delays are counted: the wall clock's where that is later,
  // never back, and going on while the wall clock was set back.
  Timestamp now();
  Entropy& entropy() { return entropy_; }
  Executor& executor() { return executor_; }

  // Answers when the entries are durable. A refused command of a person is recorded as such
  // (`already` is not: nothing was withheld). Storage that fails ends the process: crash-only.
  // Give the command a name first: g++ 12 destroys a braced temporary of a co_await expression
  // twice (GCC PR 102489).
  boost::asio::awaitable<Answer> ask(Actor actor, Command command);

  // Several, decided one after the other, under one group commit; the answers in their order.
  boost::asio::awaitable<std::vector<Answer>> ask_all(Actor actor, std::vector<Command> commands);

  // The same for use outside a coroutine: commits what is waiting, too.
  Answer ask_now(const Actor& actor, const Command& command);

  // Makes everything applied so far durable, now.
  void flush();

  // Signs and keeps a checkpoint of everything durable, and records it. Asks no witness
  // (runner/witnesses.h).
  Result<void> checkpoint();

  // Keeps a small payload; its address as events name it.
  Result<PayloadRef> payloads_put(std::string_view text);

  // A small value beside the log (Ledger::put).
  Result<void> remember(std::string_view key, std::string_view value);

  // Called on the loop with every entry, after it is durable.
  void observe(std::function<void(EntryIndex, const Entry&)> observer);

  // Reads one entry of the durable log as a value.
  Result<Entry> entry(EntryIndex index) const;

 private:
  Keeper(BookPaths paths, Executor& executor, Clock& clock, Entropy& entropy);

  Answer decide_and_apply(const Actor& actor, const Command& command);
  void append(const Actor& actor, std::vector<Event>& events);
  boost::asio::awaitable<void> durable();

  BookPaths paths_;
  BookConfig config_;
  Executor& executor_;
  Clock& clock_;
  Entropy& entropy_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<PayloadStore> payloads_;
  State state_;
  Timestamp now_ = 0;           // as last asked for,
  Monotonic asked_ = 0;         // and when that was
  std::vector<Entry> waiting_;  // applied, not yet durable
  std::vector<std::move_only_function<void()>> waiters_;
  std::vector<std::function<void(EntryIndex, const Entry&)>> observers_;
  bool flush_posted_ = false, checkpoint_posted_ = false;
  EntryIndex snapshot_at_ = 0;  // size of the last snapshot this process knows of
};

// Who the person at this terminal is: the name of the effective user.
Actor local_actor();

inline Actor system_actor() {
  return {.principal = "daybook", .kind = ActorKind::system, .on_behalf_of = {}};
}

}  // namespace daybook
