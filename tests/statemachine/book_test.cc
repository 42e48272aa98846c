// The book itself: its first entry, boots, checkpoints, people, definitions, expected partitions.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

TEST(Book, BeginsWithItsOrigin) {
  given({})
      .when(CreateBook{.origin = "daybook.local/test", .log_vkey = "test+1+AQ"})
      .then({created})
      .when(CreateBook{.origin = "daybook.local/other", .log_vkey = "other+1+AQ"})
      .then(book_exists);
}

TEST(Book, HasANonEmptyOrigin) {
  given({}).when(CreateBook{.origin = "", .log_vkey = "test+1+AQ"}).then(mismatch);
}

TEST(Book, IsCreatedBeforeAnythingElse) { given({}).when(Boot{.version = "0.1"}).then(no_book); }

TEST(Book, CountsItsBoots) {
  given(History{created})
      .when(Boot{.version = "0.1"})
      .then({boot(1)})
      .when(Boot{.version = "0.1"})
      .then({boot(2)});
}

TEST(Checkpoint, CoversWhatIsThereAndMoreThanTheLast) {
  const CheckpointSigned signed_two{.size = 2, .root = digest(1), .state_root = digest(2)};
  given(book)
      .when(RecordCheckpoint{.size = 3, .root = {}, .state_root = {}})
      .then(mismatch)
      .when(RecordCheckpoint{.size = 2, .root = digest(1), .state_root = digest(2)})
      .then({signed_two})
      .when(RecordCheckpoint{.size = 2, .root = digest(1), .state_root = digest(2)})
      .then(already)
      .when(RecordCheckpoint{.size = 3, .root = {}, .state_root = {}})
      .so([](const State& state) {
        EXPECT_EQ(state.checkpoints, 2U);
        EXPECT_EQ(state.checkpoint->size, 3U);
      });
}

TEST(Principal, IsEnrolledWithAKey) {
  const PrincipalEnrolled ben = enrolled("ben", {"approver"});
  const EnrollPrincipal again{
      .principal = "ben", .public_key = ben.public_key, .roles = {"approver"}};
  given(book).when(again).then({ben}).when(again).then(already);
}

TEST(Principal, IsEnrolledAnewWithAnotherKeyOrOtherRoles) {
  given(book + enrolled("ben", {"approver"}))
      .when(EnrollPrincipal{
          .principal = "ben", .public_key = "ssh-ed25519 new", .roles = {"approver"}})
      .so([](const State& state) {
        EXPECT_EQ(state.principals.at("ben").public_key, "ssh-ed25519 new");
      })
      .when(EnrollPrincipal{.principal = "ben", .public_key = "ssh-ed25519 new", .roles = {}})
      .so([](const State& state) { EXPECT_TRUE(state.principals.at("ben").roles.empty()); });
}

TEST(Principal, HasANameThatFits) {
  given(book)
      .when(EnrollPrincipal{.principal = "", .public_key = "k", .roles = {}})
      .then(too_large)
      .when(EnrollPrincipal{.principal = std::string(129, 'b'), .public_key = "k", .roles = {}})
      .then(too_large)
      .when(EnrollPrincipal{.principal = std::string(128, 'b'), .public_key = "k", .roles = {}})
      .then(
          {PrincipalEnrolled{.principal = std::string(128, 'b'), .public_key = "k", .roles = {}}});
}

TEST(Principal, DoesNotShareAKey) {
  const EnrollPrincipal bert{
      .principal = "bert", .public_key = "ssh-ed25519 ben", .roles = {"approver"}};
  given(book + enrolled("ben", {"approver"})).when(bert).then(conflict);
  given(book + enrolled("ben", {}) + PrincipalRevoked{.principal = "ben", .reason = "left"})
      .when(bert)
      .then({PrincipalEnrolled{
          .principal = "bert", .public_key = "ssh-ed25519 ben", .roles = {"approver"}}});
}

TEST(Principal, IsRevokedOnceAndAsksForNothingAfterwards) {
  const RevokePrincipal revoke{.principal = "ben", .reason = "left"};
  given(people)
      .when(RevokePrincipal{.principal = "nobody", .reason = "left"})
      .then(unknown)
      .when(revoke)
      .then({PrincipalRevoked{.principal = "ben", .reason = "left"}})
      .when(revoke)
      .then(already)
      .as("ben")
      .when(Boot{.version = "0.1"})
      .then(not_allowed);
}

