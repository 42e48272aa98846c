// Where records and fields of a CSV end: every code path of this processor says the same, however
// the text is cut into pieces.
#include <algorithm>
#include <cstring>

#include "runner/dataplane/csv_splitter.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const CsvSyntax syntax{.delimiter = data[0] % 2 == 0 ? ',' : ';', .quote = '"'};
  const std::size_t piece = 1 + data[0] / 2;
  // 64 readable bytes past the end, as the interface asks.
  std::string padded(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t length = padded.size();
  padded.append(64, '\0');

  CsvBoundary whole;
  const std::size_t used =
      advance_boundary(padded.data(), length, syntax, SimdPath::portable, length + 1, whole);
  DAYBOOK_ASSERT(used == length && whole.last_end <= length);
  CsvBoundary pieces;
  for (std::size_t at = 0; at < length; at += piece) {
    std::string part = padded.substr(at, std::min(piece, length - at));
    const std::size_t bytes = part.size();
    part.append(64, '\0');
    (void)advance_boundary(part.data(), bytes, syntax, SimdPath::portable, bytes + 1, pieces);
  }
  DAYBOOK_ASSERT(pieces.state == whole.state && pieces.records == whole.records);

  CsvIndex expected;
  index_csv(padded.data(), whole.last_end, syntax, SimdPath::portable, expected);
  for (const SimdPath path : {SimdPath::avx2, SimdPath::avx512}) {
    if (path > best_simd_path()) break;
    CsvBoundary boundary;
    (void)advance_boundary(padded.data(), length, syntax, path, length + 1, boundary);
    DAYBOOK_ASSERT(boundary.state == whole.state && boundary.records == whole.records &&
                   boundary.last_end == whole.last_end);
    CsvIndex index;
    index_csv(padded.data(), whole.last_end, syntax, path, index);
    DAYBOOK_ASSERT(index.count == expected.count);
    DAYBOOK_ASSERT(std::equal(index.ends.begin(),
                              index.ends.begin() + static_cast<std::ptrdiff_t>(index.count),
                              expected.ends.begin()));
    DAYBOOK_ASSERT(index.suspects == expected.suspects);
  }
  return 0;
}
