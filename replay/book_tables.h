// The book as tables, for queries: fixed names and columns, rows read off the one fold and, where
// details stand only there, off the entries. Rows come one at a time; nothing is held that the
// state does not hold already, save one open row a partition for `attempts`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

enum class CellType : std::uint8_t {
  number,   // int64
  boolean,  // bool
  text,     // string
  time,     // int64, microseconds since 1970, UTC
};
std::string_view sql_type(CellType type);  // "BIGINT"
using Cell = std::variant<std::monostate, std::int64_t, bool, std::string>;

struct BookColumn {
  std::string_view name;
  CellType type = CellType::text;
  std::string_view meaning;
};

struct BookTable {
  std::string_view name, meaning;
  std::vector<BookColumn> columns;
};

// All of them, in the order they are to be listed in.
const std::vector<BookTable>& book_tables();

class BookRows {
 public:
  virtual ~BookRows() = default;
  // The next row, in cells for the columns that were asked for; false at the end.
  virtual Result<bool> next(std::vector<Cell>& cells) = 0;
};

// Rows of book_tables()[table] as of state.size. `columns` are positions in its columns: only these
// are made. `state` and `ledger` outlive the rows.
std::unique_ptr<BookRows> open_table(std::size_t table, std::span<const std::size_t> columns,
                                     const State& state, const Ledger& ledger);

}  // namespace daybook
