// A book, opened for reading: beside its keeper or without one. Takes no lock and writes nothing.
#pragma once

#include <memory>
#include <optional>

#include "ledger/payload_store.h"
#include "ledger/rocksdb_ledger.h"
#include "replay/fold.h"
#include "replay/queries.h"
#include "runner/book.h"
#include "runner/book_view.h"
#include "statemachine/state.h"
#include "tools/daybook/handlers.h"

namespace daybook {

struct ReadBook {
  BookPaths paths;
  BookConfig config;
  std::unique_ptr<RocksdbLedger> whole;
  std::unique_ptr<Ledger> ledger;  // as of --as-of, else all that was there when it was opened
  State state;                     // of that ledger

  BookView with(const PayloadStore& payloads) const {
    return {.state = state, .ledger = *ledger, .payloads = payloads};
  }
};

// --book, then DAYBOOK_BOOK, then the nearest .daybook upwards.
std::expected<BookPaths, Problem> find_book_of(const Arguments& arguments);

std::expected<ReadBook, Problem> read_book(Invocation& in);

// The beginning of the ledger that --as-of names; without it, all of it as it is now. `whole`
// outlives it.
std::expected<std::unique_ptr<Ledger>, Problem> ledger_asked(const Invocation& in,
                                                             const Ledger& whole);
// Lets the answer name its moment, for commands that fold no state before they answer. Of what can
// not be folded it names the index alone. Nothing without --as-of.
void tell_moment(Invocation& in, const Ledger& ledger, Snapshots snapshots);
// What could not be read of a moment may have been erased since, which is then said.
Problem problem_then(const Arguments& arguments, const Error& error);
// The command that prints the key which signed what was asked for.
std::string key_command(const Arguments& arguments, const Ledger& ledger);
std::expected<std::unique_ptr<RocksdbLedger>, Problem> open_ledger(const BookPaths& paths,
                                                                   const BookConfig& config);

// Payloads of a book that is only read; its folders are there already.
std::expected<PayloadStore, Problem> open_payloads(const BookPaths& paths);

// What a person named, in this state.
std::expected<RunId, Problem> find_run(const State& state, const std::string& text);
std::expected<SlotId, Problem> find_slot(const State& state, const std::string& partition,
                                         const std::string& pipeline);

}  // namespace daybook
