// The book against the sinks: every committed generation is asked for, every marker is looked up.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <variant>
#include <vector>

#include "runner/keeper.h"

namespace daybook {

struct ReconcileFinding {
  enum class Kind : std::uint8_t {
    lost,     // the book says committed and current, the sink has no marker or lost the data
    unknown,  // a marker the book never intended: the book was rolled back, or another book writes
              // here
    damaged,  // marker and data disagree; recorded as lost where a reload replaces it
    added,    // what was loaded is whole, and readers see something of nobody's beside it
    stale,    // the sink shows another generation than the book's current one, or one that the
              // book took back, gave up or calls lost
  };
  Kind kind;
  std::string pipeline, sink, partition;
  SlotId slot = no_slot;
  Generation generation = 0;
  Digest load_id{};
  std::string detail;
  bool loads_again = false;  // recorded as lost, so the next run loads it again; else a person's
};

struct ReconcileReport {
  std::uint32_t sinks = 0, checked = 0;
  std::vector<ReconcileFinding> findings;
};

// A book that fails, or one that refuses.
using ReconcileAnswer = std::expected<ReconcileReport, std::variant<Error, Refusal>>;

// Compares and writes nothing. No pipeline named: all of the book. deep re-reads the data, not the
// markers alone. Runs may go on meanwhile: of a load that comes in or leaves while its sink is
// asked nothing is found. Every sink answers, or there is no report.
boost::asio::awaitable<ReconcileAnswer> compare_with_sinks(BookView book, Executor& executor,
                                                           std::string pipeline, bool deep);

// The same; and Reconciled is recorded for each sink, and LoadLost for what is lost, so that the
// next run loads it again. Refused where the actor may not record it.
boost::asio::awaitable<ReconcileAnswer> reconcile(Keeper& keeper, Actor actor, std::string pipeline,
                                                  bool deep);

}  // namespace daybook
