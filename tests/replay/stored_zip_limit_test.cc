#include <gtest/gtest.h>

#include "replay/stored_zip.h"

namespace daybook {
namespace {

// A header of a file that fills an archive to its greatest size, so that no directory can follow.
TEST(StoredZip, RefusesFilesThatLeaveNoRoomForTheirDirectory) {
  std::string bytes = write_stored_zip({{"a", ""}}).substr(0, 31);
  const std::size_t content = stored_bytes_max - bytes.size();
  for (unsigned i = 0; i < 4; ++i) bytes[18 + i] = static_cast<char>(content >> (8 * i) & 0xff);
  bytes.append(content, 'x');
  ASSERT_EQ(bytes.size(), stored_bytes_max);
  const auto files = read_stored_zip(bytes);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Error::Code::corrupt);
}

}  // namespace
}  // namespace daybook
