// The anchor's two slots: a write that was torn costs its own head and never the one before.
#include "ledger/anchor.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

constexpr std::size_t slot_bytes = 512;

AnchorHead head_of(std::uint64_t size) {
  AnchorHead head{.ledger = {7}, .head = {.size = size, .root = {}}, .boot_epoch = 3};
  head.head.root.fill(static_cast<std::uint8_t>(size));
  return head;
}

class AnchorFile : public ::testing::Test {
 protected:
  // The heads of 0, 1, … `last` entries, one after the other.
  void write_up_to(std::uint64_t last) {
    auto anchor = Anchor::create(posix_file_system(), path_, head_of(0));
    ASSERT_TRUE(anchor) << anchor.error().detail;
    for (std::uint64_t size = 1; size <= last; ++size) ASSERT_TRUE(anchor->advance(head_of(size)));
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), std::ssize(bytes));
  }
  Result<AnchorHead> read() const { return Anchor::read(posix_file_system(), path_); }

  TemporaryDirectory directory_;
  const std::string path_ = (directory_ / "anchor").string();
};

TEST_F(AnchorFile, IsOfTheLastHeadAndIsMadeOnce) {
  write_up_to(5);
  EXPECT_EQ(*read(), head_of(5));
  EXPECT_EQ(content().size(), 2 * slot_bytes);
  EXPECT_EQ(Anchor::create(posix_file_system(), path_, head_of(9)).error().code,
            Error::Code::conflict);
  auto again = Anchor::open(posix_file_system(), path_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->head(), head_of(5));
  ASSERT_TRUE(again->advance(head_of(6)));
  EXPECT_EQ(*read(), head_of(6));
}

// Whatever a torn write leaves of the slot it was writing: the other one has the head before.
TEST_F(AnchorFile, KeepsTheHeadBeforeWhereTheLastWriteWasTorn) {
  for (const std::uint64_t last : {4U, 5U}) {
    SCOPED_TRACE(last);
    std::filesystem::remove(path_);
    write_up_to(last - 1);
    const std::string before = content();
    {
      auto anchor = Anchor::open(posix_file_system(), path_);
      ASSERT_TRUE(anchor && anchor->advance(head_of(last)));
    }
    const std::string after = content();
    std::vector<std::size_t> changed;
    for (std::size_t at = 0; at < after.size(); ++at)
      if (after[at] != before[at]) changed.push_back(at);
    ASSERT_FALSE(changed.empty());
    EXPECT_EQ(changed.front() / slot_bytes, changed.back() / slot_bytes) << "one slot is written";
    for (const std::size_t at : changed) {
      std::string torn = after;
      torn[at] = before[at];
      overwrite(torn);
      ASSERT_EQ(*read(), head_of(last - 1)) << "byte " << at;
    }
    // Not even begun, or whole.
    overwrite(before);
    EXPECT_EQ(*read(), head_of(last - 1));
    overwrite(after);
    EXPECT_EQ(*read(), head_of(last));
  }
}

TEST_F(AnchorFile, IsRefusedWhereNoSlotIsWhole) {
  EXPECT_EQ(read().error().code, Error::Code::not_found);
  write_up_to(3);
  std::string bytes = content();
  bytes[20] ^= 1;
  bytes[slot_bytes + 20] ^= 1;
  overwrite(bytes);
  for (const auto& refused : {read().error(), Anchor::open(posix_file_system(), path_).error()}) {
    EXPECT_EQ(refused.code, Error::Code::corrupt);
    EXPECT_THAT(refused.detail, ::testing::HasSubstr("neither slot"));
  }
  EXPECT_EQ(content(), bytes);
}

}  // namespace
}  // namespace daybook
