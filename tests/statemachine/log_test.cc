// What others see of the log: its witnesses, the keys that sign it, its name.
#include <gtest/gtest.h>

#include "tests/support/scenario.h"

namespace daybook {
namespace {

using namespace story;
using enum Refusal::Code;

const WitnessAdded witness{
    .name = "auditor", .vkey = "w.example/1+00000001+BA", .url = "http://127.0.0.1:1/"};
const AddWitness add{.name = witness.name, .vkey = witness.vkey, .url = witness.url};
const LogKeyRotated rotated{
    .log_vkey = "test+2+AQ", .root = digest(1), .signature = "c2ln", .reason = "yearly"};
const LogOriginChanged moved{.origin = "daybook.local/test-2",
                             .log_vkey = "test-2+3+AQ",
                             .old_origin = "daybook.local/test",
                             .seen = 90,
                             .root = digest(2),
                             .signature = {},
                             .reason = "restored from a backup"};

RotateLogKey rotate(EntryIndex index) {
  return {.log_vkey = rotated.log_vkey,
          .index = index,
          .root = rotated.root,
          .signature = rotated.signature,
          .reason = rotated.reason};
}
ChangeLogOrigin move_to(EntryIndex index) {
  return {.origin = moved.origin,
          .log_vkey = moved.log_vkey,
          .index = index,
          .seen = moved.seen,
          .root = moved.root,
          .signature = moved.signature,
          .reason = moved.reason};
}

TEST(Witness, IsAddedOnceAndReplacedByItsName) {
  AddWitness elsewhere = add;
  elsewhere.url = "http://127.0.0.1:2/";
  given(book).when(add).then({witness}).when(add).then(already).when(elsewhere).then(
      {WitnessAdded{.name = add.name, .vkey = add.vkey, .url = elsewhere.url}});
}

TEST(Witness, HasAKeyOfItsOwn) {
  AddWitness other = add;
  other.name = "other";
  given(book + witness).when(other).then(conflict);
  other.vkey.clear();
  given(book).when(other).then(mismatch);
}

TEST(Witness, HasANameAKeyAndAUrlWithinBounds) {
  for (const auto field : {&AddWitness::name, &AddWitness::vkey, &AddWitness::url})
    for (const auto& [size, code] :
         {std::pair<std::size_t, Refusal::Code>{0, mismatch},
          {limits::text_bytes_max + 1, field == &AddWitness::name ? mismatch : too_large}}) {
      AddWitness wrong = add;
      wrong.*field = std::string(size, 'w');
      given(book).when(wrong).then(code);
    }
}

TEST(Witness, IsOneOfAtMostSixteen) {
  History full = book;
  for (std::size_t i = 0; i < limits::witnesses_max; ++i)
    full = full + WitnessAdded{.name = fmt::format("w{}", i),
                               .vkey = fmt::format("w{}+1+BA", i),
                               .url = "http://127.0.0.1:1/"};
  given(full).when(add).then(too_large);
}

TEST(Witness, IsRemovedForAReason) {
  given(book + witness)
      .when(RemoveWitness{.name = "auditor", .reason = ""})
      .then(mismatch)
      .when(RemoveWitness{.name = "auditor", .reason = "left"})
      .then({WitnessRemoved{.name = "auditor", .reason = "left"}})
      .when(RemoveWitness{.name = "auditor", .reason = "left"})
      .then(unknown);
}

TEST(Witness, IsForAnAdminToName) {
  given(book + enrolled("ada", {"admin"})).as("ben").when(add).then(not_allowed);
}

TEST(LogKey, AndItsOriginAreNamedWithinBounds) {
  for (const std::size_t size : {std::size_t{0}, limits::text_bytes_max + 1}) {
    RotateLogKey key = rotate(book.size());
    key.log_vkey = std::string(size, 'k');
    given(book).when(key).then(mismatch);
    ChangeLogOrigin origin = move_to(book.size());
    origin.origin = std::string(size, 'o');
    given(book).when(origin).then(mismatch);
  }
}

TEST(LogKey, SignsFromItsEntryOn) {
  const State state = folded(book + rotated);
  const EntryIndex at = state.size - 1;
  EXPECT_EQ(log_name(state, at).vkey, "test+1+AQ");
  EXPECT_EQ(log_name(state, at + 1).vkey, rotated.log_vkey);
  EXPECT_EQ(log_name(state).vkey, rotated.log_vkey);
  EXPECT_EQ(log_name(state).origin, "daybook.local/test");
  EXPECT_EQ(state.log_vkey, rotated.log_vkey);
}

TEST(LogKey, IsNamedAfterExactlyTheEntriesThatAreThere) {
  const EntryIndex size = folded(book).size;
  given(book)
      .when(rotate(size - 1))
      .then(stale)
      .when(rotate(size))
      .then({rotated})
      .when(rotate(size + 1))
      .then(already);
}

TEST(LogKey, TakesTheWordOfTheOldOneAndAReason) {
  RotateLogKey ask = rotate(folded(book).size);
  ask.signature.clear();
  given(book).when(ask).then(mismatch);
  ask = rotate(folded(book).size);
  ask.reason.clear();
  given(book).when(ask).then(mismatch);
}

TEST(LogOrigin, ChangesAndLeavesTheNameOfTheBook) {
  const EntryIndex size = folded(book).size;
  given(book).when(move_to(size)).then({moved}).so([&](const State& state) {
    EXPECT_EQ(state.origin, "daybook.local/test");
    EXPECT_EQ(log_name(state), (LogName{.origin = moved.origin, .vkey = moved.log_vkey}));
    EXPECT_EQ(log_name(state, size),
              (LogName{.origin = "daybook.local/test", .vkey = "test+1+AQ"}));
  });
}

TEST(LogOrigin, IsNeverUsedTwice) {
  ChangeLogOrigin again = move_to(folded(book + moved).size);
  again.log_vkey = "test-2+4+AQ";
  given(book + moved).when(again).then(already);
  again.origin = "daybook.local/test";
  given(book + moved).when(again).then(already);
}

TEST(LogOrigin, AndKeyThatWereUsedBeforeAreViolations) {
  State state = folded(book + rotated);
  EXPECT_FALSE(violations(state, entry_after(state, rotated)).empty());
  LogOriginChanged back = moved;
  back.origin = "daybook.local/test";
  EXPECT_FALSE(violations(state, entry_after(state, back)).empty());
  back = moved;
  back.old_origin = "somebody else's";
  EXPECT_FALSE(violations(state, entry_after(state, back)).empty());
  EXPECT_TRUE(violations(state, entry_after(state, moved)).empty());
}

}  // namespace
}  // namespace daybook
