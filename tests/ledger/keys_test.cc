// The signing key on disk: in the form of Go's note package, its owner's alone, and whole.
#include "ledger/keys.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

class SigningKey : public ::testing::Test {
 protected:
  Result<NoteSigner> create(const std::string& name = "log.example/a") {
    return create_signing_key(posix_file_system(), path_, name, [](std::span<std::byte> out) {
      std::ranges::fill(out, std::byte{7});
    });
  }
  Result<NoteSigner> load() const { return load_signing_key(posix_file_system(), path_); }
  std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(const std::string& text) const { std::ofstream(path_) << text; }

  TemporaryDirectory directory_;
  const std::string path_ = (directory_ / "signing").string();
};

TEST_F(SigningKey, ComesBackAsItWasMade) {
  const auto made = create();
  ASSERT_TRUE(made) << made.error().detail;
  const auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->verifier(), made->verifier());
  EXPECT_THAT(content(), testing::StartsWith("PRIVATE+KEY+log.example/a+"));
}

TEST_F(SigningKey, IsItsOwnersAlone) {
  ASSERT_TRUE(create());
  struct ::stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const auto loaded = load();
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().detail, testing::HasSubstr("open to others"));
}

TEST_F(SigningKey, IsNeverMadeOverAnotherNorForANameThatNoNoteHas) {
  ASSERT_TRUE(create());
  const std::string before = content();
  EXPECT_EQ(create().error().code, Error::Code::conflict);
  EXPECT_EQ(content(), before);
  ASSERT_EQ(std::remove(path_.c_str()), 0);
  EXPECT_FALSE(create("two words"));
  EXPECT_EQ(load().error().code, Error::Code::not_found);
}

TEST_F(SigningKey, IsRefusedWithAnyOneByteChangedOrCutAnywhere) {
  ASSERT_TRUE(create());
  const std::string good = content();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    overwrite(changed);
    EXPECT_FALSE(load()) << "byte " << i;
    overwrite(good.substr(0, i));
    EXPECT_FALSE(load()) << "cut at " << i;
  }
  overwrite(good + good);
  EXPECT_FALSE(load());
  overwrite(good.substr(0, good.rfind('+') + 1) + "AQ==\n");  // a kind without a seed
  EXPECT_FALSE(load());
}

}  // namespace
}  // namespace daybook
