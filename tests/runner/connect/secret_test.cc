#include "runner/definition/secret.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <type_traits>

#include "runner/connect/postgres_sink.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

const std::string canary = "c4nary p'a:s/s%w0rd";

TEST(Secret, IsNeitherCopiedNorPrinted) {
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!fmt::is_formattable<Secret>::value);
}

TEST(Secret, ComesFromTheEnvironmentOrAFile) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "password") << canary << "\n";
  ::setenv("DAYBOOK_TEST_SECRET", canary.c_str(), 1);
  for (const std::string& reference : {std::string("secret://env/DAYBOOK_TEST_SECRET"),
                                       "secret://file" + (directory / "password").string()}) {
    auto secret = resolve_secret(reference);
    ASSERT_TRUE(secret) << secret.error().detail;
    EXPECT_EQ(secret->view(), canary);
  }
}

TEST(Secret, SaysWhichReferenceIsNotThere) {
  for (const char* reference :
       {"secret://env/DAYBOOK_TEST_NOT_SET", "secret://file/no/such/file", "secret://vault/x"}) {
    auto secret = resolve_secret(reference);
    ASSERT_FALSE(secret);
    EXPECT_NE(secret.error().detail.find(reference), std::string::npos);
  }
}

TEST(Secret, IsScrubbedFromTextPlainAndPercentEncoded) {
  Scrubber scrubber;
  scrubber.hide(canary);
  scrubber.hide("ab");
  EXPECT_EQ(scrubber.scrub("x " + canary + " y c4nary%20p%27a%3As%2Fs%25w0rd z ab"),
            "x ••• y ••• z ab");
}

// Whatever goes wrong with a connection, its password stands in no text that leaves the sink.
TEST(Secret, DoesNotLeaveASinkThatFails) {
  for (const std::string& connection :
       {std::string("host=127.0.0.1 port=1 user=u password=c4naryPassw0rd"),
        std::string("postgresql://u:c4naryPassw0rd@127.0.0.1:1/db"),
        std::string("host=127.0.0.1 port=1 c4naryPassw0rd"),
        std::string("postgresql://u:c4naryPassw0rd@127.0.0.1:port/db"),
        std::string("host=no.such.host.invalid password=c4naryPassw0rd")}) {
    ::setenv("DAYBOOK_TEST_SECRET", connection.c_str(), 1);
    auto sink = open_postgres_sink({"secret://env/DAYBOOK_TEST_SECRET", "public.t"});
    ASSERT_TRUE(sink);
    auto prepared = (*sink)->prepare({}, LoadMode::replace, {}, 7);
    ASSERT_FALSE(prepared);
    const SinkFailure& failure = prepared.error();
    for (const std::string& text :
         {failure.detail, failure.fingerprint, failure.code, failure.classified_by}) {
      EXPECT_EQ(text.find("c4nary"), std::string::npos) << text;
    }
    EXPECT_FALSE(failure.detail.empty());
  }
}

}  // namespace
}  // namespace daybook
