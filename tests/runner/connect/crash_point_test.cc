#include "runner/connect/crash_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>

namespace daybook {
namespace {

// Forks, arms `spec` and comes by "dir.staged" `passes` times. The signal that ended the child, or
// 0.
int signal_after(const std::string& spec, int passes) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!crash_point::arm(spec)) ::_exit(9);
    for (int i = 0; i < passes; ++i) DAYBOOK_CRASH_POINT("dir.staged");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status);
  return WEXITSTATUS(status) == 9 ? -1 : 0;
}

TEST(CrashPoint, KillsAtTheNamedPointAndNowhereElse) {
  EXPECT_EQ(signal_after("dir.staged", 1), SIGKILL);
  EXPECT_EQ(signal_after("dir.fenced", 1), 0);
}

TEST(CrashPoint, KillsAtTheNthPass) {
  EXPECT_EQ(signal_after("dir.staged:3", 2), 0);
  EXPECT_EQ(signal_after("dir.staged:3", 3), SIGKILL);
}

TEST(CrashPoint, StopsAtTheNamedPointAndGoesOnFromThere) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!crash_point::arm("dir.staged:2", crash_point::Act::stop)) ::_exit(9);
    for (int i = 0; i < 3; ++i) DAYBOOK_CRASH_POINT("dir.staged");
    ::_exit(7);
  }
  int status = 0;
  ::waitpid(child, &status, WUNTRACED);
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(WSTOPSIG(status), SIGSTOP);
  ::kill(child, SIGCONT);
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(CrashPoint, RefusesWhatItDoesNotKnow) {
  for (const char* spec : {"", "dir.stagedd", "dir.staged:", "dir.staged:0", "dir.staged:x",
                           "dir.staged:1x", "dir.staged:-1"}) {
    EXPECT_EQ(signal_after(spec, 1), -1) << spec;
  }
}

TEST(CrashPoint, HasEachNameOnce) {
  const std::set<std::string_view> names(crash_points.begin(), crash_points.end());
  EXPECT_EQ(names.size(), crash_points.size());
}

TEST(CrashPoint, IsArmedByTheEnvironmentAtStart) {
  for (const auto& [value, exits] : {std::pair{"dir.staged", 0}, std::pair{"no.such.point", 64}}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("DAYBOOK_CRASH_AT", value, 1);
      ::execl("/proc/self/exe", "crash_point_test", "--gtest_list_tests", nullptr);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), exits) << value;
  }
}

}  // namespace
}  // namespace daybook
