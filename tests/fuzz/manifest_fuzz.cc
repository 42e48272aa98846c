// Markers of directory sinks: files that anybody who can write to the target may have changed.
#include "runner/connect/manifest.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (const auto manifest = read_manifest(text)) {
    const auto again = read_manifest(to_json(*manifest));
    DAYBOOK_ASSERT(again && *again == *manifest);
  }
  if (const auto tombstone = read_tombstone(text)) {
    const auto again = read_tombstone(to_json(*tombstone));
    DAYBOOK_ASSERT(again && *again == *tombstone);
  }
  return 0;
}
