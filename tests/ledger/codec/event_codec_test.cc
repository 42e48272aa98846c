#include "ledger/codec/event_codec.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/ledger/codec/random_entry.h"

namespace daybook {
namespace {

using testing::random_entry;
using Rng = testing::Rng;
using ::testing::HasSubstr;

Envelope at(Timestamp time) {
  Envelope envelope;
  envelope.recorded_at = time;
  return envelope;
}

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    out.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return out;
}

template <typename Variant>
struct KindsOf;
template <typename... Kind>
struct KindsOf<std::variant<Kind...>> {
  using type = ::testing::Types<Kind...>;
};

// Runs for every alternative of Event, including the one added tomorrow.
template <typename Kind>
class EveryKind : public ::testing::Test {};
TYPED_TEST_SUITE(EveryKind, KindsOf<Event>::type);

TYPED_TEST(EveryKind, RoundTripsEveryField) {
  Rng rng(20'240'901);
  for (int i = 0; i < 300; ++i) {
    const Entry entry = random_entry<TypeParam>(rng);
    const auto decoded = decode(encode(entry));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    ASSERT_EQ(*decoded, entry) << describe(entry);
  }
}

TYPED_TEST(EveryKind, RoundTripsTheDefaults) {
  const Entry entry{.envelope = {}, .event = TypeParam{}};
  const auto decoded = decode(encode(entry));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(*decoded, entry);
}

TYPED_TEST(EveryKind, IsCanonical) {
  Rng rng(7);
  EXPECT_TRUE(is_canonical(encode(Entry{.envelope = {}, .event = TypeParam{}})));
  for (int i = 0; i < 300; ++i) {
    const auto bytes = encode(random_entry<TypeParam>(rng));
    ASSERT_TRUE(is_canonical(bytes)) << hex(bytes);
  }
}

TYPED_TEST(EveryKind, IsReadTheSameFromUnalignedBytes) {
  Rng rng(8);
  const Entry entry = random_entry<TypeParam>(rng);
  const auto bytes = encode(entry);
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), bytes.begin(), bytes.end());
    const auto decoded = decode(Bytes(shifted).subspan(shift));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    ASSERT_EQ(*decoded, entry);
  }
}

TYPED_TEST(EveryKind, IsRefusedOrWholeAtEachTruncation) {
  Rng rng(1);
  const auto bytes = encode(random_entry<TypeParam>(rng));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Bytes cut = Bytes(bytes).first(length);
    EXPECT_FALSE(is_canonical(cut)) << length;
    const bool read = decode(cut).has_value();
    EXPECT_FALSE(read && length % 8 != 0) << length;
  }
}

TYPED_TEST(EveryKind, SurvivesDamageOfAnyKind) {
  Rng rng(2);
  for (int i = 0; i < 400; ++i) {
    auto bytes = encode(random_entry<TypeParam>(rng));
    const std::size_t hits = 1 + rng() % 4;
    for (std::size_t hit = 0; hit < hits; ++hit) {
      if (rng() % 2 == 0) {
        bytes[rng() % bytes.size()] = static_cast<std::byte>(rng());
      } else {  // a word at once: pointers that look like pointers
        std::uint64_t word = rng() >> (rng() % 64);
        if (rng() % 2 == 0) word = word << 32 | (rng() % 64) << 2 | rng() % 3;
        std::memcpy(bytes.data() + rng() % (bytes.size() / 8) * 8, &word, 8);
      }
    }
    const auto decoded = decode(bytes);
    if (!decoded) {
      EXPECT_TRUE(decoded.error().code == Error::Code::corrupt ||
                  decoded.error().code == Error::Code::newer_version);
      continue;
    }
    // Whatever it says now, it is a value like any other.
    const auto again = decode(encode(*decoded));
    ASSERT_TRUE(again) << again.error().detail;
    ASSERT_EQ(*again, *decoded);
    (void)is_canonical(bytes);
  }
}

TYPED_TEST(EveryKind, IsDescribedByNameInTextAndJson) {
  Rng rng(3);
  const Entry entry = random_entry<TypeParam>(rng);
  const std::string name(event_name(entry.event));
  EXPECT_THAT(describe(encode(entry)), ::testing::StartsWith(name + ' '));
  EXPECT_THAT(entry_json(entry, 5), HasSubstr("\"kind\":\"" + name + "\""));
}

TEST(EventCodec, LeavesNothingOfOneEntryInTheNext) {
  Rng rng(4);
  std::vector<std::byte> reused;
  for (int i = 0; i < 2'000; ++i) {
    const Entry entry = random_entry(rng);
    encode(entry, reused);
    Entry dirty = random_entry(rng);
    ASSERT_TRUE(decode(reused, dirty));
    ASSERT_EQ(dirty, entry);
  }
}

