#include "ledger/ssh_signature.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_directory.h"

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
    run("ssh-keygen -q -t ed25519 -N '' -C 'a comment' -f key");
    run("ssh-keygen -q -t ecdsa -N '' -f other");
    message_ = "daybook approval of a load, version 1\nrows 3\n";
    std::ofstream(folder_ / "text") << message_;
    run("ssh-keygen -q -Y sign -n daybook -f key text");
    armored_ = slurp(folder_ / "text.sig");
  }
  void run(const std::string& command) const {
    ASSERT_EQ(
        std::system(("cd " + folder_.path().string() + " && " + command + " 2>/dev/null").c_str()),
        0)
        << command;
  }

  TemporaryDirectory folder_;
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
  run("ssh-keygen -q -Y sign -n daybook -f other < text > other.sig");
  const auto signer = verify_ssh_signature(slurp(folder_ / "other.sig"), message_, "daybook");
  ASSERT_FALSE(signer);
  EXPECT_EQ(signer.error().detail, "the signing key is not of type ssh-ed25519");
}

TEST_F(SshSignature, OverADigestIsAcceptedWhereThatIsKnown) {
  run("ssh-keygen -q -Y sign -O hashalg=sha256 -n daybook -f key < text > short.sig");
  const std::string armored = slurp(folder_ / "short.sig");
  EXPECT_TRUE(verify_ssh_signature(armored, message_, "daybook"));
  EXPECT_TRUE(verify_ssh_signature(armored, sha256(bytes_of(message_)), "daybook"));
  EXPECT_FALSE(verify_ssh_signature(armored, Digest{}, "daybook"));
  const auto long_one = verify_ssh_signature(armored_, sha256(bytes_of(message_)), "daybook");
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().code, Error::Code::unavailable);
}

TEST_F(SshSignature, IsOfAKeyOnOneLine) {
  const std::string line = slurp(folder_ / "key.pub");
  const std::string bare = line.substr(0, line.size() - 1);
  EXPECT_TRUE(parse_ssh_public_key(bare));
  EXPECT_TRUE(parse_ssh_public_key(bare + "\r\n"));
  for (const std::string& bad :
       {std::string(), line + line, bare + std::string(5000, ' '), std::string("ssh-ed25519"),
        "ssh-ed25519-cert " + bare.substr(12), std::string("ssh-ed25519 "),
        std::string("ssh-ed25519 AAA"), std::string("ssh-ed25519 AAAA"),
        "ssh-ed25519 " + base64(bytes_of(std::string("\0\0\0\3abc", 7)))})
    EXPECT_FALSE(parse_ssh_public_key(bad)) << bad;
}

// RFC 4251: a length of four bytes, then as many bytes.
std::string field(std::string_view bytes) {
  return std::string("\0\0\0", 3) + static_cast<char>(bytes.size()) + std::string(bytes);
}

std::string armor(const std::string& blob) {
  return "-----BEGIN SSH SIGNATURE-----\n" + base64(bytes_of(blob)) +
         "\n-----END SSH SIGNATURE-----\n";
}

// https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
struct Signature {
  std::string key = field("ssh-ed25519") + field(std::string(32, 'k'));
  std::string hash = "sha512";
  std::string signature = field("ssh-ed25519") + field(std::string(64, 's'));
  std::string after = {};
};

TEST(SshSignatureForm, IsReadStrictly) {
  const auto said_of = [](const Signature& s) {
    const std::string blob = std::string("SSHSIG\0\0\0\1", 10) + field(s.key) + field("daybook") +
                             field("") + field(s.hash) + field(s.signature) + s.after;
    return verify_ssh_signature(armor(blob), "text", "daybook").error().detail;
  };
  const std::string name = field("ssh-ed25519");
  constexpr std::string_view malformed = "the SSH signature is malformed";
  constexpr std::string_view other_key = "the signing key is not of type ssh-ed25519";
  EXPECT_EQ(said_of({}), "the signature is not over this text");
  EXPECT_EQ(said_of({.hash = "md5"}), "the SSH signature names an unknown hash");
  EXPECT_EQ(said_of({.after = "x"}), malformed);
  EXPECT_EQ(said_of({.key = ""}), other_key);
  EXPECT_EQ(said_of({.key = name}), other_key);
  EXPECT_EQ(said_of({.key = name + field(std::string(31, 'k'))}), other_key);
  EXPECT_EQ(said_of({.key = name + field(std::string(32, 'k')) + "x"}), other_key);
  EXPECT_EQ(said_of({.signature = ""}), malformed);
  EXPECT_EQ(said_of({.signature = name}), malformed);
  EXPECT_EQ(said_of({.signature = field("ssh-rsa") + field(std::string(64, 's'))}), malformed);
  EXPECT_EQ(said_of({.signature = name + field(std::string(63, 's'))}), malformed);
  EXPECT_EQ(said_of({.signature = name + field(std::string(64, 's')) + "x"}), malformed);
}

TEST(SshSignatureForm, IsArmoredAsTheFormatSays) {
  const auto said_of = [](const std::string& armored) {
    return verify_ssh_signature(armored, "text", "daybook").error().detail;
  };
  const std::string begin = "-----BEGIN SSH SIGNATURE-----\n", end = "-----END SSH SIGNATURE-----";
  EXPECT_EQ(said_of("text"), "not an armored SSH signature");
  EXPECT_EQ(said_of(begin + std::string(17'000, 'A') + end), "not an armored SSH signature");
  EXPECT_EQ(said_of(begin + "AAAA\n"), "the SSH signature is cut short");
  EXPECT_EQ(said_of(begin + "AAAA\n" + end + "\n\n"),
            "there is something behind the SSH signature");
  EXPECT_EQ(said_of(begin + "A\n" + end), "the SSH signature is not base64");
  EXPECT_EQ(said_of(armor("SSHSIG")), "not an SSH signature of version 1");
  EXPECT_EQ(said_of(armor(std::string("SSHSIG\0\0\0\2", 10))), "not an SSH signature of version 1");
  EXPECT_EQ(said_of(armor(std::string("SSHSIG\0\0\0\1\0\0\0\7", 14))),
            "the SSH signature is malformed");
}

}  // namespace
}  // namespace daybook
