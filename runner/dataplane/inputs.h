// Inputs as a whole: files that are known by digest before they are trusted.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runner/dataplane/failure.h"
#include "runner/dataplane/stage.h"

namespace daybook {

// Relative to the project, where it lies below it.
std::string input_name(const std::string& path, const std::string& project);

// SHA-256 and size of a file that does not change meanwhile.
Staged<InputFile> hash_input(const std::string& path, const std::string& project,
                             StageProgress& progress);

// A file whose bytes are known before they are used: unchanged() says whether they still are what
// was hashed.
struct FixedFile {
  InputFile file;
  std::string path;
  struct stat identity {};
  Staged<void> unchanged() const;
};
Staged<FixedFile> fix_input(const std::string& path, const std::string& project,
                            StageProgress& progress);

// The table function that reads one Parquet source, and the same with __row, the record's number
// from 0; `columns` are the source's.
std::string read_parquet_source(const std::string& path);
std::string read_parquet_rows(const std::string& path, const std::vector<Column>& columns);

Digest inputs_digest(const std::vector<InputFile>& files, const std::string& column_key,
                     const std::vector<OverlayRecord>& overlay);

}  // namespace daybook
