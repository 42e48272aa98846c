// Bundles, rows and names of tiles.
#include <algorithm>

#include "ledger/tiles.h"
#include "tests/fuzz/fuzz.h"
#include "tools/verifier/export_directory.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = fuzz::bytes(data, size);
  const std::string_view text = fuzz::text(data, size);
  if (const auto entries = parse_bundle(bytes)) DAYBOOK_ASSERT(encode_bundle(*entries) == text);
  std::vector<Bytes> entries;
  if (parse_row(bytes, entries)) {
    std::string row;
    encode_row(entries, row);
    DAYBOOK_ASSERT(row == text);
  }
  (void)is_tile_directory(text);
  if (const auto name = parse_tile_name(text)) {
    DAYBOOK_ASSERT((name->level ? tile_path(*name->level, name->index, name->width)
                                : bundle_path(name->index, name->width)) == text);
    (void)is_within(*name, size);
  }
  return 0;
}
