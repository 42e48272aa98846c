// RFC 3161 with the openssl command as the authority: the reference implementation of the format.
#include "ledger/timestamp.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

constexpr std::string_view authority = R"(
[tsa]
default_tsa = one
[one]
dir = .
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = root.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
)";

class Timestamp : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryDirectory("timestamp");
    write("tsa.cnf", authority);
    write("serial", "01\n");
    for (const std::string root : {"root", "other"})
      run("openssl req -x509 -newkey rsa:2048 -nodes -keyout " + root + ".key -out " + root +
          ".pem -subj '/CN=test " + root + "' -days 2");
    run("openssl req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj '/CN=test tsa'");
    run("openssl x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2"
        " -extfile tsa.cnf -extensions ext -out tsa.pem");
    write("query", *timestamp_request(bytes_of(text), 7));
    run("openssl ts -reply -config tsa.cnf -section one -queryfile query -out reply");
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static void run(const std::string& command) {
    const std::string all =
        "cd " + folder_->path().string() + " && " + command + " > said 2>&1 || (cat said; false)";
    ASSERT_EQ(std::system(all.c_str()), 0) << command;
  }
  static void write(const std::string& name, std::string_view bytes) {
    std::ofstream(*folder_ / name, std::ios::binary) << bytes;
  }
  static std::string read(const std::string& name) {
    std::ifstream file(*folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static std::string detail(const Result<StampedTime>& answer) {
    return answer ? "good" : answer.error().detail;
  }

  static constexpr std::string_view text = "a checkpoint\n";
  static inline TemporaryDirectory* folder_ = nullptr;
};

TEST_F(Timestamp, IsAskedForSoThatTheReferenceReadsIt) {
  run("openssl ts -query -in query -text");
  const std::string printed = read("said");
  for (const std::string_view part :
       {"Version: 1", "Hash Algorithm: sha256", "Nonce: 0x07", "Certificate required: yes"})
    EXPECT_NE(printed.find(part), std::string::npos) << printed;
}

TEST_F(Timestamp, OfTheReferenceSaysWhenAndUnderWhichPolicy) {
  const auto stamped =
      verify_timestamp(read("reply"), bytes_of(text), read("root.pem"), read("query"));
  ASSERT_TRUE(stamped) << stamped.error().detail;
  EXPECT_NEAR(static_cast<double>(stamped->time), static_cast<double>(std::time(nullptr)), 3600);
  EXPECT_EQ(stamped->policy, "1.2.3.4.1");
  EXPECT_EQ(read_timestamp(read("reply"), bytes_of(text)), *stamped);
  EXPECT_EQ(verify_timestamp(read("reply"), bytes_of(text), read("root.pem")), *stamped);
  EXPECT_EQ(verify_timestamp(read("reply"), bytes_of(text), read("other.pem") + read("root.pem")),
            *stamped);
}

TEST_F(Timestamp, IsRefusedOverOtherBytesAndUnderAnotherRoot) {
  const std::string reply = read("reply");
  EXPECT_EQ(detail(read_timestamp(reply, bytes_of("another\n"))),
            "time stamp: it is not about these bytes");
  EXPECT_NE(detail(verify_timestamp(reply, bytes_of(text), read("other.pem")))
                .find("it is not that of the authority"),
            std::string::npos);
  EXPECT_EQ(detail(verify_timestamp(reply, bytes_of(text), "no certificate")),
            "time stamp: there is no certificate of an authority (PEM)");
}

TEST_F(Timestamp, IsRefusedAsAnAnswerToAnotherRequest) {
  const auto asked = [](std::string_view request) {
    return detail(verify_timestamp(read("reply"), bytes_of(text), read("root.pem"), request));
  };
  EXPECT_NE(asked(*timestamp_request(bytes_of(text), 8)).find("it is not that of the authority"),
            std::string::npos);
  EXPECT_NE(asked("no request").find("the request is none"), std::string::npos);
}

TEST_F(Timestamp, OfARefusalIsNone) {
  write("tooweak", *timestamp_request(bytes_of(text), 9));
  write("refusing.cnf", std::string(authority).replace(authority.find("sha256\ness"), 6, "sha512"));
  run("openssl ts -reply -config refusing.cnf -section one -queryfile tooweak -out refused");
  EXPECT_EQ(detail(read_timestamp(read("refused"), bytes_of(text))),
            "time stamp: the authority refused, with status 2");
  EXPECT_EQ(detail(verify_timestamp(read("refused"), bytes_of(text), read("root.pem"))),
            "time stamp: the authority refused, with status 2");
}

TEST_F(Timestamp, IsAResponseAndNothingElse) {
  const std::string reply = read("reply");
  for (const std::string& bad :
       {std::string(), std::string("text"), reply + "x", std::string(70'000, '0')}) {
    EXPECT_NE(detail(read_timestamp(bad, bytes_of(text))).find("no response"), std::string::npos);
    EXPECT_NE(detail(verify_timestamp(bad, bytes_of(text), read("root.pem"))).find("no response"),
              std::string::npos);
  }
  for (std::size_t size = 0; size < reply.size(); size += 1 + reply.size() / 200)
    EXPECT_FALSE(read_timestamp(reply.substr(0, size), bytes_of(text))) << size;
}

TEST_F(Timestamp, SaysTheSameOrIsRefusedWithAnyOneByteChanged) {
  const std::string reply = read("reply");
  const std::string root = read("root.pem");
  std::size_t refused = 0, tried = 0;
  for (std::size_t at = 0; at < reply.size(); at += 7) {
    std::string changed = reply;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto answer = verify_timestamp(changed, bytes_of(text), root);
    ++tried;
    if (!answer)
      ++refused;
    else  // what nobody needs: a text of the status, the certificate of the root
      EXPECT_EQ(answer, verify_timestamp(reply, bytes_of(text), root)) << at;
  }
  EXPECT_GT(refused, tried / 2);
}

}  // namespace
}  // namespace daybook
