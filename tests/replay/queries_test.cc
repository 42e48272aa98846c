#include "replay/queries.h"

#include <gmock/gmock.h>

#include "ledger/codec/event_codec.h"
#include "ledger/memory_ledger.h"
#include "replay/sentences.h"
#include "tests/ledger/codec/random_entry.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Queries : public ::testing::Test {
 protected:
  Queries() {
    first = book.run(12);
    second = book.run(12);
    compensation = book.compensate(SlotId{3});
    book.append_to(ledger);
  }

  SampleBook book;
  MemoryLedger ledger;
  RunId first{}, second{};
  CompensationId compensation{};
};

TEST_F(Queries, ListRunsNewestFirstWithWhatTheyDid) {
  const auto rows = run_rows(book.state);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].run, second);
  EXPECT_EQ(rows[1].run, first);
  EXPECT_EQ(rows[0].pipeline, "runways");
  EXPECT_EQ(rows[0].requester, "ana");
  EXPECT_EQ(rows[0].version, 3U);
  EXPECT_FALSE(rows[0].open);
  EXPECT_EQ(rows[0].partitions.at(SlotPhase::verified), 11U);
  EXPECT_EQ(rows[0].partitions.at(SlotPhase::compensated), 1U);
  EXPECT_TRUE(rows[1].partitions.empty()) << "its partitions were worked on again since";

  std::uint64_t loaded = 0;
  for (const Entry& entry : book.entries)
    if (const auto* e = std::get_if<LoadCommitted>(&entry.event); e != nullptr && e->run == second)
      loaded += e->rows;
  EXPECT_EQ(rows[0].rows, loaded);
  EXPECT_EQ(run_row(book.state, first)->run, first);
  EXPECT_FALSE(run_row(book.state, RunId{9}));
}

TEST_F(Queries, ListThePartitionsOfARun) {
  const auto rows = slot_rows_of(book.state, second);
  ASSERT_EQ(rows.size(), 12U);
  EXPECT_EQ(rows[0].partition, "2022-01-01");
  EXPECT_EQ(rows[0].phase, SlotPhase::verified);
  EXPECT_EQ(rows[0].current, 2U);
  EXPECT_EQ(rows[0].rows, rows[0].counts.accepted);
  EXPECT_EQ(rows[3].phase, SlotPhase::compensated);
  EXPECT_EQ(rows[3].current, 1U) << "the generation before is restored";
  EXPECT_TRUE(slot_rows_of(book.state, RunId{9}).empty());
  EXPECT_EQ(slot_rows(book.state).size(), 12U);
  EXPECT_EQ(slot_rows(book.state, "runways").size(), 12U);
  EXPECT_TRUE(slot_rows(book.state, "navaids").empty());
}

TEST_F(Queries, AnExpectedPartitionWithNothingInItIsAGap) {
  State state = book.state;
  state.slots[0].expected = true;
  state.slots.push_back(state.slots[0]);
  state.slots.back().generations.clear();
  state.slots.back().current = 0;
  const auto rows = slot_rows(state);
  EXPECT_FALSE(rows.front().gap);
  EXPECT_TRUE(rows.back().gap);
}

TEST_F(Queries, CountEveryQuarantinedRecordOnce) {
  ASSERT_FALSE(book.state.batches.empty());
  const std::uint32_t last = static_cast<std::uint32_t>(book.state.batches.size() - 1);
  const std::uint64_t records = book.state.batches[last].records;
  ASSERT_GT(records, 2U);
  book.add(SampleBook::ana(), RecordAmended{BatchId{last}, 0, {}, SampleBook::digest("r"), "typo"});
  book.add(SampleBook::ana(), RecordsDiscarded{BatchId{last}, {1}, "a test row"});
  book.append_to(ledger);
  const auto batches = quarantine_batches(book.state, ledger);
  ASSERT_TRUE(batches) << batches.error().detail;
  ASSERT_EQ(batches->size(), book.state.batches.size());
  const QuarantineBatch& batch = batches->back();
  EXPECT_EQ(batch.amended, 1U);
  EXPECT_EQ(batch.discarded, 1U);
  EXPECT_EQ(batch.held, records - 2);
  EXPECT_THAT(batch.rules, ElementsAre(RuleCount{"surface_known", records}));
}

TEST_F(Queries, GroupQuarantinedRecordsByRule) {
  const auto batches = quarantine_batches(book.state, ledger);
  ASSERT_TRUE(batches);
  std::uint64_t open = 0;
  for (const QuarantineBatch& batch : *batches)
    if (!batch.superseded) open += batch.records;
  const auto groups = quarantine_by_rule(book.state, *batches);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].pipeline, "runways");
  EXPECT_EQ(groups[0].rule, "surface_known");
  EXPECT_EQ(groups[0].records, open);
}

