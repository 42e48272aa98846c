// A damaged book is refused or is provably the same book: never a shorter one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "ledger/rocksdb_ledger.h"
#include "ledger/verify_tree.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// All files but RocksDB's lock file, which is empty.
std::map<std::string, std::string> snapshot(const fs::path& dir) {
  std::map<std::string, std::string> files;
  for (const auto& e : fs::recursive_directory_iterator(dir)) {
    if (e.is_regular_file() && e.path().filename() != "LOCK") {
      files[fs::relative(e.path(), dir).string()] = content_of(e.path());
    }
  }
  return files;
}

class Book : public ::testing::Test {
 protected:
  static void append(Ledger& ledger, std::size_t count) {
    std::vector<std::string> text;
    for (std::size_t i = 0; i < count; ++i) {
      text.push_back(fmt::format("event {} {}", ledger.head().size + i, std::string(150, 'p')));
    }
    std::vector<Bytes> group;
    for (const auto& t : text) group.push_back(bytes_of(t));
    ASSERT_TRUE(ledger.append(group));
  }

  // In a process of its own, without an end of its own: one that RocksDB has threads in is not to
  // be forked again.
  template <typename Work>
  void elsewhere(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }

  // 900 entries of which some are in a table file and some only in the write-ahead log, as a crash
  // leaves them: the writer does not close.
  TreeHead write_crashed_book() {
    elsewhere([&] {
      EXPECT_TRUE(create_ledger(dir_, LedgerId{1}));
      {
        auto ledger = RocksdbLedger::open(dir_);
        append(**ledger, 300);
        append(**ledger, 200);
      }
      // It stays open when the process ends.
      auto* const ledger = RocksdbLedger::open(dir_)->release();
      append(*ledger, 300);
      for (int i = 0; i < 100; ++i) append(*ledger, 1);
    });
    return Anchor::read(posix_file_system(), dir_ + "/anchor")->head;
  }

  TemporaryDirectory root_;
  std::string dir_ = root_ / "book";
};

TEST_F(Book, IsNotMadeTwiceNorByOpening) {
  EXPECT_EQ(RocksdbLedger::open(dir_).error().code, Error::Code::not_found);
  EXPECT_FALSE(fs::exists(dir_));
  ASSERT_TRUE(create_ledger(dir_, LedgerId{1}));
  EXPECT_EQ(create_ledger(dir_, LedgerId{2}).error().code, Error::Code::conflict);
  EXPECT_EQ((*RocksdbLedger::open(dir_))->boot_epoch(), 1U);
  EXPECT_EQ((*RocksdbLedger::open(dir_))->boot_epoch(), 2U);
}

TEST_F(Book, HasOneKeeperAndNamesIt) {
  ASSERT_TRUE(create_ledger(dir_, LedgerId{1}));
  const auto keeper = RocksdbLedger::open(dir_);
  ASSERT_TRUE(keeper);
  const std::string lock = content_of(dir_ + "/ledger.lock");
  const auto before = snapshot(dir_);
  const auto second = RocksdbLedger::open(dir_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Error::Code::conflict);
  EXPECT_NE(second.error().detail.find(fmt::format("process {}", ::getpid())), std::string::npos);
  EXPECT_EQ(snapshot(dir_), before);
  EXPECT_EQ(content_of(dir_ + "/ledger.lock"), lock);
}

TEST_F(Book, IsReadBesideItsKeeper) {
  ASSERT_TRUE(create_ledger(dir_, LedgerId{1}));
  const auto keeper = RocksdbLedger::open(dir_);
  append(**keeper, 300);
  const auto reader = RocksdbLedger::open_reader(dir_);
  ASSERT_TRUE(reader) << reader.error().detail;
  EXPECT_EQ((*reader)->head(), (*keeper)->head());
  for (int i = 0; i < 20; ++i) {
    append(**keeper, static_cast<std::size_t>(1 + i * 5));
    ASSERT_TRUE((*reader)->refresh());
    ASSERT_EQ((*reader)->head(), (*keeper)->head());
  }
  EXPECT_TRUE(verify_tree(**reader));
  const std::vector<Bytes> group = {bytes_of("x")};
  EXPECT_EQ((*reader)->append(group).error().code, Error::Code::conflict);
}