TEST(Principal, ComesBackByBeingEnrolledAgain) {
  given(people + PrincipalRevoked{.principal = "ben", .reason = "left"})
      .when(EnrollPrincipal{
          .principal = "ben", .public_key = "ssh-ed25519 ben", .roles = {"approver"}})
      .then({enrolled("ben", {"approver"})})
      .as("ben")
      .when(Boot{.version = "0.1"})
      .then({boot(2)});
}

TEST(Principal, RevokedUnderTheNameOfTheSystemDoesNotStopTheSystem) {
  given(book + enrolled("daybook", {}) + PrincipalRevoked{.principal = "daybook", .reason = "?"})
      .when(Boot{.version = "0.1"})
      .then({boot(2)});
}

const Pause pausing{.scope = {}, .reason = "deploy"};
const Event paused_book = Paused{.scope = {}, .reason = "deploy"};

TEST(Role, ThatNobodyHoldsBindsNobody) {
  given(people).as("stranger").when(pausing).then({paused_book});
}

TEST(Role, ThatSomebodyHoldsIsNeededFromThenOn) {
  const History with_operator = people + enrolled("otto", {"operator"});
  given(with_operator)
      .as("stranger")
      .when(pausing)
      .then(not_allowed)
      .as("ben")
      .when(pausing)
      .then(not_allowed)
      .as("otto")
      .when(pausing)
      .then({paused_book});
  // Revoked: nobody holds it any more.
  given(with_operator + PrincipalRevoked{.principal = "otto", .reason = "left"})
      .as("ben")
      .when(pausing)
      .then({paused_book});
}

TEST(Role, OfAnAdminCoversEverythingButApproving) {
  const History with_admin = people + enrolled("otto", {"operator"}) + enrolled("ada", {"admin"});
  given(with_admin).as("ada").when(pausing).then({paused_book});
  const EnrollPrincipal more{
      .principal = "new", .public_key = "ssh-ed25519 new", .roles = {"operator"}};
  given(with_admin).as("otto").when(more).then(not_allowed);
  given(with_admin).as("ada").when(more).then({enrolled("new", {"operator"})});
  given(awaiting + enrolled("ada", {"admin"}))
      .as("ada")
      .when(GiveApproval{.approval = approval0,
                         .approver = "ada",
                         .key_fingerprint = "SHA256:ada",
                         .signature = "sig",
                         .digest = plan_a})
      .then(not_allowed);
}

TEST(Role, OfAStewardDoesNotReachTheRuns) {
  const History staff = running + enrolled("otto", {"operator"}) + enrolled("stella", {"steward"});
  given(staff).as("stella").when(Cancel{.scope = scope_of(run0), .reason = "?"}).then(not_allowed);
  given(quarantined + enrolled("otto", {"operator"}) + enrolled("stella", {"steward"}))
      .as("ben")
      .when(ReleaseSlot{.slot = slot0, .reason = "fixed"})
      .then(not_allowed)
      .as("stella")
      .when(ReleaseSlot{.slot = slot0, .reason = "fixed"})
      .so(SlotPhase::idle);
}

TEST(Role, IsNotAskedOfTheSystem) {
  given(people + enrolled("otto", {"operator"})).when(pausing).then({paused_book});
}

TEST(Role, ThatDoesNotExistIsNotGiven) {
  given(people)
      .when(EnrollPrincipal{
          .principal = "new", .public_key = "ssh-ed25519 new", .roles = {"Operator"}})
      .then(mismatch);
}

TEST(Refusals, AreCountedAndChangeNothingElse) {
  const State before = folded(verified);
  State after = before;
  apply(after, entry_after(after, CommandRefused{.command = "StartRun",
                                                 .refusal = "paused",
                                                 .detail = "the book is paused"}));
  EXPECT_EQ(after.refusals, 1U);
  after.refusals = 0;
  after.size = before.size;
  EXPECT_EQ(after, before);
}

RegisterDefinition registering(const Digest& what, std::uint64_t version,
                               const std::string& pipeline = "runways") {
  return {.pipeline = pipeline, .version = version, .digest = what, .files = {}, .owner = "olga"};
}

TEST(Definition, IsRegisteredOnce) {
  given(people)
      .when(registering(def_a, 1))
      .then({registered()})
      .when(registering(def_a, 1))
      .then(already)
      .when(registering(def_b, 2))
      .then({registered(definition1, def_b)});
}

TEST(Definition, RevertedToIsRegisteredOnceMoreAndOnlyOnce) {
  given(defined + registered(definition1, def_b))
      .when(registering(def_a, 3))
      .then({registered(DefinitionId{2}, def_a)})
      .when(registering(def_a, 3))
      .then(already);
}

TEST(Definition, IsThatOfOnePipeline) {
  given(defined).when(registering(def_a, 1, "navaids")).then(mismatch);
}

