// Making detached payloads unreadable on purpose: what is to go, the plan people approve, and the
// destruction of the keys.
//
// What a person is named by is looked up by whoever reads the book and never reaches an entry, a
// plan or the keeper: only numbers of records and digests of payloads do.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runner/book_view.h"
#include "runner/keeper.h"
#include "runner/subject_search.h"

namespace daybook {

struct RecordChoice {
  BatchId batch{};
  std::uint32_t first = 0, last = 0;
};

// Why something is to go; any number of them together.
struct ErasureWish {
  Subjects subjects = {};
  std::vector<RecordChoice> records = {};
  std::optional<RunId> run = {};  // all that this run set aside and read
  bool expired = false;           // all whose retention is over at `now`
  Timestamp now = 0;
  std::string pipeline = {};  // only of this one; empty: all
  bool quarantine = true, inputs = true;
};

struct ErasureChoice {
  std::map<BatchId, std::set<std::uint32_t>> records;
  std::set<Digest> inputs;  // retained copies
  bool empty() const { return records.empty() && inputs.empty(); }
};

struct FoundForErasure {
  ErasureChoice choice;
  std::string policy;                   // "subject in column email", "retention quarantine 30d"
  std::vector<std::string> unsearched;  // retained inputs that could not be looked into, and why
};

// Decrypts and looks. A record that is named stands, byte for byte, in every batch that set it
// aside: all of them are chosen.
Result<FoundForErasure> find_for_erasure(const BookView& book, const ErasureWish& wish);

struct PlannedErasure {
  std::string policy;
  std::vector<ErasureItem> items;  // without replacements until it is proposed
  std::uint64_t records = 0, undecided = 0, payloads = 0, bytes = 0;
  std::set<RunId> unreplayable = {};   // runs that read an input that goes
  std::vector<std::string> held = {};  // what a legal hold keeps: the reason this would be refused
  std::string text = {};
  Digest digest{};
};

// What erasing the choice would do, with numbers. Reads the book's entries once.
Result<PlannedErasure> plan_erasure(const BookView& book, const ErasureChoice& choice,
                                    const std::string& policy);

// Keeps what stays of each batch as a new payload, and records the proposal.
boost::asio::awaitable<std::expected<Accepted, Refusal>> propose_erasure(Keeper& keeper,
                                                                         Actor actor,
                                                                         PlannedErasure plan,
                                                                         std::string reason);

// The plan of a proposal as the book tells it now; differs in digest where references were added
// since.
Result<bool> still_complete(const BookView& book, const ErasureState& erasure);

// Destroys the keys of an erasure that has been started, then records its end. May be done again at
// any time until then: what an earlier process began is finished.
Result<ErasureFinished> carry_out_erasure(Keeper& keeper, ErasureId id);

}  // namespace daybook