TEST_F(Book, IsNotWrittenByItsReader) {
  write_crashed_book();
  const auto before = snapshot(dir_);
  {
    const auto reader = RocksdbLedger::open_reader(dir_);
    ASSERT_TRUE(reader) << reader.error().detail;
    EXPECT_TRUE(verify_tree(**reader));
  }
  EXPECT_EQ(snapshot(dir_), before);
  EXPECT_FALSE(fs::exists(dir_ + "/book/reader"));
}

TEST_F(Book, KeepsEntriesThatCameAfterTheAnchor) {
  ASSERT_TRUE(create_ledger(dir_, LedgerId{1}));
  std::string older;
  TreeHead head;
  {
    auto ledger = RocksdbLedger::open(dir_);
    append(**ledger, 300);
    older = content_of(dir_ + "/anchor");
    append(**ledger, 300);
    head = (*ledger)->head();
  }
  overwrite(dir_ + "/anchor", older);
  const auto ledger = RocksdbLedger::open(dir_);
  ASSERT_TRUE(ledger) << ledger.error().detail;
  EXPECT_EQ((*ledger)->head(), head);
  EXPECT_EQ(Anchor::read(posix_file_system(), dir_ + "/anchor")->head, head);
}

TEST_F(Book, IsRefusedWhenItsAnchorIsMissingNewerOrAnothers) {
  ASSERT_TRUE(create_ledger(dir_, LedgerId{1}));
  append(**RocksdbLedger::open(dir_), 300);
  fs::copy(dir_, root_ / "old", fs::copy_options::recursive);
  append(**RocksdbLedger::open(dir_), 50);
  const std::string newer = content_of(dir_ + "/anchor");
  const std::string old = (root_ / "old").string();
  overwrite(old + "/anchor", newer);
  const auto before = snapshot(old);
  const auto shorter = RocksdbLedger::open(old);
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().code, Error::Code::corrupt);
  EXPECT_NE(shorter.error().detail.find("first bad index 300: the ledger ends at 300, the anchor "
                                        "proves 350"),
            std::string::npos)
      << shorter.error().detail;
  EXPECT_EQ(snapshot(old), before);

  fs::remove(old + "/anchor");
  EXPECT_EQ(RocksdbLedger::open(old).error().code, Error::Code::corrupt);

  const std::string other = (root_ / "other").string();
  ASSERT_TRUE(create_ledger(other, LedgerId{2}));
  overwrite(old + "/anchor", content_of(other + "/anchor"));
  EXPECT_NE(RocksdbLedger::open(old).error().detail.find("belongs to ledger"), std::string::npos);
}

// Every file of the book, sampled offsets, three kinds of damage.
TEST_F(Book, IsNeverServedDamaged) {
  const TreeHead head = write_crashed_book();
  ASSERT_EQ(head.size, 900U);
  const auto good = snapshot(dir_);
  std::mt19937_64 random(5);
  int refused = 0;
  int harmless = 0;
  const fs::path copy = root_ / "copy";
  for (const auto& [name, content] : good) {
    for (int round = 0; round < 24 && !content.empty(); ++round) {
      fs::remove_all(copy);
      fs::copy(dir_, copy, fs::copy_options::recursive);
      std::string bad = content;
      const std::size_t at = random() % content.size();
      if (round % 3 == 0) bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
      if (round % 3 == 1) bad.replace(at, 512, std::min<std::size_t>(512, bad.size() - at), '\0');
      if (round % 3 == 2) bad.resize(at);
      overwrite(copy / name, bad);
      const auto before = snapshot(copy);
      const auto ledger = RocksdbLedger::open(copy.string());
      if (!ledger) {
        ++refused;
        EXPECT_EQ(ledger.error().code, Error::Code::corrupt) << ledger.error().detail;
        EXPECT_EQ(snapshot(copy), before) << name;
        continue;
      }
      const auto verified = verify_tree(**ledger);
      if (!verified) {
        ++refused;
        EXPECT_EQ(verified.error().code, Error::Code::corrupt) << verified.error().detail;
        EXPECT_NE(verified.error().detail.find("first bad index"), std::string::npos);
        continue;
      }
      ++harmless;
      EXPECT_EQ(verified->head, head) << name << " at " << at << " round " << round;
    }
  }
  EXPECT_GT(refused, 30);
  EXPECT_GT(harmless, 5);
}

