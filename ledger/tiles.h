// Names and bytes of C2SP tlog-tiles (https://c2sp.org/tlog-tiles), and of the rows we store.
//
// A tile of level L and index N holds 256 hashes; hash i is the complete subtree
// (8 L, N * 256 + i). A bundle holds the entries of the level-0 tile of the same index. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

inline constexpr std::uint64_t tile_width = 256;
inline constexpr unsigned tile_height = 8;  // levels of the tree in one level of tiles

// How many hashes the last, partial tile of `level` holds in a tree of `size`; 0: there is none.
unsigned partial_width(unsigned level, std::uint64_t size);

// "tile/0/x001/x234/067", "tile/0/273.p/112"; width 256 is a full tile.
std::string tile_path(unsigned level, std::uint64_t index, unsigned width = tile_width);
std::string bundle_path(std::uint64_t index, unsigned width = tile_width);

// The export form of entries: for each, u16 big-endian length || bytes. Entries are 1 to 65,535
// bytes. Parsing refuses a short or an empty entry, trailing bytes, and more than 256 entries.
std::string encode_bundle(std::span<const Bytes> entries);
Result<std::vector<Bytes>> parse_bundle(Bytes bundle);  // views into `bundle`

// The stored form, a *row*: up to 256 consecutive entries of one bundle, each at a multiple of 8
// from the start, so that a reader of Cap'n Proto needs no copy. Integers are little-endian.
//   u32 count | u32 end[count] | zeros to a multiple of 8 | entries, each padded with zeros to 8
// Entry i lies at [align8(end[i-1]), end[i]); for i = 0 the start is align8(4 + 4 count).
void encode_row(std::span<const Bytes> entries, std::string& out);  // replaces `out`
// Checks every offset and pad byte: one row for one list of entries.
Result<void> parse_row(Bytes row, std::vector<Bytes>& entries);  // replaces `entries`; views

}  // namespace daybook