ExpectPartitions expecting(std::vector<std::string> keys) {
  return {.pipeline = "runways", .sink = "warehouse", .keys = std::move(keys)};
}
PartitionsExpected expected(std::vector<std::string> keys) {
  return {.pipeline = "runways", .sink = "warehouse", .keys = std::move(keys)};
}

TEST(ExpectedPartitions, OpenTheirSlotsOnce) {
  given(defined)
      .when(expecting({"a", "b", "a"}))
      .then({opened(slot0, "a"), opened(slot1, "b"), expected({"a", "b"})})
      .when(expecting({"a", "b"}))
      .then(already)
      .when(expecting({"b", "c"}))
      .then({opened(SlotId{2}, "c"), expected({"c"})})
      .when(expecting({}))
      .then(already);
}

TEST(ExpectedPartitions, MayBeOpenAlready) {
  given(run_open + opened())
      .when(expecting({"2024-06-01"}))
      .then({expected({"2024-06-01"})})
      .so([](const State& state) { EXPECT_TRUE(state.slots[0].expected); });
}

TEST(ExpectedPartitions, AreNamedInEventsOfBoundedSize) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 2 * limits::keys_per_event_max + 1; ++i)
    keys.push_back(std::to_string(i));
  given(defined).when(expecting(keys)).so([&](const State& state) {
    EXPECT_EQ(state.slots.size(), keys.size());
    for (const Slot& slot : state.slots) EXPECT_TRUE(slot.expected);
    EXPECT_EQ(state.size, folded(defined).size + keys.size() + 3);
  });
}

TEST(Reconciliation, IsOnRecord) {
  given(verified)
      .when(RecordReconciliation{.sink = "warehouse", .checked = 3, .findings = 1})
      .then({Reconciled{.sink = "warehouse", .checked = 3, .findings = 1}});
}

TEST(Texts, AreCutToWhatAnEntryHoldsWithinNoCharacter) {
  const std::string word = "über";
  std::string reason = "x";
  while (reason.size() <= limits::text_bytes_max) reason += word;
  given(people).when(RevokePrincipal{.principal = "ben", .reason = reason}).so([](const State&) {});
  const auto decision = decide(folded(people), {.now = start, .actor = {}},
                               RevokePrincipal{.principal = "ben", .reason = reason});
  const std::string kept = std::get<PrincipalRevoked>(decision->front()).reason;
  EXPECT_LE(kept.size(), limits::text_bytes_max);
  EXPECT_GE(kept.size(), limits::text_bytes_max - 2);
  EXPECT_TRUE(kept.ends_with(" […]"));
  EXPECT_TRUE(reason.starts_with(kept.substr(0, kept.size() - 6)));
  EXPECT_NE(static_cast<unsigned char>(kept[kept.size() - 7]) & 0xC0, 0xC0);
}

TEST(Texts, ThatFitAreKept) {
  const std::string reason(limits::text_bytes_max, 'r');
  given(people)
      .when(RevokePrincipal{.principal = "ben", .reason = reason})
      .then({PrincipalRevoked{.principal = "ben", .reason = reason}});
}

TEST(Texts, OfCharactersThatNeverBeginAreCutAll) {
  given(people)
      .when(RevokePrincipal{.principal = "ben", .reason = std::string(3'000, '\x80')})
      .then({PrincipalRevoked{.principal = "ben", .reason = " […]"}});
}

TEST(Names, OfCommandsAreThoseOfTheirTypes) {
  EXPECT_EQ(command_name(CreateBook{}), "CreateBook");
  EXPECT_EQ(command_name(PlanPartition{}), "PlanPartition");
  EXPECT_EQ(command_name(WithdrawCompensation{}), "WithdrawCompensation");
}

TEST(Names, OfRefusalsAndPhasesAreDistinct) {
  std::set<std::string_view> codes, phases;
  for (int i = 0; i <= static_cast<int>(mismatch); ++i)
    codes.insert(name(static_cast<Refusal::Code>(i)));
  for (int i = 0; i <= static_cast<int>(SlotPhase::skipped); ++i)
    phases.insert(name(static_cast<SlotPhase>(i)));
  EXPECT_EQ(codes.size(), static_cast<std::size_t>(mismatch) + 1);
  EXPECT_EQ(phases.size(), static_cast<std::size_t>(SlotPhase::skipped) + 1);
  EXPECT_FALSE(codes.contains("?") || phases.contains("?"));
  EXPECT_EQ(name(static_cast<Refusal::Code>(200)), "?");
  EXPECT_EQ(name(static_cast<SlotPhase>(200)), "?");
}

}  // namespace
}  // namespace daybook