TEST_F(Queries, ListApprovalsAndCompensations) {
  const auto approvals = approval_rows(book.state);
  ASSERT_EQ(approvals.size(), 1U);
  EXPECT_EQ(approvals[0].status, ApprovalRow::Status::given);
  EXPECT_EQ(approvals[0].title, "compensation 0");
  EXPECT_THAT(approvals[0].approvers, ElementsAre("ben"));
  EXPECT_THAT(approvals[0].barred, ElementsAre("ana"));
  const auto compensations = compensation_rows(book.state);
  ASSERT_EQ(compensations.size(), 1U);
  EXPECT_EQ(compensations[0].phase, CompensationState::Phase::finished);
  EXPECT_EQ(compensations[0].done, 1U);
  EXPECT_TRUE(compensations[0].approved);
  EXPECT_EQ(compensations[0].proposer, "ana");
}

TEST_F(Queries, TellTheStoryOfAPartition) {
  const auto story = explain(book.state, ledger, SlotId{3});
  ASSERT_TRUE(story) << story.error().detail;
  std::vector<std::string> texts;
  for (const StoryLine& line : *story) texts.push_back(line.text);
  const auto told = [&](std::string_view part) {
    return std::ranges::count_if(texts, [&](const std::string& t) { return t.contains(part); });
  };
  EXPECT_EQ(told("Run 0 of runways started."), 1);
  EXPECT_EQ(told("The partition 2022-01-04 of runways got its place in parquet:lake/runways."), 1);
  EXPECT_EQ(told("runways 2022-01-04 was planned, because it is new"), 1);
  EXPECT_EQ(told("runways 2022-01-04 was planned, because its input changed"), 1);
  EXPECT_EQ(told("Generation 2 of runways 2022-01-04 is about to be loaded, in place"), 1);
  EXPECT_EQ(told("was counted in the sink"), 2);
  EXPECT_EQ(told("1 approval is needed for compensation 0"), 1);
  EXPECT_EQ(told("ben approved compensation 0 with key " +
                 bench::SampleBook::bens_key().public_key().fingerprint + "."),
            1);
  EXPECT_EQ(told("Compensation 0 took back generation 2 of runways 2022-01-04: 1,000 rows removed, "
                 "990 restored (manifest 17)."),
            1);
  EXPECT_EQ(told("2022-01-05"), 0) << "another partition's";
  EXPECT_TRUE(std::ranges::is_sorted(*story, {}, &StoryLine::index));
  EXPECT_EQ(story->front().who.principal, "ana");
}

TEST_F(Queries, TheStoriesOfAllPartitionsTellEveryEntryOfThem) {
  std::set<EntryIndex> told;
  for (std::uint32_t i = 0; i < book.state.slots.size(); ++i) {
    const auto story = explain(book.state, ledger, SlotId{i});
    ASSERT_TRUE(story) << story.error().detail;
    for (const StoryLine& line : *story) told.insert(line.index);
  }
  // Only what is about the book itself is left: created, booted, enrolled, registered.
  EXPECT_EQ(told.size() + 4, book.entries.size());
}

TEST_F(Queries, ThereIsNoStoryOfNoPartition) {
  const auto story = explain(book.state, ledger, SlotId{99});
  ASSERT_FALSE(story);
  EXPECT_EQ(story.error().code, Error::Code::not_found);
}

TEST(Sentences, AreOneForAnyEvent) {
  testing::Rng rng(6);
  SampleBook book;
  book.run(3);
  for (int i = 0; i < 5'000; ++i) {
    const Entry entry = testing::random_entry(rng);
    const std::vector<std::byte> bytes = encode(entry);
    const bool given = std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
                           .contains("{}");  // by the entry's own random text
    for (const State& state : {State{}, book.state}) {
      const std::string text = sentence(state, entry.event);
      ASSERT_TRUE(text.ends_with('.')) << text;
      ASSERT_TRUE(given || !text.contains("{}")) << text;
    }
  }
}

TEST(Sentences, SayWhatWasCounted) {
  AttemptStaged staged;
  staged.attempt = 2;
  staged.counts = {.read = 100, .accepted = 90, .quarantined = 7, .filtered = 3, .merged = 0};
  staged.output_rows = 90;
  staged.content.fill(0xab);
  staged.gates = {{"row_count", "90", ">= 95", false, true}};
  EXPECT_EQ(sentence({}, staged),
            "Attempt 2 at slot 0 read 100 rows: 90 accepted, 7 quarantined, 3 filtered. 90 rows "
            "are staged as "
            "abababababab; gates not met: row_count measured 90, required >= 95.");
  EXPECT_EQ(sentence({}, Booted{3, "0.1.0"}), "Daybook 0.1.0 started, for the 3rd time.");
  EXPECT_EQ(sentence({}, Booted{12, "0.1.0"}), "Daybook 0.1.0 started, for the 12th time.");
  EXPECT_EQ(sentence({}, RetryScheduled{RunId{0}, SlotId{4}, 1'500, 7}),
            "slot 4 is tried again after 1.500 s.");
}

}  // namespace
}  // namespace daybook
