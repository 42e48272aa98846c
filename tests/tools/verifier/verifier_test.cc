#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "ledger/tiles.h"
#include "replay/state_bytes.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/verifier/exported_books.h"
#include "tools/verifier/verify_export.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using bench::SampleBook;
using testing::grow_events;
using ::testing::HasSubstr;
using testing::must;
using testing::vector_key;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

class VerifyExport : public ::testing::Test {
 protected:
  Judgement judge(Entries entries = Entries::opaque) const {
    return verify_export(root.string(), policy, entries);
  }
  void events(std::uint64_t size) {
    MemoryLedger ledger;
    grow_events(ledger, size);
    must(export_tiles(ledger, root.string(), posix_file_system()));
    policy.log = vector_key().verifier();
  }
  void sign(const Checkpoint& checkpoint, const NoteSigner& key = vector_key()) const {
    write(root / "checkpoint", must(sign_checkpoint(checkpoint, key)));
  }
  Checkpoint signed_now() const {
    return must(parse_checkpoint(must(parse_note(content_of(root / "checkpoint"))).text));
  }
  // Refused as tampered with, and the place is named.
  void expect_tampered(std::uint64_t index, std::string_view path, std::string_view detail = "") {
    const Judgement judged = judge();
    ASSERT_EQ(judged.verdict(), Verdict::tampered) << judged.text();
    EXPECT_EQ(judged.first()->index, index) << judged.text();
    EXPECT_EQ(judged.first()->path, path) << judged.text();
    EXPECT_THAT(judged.first()->detail, HasSubstr(detail));
    EXPECT_THAT(judged.text(), HasSubstr(path));
  }
  void flip(const std::string& name, std::size_t at) const {
    std::string content = content_of(root / name);
    content.at(at) = static_cast<char>(content.at(at) ^ 1);
    write(root / name, content);
  }

  TemporaryDirectory directory;
  fs::path root = directory / "book";
  TrustPolicy policy{vector_key().verifier(), "", {}, 0};
};

TEST_F(VerifyExport, AcceptsEverySizeAroundTheEdgesOfATile) {
  for (const std::uint64_t size : {0, 1, 2, 3, 255, 256, 257, 511, 512, 513}) {
    fs::remove_all(root);
    events(size);
    const Judgement judged = judge();
    EXPECT_EQ(judged.verdict(), Verdict::good) << judged.text();
    EXPECT_EQ(judged.head.size, size);
    EXPECT_EQ(judged.first(), nullptr);
  }
}

TEST_F(VerifyExport, NamesTheEntryThatWasChanged) {
  events(600);
  const auto at = [&](std::uint64_t index) {  // offset of an entry's last byte in its bundle
    std::size_t end = 0;
    for (std::uint64_t i = index / 256 * 256; i <= index; ++i)
      end += 2 + fmt::format("event {}", i).size();
    return end - 1;
  };
  for (const std::uint64_t index : {0, 1, 255, 256, 300, 511, 512, 599}) {
    const std::string name = bundle_path(index / 256, index < 512 ? 256 : 88);
    flip(name, at(index));
    expect_tampered(index, name, "the entry does not have the hash");
    flip(name, at(index));
  }
  EXPECT_EQ(judge().verdict(), Verdict::good);
}

