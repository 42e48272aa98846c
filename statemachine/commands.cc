#include "statemachine/commands.h"

#include <array>

namespace daybook {

std::string_view command_name(const Command& command) {
  static constexpr std::array<std::string_view, std::variant_size_v<Command>> names = {
      "CreateBook",
      "Boot",
      "RecordCheckpoint",
      "EnrollPrincipal",
      "RevokePrincipal",
      "RegisterDefinition",
      "ExpectPartitions",
      "StartRun",
      "FinishRun",
      "Cancel",
      "Pause",
      "Resume",
      "MarkDrained",
      "PlanPartition",
      "StartAttempt",
      "StageAttempt",
      "FailAttempt",
      "LoseAttempt",
      "IntendLoad",
      "CommitLoad",
      "AbortLoad",
      "VerifyLoad",
      "LoseLoad",
      "RecordReconciliation",
      "DecideHold",
      "ReleaseSlot",
      "AmendRecord",
      "ReleaseRecords",
      "DiscardRecords",
      "GiveApproval",
      "RejectApproval",
      "ProposeCompensation",
      "StartCompensation",
      "IntendCompensation",
      "CommitCompensation",
      "FailCompensation",
      "WithdrawCompensation",
      "ProposeErasure",
      "StartErasure",
      "FinishErasure",
      "WithdrawErasure",
      "PlaceLegalHold",
      "ReleaseLegalHold",

      "CompletePlanning",
      "AddWitness",
      "RemoveWitness",
      "RotateLogKey",
      "ChangeLogOrigin"};
  return names[command.index()];
}

}  // namespace daybook
