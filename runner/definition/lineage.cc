#include "runner/definition/lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "runner/definition/sql_lexer.h"

namespace daybook {
namespace {

std::string_view format_name(FileFormat format) {
  switch (format) {
    case FileFormat::csv: return "csv";
    case FileFormat::jsonl: return "jsonl";
    case FileFormat::parquet: return "parquet";
  }
  return "?";
}

std::string dataset_name(const FileSource& source) {
  return fmt::format("{}:{}", format_name(source.format), source.path);
}

// "feed/{day}/orders.csv" -> "feed": up to the first component that varies.
std::string fixed_part(const std::string& path) {
  const std::size_t varies = path.find_first_of("{*?[");
  if (varies == std::string::npos) return path;
  const std::size_t slash = path.rfind('/', varies);
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string last_component(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<SqlToken> words_of(const std::string& query) {
  std::vector<SqlToken> tokens;
  ExpressionFaults ignored;  // the definition was checked when it was read
  lex_sql(query, tokens, ignored);
  return tokens;
}

bool is_name(const SqlToken& token) {
  return token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_word;
}

// What stands after FROM and JOIN: "schema.table" or "table".
std::vector<std::string> tables_of(const std::string& query) {
  std::vector<std::string> tables;
  const auto tokens = words_of(query);
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (!tokens[i].is_word("from") && !tokens[i].is_word("join")) continue;
    if (!is_name(tokens[i + 1])) continue;
    std::string table = tokens[i + 1].text;
    if (i + 3 < tokens.size() && tokens[i + 2].is_sign(".") && is_name(tokens[i + 3]))
      table += "." + tokens[i + 3].text;
    if (std::ranges::find(tables, table) == tables.end()) tables.push_back(std::move(table));
  }
  return tables;
}

// One pipeline, step by step: where each column of now comes from.
class Walk {
 public:
  Walk(const Pipeline& pipeline, std::string source, std::vector<LineageEdge>& edges)
      : pipeline_(pipeline), source_(std::move(source)), edges_(edges) {}

  void run() {
    for (const Column& column : pipeline_.schema.front())
      columns_[column.name][{source_, column.name}] = {};
    rules(pipeline_.contract, "contract");
    for (std::size_t i = 0; i < pipeline_.steps.size(); ++i) {
      index_ = i;
      step_ = fmt::format("step {} {}", i + 1, step_name(pipeline_.steps[i]));
      std::visit([this](const auto& step) { take(step); }, pipeline_.steps[i]);
    }
    rules(pipeline_.output, "output contract");
    influence(pipeline_.sink.key, "sink: merge key");
    const std::string target = pipeline_.sink.name();
    for (const auto& [column, origins] : columns_)
      for (const auto& [from, trace] : origins)
        edges_.push_back({from, {target, column}, trace.via, pipeline_.name, trace.how});
  }

 private:
  struct Trace {
    Via via = Via::value;
    std::vector<std::string> how;
  };
  using Origins = std::map<ColumnNode, Trace>;

  // Adds `from`'s origins to `to`; the nearer kind of relation stays.
  static void merge(Origins& to, const Origins& from, const std::string& how,
                    std::optional<Via> via = {}) {
    for (const auto& [node, trace] : from) {
      Trace next = trace;
      if (via && (next.via == Via::value || *via == Via::match)) next.via = *via;
      if (!how.empty()) next.how.push_back(how);
      const auto [there, fresh] = to.emplace(node, next);
      if (!fresh && next.via < there->second.via) there->second = std::move(next);
    }
  }

  Origins of(const std::vector<std::string>& columns, const std::string& how,
             std::optional<Via> via = {}) const {
    Origins out;
    for (const std::string& column : columns)
      if (const auto found = columns_.find(column); found != columns_.end())
        merge(out, found->second, how, via);
    return out;
  }

  // These columns decide which rows there are.
  void influence(const std::vector<std::string>& columns, const std::string& why) {
    for (const auto& [from, trace] : of(columns, {})) {
      LineageEdge edge{from, {pipeline_.sink.name(), ""}, Via::rows, pipeline_.name, trace.how};
      edge.how.push_back(why);
      if (std::ranges::find(edges_, edge) == edges_.end()) edges_.push_back(std::move(edge));
    }
  }
  std::string why(std::string_view text) const { return fmt::format("{}: {}", step_, text); }

  void rules(const std::optional<Contract>& contract, std::string_view which) {
    if (!contract) return;
    for (const RowRule& rule : contract->row_rules) {
      if (rule.on_violation == OnViolation::warn || rule.kind == RowRule::Kind::type) continue;
      std::vector<std::string> columns{rule.column};
      if (rule.kind == RowRule::Kind::unique && rule.column.empty()) columns = rule.values;
      if (rule.kind == RowRule::Kind::expression)
        for (const SqlToken& token : words_of(rule.text))
          if (is_name(token)) columns.push_back(token.text);
      influence(columns, fmt::format("{}: rule {}", which, rule.id));
    }
  }

  void take(const step::Derive& step) {
    std::map<std::string, Origins> made;
    for (const auto& [column, expression] : step.columns)
      made[column] = of(expression.columns, why(expression.sql));
    for (auto& [column, origins] : made) columns_[column] = std::move(origins);
  }
  void take(const step::Filter& step) { influence(step.keep.columns, why(step.keep.sql)); }
  void take(const step::Select& step) {
    std::erase_if(columns_, [&](const auto& item) {
      return std::ranges::find(step.columns, item.first) == step.columns.end();
    });
  }
  void take(const step::Rename& step) {
    std::map<std::string, Origins> renamed;
    for (const auto& [from, to] : step.from_to) {
      merge(renamed[to], columns_[from], why(fmt::format("{} to {}", from, to)));
      columns_.erase(from);
    }
    for (auto& [column, origins] : renamed) columns_[column] = std::move(origins);
  }
  void take(const step::Dedupe& step) {
    influence(step.key, why("key"));
    if (step.order_by) influence(step.order_by->columns, why("order by " + step.order_by->sql));
  }
  void take(const step::Lookup& step) {
    std::vector<std::string> ours;
    const std::string table = dataset_name(step.from);
    std::string on;
    for (const auto& [our, their] : step.on) {
      ours.push_back(our);
      on += (on.empty() ? "" : ", ") + fmt::format("{} = {}", our, their);
    }
    for (const auto& [their, our] : step.take) {
      Origins origins = of(ours, why("matched on " + on), Via::match);
      origins[{table, their}] = {Via::value, {why(fmt::format("{} as {}", their, our))}};
      for (const auto& [mine, key] : step.on)
        origins.emplace(ColumnNode{table, key}, Trace{Via::match, {why("matched on " + on)}});
      columns_[our] = std::move(origins);
    }
    if (step.missing == step::Lookup::Missing::null) return;
    influence(ours, why("what finds no row does not pass"));
    for (const auto& [mine, key] : step.on)
      edges_.push_back({{table, key},
                        {pipeline_.sink.name(), ""},
                        Via::rows,
                        pipeline_.name,
                        {why("what finds no row does not pass")}});
  }
  void take(const step::Aggregate& step) {
    influence(step.by, why("group by"));
    std::map<std::string, Origins> made;
    for (const std::string& column : step.by) made[column] = columns_[column];
    for (const auto& [column, expression] : step.columns)
      made[column] = of(expression.columns, why(expression.sql));
    columns_ = std::move(made);
  }
  void take(const step::Mask& step) {
    static constexpr std::string_view methods[] = {"redacted", "hashed", "masked in part", "null"};
    for (const std::string& column : step.columns)
      columns_[column] = of({column}, why(methods[static_cast<std::size_t>(step.method)]));
  }
  void take(const step::Flag& step) {
    columns_[step.column] = of(step.when.columns, why(step.when.sql));
  }
  void take(const step::Assert& step) {
    if (step.otherwise != step::Assert::Else::warn)
      influence(step.that.columns, why(step.name + ": " + step.that.sql));
  }
  // Not taken apart: every column of the result may be made of every column the query names.
  void take(const step::Sql& step) {
    std::vector<std::string> named;
    bool star = false;
    const auto tokens = words_of(step.query);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const SqlToken& token = tokens[i];
      // count(*) names no column; a * in any other place may name them all.
      if (token.is_sign("*") && (i == 0 || !tokens[i - 1].is_sign("("))) star = true;
      if (!is_name(token)) continue;
      for (const auto& [column, origins] : columns_)
        if (column == token.text || column == token.lower) named.push_back(column);
    }
    if (star) {
      named.clear();
      for (const auto& [column, origins] : columns_) named.push_back(column);
    }
    const Origins any = of(named, why("not taken apart"), Via::opaque);
    influence(named, why("not taken apart"));
    columns_.clear();
    for (const Column& column : pipeline_.schema[index_ + 1]) columns_[column.name] = any;
  }

  const Pipeline& pipeline_;
  std::string source_, step_;
  std::size_t index_ = 0;
  std::vector<LineageEdge>& edges_;
  std::map<std::string, Origins> columns_;
};

void add_alias(LineageDataset& dataset, const std::string& alias) {
  if (!alias.empty() && std::ranges::find(dataset.aliases, alias) == dataset.aliases.end())
    dataset.aliases.push_back(alias);
}

void add_columns(LineageDataset& dataset, const std::vector<Column>& columns) {
  for (const Column& column : columns)
    if (std::ranges::find(dataset.columns, column.name, &Column::name) == dataset.columns.end())
      dataset.columns.push_back(column);
}

}  // namespace

std::string_view name(Via via) {
  switch (via) {
    case Via::value: return "value";
    case Via::opaque: return "opaque";
    case Via::match: return "match";
    case Via::rows: return "rows";
    case Via::feed: return "feed";
  }
  return "?";
}

LineageDataset& LineageGraph::dataset(const std::string& name) {
  LineageDataset& out = datasets_[name];
  out.name = name;
  return out;
}

void LineageGraph::add(const Pipeline& pipeline) {
  const auto file = [&](const FileSource& from) -> LineageDataset& {
    LineageDataset& out = dataset(dataset_name(from));
    out.place = pipeline.project + "/" + fixed_part(from.path);
    add_alias(out, from.path);
    if (from.path.find_first_of("{*?[") == std::string::npos)
      add_alias(out, last_component(from.path));
    if (std::ranges::find(out.read_by, pipeline.name) == out.read_by.end())
      out.read_by.push_back(pipeline.name);
    return out;
  };
  std::string source;
  if (const auto* from = std::get_if<FileSource>(&pipeline.source)) {
    source = dataset_name(*from);
    add_columns(file(*from), pipeline.schema.front());
  } else {
    const auto tables = tables_of(std::get<PostgresSource>(pipeline.source).query);
    // Of one table its columns; of several only that the query reads them.
    source =
        tables.size() == 1 ? "postgres:" + tables.front() : "postgres:query of " + pipeline.name;
    LineageDataset& out = dataset(source);
    out.place = source;
    out.read_by.push_back(pipeline.name);
    add_columns(out, pipeline.schema.front());
    if (tables.size() != 1)
      for (const std::string& table : tables)
        edges_.push_back({{"postgres:" + table, ""},
                          {source, ""},
                          Via::opaque,
                          pipeline.name,
                          {"the source's query"}});
  }
  if (pipeline.contract) {
    add_alias(datasets_[source], pipeline.contract->object);
    add_alias(datasets_[source], pipeline.contract->name);
  }
  for (const Step& step : pipeline.steps) {
    const auto* lookup = std::get_if<step::Lookup>(&step);
    if (lookup == nullptr) continue;
    std::vector<Column> columns;
    for (const auto& [our, their] : lookup->on) columns.emplace_back().name = their;
    for (const auto& [their, our] : lookup->take) columns.emplace_back().name = their;
    add_columns(file(lookup->from), columns);
  }
  LineageDataset& out = dataset(pipeline.sink.name());
  out.written_by = pipeline.name;
  add_alias(out, pipeline.name);
  if (const auto* directory = std::get_if<DirectorySink>(&pipeline.sink.to)) {
    out.place = pipeline.project + "/" + directory->path;
    add_alias(out, directory->path);
    add_alias(out, last_component(directory->path));
  } else {
    out.place = out.name;
    add_alias(out, std::get<PostgresSink>(pipeline.sink.to).table);
  }
  if (pipeline.output) {
    add_alias(out, pipeline.output->object);
    add_alias(out, pipeline.output->name);
  }
  add_columns(out, pipeline.schema.back());
  edges_.push_back({{source, ""}, {out.name, ""}, Via::rows, pipeline.name, {"reads it"}});
  Walk(pipeline, source, edges_).run();
}

void LineageGraph::connect() {
  std::erase_if(edges_, [](const LineageEdge& edge) { return edge.via == Via::feed; });
  for (const auto& [to, reader] : datasets_) {
    if (reader.read_by.empty()) continue;
    for (const auto& [from, writer] : datasets_) {
      if (writer.written_by.empty() || from == to) continue;
      const bool below =
          reader.place == writer.place || (reader.place.starts_with(writer.place + "/"));
      if (!below || from.substr(0, from.find(':')) != to.substr(0, to.find(':'))) continue;
      for (const Column& column : reader.columns)
        if (std::ranges::find(writer.columns, column.name, &Column::name) != writer.columns.end())
          edges_.push_back({{from, column.name}, {to, column.name}, Via::feed, "", {}});
      // Its rows are those of the other.
      edges_.push_back({{from, ""}, {to, ""}, Via::feed, "", {}});
    }
  }
}

std::vector<ColumnNode> LineageGraph::find(std::string_view text) const {
  std::vector<ColumnNode> found, written;
  const auto take = [&](const LineageDataset& dataset, std::string_view column) {
    if (std::ranges::find(dataset.columns, column, &Column::name) == dataset.columns.end()) return;
    found.push_back({dataset.name, std::string(column)});
    if (!dataset.written_by.empty()) written.push_back(found.back());
  };
  for (const auto& [name, dataset] : datasets_) {
    if (text.find('.') == std::string_view::npos) take(dataset, text);
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos;
         dot = text.find('.', dot + 1)) {
      const std::string_view who = text.substr(0, dot);
      if (who == name || std::ranges::find(dataset.aliases, who) != dataset.aliases.end())
        take(dataset, text.substr(dot + 1));
    }
  }
  return written.empty() ? found : written;
}

