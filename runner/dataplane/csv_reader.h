// CSV records into typed columns. Plain fields are parsed where they lie.
#pragma once

#include "runner/dataplane/record_reader.h"

namespace daybook {

class CsvReader final : public RecordReader {
 public:
  CsvReader(const ReadContext& context, PartRead& out);

 protected:
  void split() override;
  std::uint32_t fill(std::span<const VectorView> columns) override;
  std::string raw_text(std::uint32_t record, std::uint32_t column) override;

 private:
  struct Field {
    const char* data;
    std::uint32_t length;
    bool quoted;
  };
  Field field(std::uint32_t record, std::uint32_t place) const;
  Field unquoted(Field field);
  // False: the record can not be read as fields; `violations` says why.
  bool sound(std::uint32_t record, std::vector<Violation>& violations) const;
  struct Rows;
  void fill_rows(std::span<const VectorView> columns, const Rows& rows);
  template <typename T, typename Parse>
  void fill_column(std::uint32_t column, const VectorView& view, const Rows& rows, Parse parse);
  void fill_text(std::uint32_t column, const VectorView& view, const Rows& rows);
  void learn_places();

  CsvIndex index_;
  std::vector<std::uint32_t> first_field_;  // of each record, and one past the last
  std::vector<std::uint32_t> firsts_;       // first_field_ of each row of the chunk
  std::vector<std::uint8_t> suspect_;       // per record
  std::vector<int> places_;                 // place in the file of each contract column
  std::uint32_t places_for_ = ~0U;
};

}  // namespace daybook
