// Staged output in its physical form. The steps write Parquet; other forms are made from that, row
// by row in the same order, so that every form holds exactly the rows the output tree commits to.
#pragma once

#include <filesystem>
#include <vector>

#include "runner/dataplane/duck.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// COPY (query) TO file, with the fixed options that make the bytes a function of the rows.
std::string copy_to_parquet(const std::string& query, const std::filesystem::path& file);

std::string read_parquet_list(const std::vector<std::filesystem::path>& files);

// Writes the rows of `files` as one text file: CSV (header, quotes where needed, null is empty and
// an empty string is ""), JSONL, or the text form of PostgreSQL's COPY.
Staged<void> write_text(duckdb_connection connection,
                        const std::vector<std::filesystem::path>& files,
                        const std::vector<Column>& columns, StagedFormat format,
                        const std::filesystem::path& to);

Staged<StagedFile> describe_file(const std::filesystem::path& file, std::uint64_t rows);

}  // namespace daybook
