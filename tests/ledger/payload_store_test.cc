#include "ledger/payload_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <random>

#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

class PayloadStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = PayloadStore::open(posix_file_system(), dir_, entropy_);
    ASSERT_TRUE(store) << store.error().detail;
    store_.emplace(std::move(*store));
  }
  std::string path_of(const PayloadAddress& ref) const {
    return dir_ + "/payloads/" + hex(ref.digest);
  }
  static std::string content_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::mt19937_64 random_{1};
  RandomBytes entropy_ = [this](std::span<std::byte> out) {
    for (std::byte& b : out) b = static_cast<std::byte>(random_());
  };
  TemporaryDirectory root_;
  std::string dir_ = root_.path();
  std::optional<PayloadStore> store_;
};

TEST_F(PayloadStoreTest, GivesBackWhatWasPutAtEveryPieceBoundary) {
  for (const std::size_t size : {0UL, 1UL, 1048575UL, 1048576UL, 1048577UL, 3000000UL}) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random_());
    const auto ref = store_->put(bytes_of(text));
    ASSERT_TRUE(ref) << ref.error().detail;
    EXPECT_EQ(ref->length, size);
    EXPECT_EQ(*store_->get(*ref), text);
    std::ofstream(dir_ + "/source", std::ios::binary | std::ios::trunc) << text;
    const auto copied = store_->put_file(dir_ + "/source");
    ASSERT_TRUE(copied);
    EXPECT_EQ(*store_->get(*copied), text);
    EXPECT_NE(copied->digest, ref->digest) << "the salt hides equal content";
  }
}

TEST_F(PayloadStoreTest, KeepsNoPlaintextAndNoFileOpenToOthers) {
  const auto ref = store_->put(bytes_of("Ada Lovelace, 12 St James's Square"));
  EXPECT_EQ(content_of(path_of(*ref)).find("Lovelace"), std::string::npos);
  int files = 0;
  for (const auto& e : fs::recursive_directory_iterator(dir_)) {
    struct stat status;
    ASSERT_EQ(::stat(e.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077U, 0U) << e.path();
    files += e.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 2);
}

TEST_F(PayloadStoreTest, CanNotBeReadAfterErasureEvenWithTheFileBack) {
  const auto ref = store_->put(bytes_of("personal"));
  const auto other = store_->put(bytes_of("kept"));
  const std::string sealed = content_of(path_of(*ref));
  EXPECT_TRUE(store_->contains(*ref));
  ASSERT_TRUE(store_->erase(*ref));
  ASSERT_TRUE(store_->erase(*ref));
  EXPECT_FALSE(store_->contains(*ref));
  EXPECT_EQ(store_->get(*ref).error().code, Error::Code::not_found);
  std::ofstream(path_of(*ref), std::ios::binary) << sealed;
  EXPECT_EQ(store_->get(*ref).error().code, Error::Code::not_found);
  EXPECT_EQ(*store_->get(*other), "kept");
}

TEST_F(PayloadStoreTest, RefusesEveryChangedByteAndEveryCut) {
  const auto ref = store_->put(bytes_of("thirty-one bytes of plain text."));
  const std::string sealed = content_of(path_of(*ref));
  const auto expect_refused = [&](const std::string& bad) {
    std::ofstream(path_of(*ref), std::ios::binary | std::ios::trunc) << bad;
    const auto got = store_->get(*ref);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Error::Code::corrupt);
  };
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    expect_refused(bad);
    expect_refused(sealed.substr(0, i));
  }
  expect_refused(sealed + "x");
}

TEST_F(PayloadStoreTest, RefusesAReferenceWithAnotherLengthOrDigest) {
  const auto ref = store_->put(bytes_of(std::string(1048576 + 5, 'x')));
  PayloadAddress other = *ref;
  other.length = 1048576 + 4;
  EXPECT_EQ(store_->get(other).error().code, Error::Code::corrupt);
  other = *ref;
  other.digest[0] ^= 1;
  // Under another name, with its key: the bytes open, but they are not what that name says.
  fs::rename(path_of(*ref), path_of(other));
  fs::rename(dir_ + "/keys/payloads/" + hex(ref->digest),
             dir_ + "/keys/payloads/" + hex(other.digest));
  EXPECT_EQ(store_->get(other).error().code, Error::Code::corrupt);
}

TEST_F(PayloadStoreTest, SigningKeyComesBackAndIsRefusedWhenOthersMayReadIt) {
  const std::string path = dir_ + "/signing";
  const auto made = create_signing_key(posix_file_system(), path, "book.example/a", entropy_);
  ASSERT_TRUE(made);
  EXPECT_EQ(create_signing_key(posix_file_system(), path, "b", entropy_).error().code,
            Error::Code::conflict);
  const auto loaded = load_signing_key(posix_file_system(), path);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->verifier(), made->verifier());
  const std::string text = content_of(path);
  EXPECT_TRUE(text.starts_with("PRIVATE+KEY+book.example/a+"));
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(load_signing_key(posix_file_system(), path).error().code, Error::Code::invalid);
  ::chmod(path.c_str(), 0600);
  std::ofstream(path, std::ios::trunc) << text.substr(0, 40) << "A" << text.substr(41);
  EXPECT_EQ(load_signing_key(posix_file_system(), path).error().code, Error::Code::corrupt);
}

}  // namespace
}  // namespace daybook
