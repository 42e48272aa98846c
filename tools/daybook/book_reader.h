// A book, opened for reading: beside its keeper or without one. Takes no lock and writes nothing.
#pragma once

#include <memory>
#include <optional>

#include "ledger/payload_store.h"
#include "ledger/rocksdb_ledger.h"
#include "replay/queries.h"
#include "runner/book.h"
#include "runner/book_view.h"
#include "statemachine/state.h"
#include "tools/daybook/handlers.h"

namespace daybook {

struct ReadBook {
  BookPaths paths;
  BookConfig config;
  std::unique_ptr<RocksdbLedger> ledger;
  State state;  // as of --as-of, else of everything that is there

  BookView with(const PayloadStore& payloads) const {
    return {.state = state, .ledger = *ledger, .payloads = payloads};
  }
};

// --book, then DAYBOOK_BOOK, then the nearest .daybook upwards.
std::expected<BookPaths, Problem> find_book_of(const Arguments& arguments);

std::expected<ReadBook, Problem> read_book(Invocation& in);
std::expected<std::unique_ptr<RocksdbLedger>, Problem> open_ledger(const BookPaths& paths,
                                                                   const BookConfig& config);

// Payloads of a book that is only read; its folders are there already.
std::expected<PayloadStore, Problem> open_payloads(const BookPaths& paths);

// What a person named, in this state.
std::expected<RunId, Problem> find_run(const State& state, const std::string& text);
std::expected<SlotId, Problem> find_slot(const State& state, const std::string& partition,
                                         const std::string& pipeline);

}  // namespace daybook
