// Finds one person (or whatever an exact value in a named column names) in records as they were
// received. Values are compared as the text that stands in the record, after unquoting; nothing is
// guessed: other spellings of a value are other values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/digest.h"
#include "runner/definition/pipeline.h"

namespace daybook {

struct Subject {
  std::string column;  // "*": whichever
  std::string value;
  bool operator==(const Subject&) const = default;
};

// Any of them is enough: one person has several identifiers.
using Subjects = std::vector<Subject>;

// How the records of one file are to be taken apart.
struct RecordForm {
  FileFormat format = FileFormat::csv;
  CsvDialect csv;
  std::vector<std::string> columns;  // CSV: by place; JSON Lines needs none
};

// Of the file `name` of this pipeline. A CSV file's own header, where the caller has it, says the
// order of its columns; without one it is that of the contract.
RecordForm form_of(const Pipeline& pipeline, std::string_view name, std::string_view header = {});

// One record, without its separator.
bool names(const Subjects& subjects, const RecordForm& form, std::string_view record);

// A whole file, piece by piece, in memory that does not grow with it. Stops looking at the first
// match.
class SubjectScan {
 public:
  // `form` without columns reads them from the file's header.
  SubjectScan(const Subjects& subjects, RecordForm form);
  void add(Bytes piece);
  bool finish();  // after the last piece: was one of them there?
  // The first record of a CSV file with a header, as it stands there.
  const std::string& header() const { return header_; }

 private:
  void end_record();

  const Subjects& subjects_;
  RecordForm form_;
  std::string record_;
  std::string header_;
  bool quoted_ = false, header_next_ = false, found_ = false;
};

}  // namespace daybook
