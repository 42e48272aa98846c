// Approvals: of exactly one plan, by people who took no part in it, each with a key of their own.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

GiveApproval giving(const std::string& who, const Digest& plan = plan_a,
                    ApprovalId id = approval0) {
  return {.approval = id,
          .approver = who,
          .key_fingerprint = "SHA256:" + who,
          .signature = "sig",
          .digest = plan};
}
RejectApproval rejecting(const std::string& who, ApprovalId id = approval0) {
  return {.approval = id, .approver = who, .reason = "too many rows"};
}
StageAttempt staging(const Digest& plan, std::uint32_t needed = 1, Attempt attempt = 1,
                     RunId run = run0, const Digest& content = content_a) {
  return {.staged = staged_as(content, attempt, run),
          .approvals_needed = needed,
          .approval_digest = plan};
}
// The run that asked ended; another one, of `who`, works on the partition again.
History again(const History& asked, const History& answers = {}, const std::string& who = "ana") {
  return asked + finished(run0, RunOutcome::held) + answers + by(who, started(run1)) +
         planned_as(PlanReason::failed_before, run1) + attempted(2, run1);
}
const History ben_approves = {approves("ben")};

TEST(Approval, IsAskedForBeforeTheLoad) {
  given(running)
      .when(staging(plan_a, 2))
      .then({staged_as(), asks(approval0, plan_a, 2)})
      .so(SlotPhase::awaiting_approval)
      .when(giving("ben"))
      .then({approves("ben")})
      .so(SlotPhase::awaiting_approval)
      .when(giving("cleo"))
      .then({approves("cleo")})
      .so(SlotPhase::staged)
      .when(giving("cleo"))
      .then(already);
}

TEST(Approval, IsNotGivenByThoseWhoTookPart) {
  for (const std::string who : {"ana", "dora", "olga"})
    given(awaiting).when(giving(who)).then(not_allowed);
}

TEST(Approval, IsNotGivenByWhoReleasedRecordsOfThePartition) {
  AttemptStaged with_batch = staged_as();
  with_batch.counts = {.read = 11, .accepted = 10, .quarantined = 1, .filtered = 0, .merged = 0};
  with_batch.batch = batch0;
  given(running + with_batch +
        by("ben", RecordsReleased{.batch = batch0, .records = {0}, .reason = "fine"}) + asks())
      .when(giving("ben"))
      .then(not_allowed)
      .when(giving("cleo"))
      .then({approves("cleo")});
}

TEST(Approval, IsGivenByApproversAlone) {
  given(awaiting).when(giving("nobody")).then(not_allowed);
  given(awaiting).when(giving("eve")).then(not_allowed);
  given(awaiting + PrincipalRevoked{.principal = "ben", .reason = "left"})
      .when(giving("ben"))
      .then(not_allowed);
}

TEST(Approval, IsGivenOncePerPersonAndPerKey) {
  const History half = staged + asks(approval0, plan_a, 2) + approves("ben");
  given(half).when(giving("ben")).then(already);
  GiveApproval same_key = giving("cleo");
  same_key.key_fingerprint = "SHA256:ben";
  given(half).when(same_key).then(not_allowed);
}

TEST(Approval, IsOfThePlanThatWasSeen) { given(awaiting).when(giving("ben", plan_b)).then(stale); }

TEST(Approval, OfNothingIsRefused) {
  given(staged).when(giving("ben")).then(unknown);
  given(staged).when(rejecting("ben")).then(unknown);
}

TEST(Approval, RejectedEndsTheWork) {
  given(awaiting)
      .when(rejecting("eve"))
      .then(not_allowed)
      .when(rejecting("ben"))
      .then({ApprovalRejected{.approval = approval0, .approver = "ben", .reason = "too many rows"}})
      .so(SlotPhase::cancelled)
      .when(giving("cleo"))
      .then(wrong_phase)
      .when(rejecting("cleo"))
      .then(wrong_phase);
}

