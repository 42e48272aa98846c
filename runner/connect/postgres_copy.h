// Sends staged files to PostgreSQL, each row given its load id on the way.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runner/connect/pg.h"

namespace daybook {

// `target` and `columns` are quoted. The files hold PostgreSQL's COPY text format, UTF-8, one line
// a row ('\n' within a value is written as backslash n), without header or end mark; the values of
// `columns` in order. Fails, leaving the transaction to be rolled back, where a file's bytes are
// not the ones that were staged. Gives the number of rows the server took.
SinkResult<std::uint64_t> copy_staged(PgConnection& pg, const std::string& target,
                                      const std::string& columns, const Digest& load_id,
                                      const std::filesystem::path& directory,
                                      const std::vector<StagedFile>& files);

}  // namespace daybook