TEST_F(VerifyExport, NamesTheTileThatWasChanged) {
  events(70'000);
  flip("tile/0/003", 17 * 32);
  expect_tampered(3 * 256 + 17, "tile/0/003", "the entries are those that were signed");
  flip("tile/0/003", 17 * 32);
  flip("tile/1/000", 200 * 32 + 31);
  expect_tampered(200 * 256, "tile/1/000");
  flip("tile/1/000", 200 * 32 + 31);
  flip("tile/2/000.p/1", 0);
  expect_tampered(0, "tile/2/000.p/1");
  flip("tile/2/000.p/1", 0);
  flip("tile/0/273.p/112", 111 * 32);
  expect_tampered(69'999, "tile/0/273.p/112");
}

TEST_F(VerifyExport, SeesThroughEntriesAndTilesThatWereChangedTogether) {
  events(600);
  std::string bundle = content_of(root / "tile/entries/001");
  bundle.back() ^= 1;
  write(root / "tile/entries/001", bundle);
  std::string tile = content_of(root / "tile/0/001");
  const auto entries = must(parse_bundle(bytes_of(bundle)));
  const Digest leaf = hash_leaf(entries.back());
  tile.replace(255 * 32, 32, reinterpret_cast<const char*>(leaf.data()), 32);
  write(root / "tile/0/001", tile);
  expect_tampered(256, "tile/1/000.p/2", "the entries from this one on");
}

TEST_F(VerifyExport, RefusesWhatIsTooLongTooShortOrGone) {
  events(600);
  const auto with = [&](const std::string& name, const std::string& content, std::uint64_t index,
                        std::string_view detail) {
    const std::string before = content_of(root / name);
    write(root / name, content);
    expect_tampered(index, name, detail);
    write(root / name, before);
  };
  const std::string tile = content_of(root / "tile/0/001");
  const std::string bundle = content_of(root / "tile/entries/001");
  with("tile/0/001", tile + "junk", 256, "has 8196 bytes, at most 8192");
  with("tile/0/001", tile.substr(0, 8'191), 511, "has 8191 bytes, not 8192");
  with("tile/0/001", "", 256, "has 0 bytes");
  with("tile/0/002.p/88", content_of(root / "tile/0/002.p/88") + "x", 599, "not 2816");
  const std::string last = std::string("\0\x09", 2) + "event 511";
  with("tile/entries/001", bundle.substr(0, bundle.size() - last.size()), 511, "holds 255 entries");
  with("tile/entries/001", bundle + last, 512, "more than 256 entries");
  with("tile/entries/001", bundle + "x", 512, "");
  with("tile/entries/001", bundle.substr(0, bundle.size() - 1), 511, "empty or cut");
  with("tile/entries/001", std::string(2, '\0') + bundle, 256, "empty or cut");
  with("tile/entries/002.p/88", content_of(root / "tile/entries/002.p/88") + last, 600, "89");
  for (const char* name : {"tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"}) {
    fs::rename(root / name, directory / "away");
    expect_tampered(std::string_view(name) == "tile/0/001" ? 256
                    : name[5] == '0'                       ? 512
                                                           : 0,
                    name, "is missing");
    fs::rename(directory / "away", root / name);
  }
  fs::remove(root / "tile/entries/000");
  expect_tampered(0, "tile/entries/000", "is missing");
}

TEST_F(VerifyExport, RefusesWhatDoesNotBelong) {
  events(600);
  for (const char* name : {"README",
                           "tile/x",
                           "tile/0/003",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/0",
                           "tile/00/000",
                           "tile/0/002.p/89",
                           "tile/0/002.p/088",
                           "tile/1/000.p/3",
                           "tile/1/000",
                           "tile/2/000.p/1",
                           "tile/8/000.p/1",
                           "tile/entries/002",
                           "tile/entries/003.p/1",
                           "tile/entries/x000/001",
                           "tile/entries/001.q/3",
                           "export.new",
                           "checkpoint.old",
                           ".hidden",
                           "tile/0/002.p/88.bak",
                           "tile/entries/\n\x1b[2Jname"}) {
    write(root / name, "");
    const Judgement judged = judge();
    EXPECT_EQ(judged.verdict(), Verdict::tampered) << name;
    // The file, or the folder made for it.
    EXPECT_TRUE(std::string_view(name).starts_with(judged.first()->path)) << judged.text();
    EXPECT_EQ(judged.text().find('\x1b'), std::string::npos);
    fs::remove_all(root / judged.first()->path);
  }
  fs::create_directories(root / "tile/other");
  EXPECT_EQ(judge().verdict(), Verdict::tampered);
}

TEST_F(VerifyExport, RefusesPartialFilesThatAreNotTheBeginningOfWhatFollowed) {
  MemoryLedger ledger;
  for (const std::uint64_t size : {3, 300, 600}) {
    grow_events(ledger, size);
    must(export_tiles(ledger, root.string(), posix_file_system()));
  }
  ASSERT_EQ(judge().verdict(), Verdict::good);
  for (const char* name : {"tile/0/000.p/3", "tile/entries/000.p/3", "tile/0/001.p/44",
                           "tile/entries/001.p/44", "tile/1/000.p/1"}) {
    const std::string before = content_of(root / name);
    flip(name, before.size() - 1);
    EXPECT_EQ(judge().verdict(), Verdict::tampered) << name;
    write(root / name, before + "x");
    EXPECT_EQ(judge().verdict(), Verdict::tampered) << name;
    write(root / name, before.substr(0, before.size() - 1));
    EXPECT_EQ(judge().first()->path, name);
    write(root / name, before);
  }
}

TEST_F(VerifyExport, FollowsNoLinkAndWaitsForNothing) {
  events(600);
  const auto replaced = [&](const char* name, const auto& by) {
    fs::rename(root / name, directory / "away");
    by(root / name);
    const Judgement judged = judge();
    EXPECT_EQ(judged.verdict(), Verdict::tampered) << judged.text();
    EXPECT_THAT(judged.text(), HasSubstr(name));
    fs::remove(root / name);
    fs::rename(directory / "away", root / name);
  };
  const auto link = [&](const fs::path& at) { fs::create_symlink(directory / "away", at); };
  const auto pipe = [&](const fs::path& at) { ASSERT_EQ(::mkfifo(at.c_str(), 0600), 0); };
  const auto folder = [&](const fs::path& at) { fs::create_directory(at); };
  for (const char* name : {"tile/0/001", "tile/entries/001", "tile/1/000.p/2", "checkpoint"}) {
    replaced(name, link);
    replaced(name, pipe);
    replaced(name, folder);
  }
  for (const char* name : {"tile/entries", "tile/0", "tile", "tile/0/002.p"}) replaced(name, link);
  fs::create_symlink(root / "nowhere", root / "tile/2");
  EXPECT_EQ(judge().verdict(), Verdict::tampered);
}

TEST_F(VerifyExport, TrustsOnlyTheKeyAndTheOriginItWasGiven) {
  events(300);
  policy.origin = "ledger.example/other";
  EXPECT_EQ(judge().verdict(), Verdict::unmet);
  EXPECT_THAT(judge().first()->detail, HasSubstr("not of ledger.example/other"));
  policy.origin.clear();
  NoteSigner other = vector_key();
  other.seed[0] ^= 1;
  policy.log = other.verifier();
  EXPECT_EQ(judge().verdict(), Verdict::unmet) << "signed by another key of the same name";
  EXPECT_EQ(judge().first()->path, "checkpoint");
  sign(signed_now(), other);
  EXPECT_EQ(judge().verdict(), Verdict::good);
  policy.log = vector_key().verifier();
  EXPECT_EQ(judge().verdict(), Verdict::unmet);
}

TEST_F(VerifyExport, CountsWitnesses) {
  events(300);
  NoteSigner first{"witness.example/1", NoteKeyKind::cosignature, {}}, second = first;
  second.name = "witness.example/2";
  second.seed[0] = 9;
  policy.witnesses = {first.verifier(), second.verifier()};
  policy.quorum = 1;
  EXPECT_EQ(judge().verdict(), Verdict::unmet);
  Note note = must(parse_note(content_of(root / "checkpoint")));
  note.signatures.push_back(must(sign_note(first, note.text, 1'767'225'600)));
  note.signatures.push_back(must(sign_note(first, note.text, 1'767'225'601)));
  write(root / "checkpoint", format_note(note));
  EXPECT_EQ(judge().verdict(), Verdict::good);
  EXPECT_EQ(judge().signed_by.size(), 2U);
  policy.quorum = 2;
  EXPECT_EQ(judge().verdict(), Verdict::unmet) << "one witness twice is one witness";
  note.signatures.push_back(must(sign_note(second, "another text\n", 1'767'225'600)));
  write(root / "checkpoint", format_note(note));
  EXPECT_EQ(judge().verdict(), Verdict::tampered) << "a known key's wrong signature";
}

TEST_F(VerifyExport, RefusesAForgedCheckpointHoweverItIsSigned) {
  events(300);
  const Checkpoint right = signed_now();
  std::string note = content_of(root / "checkpoint");
  note.replace(note.find("\n300\n"), 5, "\n299\n");
  write(root / "checkpoint", note);
  expect_tampered(no_index, "checkpoint", "signature");
  for (const std::uint64_t size : {301UL, 512UL, 70'000UL, (1UL << 62) + 5}) {
    sign({right.origin, {size, right.head.root}});
    EXPECT_EQ(judge().verdict(), Verdict::tampered) << size;
  }
  sign({right.origin, {299, right.head.root}});
  EXPECT_EQ(judge().verdict(), Verdict::tampered);
  Digest other = right.head.root;
  other[31] ^= 1;
  sign({right.origin, {300, other}});
  expect_tampered(no_index, "checkpoint", "signs root");
  const auto sign_text = [&](const std::string& text) {
    write(root / "checkpoint", format_note({text, {must(sign_note(vector_key(), text))}}));
  };
  sign_text(format_checkpoint(right) + "an extension line\n");
  expect_tampered(no_index, "checkpoint", "extension");
  sign_text("ledger.example/test\n0300\n" + base64(std::as_bytes(std::span(right.head.root))) +
            "\n");
  expect_tampered(no_index, "checkpoint", "bad size");
  sign(right);
  EXPECT_EQ(judge().verdict(), Verdict::good);
  sign({right.origin, {0, right.head.root}});
  EXPECT_EQ(judge().verdict(), Verdict::tampered);
}

TEST_F(VerifyExport, SaysWhatIsNoExport) {
  EXPECT_EQ(judge().verdict(), Verdict::unusable);
  fs::create_directories(root);
  EXPECT_EQ(judge().verdict(), Verdict::unusable);
  EXPECT_EQ(judge().first()->path, "checkpoint");
}

// --- what the entries tell

class VerifyBook : public VerifyExport {
 protected:
  void export_book() {
    book.append_to(ledger);
    testing::sign_head(ledger, SampleBook::key());
    must(export_tiles(ledger, root.string(), posix_file_system()));
    policy.log = SampleBook::key().verifier();
  }
  Entry stamped(Event event) const {
    Entry entry{book.entries.back().envelope, std::move(event)};
    entry.envelope.epoch = book.state.epoch;
    return entry;
  }
  // Behind the back of the book: nothing asks the invariants.
  void slip_in(const std::vector<std::byte>& entry) {
    book.append_to(ledger);
    const Bytes bytes(entry);
    must(ledger.append({&bytes, 1}));
  }
  void expect_bad_entry(std::uint64_t index, std::string_view detail) {
    testing::sign_head(ledger, SampleBook::key());
    must(export_tiles(ledger, root.string(), posix_file_system()));
    policy.log = SampleBook::key().verifier();
    EXPECT_EQ(judge(Entries::opaque).verdict(), Verdict::good);
    const Judgement judged = judge(Entries::fold);
    ASSERT_EQ(judged.verdict(), Verdict::tampered) << judged.text();
    EXPECT_EQ(judged.first()->index, index);
    EXPECT_THAT(judged.first()->detail, HasSubstr(detail));
    EXPECT_FALSE(judged.folded);
  }

  SampleBook book;
  MemoryLedger ledger;
};

TEST_F(VerifyBook, ReachesEveryRecordedState) {
  testing::fill_real_book(book, ledger);
  must(export_tiles(ledger, root.string(), posix_file_system()));
  policy.log = SampleBook::key().verifier();
  const Judgement judged = judge(Entries::fold);
  EXPECT_EQ(judged.verdict(), Verdict::good) << judged.text();
  EXPECT_GT(judged.head.size, 512U);
  EXPECT_EQ(judged.state_root, state_root(book.state));
  EXPECT_EQ(judged.state_roots, 3U);
  EXPECT_THAT(judged.json(), HasSubstr("\"verdict\":\"good\""));
}

TEST_F(VerifyBook, ReachesStatesThatWereRecordedLater) {
  book.run(30);
  book.append_to(ledger);
  auto early = must(make_checkpoint(ledger, book.state, SampleBook::key()));
  book.run(3);
  const EntryIndex near = book.state.size;
  book.append_to(ledger);
  auto late = must(make_checkpoint(ledger, book.state, SampleBook::key()));
  book.add(SampleBook::itself(), early);
  book.run(40);
  book.add(SampleBook::itself(), late);
  ASSERT_GT(book.state.size, near + 256);
  export_book();
  const Judgement judged = judge(Entries::fold);
  EXPECT_EQ(judged.verdict(), Verdict::good) << judged.text();
  EXPECT_EQ(judged.state_roots, 2U);
}

TEST_F(VerifyBook, RefusesARecordedStateOrRootThatIsNotReached) {
  book.run(3);
  book.append_to(ledger);
  const auto right = must(make_checkpoint(ledger, book.state, SampleBook::key()));
  auto wrong = right;
  wrong.state_root[0] ^= 1;
  slip_in(encode(stamped(wrong)));
  expect_bad_entry(book.state.size, "records state");
  fs::remove_all(root);
  MemoryLedger second;
  book.append_to(second);
  wrong = right;
  wrong.root[0] ^= 1;
  const auto bytes = encode(stamped(wrong));
  const Bytes view(bytes);
  must(second.append({&view, 1}));
  testing::sign_head(second, SampleBook::key());
  must(export_tiles(second, root.string(), posix_file_system()));
  EXPECT_THAT(judge(Entries::fold).text(), HasSubstr("records root"));
}

TEST_F(VerifyBook, RefusesAStepTheRulesDoNotAllow) {
  book.run(3);
  slip_in(encode(stamped(RunFinished{RunId{0}, RunOutcome::succeeded})));
  expect_bad_entry(book.state.size, "I");
}

TEST_F(VerifyBook, RefusesBytesThatAreNoEntryAndEntriesThatAreNotCanonical) {
  book.run(3);
  auto padded = encode(stamped(Booted{book.state.epoch + 1, "0.1.0"}));
  padded.resize(padded.size() + 8);
  slip_in(padded);
  expect_bad_entry(book.state.size, "");
  fs::remove_all(root);
  events(3);
  EXPECT_EQ(judge(Entries::fold).verdict(), Verdict::tampered);
  EXPECT_EQ(judge(Entries::fold).first()->index, 0U);
}

TEST_F(VerifyBook, RefusesTheBookOfAnotherOriginOrKey) {
  book.run(3);
  book.append_to(ledger);
  NoteSigner other = SampleBook::key();
  other.seed[0] ^= 1;
  testing::sign_head(ledger, other);
  must(export_tiles(ledger, root.string(), posix_file_system()));
  policy.log = other.verifier();
  EXPECT_THAT(judge(Entries::fold).text(), HasSubstr("the book names"));
  fs::remove_all(root);
  other = SampleBook::key();
  other.name = "daybook.local/other";
  testing::sign_head(ledger, other);
  must(export_tiles(ledger, root.string(), posix_file_system()));
  policy.log = other.verifier();
  EXPECT_THAT(judge(Entries::fold).text(), HasSubstr("the book is daybook.local/sample"));
}

TEST_F(VerifyBook, RefusesEveryByteThatIsAnother) {
  testing::fill_real_book(book, ledger);
  must(export_tiles(ledger, root.string(), posix_file_system()));
  policy.log = SampleBook::key().verifier();
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  std::mt19937_64 random(20'260'101);
  for (int sample = 0; sample < 1'000; ++sample) {
    const fs::path& file = files[static_cast<std::size_t>(sample) % files.size()];
    const std::string before = content_of(file);
    std::string after = before;
    const std::size_t at = random() % after.size();
    const auto change = static_cast<char>(1 + random() % 255);
    after[at] = static_cast<char>(after[at] ^ change);
    write(file, after);
    const Judgement judged = judge(Entries::fold);
    ASSERT_NE(judged.verdict(), Verdict::good) << file << " at " << at;
    ASSERT_NE(judged.first(), nullptr);
    ASSERT_FALSE(judged.first()->path.empty());
    write(file, before);
  }
  EXPECT_EQ(judge(Entries::fold).verdict(), Verdict::good);
}

}  // namespace
}  // namespace daybook
