// Taking loads back: the plan as text with numbers, its proposal, and what is approved.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <variant>
#include <vector>

#include "runner/connect/sink.h"
#include "runner/keeper.h"

namespace daybook {

struct CompensationStepPlan {
  CompensationStep step;
  std::string pipeline, sink, partition;
  std::uint64_t rows_removed = 0, rows_restored = 0;  // by dry run in the sink, now
  std::string note;                                   // why it can not be done; empty where it can
};

struct PlannedCompensation {
  CompensationAction action = CompensationAction::restore_previous;
  std::vector<CompensationStepPlan> steps;  // newest load first
  std::uint32_t approvals = 0;              // that the definitions ask for
  std::string text;                         // exactly what is proposed and approved
  Digest digest{};                          // SHA-256 of the text
  bool possible() const;
};

// What would be taken back: the loads of one run, or the current generations of named slots. Asks
// the sinks for numbers; changes nothing.
boost::asio::awaitable<Result<PlannedCompensation>> plan_compensation(
    BookView book, Executor& executor, std::vector<SlotId> slots,
    std::optional<CompensationAction> action);

// Slots whose current generation was loaded by this run.
std::vector<SlotId> slots_loaded_by(const State& state, RunId run);

// Records the plan in the book; the id to approve and execute.
boost::asio::awaitable<std::expected<CompensationId, Refusal>> propose_compensation(
    Keeper& keeper, Actor actor, PlannedCompensation plan, std::string reason);

// The text an approval is about, from the book: what has to be signed. not_found where it is gone.
Result<std::string> approval_text(const BookView& book, ApprovalId id);

// Checks the signature over that text against the approver's enrolled key; the command to ask with.
// Refused (not allowed) where somebody else signed, or nobody who is enrolled.
std::expected<GiveApproval, std::variant<Error, Refusal>> check_approval(
    const BookView& book, ApprovalId id, const std::string& approver, const std::string& armored);

}  // namespace daybook
