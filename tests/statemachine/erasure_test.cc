// Erasure and legal hold: proposed, approved by somebody else, begun in the book before a key goes,
// and refused where a hold keeps the data.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

constexpr ErasureId erasure0{0}, erasure1{1};
constexpr LegalHoldId hold0{0};
constexpr PayloadRef originals{.digest = digest(0x71), .bytes = 300};
constexpr PayloadRef rest{.digest = digest(0x72), .bytes = 200};
constexpr PayloadRef new_bytes{.digest = digest(0x73), .bytes = 20};
constexpr PayloadRef copy{.digest = digest(0x74), .bytes = 5'000};

// Run 0 read ten rows and set three of them aside.
AttemptStaged with_three_held() {
  AttemptStaged staged = staged_as();
  staged.counts = {.read = 10, .accepted = 7, .quarantined = 3, .filtered = 0, .merged = 0};
  staged.output_rows = 7;
  staged.batch = batch0;
  staged.quarantine = originals;
  staged.files = {{.name = "feed.csv",
                   .digest = digest(0x11),
                   .bytes = 5'000,
                   .records = 10,
                   .record_root = {},
                   .copy = copy}};
  return staged;
}
const History aside = running + with_three_held();

ErasureItem of_batch(std::vector<std::uint32_t> records, PayloadRef keeps = rest) {
  return {.kind = PayloadKind::quarantine,
          .payload = originals,
          .replacement = keeps,
          .slot = slot0,
          .run = run0,
          .batch = batch0,
          .records = std::move(records),
          .entry = 11};
}
const ErasureItem whole_batch = of_batch({}, {});
const ErasureItem of_amendment{.kind = PayloadKind::amendment,
                               .payload = new_bytes,
                               .replacement = {},
                               .slot = slot0,
                               .run = run0,
                               .batch = batch0,
                               .records = {1},
                               .entry = 12};
const ErasureItem of_input{.kind = PayloadKind::input,
                           .payload = copy,
                           .replacement = {},
                           .slot = slot0,
                           .run = run0,
                           .batch = no_batch,
                           .records = {},
                           .entry = 11};

ProposeErasure proposing(std::vector<ErasureItem> items) {
  return {.policy = "subject (column email)",
          .items = std::move(items),
          .plan = plan_a,
          .text = {},
          .approvals = 0,
          .reason = "article 17, ticket 4711"};
}
ErasureProposed proposed(std::vector<ErasureItem> items, ErasureId id = erasure0) {
  return {.erasure = id,
          .policy = "subject (column email)",
          .items = std::move(items),
          .plan = plan_a,
          .text = {},
          .approvals = 1,
          .reason = "article 17, ticket 4711"};
}
ApprovalRequested asked(ErasureId id = erasure0, ApprovalId approval = approval0) {
  return {.approval = approval,
          .subject = ApprovalSubject::erasure,
          .slot = no_slot,
          .compensation = no_compensation,
          .digest = plan_a,
          .needed = 1,
          .erasure = id};
}
History asked_for(const std::vector<ErasureItem>& items) {
  return aside + by("ana", proposed(items)) + by("ana", asked());
}
History approved(const std::vector<ErasureItem>& items) {
  return asked_for(items) + by("ben", approves("ben"));
}
const StartErasure start_it{.erasure = erasure0, .plan = plan_a};
const Event began = ErasureStarted{.erasure = erasure0};
const RecordAmended amended{
    .batch = batch0, .record = 1, .replacement = new_bytes, .digest = {}, .reason = "typo"};
LegalHoldPlaced holding(Scope scope) {
  return {.hold = hold0, .scope = std::move(scope), .reason = "case 12/2026"};
}
const Scope whole_book{};
const Scope of_pipeline{.kind = ScopeKind::pipeline, .pipeline = "runways"};
const Scope of_run{.kind = ScopeKind::run, .pipeline = {}, .run = run0};
const Scope of_partition{
    .kind = ScopeKind::partition, .pipeline = {}, .run = no_run, .slot = slot0};

TEST(Erasure, AsksForAnApprovalEvenWhereNoneWasDemanded) {
  given(aside)
      .as("ana")
      .when(proposing({of_batch({1})}))
      .then({proposed({of_batch({1})}), asked()});
}

TEST(Erasure, IsNotApprovedByItsAuthor) {
  given(asked_for({whole_batch}))
      .as("ana")
      .when(GiveApproval{.approval = approval0,
                         .approver = "ana",
                         .key_fingerprint = "SHA256:ana",
                         .signature = "sig",
                         .digest = plan_a})
      .then(not_allowed);
}

TEST(Erasure, DoesNotStartWithoutItsApproval) {
  given(asked_for({whole_batch})).as("ana").when(start_it).then(not_approved);
}

TEST(Erasure, DoesNotStartWithAnotherPlanThanTheApprovedOne) {
  given(approved({whole_batch}))
      .as("ana")
      .when(StartErasure{.erasure = erasure0, .plan = plan_b})
      .then(stale);
}

TEST(Erasure, StartsOnce) {
  given(approved({whole_batch}))
      .as("ana")
      .when(start_it)
      .then({began})
      .when(start_it)
      .then(wrong_phase);
}

TEST(Erasure, TakesTheNamedRecordsOfABatchAndLeavesTheOthers) {
  given(approved({of_batch({0, 2})})).when(start_it).so([](const State& state) {
    const BatchState& batch = *state.find(batch0);
    EXPECT_EQ(batch.payload, rest);
    EXPECT_TRUE(batch.is_erased(0));
    EXPECT_FALSE(batch.is_erased(1));
    EXPECT_TRUE(batch.is_erased(2));
    EXPECT_TRUE(state.erased.contains(originals.digest));
  });
}

TEST(Erasure, OwesItsKeysUntilItIsFinished) {
  auto scenario = given(approved({whole_batch, of_input}));
  scenario.when(start_it).so([](const State& state) {
    EXPECT_THAT(pending(state),
                ::testing::Contains(Effect(effect::ContinueErasure{.erasure = erasure0})));
  });
  scenario.when(FinishErasure{.erasure = erasure0, .payloads = 2, .bytes = 5'300})
      .so([](const State& state) {
        EXPECT_THAT(pending(state), ::testing::Not(::testing::Contains(
                                        Effect(effect::ContinueErasure{.erasure = erasure0}))));
        EXPECT_EQ(state.find(erasure0)->phase, ErasureState::Phase::finished);
      });
}

TEST(Erasure, ItsReceiptCountsWhatThePlanNamed) {
  given(approved({whole_batch, of_input}) + began)
      .when(FinishErasure{.erasure = erasure0, .payloads = 1, .bytes = 300})
      .then(mismatch);
}

TEST(Erasure, LeavesNothingToDecideAboutAnErasedRecord) {
  given(approved({of_batch({1})}) + began)
      .when(ReleaseRecords{.batch = batch0, .records = {1}, .reason = "fine"})
      .then(wrong_phase)
      .when(AmendRecord{
          .batch = batch0, .record = 1, .replacement = new_bytes, .digest = {}, .reason = "typo"})
      .then(wrong_phase)
      .when(DiscardRecords{.batch = batch0, .records = {1}, .reason = "no"})
      .then(wrong_phase)
      .when(ReleaseRecords{.batch = batch0, .records = {0}, .reason = "fine"})
      .so([](const State&) {});
}

TEST(Erasure, TakesWhatARecordWasAmendedTo) {
  given(aside + amended).when(proposing({of_batch({1})})).then(stale);
  given(aside + amended).when(proposing({of_batch({1}), of_amendment})).so([](const State& state) {
    EXPECT_EQ(state.find(erasure0)->items.size(), 2U);
  });
}

TEST(Erasure, IsStaleWhereARecordWasAmendedSince) {
  given(approved({of_batch({1})}) + amended).when(start_it).then(stale);
}

TEST(Erasure, ForgetsTheAmendmentItTook) {
  const History history = aside + amended + by("ana", proposed({of_batch({1}), of_amendment})) +
                          by("ana", asked()) + by("ben", approves("ben"));
  given(history).when(start_it).so([](const State& state) {
    EXPECT_FALSE(state.find(batch0)->touched.at(1).replacement.has_value());
    EXPECT_TRUE(state.erased.contains(new_bytes.digest));
  });
}

TEST(Erasure, IsProposedOnceForAPayload) {
  given(asked_for({whole_batch})).when(proposing({whole_batch})).then(conflict);
  given(approved({whole_batch}) + began).when(proposing({whole_batch})).then(already);
}

TEST(Erasure, NamesWhatIsThere) {
  ErasureItem no_such_record = of_batch({7});
  given(aside).when(proposing({no_such_record})).then(unknown);
  ErasureItem other_payload = whole_batch;
  other_payload.payload = rest;
  given(aside).when(proposing({other_payload})).then(stale);
  ErasureItem loses_the_rest = of_batch({1}, {});
  given(aside).when(proposing({loses_the_rest})).then(mismatch);
  given(aside).when(proposing({})).then(unknown);
  ProposeErasure silent = proposing({whole_batch});
  silent.reason.clear();
  given(aside).when(silent).then(mismatch);
}

TEST(Erasure, NamesRecordsOnceInTheirOrderAndNoneThatIsGone) {
  given(aside).when(proposing({of_batch({1, 1})})).then(mismatch);
  given(aside).when(proposing({of_batch({2, 1})})).then(mismatch);
  ErasureItem of_what_is_left = of_batch({1, 2}, new_bytes);
  of_what_is_left.payload = rest;
  given(approved({of_batch({1})}) + began).when(proposing({of_what_is_left})).then(already);
}

TEST(Erasure, OfAnAmendmentIsOfTheOneRecordItStandsFor) {
  ErasureItem two = of_amendment, another = of_amendment, other_bytes = of_amendment;
  two.records = {0, 1};
  another.records = {0};
  other_bytes.payload = rest;
  for (const auto& [item, code] :
       {std::pair(two, mismatch), std::pair(another, stale), std::pair(other_bytes, stale)})
    given(aside + amended).when(proposing({of_batch({1}), item})).then(code);
  // Of a batch that goes as a whole, every amendment goes.
  given(aside + amended).when(proposing({whole_batch})).then(stale);
  // What was decided without new bytes, and records that are not named, bring none along.
  given(aside + RecordsDiscarded{.batch = batch0, .records = {0}, .reason = "worthless"} + amended)
      .when(proposing({of_batch({0})}))
      .so([](const State&) {});
}

TEST(Erasure, OfTheSamePayloadUnderWayIsTheOther) {
  given(asked_for({whole_batch})).when(proposing({of_input})).so([](const State&) {});
  given(asked_for({whole_batch, of_input})).when(proposing({of_input})).then(conflict);
}

TEST(Erasure, ItsReceiptCountsAPayloadOnceAndItsBytes) {
  ErasureItem again = of_input;
  again.entry = 12;
  const History twice = approved({whole_batch, of_input, again}) + began;
  given(twice)
      .when(FinishErasure{.erasure = erasure0, .payloads = 2, .bytes = 5'299})
      .then(mismatch);
  given(twice)
      .when(FinishErasure{.erasure = erasure0, .payloads = 2, .bytes = 5'300})
      .so([](const State&) {});
}

TEST(LegalHold, SaysWhatItKeepsOfAnAmendment) {
  given(aside + amended + by("ana", holding(of_partition)))
      .when(proposing({of_amendment, of_batch({1})}))
      .then(on_hold);
}

TEST(LegalHold, MayBePlacedAgainForAnotherReasonOrAfterItsRelease) {
  const PlaceLegalHold other{.scope = of_run, .reason = "case 13/2026"};
  const PlaceLegalHold wider{.scope = of_pipeline, .reason = "case 12/2026"};
  const PlaceLegalHold same{.scope = of_run, .reason = "case 12/2026"};
  const History held = aside + by("ana", holding(of_run));
  for (const PlaceLegalHold& placing : {other, wider})
    given(held).when(placing).so([](const State&) {});
  given(held + LegalHoldReleased{.hold = hold0, .reason = "closed"})
      .when(same)
      .so([](const State& state) { EXPECT_EQ(state.legal_holds.size(), 2U); });
}

TEST(Erasure, IsBoundedByWhatAnEntryHolds) {
  given(aside)
      .when(proposing(std::vector<ErasureItem>(limits::payloads_per_erasure_max + 1, of_input)))
      .then(too_large);
  std::vector<std::uint32_t> many(limits::records_per_erasure_max + 1);
  std::iota(many.begin(), many.end(), 0U);
  given(aside).when(proposing({of_batch(std::move(many))})).then(too_large);
}

TEST(Erasure, CanBeWithdrawnUntilItStarts) {
  const WithdrawErasure withdraw{.erasure = erasure0, .reason = "wrong person"};
  given(approved({whole_batch})).as("ana").when(withdraw).so([](const State& state) {
    EXPECT_EQ(state.find(erasure0)->phase, ErasureState::Phase::withdrawn);
    EXPECT_TRUE(state.find(approval0)->voided);
    EXPECT_FALSE(state.erased.contains(originals.digest));
  });
  given(approved({whole_batch}) + began).as("ana").when(withdraw).then(wrong_phase);
}

TEST(Erasure, IsWithdrawnByARejection) {
  given(asked_for({whole_batch}))
      .when(RejectApproval{.approval = approval0, .approver = "ben", .reason = "still needed"})
      .so([](const State& state) {
        EXPECT_EQ(state.find(erasure0)->phase, ErasureState::Phase::withdrawn);
      });
}

TEST(LegalHold, KeepsWhatItsScopeCovers) {
  for (const Scope& scope : {whole_book, of_pipeline, of_run, of_partition})
    for (const ErasureItem& item : {whole_batch, of_input})
      given(aside + by("ana", holding(scope))).as("ana").when(proposing({item})).then(on_hold);
}

TEST(LegalHold, LeavesAloneWhatIsOutsideItsScope) {
  const Scope other_run{.kind = ScopeKind::run, .pipeline = {}, .run = run1};
  given(aside + by("ana", started(run1)) + by("ana", holding(other_run)))
      .when(proposing({whole_batch}))
      .so([](const State&) {});
}

TEST(LegalHold, StopsAnErasureThatWasApprovedBeforeIt) {
  given(approved({whole_batch}) + by("ana", holding(of_partition))).when(start_it).then(on_hold);
}

TEST(LegalHold, CountsUntilItIsReleased) {
  const ReleaseLegalHold release{.hold = hold0, .reason = "the case is closed"};
  given(approved({whole_batch}) + by("ana", holding(of_partition)))
      .when(release)
      .then({LegalHoldReleased{.hold = hold0, .reason = "the case is closed"}})
      .when(release)
      .then(already)
      .when(start_it)
      .then({began});
}

TEST(LegalHold, IsPlacedOnWhatExistsWithAReason) {
  given(aside)
      .when(PlaceLegalHold{.scope = of_run, .reason = "case 12/2026"})
      .then({holding(of_run)})
      .when(PlaceLegalHold{.scope = of_run, .reason = "case 12/2026"})
      .then(already)
      .when(PlaceLegalHold{.scope = of_run, .reason = ""})
      .then(mismatch)
      .when(PlaceLegalHold{.scope = {.kind = ScopeKind::pipeline, .pipeline = "other"},
                           .reason = "case"})
      .then(unknown);
}

TEST(LegalHold, ErasureInSpiteOfOneIsAViolation) {
  const State state = folded(approved({whole_batch}) + by("ana", holding(of_partition)));
  const auto found = violations(state, entry_after(state, Fact(began)));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().rule, "I42");
}

TEST(Erasure, WithoutItsApprovalIsAViolation) {
  const State state = folded(asked_for({whole_batch}));
  const auto found = violations(state, entry_after(state, Fact(began)));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().rule, "I33");
}

}  // namespace
}  // namespace daybook
