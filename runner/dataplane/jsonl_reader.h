// JSONL records into typed columns: one object a line, no key twice, no key the contract does not
// know. Numbers are read from their own text, so decimals are exact.
#pragma once

#include <memory>

#include "runner/dataplane/record_reader.h"

namespace daybook {

class JsonlReader final : public RecordReader {
 public:
  JsonlReader(const ReadContext& context, PartRead& out);
  ~JsonlReader() override;

 protected:
  void split() override;
  std::uint32_t fill(std::span<const VectorView> columns) override;
  std::string raw_text(std::uint32_t record, std::uint32_t column) override;

 private:
  // False: the record was malformed; `violations` says how.
  bool parse(std::uint32_t record, std::uint32_t row, std::span<const VectorView> columns,
             std::vector<Violation>& violations);

  bool parse_expected(std::uint32_t record, std::uint32_t row, std::span<const VectorView> columns);

  struct Parser;
  std::vector<std::string> heads_;  // what stands before each value where records are as expected
  DaySeen day_seen_;
  std::unique_ptr<Parser> parser_;
  std::vector<std::uint32_t> seen_;  // per column: stamp of the record that has it
  std::uint32_t stamp_ = 0;
};

}  // namespace daybook
