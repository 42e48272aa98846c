// Quarantined records: kept, amended, released or discarded, each once.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

const History with_batch = [] {
  AttemptStaged staged = staged_as();
  staged.counts = {.read = 13, .accepted = 10, .quarantined = 3, .filtered = 0, .merged = 0};
  staged.batch = batch0;
  return running + staged;
}();

AmendRecord amending(std::uint32_t record, std::string reason = "typo") {
  return {.batch = batch0,
          .record = record,
          .replacement = {.digest = digest(7), .bytes = 40},
          .digest = digest(8),
          .reason = std::move(reason)};
}
ReleaseRecords releasing(std::vector<std::uint32_t> records, std::string reason = "fine") {
  return {.batch = batch0, .records = std::move(records), .reason = std::move(reason)};
}
DiscardRecords discarding(std::vector<std::uint32_t> records, std::string reason = "junk") {
  return {.batch = batch0, .records = std::move(records), .reason = std::move(reason)};
}
auto status_is(std::uint32_t record, RecordState::Status status) {
  return [=](const State& state) { EXPECT_EQ(state.batches[0].touched.at(record).status, status); };
}

TEST(Record, IsAmendedAndThenReleased) {
  given(with_batch)
      .as("ana")
      .when(amending(1))
      .then({RecordAmended{.batch = batch0,
                           .record = 1,
                           .replacement = {.digest = digest(7), .bytes = 40},
                           .digest = digest(8),
                           .reason = "typo"}})
      .when(amending(1))
      .so(status_is(1, RecordState::Status::amended))
      .as("ben")
      .when(releasing({1, 2}))
      .then({RecordsReleased{.batch = batch0, .records = {1, 2}, .reason = "fine"}})
      .so([](const State& state) {
        const RecordState& record = state.batches[0].touched.at(1);
        EXPECT_EQ(record.by, "ben");
        EXPECT_EQ(record.replacement->bytes, 40U);
      });
}

TEST(Record, IsReleasedOnceAndThenDecided) {
  const auto released = [] {
    return given(with_batch).when(releasing({1})).so(status_is(1, RecordState::Status::released));
  };
  released().when(releasing({0, 1})).then(already);
  released().when(discarding({1})).then(already);
  released().when(amending(1)).then(already);
  released().when(releasing({0})).so(status_is(0, RecordState::Status::released));
}

TEST(Record, IsDiscardedOnceAndThenDecided) {
  given(with_batch)
      .when(discarding({0, 2}))
      .then({RecordsDiscarded{.batch = batch0, .records = {0, 2}, .reason = "junk"}})
      .when(releasing({2}))
      .then(already)
      .when(amending(0))
      .then(already);
}

TEST(Record, OnceDeliveredIsDecided) {
  // An append supersedes no batch: its records may still be asked about.
  given(with_batch + intends(load_a, 1, content_a, 1, run0, slot0, LoadMode::append) + commits() +
        verifies() + finished() +
        RecordsReleased{.batch = batch0, .records = {0}, .reason = "fine"} + started(run1) +
        planned_as(PlanReason::released, run1) + attempted(2, run1) +
        staged_as(content_b, 2, run1) +
        intends(load_b, 2, content_b, 2, run1, slot0, LoadMode::append) + commits(load_b, run1))
      .when(releasing({0}))
      .then(already)
      .when(discarding({1}))
      .so(status_is(1, RecordState::Status::discarded));
}

TEST(Record, ThatIsNotThereIsRefused) {
  given(with_batch).when(amending(3)).then(unknown);
  given(with_batch).when(releasing({1, 3})).then(unknown);
  given(with_batch).when(discarding({3})).then(unknown);
  given(with_batch).when(releasing({})).then(unknown);
  given(running).when(amending(0)).then(unknown);
  given(running).when(releasing({0})).then(unknown);
  given(running).when(discarding({0})).then(unknown);
}

TEST(Record, IsDecidedWithAReason) {
  given(with_batch).when(amending(0, "")).then(mismatch);
  given(with_batch).when(releasing({0}, "")).then(mismatch);
  given(with_batch).when(discarding({0}, "")).then(mismatch);
}

TEST(Record, IsNamedOnceAndInOrder) {
  given(with_batch).when(releasing({1, 0})).then(mismatch);
  given(with_batch).when(releasing({1, 1})).then(mismatch);
}

TEST(Record, IsDecidedWithNoMoreOthersThanAnEntryHolds) {
  std::vector<std::uint32_t> many(limits::records_per_event_max + 1);
  std::iota(many.begin(), many.end(), 0U);
  given(with_batch).when(releasing(many)).then(too_large);
}

TEST(Record, OfASupersededBatchIsStale) {
  const History superseded = with_batch + intends() + commits() + verifies() + finished() +
                             started(run1) +
                             planned_as(PlanReason::input_changed, run1, slot0, inputs_b) +
                             attempted(2, run1) + staged_as(content_b, 2, run1) +
                             intends(load_b, 2, content_b, 2, run1) + commits(load_b, run1);
  given(superseded).when(amending(0)).then(stale);
  given(superseded).when(releasing({0})).then(stale);
  given(superseded).when(discarding({0})).then(stale);
}

// Each attempt sets the same records aside: released out of two, one was appended twice.
TEST(Record, OfAnAttemptThatBroughtNothingInIsStale) {
  const History failed = with_batch + intends() + aborts();
  given(failed).when(amending(0)).then(stale);
  given(failed).when(releasing({0})).then(stale);
  given(failed).when(discarding({0})).then(stale);
}

TEST(Record, OfTheLoadThatStandsMayBeDecided) {
  given(with_batch + intends() + commits())
      .when(releasing({0}))
      .so(status_is(0, RecordState::Status::released));
}

}  // namespace
}  // namespace daybook