TEST(EventCodec, EncodesWhatNoScratchWasSizedFor) {
  Entry entry{.envelope = {}, .event = PartitionsExpected{"p", "s", {}}};
  auto& keys = std::get<PartitionsExpected>(entry.event).keys;
  keys.assign(400, std::string(1'000, 'k'));
  const auto large = encode(entry);
  EXPECT_GT(large.size(), 400'000U);
  const auto refused = decode(large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Error::Code::corrupt);

  keys.resize(60);
  const auto decoded = decode(encode(entry));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, entry);
}

TEST(EventCodec, HoldsTheLargestListsDecideMayWrite) {
  RecordsReleased released{.batch = BatchId{1}, .records = {}, .reason = std::string(2'000, 'r')};
  for (std::uint32_t i = 0; i < limits::records_per_event_max; ++i) released.records.push_back(i);
  CompensationProposed proposed;
  for (std::uint32_t i = 0; i < limits::slots_per_compensation_max; ++i) {
    Digest digest;
    digest.fill(1);
    proposed.steps.push_back({SlotId{i}, i, i, digest});
  }
  proposed.reason.assign(limits::text_bytes_max, 'r');
  for (const Event& event : {Event{released}, Event{proposed}}) {
    const Entry entry{.envelope = {}, .event = event};
    const auto decoded = decode(encode(entry));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    EXPECT_EQ(*decoded, entry);
  }
}

TEST(EventCodec, HoldsTheLongestListsOfElementsThatSayNothing) {
  LoadCommitted committed;
  committed.files.resize(limits::list_items_max);
  AttemptStaged staged;
  staged.files.resize(limits::list_items_max);
  staged.rules.resize(limits::list_items_max);
  staged.gates.resize(limits::list_items_max);
  LoadFilesListed listed;
  listed.files.resize(limits::list_items_max);
  for (const Event& event : {Event{committed}, Event{staged}, Event{listed}}) {
    const Entry entry{.envelope = {}, .event = event};
    const auto bytes = encode(entry);
    EXPECT_TRUE(is_canonical(bytes));
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded) << decoded.error().detail;
    EXPECT_EQ(*decoded, entry);
  }
}

// The offset of the union's tag in the first word after the root pointer's data: found by looking
// where two kinds of otherwise equal entries differ.
std::size_t tag_offset() {
  const auto one = encode({.envelope = at(-1), .event = CompensationStarted{}});
  const auto two = encode({.envelope = at(-1), .event = CompensationFinished{}});
  const auto at = std::mismatch(one.begin(), one.end(), two.begin()).first;
  return static_cast<std::size_t>(at - one.begin());
}

TEST(EventCodec, SaysThatAKindIsNewerThanItself) {
  auto bytes = encode({.envelope = at(-1), .event = CompensationStarted{}});
  bytes[tag_offset()] = static_cast<std::byte>(std::variant_size_v<Event>);
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Error::Code::newer_version);
  EXPECT_EQ(decoded.error().hint, "use a newer daybook");
}

TEST(EventCodec, SaysThatAValueIsNewerThanItself) {
  const auto bytes_with = [](RunOutcome outcome) {
    return encode({.envelope = {}, .event = RunFinished{RunId{1}, outcome}});
  };
  auto bytes = bytes_with(RunOutcome::failed);
  const auto other = bytes_with(RunOutcome::held);
  const auto at = std::mismatch(bytes.begin(), bytes.end(), other.begin()).first;
  *at = static_cast<std::byte>(testing::enumerators<RunOutcome>());
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Error::Code::newer_version);
}

TEST(EventCodec, RefusesADigestOfAnotherLength) {
  Digest digest;
  digest.fill(0xab);
  auto bytes = encode({.envelope = {}, .event = LoadVerified{RunId{0}, SlotId{0}, digest, 0}});
  std::size_t changed = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if ((word & 3) != 1 || word >> 35 != 32) continue;
    word = (word & 0x7'ffff'ffff) | std::uint64_t{31} << 35;
    std::memcpy(bytes.data() + i, &word, 8);
    ++changed;
  }
  ASSERT_EQ(changed, 1U);
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().detail, HasSubstr("wrong length"));
}

std::vector<std::byte> words(std::initializer_list<std::uint64_t> list) {
  std::vector<std::byte> out(list.size() * 8);
  std::memcpy(out.data(), std::data(list), out.size());
  return out;
}