const Column* LineageGraph::column(const ColumnNode& node) const {
  const auto dataset = datasets_.find(node.dataset);
  if (dataset == datasets_.end()) return nullptr;
  const auto column = std::ranges::find(dataset->second.columns, node.column, &Column::name);
  return column == dataset->second.columns.end() ? nullptr : &*column;
}

std::vector<LineageEdge> LineageGraph::into(const ColumnNode& node) const {
  std::vector<LineageEdge> out;
  for (const LineageEdge& edge : edges_)
    if (edge.to == node || (edge.to.column.empty() && edge.to.dataset == node.dataset))
      out.push_back(edge);
  return out;
}

std::vector<LineageEdge> LineageGraph::out_of(const ColumnNode& node) const {
  std::vector<LineageEdge> out;
  for (const LineageEdge& edge : edges_)
    if (edge.from == node) out.push_back(edge);
  return out;
}

namespace {

// Breadth first; `next` gives the edges of a node, `end` the node at the far side of one. What is
// behind an edge about rows waits until all values are followed.
template <typename Next, typename End>
std::vector<LineageGraph::Reached> reach(const ColumnNode& start, Next next, End end) {
  std::vector<LineageGraph::Reached> out;
  std::set<ColumnNode> seen{start};
  std::deque<std::pair<ColumnNode, unsigned>> open{{start, 0}}, later;
  for (bool indirect = false; !open.empty() || !later.empty();) {
    if (open.empty()) {
      open.swap(later);
      indirect = true;
      std::erase_if(open, [&](const auto& waiting) { return !seen.insert(waiting.first).second; });
      continue;
    }
    const auto [node, depth] = std::move(open.front());
    open.pop_front();
    for (const LineageEdge& edge : next(node)) {
      const bool known = std::ranges::any_of(
          out, [&](const LineageGraph::Reached& reached) { return reached.edge == edge; });
      if (known) continue;
      out.push_back({edge, depth + 1, indirect});
      if (edge.via == Via::rows && !indirect)
        later.emplace_back(end(edge), depth + 1);
      else if (seen.insert(end(edge)).second)
        open.emplace_back(end(edge), depth + 1);
    }
  }
  return out;
}

}  // namespace

std::vector<LineageGraph::Reached> LineageGraph::upstream(const ColumnNode& node) const {
  return reach(
      node, [this](const ColumnNode& at) { return into(at); },
      [](const LineageEdge& edge) { return edge.from; });
}

std::vector<LineageGraph::Reached> LineageGraph::downstream(const ColumnNode& node) const {
  return reach(
      node, [this](const ColumnNode& at) { return out_of(at); },
      [](const LineageEdge& edge) { return edge.to; });
}

}  // namespace daybook
