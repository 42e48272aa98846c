#include "ledger/ssh_signature.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace daybook {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Keys and signatures come from the real ssh-keygen: the format's reference implementation.
class SshSignature : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ssh-signature-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    run("ssh-keygen -q -t ed25519 -N '' -C 'a comment' -f key");
    run("ssh-keygen -q -t ecdsa -N '' -f other");
    message_ = "daybook approval of a load, version 1\nrows 3\n";
    std::ofstream(folder_ / "text") << message_;
    run("ssh-keygen -q -Y sign -n daybook -f key text");
    armored_ = slurp(folder_ / "text.sig");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void run(const std::string& command) const {
    ASSERT_EQ(std::system(("cd " + folder_.string() + " && " + command + " 2>/dev/null").c_str()),
              0)
        << command;
  }

  fs::path folder_;
  std::string message_, armored_;
};

TEST_F(SshSignature, OfTheRealToolIsAcceptedAndNamesItsKey) {
  const auto key = parse_ssh_public_key(slurp(folder_ / "key.pub"));
  ASSERT_TRUE(key) << key.error().detail;
  const auto signer = verify_ssh_signature(armored_, message_, "daybook");
  ASSERT_TRUE(signer) << signer.error().detail;
  EXPECT_EQ(*signer, *key);
  run("ssh-keygen -l -f key.pub > printed");
  EXPECT_NE(slurp(folder_ / "printed").find(key->fingerprint), std::string::npos);
}

TEST_F(SshSignature, IsRefusedOverAnyOtherText) {
  EXPECT_FALSE(verify_ssh_signature(armored_, message_ + " ", "daybook"));
  EXPECT_FALSE(verify_ssh_signature(armored_, "", "daybook"));
}

TEST_F(SshSignature, IsRefusedForAnotherNamespace) {
  const auto signer = verify_ssh_signature(armored_, message_, "git");
  ASSERT_FALSE(signer);
  EXPECT_NE(signer.error().detail.find("another purpose"), std::string::npos);
}

TEST_F(SshSignature, IsRefusedWithAnyOneByteChanged) {
  for (std::size_t i = 0; i < armored_.size(); ++i) {
    std::string changed = armored_;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_ssh_signature(changed, message_, "daybook")) << "byte " << i;
  }
}

TEST_F(SshSignature, IsRefusedCutShortAnywhere) {
  for (std::size_t n = 0; n + 1 < armored_.size(); ++n)
    EXPECT_FALSE(verify_ssh_signature(armored_.substr(0, n), message_, "daybook")) << n;
}

TEST_F(SshSignature, OfAnotherKeyTypeIsRefused) {
  const auto key = parse_ssh_public_key(slurp(folder_ / "other.pub"));
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Error::Code::invalid);
}

}  // namespace
}  // namespace daybook