TEST(Approval, HoldsForTheNextRunOfTheSamePlan) {
  given(again(awaiting, ben_approves))
      .when(staging(plan_a, 1, 2, run1))
      .then({staged_as(content_a, 2, run1)})
      .so(SlotPhase::staged);
}

TEST(Approval, OfAnotherPlanIsAskedForAnew) {
  given(again(awaiting, ben_approves))
      .when(staging(plan_b, 1, 2, run1, content_b))
      .then({staged_as(content_b, 2, run1), asks(approval1, plan_b)})
      .when(giving("cleo", plan_a, approval0))
      .then(stale);
}

TEST(Approval, OfFewerThanAreNeededNowIsAskedForAnew) {
  given(again(awaiting, ben_approves))
      .when(staging(plan_a, 2, 2, run1))
      .then({staged_as(content_a, 2, run1), asks(approval1, plan_a, 2)});
}

// ben approved, and then asked for the run that loads: author and approver in one.
TEST(Approval, DoesNotHoldForARunThatItsApproverAskedFor) {
  given(again(awaiting, ben_approves, "ben"))
      .when(staging(plan_a, 1, 2, run1))
      .then({staged_as(content_a, 2, run1), asks(approval1)})
      .when(giving("ben", plan_a, approval1))
      .then(not_allowed);
}

// Two questions about one plan were open at once: the answer to the first loaded what the second
// still asked about.
TEST(Approval, AskedForAgainVoidsTheFirstQuestion) {
  given(again(staged + asks(approval0, plan_a, 2) + approves("ben")))
      .when(staging(plan_a, 2, 2, run1))
      .then({staged_as(content_a, 2, run1), asks(approval1, plan_a, 2)})
      .when(giving("cleo", plan_a, approval0))
      .then(stale)
      .when(giving("cleo", plan_a, approval1))
      .so(SlotPhase::awaiting_approval)
      .when(giving("ben", plan_a, approval1))
      .so(SlotPhase::staged);
}

// A rejected approval stayed the slot's last: its next load, which needed none, broke I33.
TEST(Approval, NoLongerNeededDoesNotStandInTheWay) {
  const auto loads = [](const History& history) {
    given(again(history))
        .when(staging(plan_a, 0, 2, run1))
        .then({staged_as(content_a, 2, run1)})
        .when(IntendLoad{.run = run1,
                         .slot = slot0,
                         .attempt = 2,
                         .generation = 1,
                         .load_id = load_a,
                         .mode = LoadMode::replace})
        .so(SlotPhase::load_intended);
  };
  loads(awaiting);
  loads(awaiting +
        ApprovalRejected{.approval = approval0, .approver = "ben", .reason = "too many rows"});
}

TEST(Approval, OfAVoidedQuestionMovesNothingEvenAsAFact) {
  const History two_questions = again(awaiting) + staged_as(content_b, 2, run1) +
                                asks(approval1, plan_b) + approves("ben", approval0);
  EXPECT_EQ(folded(two_questions).slots[0].phase, SlotPhase::awaiting_approval);
  EXPECT_EQ(folded(two_questions + approves("cleo", approval1)).slots[0].phase, SlotPhase::staged);
  EXPECT_EQ(
      folded(two_questions +
             ApprovalRejected{.approval = approval0, .approver = "cleo", .reason = "too late"})
          .slots[0]
          .phase,
      SlotPhase::awaiting_approval);
}

TEST(Approval, GivenWhileTheWorkIsDoneAgainMovesNothing) {
  given(again(awaiting)).when(giving("ben")).so(SlotPhase::running);
  given(again(awaiting)).when(rejecting("ben")).so(SlotPhase::running);
}

TEST(Approval, SurvivesABootAndTheWorkIsDoneAgain) {
  given(awaiting + boot(2))
      .when(giving("ben"))
      .so(SlotPhase::staged)
      .when(LoseAttempt{.slot = slot0, .reason = "boot"})
      .so(SlotPhase::planned)
      .when(StartAttempt{.run = run0, .slot = slot0})
      .then({attempted(2)})
      .when(staging(plan_a, 1, 2))
      .so(SlotPhase::staged);
}

}  // namespace
}  // namespace daybook
