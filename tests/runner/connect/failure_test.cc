// What went wrong at a sink, as the book keeps it: the class decides whether it is tried again.
#include "runner/connect/failure.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace daybook {
namespace {

TEST(SinkFailures, OfTheSystemAreClassifiedByWhatWouldHelp) {
  const auto class_of = [](int error) {
    return errno_failure(error, "write", "/lake").error().error;
  };
  for (const int error : {EACCES, EPERM, EROFS}) EXPECT_EQ(class_of(error), ErrorClass::permission);
  for (const int error : {ENOSPC, EDQUOT, EIO, ESTALE, ENODEV})
    EXPECT_EQ(class_of(error), ErrorClass::dependency_down);
  for (const int error : {EMFILE, ENFILE, ENOMEM, EMLINK})
    EXPECT_EQ(class_of(error), ErrorClass::throttled);
  for (const int error : {EAGAIN, EINTR, EBUSY, ETIMEDOUT})
    EXPECT_EQ(class_of(error), ErrorClass::transient);
  for (const int error : {EXDEV, ELOOP, ENOTDIR, ENAMETOOLONG, EOPNOTSUPP})
    EXPECT_EQ(class_of(error), ErrorClass::definition);
  EXPECT_EQ(class_of(EBADF), ErrorClass::internal);
}

TEST(SinkFailures, OfTheSystemNameTheCallThePathAndTheError) {
  const SinkFailure full = errno_failure(ENOSPC, "write", "/lake/part-0").error();
  EXPECT_EQ(full.code, "errno.ENOSPC");
  EXPECT_EQ(full.detail, "write /lake/part-0: No space left on device");
  EXPECT_EQ(full.fingerprint, "errno.ENOSPC: write");
  EXPECT_FALSE(full.ambiguous);
  EXPECT_EQ(errno_failure(4095, "write", "/lake").error().code, "errno.4095");
}

TEST(SinkFailures, AreCutBetweenCharactersToWhatAnEventMayCarry) {
  const auto kept = [](const std::string& detail) {
    return sink_conflict("the same for all", detail).error().detail;
  };
  EXPECT_EQ(kept(std::string(limits::text_bytes_max, 'x')),
            std::string(limits::text_bytes_max, 'x'));
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string text(shift, 'x');
    while (text.size() <= limits::text_bytes_max) text += "€";
    const std::string cut = kept(text);
    EXPECT_LE(cut.size(), limits::text_bytes_max);
    EXPECT_GT(cut.size(), limits::text_bytes_max - 3);
    EXPECT_THAT(cut, testing::EndsWith("€ … (cut)"));
  }
}

}  // namespace
}  // namespace daybook
