// Rows as people name them, and what doing their partitions again tells of them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runner/dataplane/lineage.h"
#include "runner/reexecution.h"
#include "tools/daybook/book_reader.h"

namespace daybook {

struct RowQuestion {
  std::string said;  // "id=269408", "3:17", "feed/2024-06-01/runways.csv:17"
  RowWish wish;
  std::string file;                // of a record: which input; its number differs by attempt
  std::vector<EntryIndex> places;  // AttemptStaged of where to look, the likeliest first
};

// Where rows of a data set are looked for.
struct RowScope {
  std::string dataset;        // a pipeline or a sink, or the last part of a sink's path
  std::string partition;      // empty: all
  Generation generation = 0;  // 0: the current one, or what was staged last
};

// COLUMN=VALUE[,COLUMN=VALUE], a bare VALUE of a key of one column, BATCH:RECORD or FILE:ROW.
std::expected<RowQuestion, Problem> row_question(const BookView& book, const RowScope& scope,
                                                 const std::string& said);

struct RowAnswer {
  std::shared_ptr<const Reexecution> again;  // null: it is nowhere
  RowTold told;
};

// Does each partition again that is needed, once for all questions about it. `visit` is called for
// every attempt that was done again, before its files are removed. Answers in order.
using AttemptVisit = std::function<std::expected<void, Problem>(
    const std::shared_ptr<const Reexecution>& again,
    const std::vector<std::pair<std::size_t, const RowTold*>>& found)>;
std::expected<std::vector<RowAnswer>, Problem> answer_rows(const BookView& book,
                                                           std::vector<RowQuestion> questions,
                                                           bool steps, Output& output,
                                                           const AttemptVisit& visit);

Problem problem_of(const ReexecutionFailure& failure);

// "feed/2024-06-01/runways.csv" of a record that was told.
std::string input_name_of(const Reexecution& again, std::uint32_t input);

}  // namespace daybook
