// Rows that the steps set aside, on their way to the quarantine file: they come in any order, and
// may be as many as the source has records. Beyond a bound they wait in files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runner/dataplane/stage.h"

namespace daybook {

struct SetAside {
  std::int64_t row = 0;  // SourceRow
  std::vector<Violation> violations;
  std::string bytes;  // of rows a query made: the row itself
};

class SetAsides {
 public:
  // Where files may be made; without it everything stays in memory.
  void spill_to(std::filesystem::path prefix) { prefix_ = std::move(prefix); }
  void add(SetAside aside);
  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Ends the adding. Then take() gives up to `rows_max` of them, by row and then as they came; none
  // at the end. The files are gone once everything is taken, or with this.
  Result<void> finish();
  Result<std::vector<SetAside>> take(std::size_t rows_max);
  SetAsides() = default;
  SetAsides(SetAsides&&) = default;
  SetAsides& operator=(SetAsides&&) = default;
  ~SetAsides();

 private:
  // A file of rows in order, and the next of them.
  struct Sorted {
    std::filesystem::path path;
    std::ifstream in;
    SetAside next;
    bool more = false;
  };
  Result<void> flush();
  Result<void> advance(Sorted& run);

  std::filesystem::path prefix_;
  std::vector<SetAside> held_;
  std::size_t held_bytes_ = 0, taken_ = 0;
  std::vector<Sorted> runs_;
  std::int64_t last_row_ = 0;  // of the last file
  std::uint64_t size_ = 0;
  std::string trouble_;
};

}  // namespace daybook
