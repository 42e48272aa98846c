#include "replay/export.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "ledger/tiles.h"
#include "tests/replay/damaged_ledger.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/verifier/exported_books.h"
#include "tests/tools/verifier/failing_files.h"
#include "tools/verifier/verify_export.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using testing::append_texts;
using testing::DamagedLedger;
using testing::FailingFiles;
using testing::grow_events;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::must;
using testing::vector_key;

// Path below the directory to content.
std::map<std::string, std::string> files_in(const fs::path& directory) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    found[entry.path().lexically_relative(directory)] = {std::istreambuf_iterator<char>(in), {}};
  }
  return found;
}

const TrustPolicy vector_policy{vector_key().verifier(), "", {}, 0};

class Export : public ::testing::Test {
 protected:
  Result<ExportReport> run(FileSystem& files = posix_file_system()) {
    return export_tiles(ledger, path(), files);
  }
  std::string path() const { return (directory / "book").string(); }
  Judgement verified() const { return verify_export(path(), vector_policy, Entries::opaque); }

  TemporaryDirectory directory;
  DamagedLedger ledger;
};

// The published vectors: other programs accept these trees.
TEST_F(Export, HoldsThePublishedRootsAtEverySize) {
  const std::map<std::uint64_t, std::string> roots = {
      {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {1, "a344deda6399e079700f18caccc174ed11ef1b1d164271e3a95d82c734466977"},
      {2, "9597a008c399108ddc67f881629dfbda16be63fcb74b42892f749dde08d3364a"},
      {3, "72e0d17598d40c143f14ebfb05e2c5c4ddd6bebf165f3569443ac4695887d302"},
      {4, "7f4975ae5b9ea05a1ad4eb463d5f20924087048e978cf6b342036eec5c9057e6"},
      {5, "b5af9c41186dda1343de76873b2805a2b1421fd1a889de9fa98b2a8ed8d214be"},
      {7, "b41d61b2e0cdce6e80fb379cb6e3bbd00ffb7fb3baa825195ef1f8a0e916bd7f"},
      {8, "b85fa09c40ad92872ba33e56c146e2920d23e82a8b75544cf60ed65a1bf8628d"},
      {255, "222da0f6c081dc3968fb864966d8d8ea1905ccdb4dbee33459a6dc48eb21d275"},
      {256, "d56a4e1ca488792c837ccd7fa985ebaa67c35c17b6e70b80cd31becfad851b17"},
      {257, "eacc42cbd69a46934c40b01109c2b3ea32880da8a053cce4e0c962d09f69b6d0"},
      {70'000, "07aacf4b136b01993481b12907d4afa72d97bc7cc79b1c7c491dff4e066e1530"}};
  for (const auto& [size, root] : roots) {
    MemoryLedger fresh;
    grow_events(fresh, size);
    const std::string to = (directory / std::to_string(size)).string();
    const auto report = export_tiles(fresh, to, posix_file_system());
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_EQ(report->head.size, size);
    EXPECT_EQ(hex(report->head.root), root) << size;
    const Judgement judged = verify_export(to, vector_policy, Entries::opaque);
    EXPECT_EQ(judged.verdict(), Verdict::good) << judged.text();
    EXPECT_EQ(judged.files, report->files);
  }
}

TEST_F(Export, WritesTheFilesOfTheFormat) {
  grow_events(ledger, 70'000);
  ASSERT_TRUE(run());
  const auto files = files_in(path());
  EXPECT_EQ(files.size(), 1U + 2 * 274 + 2 + 1);
  for (const auto& [name, bytes] : std::map<std::string, std::size_t>{{"tile/0/000", 8'192},
                                                                      {"tile/0/272", 8'192},
                                                                      {"tile/0/273.p/112", 3'584},
                                                                      {"tile/1/000", 8'192},
                                                                      {"tile/1/001.p/17", 544},
                                                                      {"tile/2/000.p/1", 32}}) {
    ASSERT_TRUE(files.contains(name)) << name;
    EXPECT_EQ(files.at(name).size(), bytes) << name;
  }
  EXPECT_TRUE(
      files.at("tile/entries/273.p/112").ends_with(std::string("\0\x0b", 2) + "event 69999"));
}

TEST_F(Export, OfAnEmptyBookIsItsCheckpoint) {
  grow_events(ledger, 0);
  ASSERT_TRUE(run());
  EXPECT_EQ(files_in(path()).size(), 1U);
}

TEST_F(Export, CarriesTheCheckpointAsItWasSigned) {
  grow_events(ledger, 257);
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(files_in(path()).at("checkpoint"), must(ledger.get(checkpoint_key(257))));
  EXPECT_EQ(report->checkpoint, must(ledger.get(checkpoint_key(257))));
}

TEST_F(Export, IsOfWhatWasSignedNotOfWhatIsThere) {
  grow_events(ledger, 300);
  append_texts(ledger, {"one", "more"});
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->head.size, 300U);
  EXPECT_EQ(verified().verdict(), Verdict::good);
}

TEST_F(Export, NeedsASignature) {
  append_texts(ledger, {"event 0"});
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Error::Code::not_found);
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Export, GrowsAndEveryEarlierCheckpointStaysVerifiable) {
  std::map<std::string, std::string> before;
  for (const std::uint64_t size : {0, 1, 3, 255, 256, 257, 511, 512, 900, 65'535, 65'536, 66'000}) {
    grow_events(ledger, size);
    ASSERT_TRUE(run());
    const Judgement judged = verified();
    ASSERT_EQ(judged.verdict(), Verdict::good) << size << "\n" << judged.text();
    auto after = files_in(path());
    after.erase("checkpoint");
    ASSERT_THAT(after, IsSupersetOf(before)) << size;
    before = std::move(after);

    TemporaryDirectory other;
    ASSERT_TRUE(export_tiles(ledger, (other / "book").string(), posix_file_system()));
    auto fresh = files_in(other / "book");
    fresh.erase("checkpoint");
    ASSERT_THAT(before, IsSupersetOf(fresh)) << size;
  }
}

TEST_F(Export, WritesOnlyWhatIsNew) {
  grow_events(ledger, 600);
  ASSERT_TRUE(run());
  const auto again = run();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->files, 0U);
  EXPECT_EQ(again->before, 600U);
  ledger.entries_read = 0;
  grow_events(ledger, 700);
  const auto more = run();
  ASSERT_TRUE(more);
  EXPECT_EQ(more->before, 600U);
  EXPECT_EQ(more->files, 3U) << "bundle, tile, checkpoint: the tile above did not change";
  EXPECT_EQ(ledger.entries_read, 700U - 512U);
}

TEST_F(Export, NeverWritesAFullTileTwice) {
  grow_events(ledger, 300);
  ASSERT_TRUE(run());
  grow_events(ledger, 600);
  for (const char* name : {"tile/0/001", "tile/entries/001"}) {
    std::ofstream(fs::path(path()) / name) << "short";
    const auto report = run();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Error::Code::conflict);
    EXPECT_THAT(report.error().detail, HasSubstr(name));
    EXPECT_EQ(files_in(path()).at(name), "short");
    fs::remove(fs::path(path()) / name);
  }
  EXPECT_TRUE(run());
}

TEST_F(Export, RefusesTheDirectoryOfAnotherBook) {
  grow_events(ledger, 300);
  ASSERT_TRUE(run());
  const auto code = [&](const Ledger& other) {
    const auto report = export_tiles(other, path(), posix_file_system());
    return report ? std::optional<Error::Code>() : report.error().code;
  };
  MemoryLedger shorter, forked, other_origin;
  grow_events(shorter, 299);
  EXPECT_EQ(code(shorter), Error::Code::conflict);
  append_texts(forked, {"another history"});
  grow_events(forked, 400);
  EXPECT_EQ(code(forked), Error::Code::conflict);
  bench::SampleBook book;
  testing::fill_real_book(book, other_origin);
  EXPECT_EQ(code(other_origin), Error::Code::conflict);
  std::ofstream(fs::path(path()) / "checkpoint") << "not a checkpoint";
  EXPECT_EQ(code(ledger), Error::Code::conflict);
}

TEST_F(Export, OfDamagedStorageEndsBeforeItsCheckpoint) {
  grow_events(ledger, 700);
  for (const std::uint64_t index : {0U, 300U, 511U, 512U, 699U}) {
    ledger.replaced.clear();
    ledger.flip(index, 5);
    const auto report = run();
    ASSERT_FALSE(report) << index;
    EXPECT_EQ(report.error().code, Error::Code::corrupt);
    if (index < 512) {
      EXPECT_THAT(report.error().detail, HasSubstr(fmt::format("index {}:", index)));
    }
    EXPECT_FALSE(fs::exists(path() + "/checkpoint"));
  }
  ledger.replaced.clear();
  ledger.bad_tile = std::pair(0U, std::uint64_t{1});
  EXPECT_EQ(run().error().code, Error::Code::corrupt);
  ledger.bad_tile.reset();
  EXPECT_TRUE(run()) << "what was written before the damage was right";
  EXPECT_EQ(verified().verdict(), Verdict::good);
}

// Stopped at every single step, in the first export and in one that adds to it.
TEST_F(Export, IsFinishedByTheNextOneWhereverItWasStopped) {
  for (const std::uint64_t from : {0U, 257U}) {
    for (std::uint64_t step = 0;; ++step) {
      TemporaryDirectory place;
      const std::string to = (place / "book").string();
      MemoryLedger book;
      if (from > 0) {
        grow_events(book, from);
        must(export_tiles(book, to, posix_file_system()));
      }
      grow_events(book, 530);
      FailingFiles failing(step);
      const auto report = export_tiles(book, to, failing);
      ASSERT_EQ(report.has_value(), !failing.failed());
      if (report) {
        EXPECT_GT(step, 20U);
        break;
      }
      // Its checkpoint, if there is one, is of files that are all there and right.
      const Judgement between = verify_export(to, vector_policy, Entries::opaque);
      if (fs::exists(to + "/checkpoint"))
        for (const Fault& fault : between.faults())
          ASSERT_THAT(fault.detail, AnyOf(HasSubstr("is not of a tree of"),
                                          HasSubstr("does not belong into an export")))
              << fault.path;
      else
        ASSERT_NE(between.verdict(), Verdict::good);
      // The book went on meanwhile.
      grow_events(book, 600);
      must(export_tiles(book, to, posix_file_system()));
      const Judgement after = verify_export(to, vector_policy, Entries::opaque);
      ASSERT_EQ(after.verdict(), Verdict::good) << "stopped at " << step << "\n" << after.text();
    }
  }
}

TEST_F(Export, IsDurableBeforeItsCheckpointSaysSo) {
  grow_events(ledger, 530);
  FailingFiles watched(1'000'000);
  ASSERT_TRUE(run(watched));
  std::set<std::string> names;  // directories with names in them that are not durable yet
  bool written = false;         // and not synced
  for (const auto& [what, where] : watched.done()) {
    if (what == "write") written = true;
    if (what == "sync") written = false;
    if (what == "make_dir") names.insert(parent_of(where));
    if (what == "sync_dir") names.erase(where);
    if (what != "rename") continue;
    EXPECT_FALSE(written) << where;
    if (where == path() + "/checkpoint") {
      EXPECT_THAT(names, ::testing::IsEmpty());
    }
    names.insert(parent_of(where));
  }
  EXPECT_THAT(names, ::testing::IsEmpty()) << "the checkpoint itself";
}

TEST_F(Export, IsOneAtATime) {
  grow_events(ledger, 3);
  ASSERT_TRUE(run());
  grow_events(ledger, 5);
  const auto held = posix_file_system().lock(path() + "/export.lock");
  ASSERT_TRUE(held);
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Error::Code::conflict);
}

}  // namespace
}  // namespace daybook
