// Questions about the rows of one load.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/connect/pg.h"

namespace daybook {

struct RowDigest {
  std::uint64_t rows = 0;
  std::string digest;  // sum of a 64-bit hash of each row's text: the same in any order
};

// Rows of one load in `tables` (quoted; target, or target and twin), over these columns.
SinkResult<RowDigest> digest_rows(PgConnection& pg, const std::vector<std::string>& tables,
                                  const std::vector<std::string>& columns, const Digest& load_id);

// Rows of `table` whose bytea `column` (both quoted where they need it) is `id`.
SinkResult<std::uint64_t> count_rows(PgConnection& pg, const std::string& table,
                                     std::string_view column, const Digest& id);

std::string bytea_array(const std::vector<Digest>& ids);  // a bytea[] parameter

}  // namespace daybook
