// SQL over the tables of a book (replay/book_tables.h): one SELECT, answered by DuckDB in this
// process over the same fold that everything else reads. It reads nothing else: no file, no
// extension, no setting. Nothing is written, and rows come as they are made.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "ledger/ledger.h"
#include "statemachine/state.h"

namespace daybook {

struct SqlColumn {
  std::string name;  // no two are the same
  bool is_number = false;
};
// Times are texts in ISO 8601, UTC; what has no other form is the text DuckDB gives it.
using SqlValue = std::variant<std::monostate, std::int64_t, double, bool, std::string>;

// What is wrong with a query, or with answering it.
struct SqlFault {
  std::string message;        // one sentence
  std::string hint = {};      // what to do; may be empty
  std::size_t offset = npos;  // into the query: where it is
  bool of_query = true;       // else the book or the machine failed
  static constexpr std::size_t npos = std::string::npos;
};

struct SqlRows {
  std::function<void(const std::vector<SqlColumn>&)> columns;  // once, first
  std::function<bool(std::span<const SqlValue>)> row;          // false: enough
};

// `memory_bytes` bounds what the query itself keeps (sorting, grouping, joining).
std::expected<void, SqlFault> query_book(const State& state, const Ledger& ledger,
                                         const std::string& sql, std::uint64_t memory_bytes,
                                         const SqlRows& rows);

}  // namespace daybook