TEST(EventCodec, RefusesForgedPointers) {
  constexpr std::uint64_t far_pointer = 2, list_pointer = 1;
  for (const auto& bytes : {
           words({0}),
           words({0xffff'ffff'ffff'ffff}),
           words({0xffff'ffff}),
           words({far_pointer | 1ULL << 32}),            // another segment
           words({far_pointer | 4, far_pointer}),        // a far pointer at a far pointer
           words({list_pointer | 7ULL << 32}),           // a list as the root
           words({0x0001'0000'0000'0000, 0xffff'fffc}),  // points before the message
           words({0xffff'0000'0000'0000, 0}),            // 65,535 pointers in one word
           words({0x0004'0003'0000'0000, 0, 0, 0, 0, 0, 0, 0x0001'0000'7fff'fffc}),
       }) {
    const auto decoded = decode(bytes);
    ASSERT_FALSE(decoded) << hex(bytes);
    EXPECT_EQ(decoded.error().code, Error::Code::corrupt) << hex(bytes);
    (void)is_canonical(bytes);
  }
}

TEST(EventCodec, RefusesAmplification) {
  // One real entry with a list of structs whose tag claims 2^29 elements without size.
  Entry entry{.envelope = {}, .event = LoadCommitted{}};
  std::get<LoadCommitted>(entry.event).files.resize(3);
  auto bytes = encode(entry);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if (word != 3 << 2) continue;  // the tag: three elements of no words
    word = ((std::uint64_t{1} << 29) - 1) << 2;
    std::memcpy(bytes.data() + i, &word, 8);
    ++changed;
  }
  ASSERT_EQ(changed, 1U);
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Error::Code::corrupt);
}

TEST(EventCodec, RefusesManyPointersAtOnePlace) {
  // A list of 200 keys that all point at the one text of 60,000 bytes.
  Entry entry{.envelope = {}, .event = PartitionsExpected{}};
  auto& keys = std::get<PartitionsExpected>(entry.event).keys;
  keys.assign(200, "");
  keys.back().assign(60'000, 'k');
  auto bytes = encode(entry);
  std::size_t last = 0;
  std::uint64_t pointer = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    if ((word & 3) == 1 && word >> 35 == 60'001) last = i, pointer = word;
  }
  ASSERT_GT(last, 199U * 8);
  for (std::uint64_t back = 1; back < 200; ++back) {
    const std::uint64_t moved = pointer + (back << 2);
    std::memcpy(bytes.data() + last - back * 8, &moved, 8);
  }
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Error::Code::corrupt);
}

TEST(EventCodec, TellsOtherSpellingsOfTheSameEntry) {
  auto bytes = encode({.envelope = {}, .event = RunCancelled{RunId{1}, "enough"}});
  ASSERT_TRUE(is_canonical(bytes));
  bytes.resize(bytes.size() + 8);  // a word nobody points at
  EXPECT_TRUE(decode(bytes));
  EXPECT_FALSE(is_canonical(bytes));
}

TEST(EventCodec, RefusesWhatIsTooLongForABundle) {
  const std::vector<std::byte> bytes(65'536);
  EXPECT_FALSE(decode(bytes));
  EXPECT_FALSE(is_canonical(bytes));
  EXPECT_FALSE(decode(Bytes{}));
}

// --- the bytes themselves -----------------------------------------------------------------------

Digest digest_of(std::uint8_t first) {
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(first + i);
  return digest;
}

Entry created() {
  Envelope envelope = at(1'700'000'000'000'000);
  envelope.actor = {"ana", ActorKind::human, ""};
  return {envelope, BookCreated{"daybook.local/7d1f", "daybook.local/7d1f+5c7a+AQ==", 1}};
}

Entry committed() {
  Envelope envelope = at(1'700'000'001'234'567);
  envelope.cause = 41;
  envelope.epoch = 3;
  envelope.correlation = {0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x7a, 0xbc,
                          0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  envelope.actor = {"daybook", ActorKind::system, "ana"};
  return {envelope, LoadCommitted{.run = RunId{0},
                                  .slot = SlotId{4},
                                  .load_id = digest_of(1),
                                  .rows = 43'511,
                                  .recovered = false,
                                  .evidence = "manifest 9f2c",
                                  .files = {{"a.parquet", 1'024, 43'511, digest_of(65)}}}};
}

Entry scheduled() {
  Envelope envelope = at(1'700'000'002'000'000);
  envelope.cause = 7;
  envelope.epoch = 3;
  return {envelope, RetryScheduled{RunId{0}, SlotId{4}, 1'500, 0xfeed'face'cafe'beef}};
}

// These bytes are in books. They never change.
constexpr std::string_view created_bytes =
    "000000000300040000401e18240a0600000000000000000000000000020000000000000000000000"
    "090000002200000000000000000000000400000000000200616e610000000000050000009a000000"
    "0d000000ea000000646179626f6f6b2e6c6f63616c2f37643166000000000000646179626f6f6b2e"
    "6c6f63616c2f376431662b356337612b41513d3d00000000";
constexpr std::string_view committed_bytes =
    "000000000300040087163118240a0600d6ffffffffffffff0300000000001c000d00000082000000"
    "110000004200000011000000220000001000000002000300018bcfe568007abc8123456789abcdef"
    "646179626f6f6b00616e6100000000000000000004000000f7a90000000000000900000002010000"
    "150000007200000019000000270000000102030405060708090a0b0c0d0e0f101112131415161718"
    "191a1b1c1d1e1f206d616e6966657374203966326300000004000000020002000004000000000000"
    "f7a900000000000005000000520000000900000002010000612e7061727175657400000000000000"
    "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";
constexpr std::string_view scheduled_bytes =
    "000000000300040080c43c18240a0600f8ffffffffffffff03000000000016000000000000000000"
    "0000000000000000000000000000000000000000030000000000000004000000dc05000000000000"
    "efbefecacefaedfe";

TEST(EventCodec, KeepsTheBytesOfWrittenBooks) {
  EXPECT_EQ(hex(encode(created())), created_bytes);
  EXPECT_EQ(hex(encode(committed())), committed_bytes);
  EXPECT_EQ(hex(encode(scheduled())), scheduled_bytes);
  EXPECT_EQ(decode(from_hex(created_bytes)), created());
  EXPECT_EQ(decode(from_hex(committed_bytes)), committed());
  EXPECT_EQ(decode(from_hex(scheduled_bytes)), scheduled());
}

TEST(EventCodec, DescribesAnEntryInOneLine) {
  EXPECT_EQ(describe(encode(committed())),
            "LoadCommitted run=0 slot=4 load_id=010203040506 rows=43511 recovered=false "
            "evidence=\"manifest 9f2c\" files=[(name=\"a.parquet\" bytes=1024 rows=43511 "
            "digest=414243444546)] files_listed=0");
  EXPECT_EQ(describe(Bytes{}), "unreadable: 0 bytes are no entry");
}

// What comes from sources and people is shown on terminals and read as JSON.
TEST(EventCodec, ShowsTextAsUtf8WithoutControlCharacters) {
  const auto shown = [](std::string_view text) {
    LoadCommitted load = std::get<LoadCommitted>(committed().event);
    load.evidence = text;
    const std::string line = describe(Entry{committed().envelope, load});
    const std::size_t begin = line.find("evidence=") + 9;
    return line.substr(begin, line.find(" files=") - begin);
  };
  constexpr std::string_view none = "\"\xef\xbf\xbd\"";
  EXPECT_EQ(shown("a\"b\\c\nd\x1b[2J\x7f"), R"("a\"b\\c\nd\u001b[2J\u007f")");
  for (const std::string_view good :
       {"\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(shown(good), '"' + std::string(good) + '"');
  for (const std::string_view bad : {"\x80", "\xc1", "\xc2", "\xf5", "\xff"})
    EXPECT_EQ(shown(bad), none);
  for (const std::string_view bad : {"\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                     "\xf4\x90\x80\x80", "\xe0\xa0z", "\xc2z"}) {
    std::string each(1, '"');
    for (const char c : bad) each += c == 'z' ? "z" : "\xef\xbf\xbd";
    EXPECT_EQ(shown(bad), each + '"');
  }
}

TEST(EventCodec, RendersAnEntryAsJson) {
  EXPECT_EQ(
      entry_json(committed(), 42),
      R"({"index":42,"recorded_at":"2023-11-14T22:13:21.234567Z",)"
      R"("correlation":"018bcfe5-6800-7abc-8123-456789abcdef","cause":41,"epoch":3,)"
      R"("actor":{"principal":"daybook","kind":"system","on_behalf_of":"ana"},)"
      R"("kind":"LoadCommitted","event":{"run":0,"slot":4,)"
      R"("load_id":"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",)"
      R"("rows":43511,"recovered":false,"evidence":"manifest 9f2c","files":[{"name":"a.parquet",)"
      R"("bytes":1024,"rows":43511,)"
      R"("digest":"4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60"}],"files_listed":0}})");
  EXPECT_THAT(entry_json(scheduled(), 8), HasSubstr(R"("seed":"18369614221190020847")"));
  EXPECT_THAT(entry_json(scheduled(), 8), HasSubstr(R"("correlation":null)"));
}

TEST(EventCodec, RendersNoneAsNullAndForeignBytesAsReplacement) {
  const Entry paused{
      .envelope = {},
      .event = Paused{.scope = {}, .reason = "a\"b\\c\n\x01\xff\xc3\xa9\xed\xa0\x80"}};
  EXPECT_THAT(entry_json(paused, 0), HasSubstr(R"("cause":null)"));
  EXPECT_THAT(entry_json(paused, 0),
              HasSubstr(R"("scope":{"kind":"book","pipeline":"","run":null,"slot":null})"));
  EXPECT_THAT(entry_json(paused, 0),
              HasSubstr("\"reason\":\"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"));
}

}  // namespace
}  // namespace daybook
