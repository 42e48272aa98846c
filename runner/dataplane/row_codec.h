// The canonical bytes of one output row, version 1. The bytes of a leaf of the output tree
// (ledger/leaf_form.h) are
//
//   nulls    ceil(columns / 8) bytes; bit c & 7 of byte c / 8 is set where column c is null
//   fixed    for each column in order: the value, little endian, in the width of its type (1, 2, 4,
//            8 or 16 bytes; decimals as unscaled integers in the least width that holds their
//            precision: 4, 9, 18 or 38 digits; float64 as its IEEE bits; dates in days and times in
//            microseconds); zero where null. For strings the length in bytes, 4 bytes.
//   strings  the bytes of the strings, in column order
//
// Together with the schema, which the content digest commits to, this is injective.
#pragma once

#include <span>
#include <vector>

#include "runner/dataplane/leaves.h"
#include "runner/dataplane/vectors.h"

namespace daybook {

class RowCodec {
 public:
  explicit RowCodec(const std::vector<Column>& columns);
  // Adds the rows listed in `rows` to the batch, in that order; numbers[i] is the number of
  // rows[i].
  void encode(std::span<const VectorView> columns, std::span<const std::uint32_t> rows,
              std::span<const std::uint64_t> numbers, LeafBatch& batch) const;

 private:
  template <typename Row>
  void encode_rows(std::span<const VectorView> columns, std::span<const std::uint64_t> numbers,
                   LeafBatch& batch, Row row) const;

  std::vector<Physical> physical_;
  std::size_t nulls_ = 0, fixed_ = 0;
};

// SHA-256 over (root, count, schema): the identity of an output.
Digest content_digest(const Digest& root, std::uint64_t rows, const std::vector<Column>& columns);

}  // namespace daybook
