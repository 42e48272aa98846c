#include "replay/claims.h"

#include <gmock/gmock.h>

#include "ledger/codec/event_codec.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

using bench::SampleBook;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Claims : public ::testing::Test {
 protected:
  Claims() {
    book.run(12);  // 2022-01-01 and the eleven days after it
    question = {.pipeline = "runways", .sink = book.state.slots[0].sink, .from = {}, .to = {}};
  }
  SampleBook book;
  CompletenessQuestion question;
};

TEST_F(Claims, EveryPhaseHasOneDisposition) {
  Slot slot;
  for (int phase = 0; phase <= static_cast<int>(SlotPhase::skipped); ++phase) {
    slot.phase = static_cast<SlotPhase>(phase);
    EXPECT_NE(name(disposition(slot)), "?");
    // Nothing was ever loaded: none of them is a delivery.
    EXPECT_NE(disposition(slot), Disposition::delivered) << phase;
  }
}

TEST_F(Claims, ARangeIsOfItsKeysAndNoOthers) {
  question.from = "2022-01-03";
  question.to = "2022-01-05";
  const auto found = completeness(book.state, question);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->partitions, SizeIs(3));
  EXPECT_TRUE(found->complete());
}

TEST_F(Claims, ACalendarHasEveryDayOfAMonthAndALeapDay) {
  question.from = "2024-02-01";
  question.to = "2024-03-01";
  question.calendar = Calendar::day;
  const auto found = completeness(book.state, question);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->partitions, SizeIs(30));
  EXPECT_EQ(found->missing, 30U);
  question.calendar = Calendar::month;
  question.from = "2023-11";
  question.to = "2024-02";
  EXPECT_THAT(completeness(book.state, question)->partitions, SizeIs(4));
}

TEST_F(Claims, ACalendarWithoutBoundsIsRefused) {
  question.calendar = Calendar::day;
  EXPECT_FALSE(completeness(book.state, question));
  question.from = "2024-02-30";
  question.to = "2024-03-01";
  EXPECT_FALSE(completeness(book.state, question));
  question.from = "0001-01-01";
  question.to = "9999-12-31";
  EXPECT_FALSE(completeness(book.state, question)) << "bounded";
}

TEST_F(Claims, AQuestionIsReadBackFromItsClaim) {
  question.from = "2022-01-03";
  question.to = "2022-01-05";
  question.calendar = Calendar::day;
  const auto claim = completeness_claim(book.state, question);
  ASSERT_TRUE(claim);
  EXPECT_EQ(*read_completeness_claim(*claim), question);
  for (const char* text : {"", "{}", "[]", "{\"format\": \"daybook completeness 1\"}", "nul"})
    EXPECT_FALSE(read_completeness_claim(text)) << text;
}

TEST_F(Claims, ConservationIsOfOneLoadWhoseSumHolds) {
  std::vector<ProvenEntry> entries;
  const SlotId slot{2};
  for (std::size_t i = 0; i < book.entries.size(); ++i) {
    const Event& event = book.entries[i].event;
    const bool wanted = std::visit(
        [&](const auto& e) {
          using E = std::decay_t<decltype(e)>;
          if constexpr (std::is_same_v<E, SlotOpened> || std::is_same_v<E, AttemptStaged> ||
                        std::is_same_v<E, LoadIntended> || std::is_same_v<E, LoadCommitted> ||
                        std::is_same_v<E, LoadVerified>)
            return e.slot == slot;
          else
            return false;
        },
        event);
    if (!wanted) continue;
    const auto bytes = encode(book.entries[i]);
    entries.push_back(
        {i, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "proof"});
  }
  const auto claim = conservation_claim(entries);
  ASSERT_TRUE(claim) << claim.error().detail;
  EXPECT_THAT(*claim, HasSubstr("\"received\""));
  const auto again = read_conservation_claim(*claim);
  ASSERT_TRUE(again);
  EXPECT_EQ(*conservation_claim(*again), *claim);

  // A staged entry whose sum does not hold, or of another slot.
  auto wrong = entries;
  for (ProvenEntry& entry : wrong) {
    auto decoded = *decode(bytes_of(entry.bytes));
    if (auto* staged = std::get_if<AttemptStaged>(&decoded.event)) {
      staged->counts.read += 1;
      const auto bytes = encode(decoded);
      entry.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  EXPECT_THAT(conservation_claim(wrong).error().detail, HasSubstr("are not"));
  wrong = entries;
  wrong.erase(wrong.begin() + 1);
  EXPECT_FALSE(conservation_claim(wrong));
  wrong = entries;
  std::swap(wrong[0], wrong[1]);
  EXPECT_FALSE(conservation_claim(wrong));
}

}  // namespace
}  // namespace daybook
