// Column-level lineage, read off the definitions: which columns a column's values come from, and
// which ones decide what rows there are. Over several pipelines where one's output is another's
// source. What data really passed is a question for the book (replay/impact.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/definition/pipeline.h"

namespace daybook {

struct ColumnNode {
  std::string dataset;  // "csv:feed/{day}/orders.csv", "parquet:lake/orders", "postgres:public.t"
  std::string column;
  auto operator<=>(const ColumnNode&) const = default;
};

// How one column has to do with another.
enum class Via : std::uint8_t {
  value,   // its values are computed from it
  opaque,  // of a sql step or a query, which are not taken apart: they may be
  match,   // a lookup takes the value from the row that matches it
  rows,    // it decides which rows there are: filter, dedupe, group, rule, failed lookup
  feed,    // the same column, written by one pipeline and read by another
};
std::string_view name(Via via);

struct LineageEdge {
  ColumnNode from, to;  // `to` has no column for `rows`: it is about the whole dataset
  Via via = Via::value;
  std::string pipeline;          // empty for `feed`
  std::vector<std::string> how;  // "step 3 derive: round(length_ft * 0.3048, 1)", in order
  bool operator==(const LineageEdge&) const = default;
};

// A dataset that a pipeline reads or writes.
struct LineageDataset {
  std::string name;
  std::string place;                 // absolute path without what varies, or "postgres:<table>"
  std::vector<std::string> aliases;  // that a person may call it by
  std::vector<Column> columns;
  std::string written_by;            // pipeline; empty: none that is known
  std::vector<std::string> read_by;  // pipelines
};

class LineageGraph {
 public:
  void add(const Pipeline& pipeline);
  // After the last add: joins outputs to the sources that read them.
  void connect();

  // Columns that `text` may mean: "runways.length_m", "length_m", "csv:feed/x.csv.id". The dataset
  // may be given by its name, its path, its contract's object or the pipeline that writes it. Of
  // several, outputs alone where there is one.
  std::vector<ColumnNode> find(std::string_view text) const;
  // The dataset's column, where it is known.
  const Column* column(const ColumnNode& node) const;
  const std::map<std::string, LineageDataset>& datasets() const { return datasets_; }

  // Edges into a column (and into its dataset's rows), and out of it.
  std::vector<LineageEdge> into(const ColumnNode& node) const;
  std::vector<LineageEdge> out_of(const ColumnNode& node) const;

  // All that is reachable, each edge once: first what leads there by values alone, nearest first,
  // then what only has to do with it through which rows there are.
  struct Reached {
    LineageEdge edge;
    unsigned depth = 1;
    bool indirect = false;  // reached through an edge of kind `rows`
  };
  std::vector<Reached> upstream(const ColumnNode& node) const;
  std::vector<Reached> downstream(const ColumnNode& node) const;

 private:
  LineageDataset& dataset(const std::string& name);
  std::map<std::string, LineageDataset> datasets_;
  std::vector<LineageEdge> edges_;
};

}  // namespace daybook
