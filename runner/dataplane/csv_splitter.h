// Where records and fields of a CSV text end, exactly.
//
// Grammar (RFC 4180, with LF as well as CRLF): a quote opens a quoted field only where a field
// begins; inside, a doubled quote is one quote; after the closing quote a field or record ends.
// Text that breaks this still splits by one fixed rule (quotes inside a plain field are text; text
// after a closing quote continues as a plain field), and the place is reported, so that the record
// can be set aside. The widest code the CPU has is chosen at run time; all give the same answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace daybook {

enum class SimdPath : std::uint8_t { portable, avx2, avx512 };
SimdPath best_simd_path();

enum class CsvState : std::uint8_t { field_start, plain, quoted, quote_closed };

struct CsvSyntax {
  char delimiter = ',';
  char quote = '"';
};

// Ends of fields in one block of whole records.
struct CsvIndex {
  static constexpr std::uint32_t record_end = 0x8000'0000U;
  std::vector<std::uint32_t> ends;  // offset of the byte that ends a field, | record_end
  std::size_t count = 0;
  // Offsets of 64-byte groups that need a closer look: non-ASCII, NUL, lone CR or bad quoting.
  std::vector<std::uint32_t> suspects;
};

// Fills `index` over text[0, size): whole records, each ended by LF; 64 bytes past the end must be
// readable.
void index_csv(const char* text, std::size_t size, CsvSyntax syntax, SimdPath path,
               CsvIndex& index);

// Walks a stream in pieces and finds record ends. Piece boundaries may fall anywhere.
struct CsvBoundary {
  CsvState state = CsvState::field_start;
  std::uint64_t records = 0;  // ended so far
  std::size_t last_end = 0;   // in the piece: offset just after its last record end; 0: none
  std::uint64_t last_records = 0;
};
// Stops early after the first record end at or beyond offset `stop_after`; returns bytes consumed.
std::size_t advance_boundary(const char* text, std::size_t size, CsvSyntax syntax, SimdPath path,
                             std::size_t stop_after, CsvBoundary& boundary);

}  // namespace daybook
