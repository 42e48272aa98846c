// The frame of a Parquet file: its footer and the headers of its pages, looked through before the
// engine is let at it. Whoever made the file chose every count and offset in them, and a reader
// that allocates or seeks by them does what they say. Here each is held against the bytes that are
// really there first; nothing is allocated by a number out of the file.
//
// Format: the Thrift compact protocol, and parquet.thrift of the Parquet format 2.10.
#pragma once

#include <cstdint>
#include <string>

#include "runner/dataplane/failure.h"

namespace daybook {

namespace parquet_limits {
inline constexpr std::uint64_t footer_bytes_max = 64ULL << 20;
inline constexpr std::uint64_t page_bytes_max = 256ULL << 20;  // as it is before compression
inline constexpr int schema_depth_max = 32;
// A column of one value repeated is a few bytes in the file however often it is repeated. Writers
// end a row group after about a million rows, so what they make is far below this.
inline constexpr std::uint64_t rows_per_byte_max = 16'384;
}  // namespace parquet_limits

// The first thing wrong with the frame of the file at `path`, as a failure of the source that calls
// it `name`. What the pages hold is the engine's to check; that the file is still the one that was
// looked at is for the caller to see to.
Staged<void> check_parquet_frame(const std::string& path, const std::string& name);

}  // namespace daybook