// RocksDB's reader beside a keeper turned round and round at a record that says its log was
// recycled.
TEST_F(Book, DoesNotHoldUpAReaderWhicheverByteOfALogIsFlipped) {
  write_crashed_book();
  const fs::path copy = root_ / "copy";
  int logs = 0;
  for (const auto& [name, content] : snapshot(dir_)) {
    const bool log = name.ends_with(".log");
    if (content.empty() || (!log && name.find("MANIFEST-") == std::string::npos)) continue;
    ASSERT_GT(content.size(), 14U) << name;
    ++logs;
    const std::size_t first = 7 + static_cast<unsigned char>(content[4]) +
                              std::size_t{static_cast<unsigned char>(content[5])} * 256;
    for (const std::size_t type_at : {std::size_t{6}, first + 6}) {
      fs::remove_all(copy);
      fs::copy(dir_, copy, fs::copy_options::recursive);
      std::string bad = content;
      ASSERT_LT(type_at, bad.size()) << name;
      bad[type_at] = static_cast<char>(bad[type_at] ^ 4);
      overwrite(copy / name, bad);
      const auto reader = RocksdbLedger::open_reader(copy.string());
      ASSERT_FALSE(reader) << name << " at " << type_at;
      EXPECT_EQ(reader.error().code, Error::Code::corrupt) << reader.error().detail;
      EXPECT_NE(reader.error().detail.find("byte"), std::string::npos) << reader.error().detail;
    }
  }
  EXPECT_GE(logs, 2);
}

TEST_F(Book, IsRefusedWhenItsLogIsCutAnywhere) {
  write_crashed_book();
  const fs::path copy = root_ / "copy";
  for (const auto& [name, content] : snapshot(dir_)) {
    if (!name.ends_with(".log") || content.empty()) continue;
    for (std::size_t size = 0; size < content.size(); size += 1 + content.size() / 60) {
      fs::remove_all(copy);
      fs::copy(dir_, copy, fs::copy_options::recursive);
      overwrite(copy / name, content.substr(0, size));
      const auto ledger = RocksdbLedger::open(copy.string());
      ASSERT_FALSE(ledger) << name << " cut at " << size;
      EXPECT_EQ(ledger.error().code, Error::Code::corrupt);
    }
  }
}

TEST_F(Book, LosesNothingAcknowledgedWhenKilled) {
  elsewhere([&] { ASSERT_TRUE(create_ledger(dir_, LedgerId{1})); });
  std::mt19937_64 random(9);
  std::uint64_t acknowledged = 0;
  for (int kill = 0; kill < 60; ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto ledger = RocksdbLedger::open(dir_);
      if (!ledger) ::_exit(1);
      for (std::size_t i = 0;; ++i) {
        append(**ledger, 1 + i * 37 % 300);
        const std::uint64_t size = (*ledger)->head().size;
        if (::write(pipe[1], &size, sizeof size) != sizeof size) ::_exit(2);
      }
    }
    ::close(pipe[1]);
    // Somewhere after so many answers, however fast the machine is; with none, while it opens.
    std::uint64_t size = 0;
    for (std::uint64_t answers = random() % 5; answers > 0; --answers) {
      ASSERT_EQ(::read(pipe[0], &size, sizeof size), static_cast<ssize_t>(sizeof size));
      acknowledged = size;
    }
    ::usleep(static_cast<useconds_t>(random() % 20000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    while (::read(pipe[0], &size, sizeof size) == sizeof size) acknowledged = size;
    ::close(pipe[0]);
    elsewhere([&] {
      const auto ledger = RocksdbLedger::open(dir_);
      ASSERT_TRUE(ledger) << ledger.error().detail;
      ASSERT_GE((*ledger)->head().size, acknowledged);
      if (kill % 20 == 19) {
        const auto report = verify_tree(**ledger);
        ASSERT_TRUE(report) << report.error().detail;
      }
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(acknowledged, 1000U);
}

}  // namespace
}  // namespace daybook
