// One `on` per command: the rules, grouped by what they are about. Used by decide.cc alone.
#pragma once

#include <fmt/format.h>

#include "statemachine/decide.h"

namespace daybook::decisions {

template <typename... Args>
std::unexpected<Refusal> refuse(Refusal::Code code, fmt::format_string<Args...> format,
                                Args&&... args) {
  return std::unexpected(Refusal{code, fmt::format(format, std::forward<Args>(args)...)});
}

// The next dense id of a list.
template <typename Id, typename T>
Id next_id(const std::vector<T>& all) {
  return Id{static_cast<std::uint32_t>(all.size())};
}

std::string describe(const Slot& slot);  // "runways 2024-06-01"

// decide_run.cc: the book, definitions, runs, attempts and loads
Decision on(const State&, const Context&, const CreateBook&);
Decision on(const State&, const Context&, const Boot&);
Decision on(const State&, const Context&, const RecordCheckpoint&);
Decision on(const State&, const Context&, const EnrollPrincipal&);
Decision on(const State&, const Context&, const RevokePrincipal&);
Decision on(const State&, const Context&, const RegisterDefinition&);
Decision on(const State&, const Context&, const ExpectPartitions&);
Decision on(const State&, const Context&, const StartRun&);
Decision on(const State&, const Context&, const FinishRun&);
Decision on(const State&, const Context&, const Cancel&);
Decision on(const State&, const Context&, const Pause&);
Decision on(const State&, const Context&, const Resume&);
Decision on(const State&, const Context&, const MarkDrained&);
Decision on(const State&, const Context&, const CompletePlanning&);

// decide_slot.cc
Decision on(const State&, const Context&, const PlanPartition&);
Decision on(const State&, const Context&, const StartAttempt&);
Decision on(const State&, const Context&, const StageAttempt&);
Decision on(const State&, const Context&, const FailAttempt&);
Decision on(const State&, const Context&, const LoseAttempt&);
Decision on(const State&, const Context&, const IntendLoad&);
Decision on(const State&, const Context&, const CommitLoad&);
Decision on(const State&, const Context&, const AbortLoad&);
Decision on(const State&, const Context&, const VerifyLoad&);
Decision on(const State&, const Context&, const LoseLoad&);
Decision on(const State&, const Context&, const RecordReconciliation&);
Decision on(const State&, const Context&, const DecideHold&);
Decision on(const State&, const Context&, const ReleaseSlot&);

// decide_people.cc: quarantined records, approvals, compensation
Decision on(const State&, const Context&, const AmendRecord&);
Decision on(const State&, const Context&, const ReleaseRecords&);
Decision on(const State&, const Context&, const DiscardRecords&);
Decision on(const State&, const Context&, const GiveApproval&);
Decision on(const State&, const Context&, const RejectApproval&);
Decision on(const State&, const Context&, const ProposeCompensation&);
Decision on(const State&, const Context&, const StartCompensation&);
Decision on(const State&, const Context&, const IntendCompensation&);
Decision on(const State&, const Context&, const CommitCompensation&);
Decision on(const State&, const Context&, const FailCompensation&);
Decision on(const State&, const Context&, const WithdrawCompensation&);

// decide_erasure.cc: erasure and legal hold
Decision on(const State&, const Context&, const ProposeErasure&);
Decision on(const State&, const Context&, const StartErasure&);
Decision on(const State&, const Context&, const FinishErasure&);
Decision on(const State&, const Context&, const WithdrawErasure&);
Decision on(const State&, const Context&, const PlaceLegalHold&);
Decision on(const State&, const Context&, const ReleaseLegalHold&);

// decide_log.cc: witnesses, keys and name of the log
Decision on(const State&, const Context&, const AddWitness&);
Decision on(const State&, const Context&, const RemoveWitness&);
Decision on(const State&, const Context&, const RotateLogKey&);
Decision on(const State&, const Context&, const ChangeLogOrigin&);

}  // namespace daybook::decisions
