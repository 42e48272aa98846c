// Where a column comes from, and what a column, a file or a run reaches: declared by the
// definitions, and observed in the book.
#include "runner/definition/lineage.h"

#include <algorithm>
#include <set>

#include "ledger/codec/event_codec.h"
#include "replay/impact.h"
#include "replay/words.h"
#include "runner/definition/suggestion.h"
#include "runner/definitions.h"
#include "tools/daybook/book_reader.h"

namespace daybook::commands {

namespace {

std::expected<LineageGraph, Problem> graph_of(Invocation& in, const ReadBook& book) {
  LineageGraph graph;
  std::set<std::string> given;
  for (const std::string& file : in.arguments.all("definition")) {
    Diagnostics diagnostics;
    const auto pipeline = read_pipeline(file, diagnostics);
    if (!pipeline) return std::unexpected(problem_of(diagnostics));
    given.insert(pipeline->name);
    graph.add(*pipeline);
  }
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  DefinitionCache definitions(book.with(*payloads));
  for (const auto& [name, id] : book.state.current_definition) {
    if (given.contains(name)) continue;
    const auto pipeline = definitions.get(id);
    if (!pipeline) return std::unexpected(problem_of(pipeline.error()));
    graph.add(**pipeline);
  }
  graph.connect();
  return graph;
}

std::string node_text(const ColumnNode& node) {
  return node.column.empty() ? "the rows of " + node.dataset : node.column + " of " + node.dataset;
}

std::expected<ColumnNode, Problem> find_column(const LineageGraph& graph, const std::string& text) {
  const auto found = graph.find(text);
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    std::string all;
    for (const ColumnNode& node : found)
      all += (all.empty() ? "" : ", ") + node.dataset + "." + node.column;
    return usage(printable(all), "{} may be any of {} columns", printable(text), found.size());
  }
  if (graph.datasets().empty())
    return not_found("run a pipeline first, or name its file with --definition",
                     "the book has no definition yet");
  std::vector<std::string> known;
  for (const auto& [name, dataset] : graph.datasets())
    for (const Column& column : dataset.columns) {
      known.push_back(column.name);
      for (const std::string& alias : dataset.aliases) known.push_back(alias + "." + column.name);
    }
  const std::string near = nearest(text, known);
  return not_found(near.empty() ? "daybook lineage runways.length_m: pipeline, dot, column"
                                : fmt::format("did you mean {}?", printable(near)),
                   "no definition has a column {}", printable(text));
}

Json node_json(const ColumnNode& node) {
  return {{"dataset", node.dataset}, {"column", node.column.empty() ? Json() : Json(node.column)}};
}

Json edge_json(const LineageGraph::Reached& reached) {
  const LineageEdge& edge = reached.edge;
  return {{"from", node_json(edge.from)},
          {"to", node_json(edge.to)},
          {"via", name(edge.via)},
          {"pipeline", edge.pipeline.empty() ? Json() : Json(edge.pipeline)},
          {"how", edge.how},
          {"depth", reached.depth},
          {"indirect", reached.indirect}};
}

std::string how_text(const LineageEdge& edge, const std::string& indent) {
  std::string out;
  if (edge.via == Via::feed) return indent + "the same column, read by the next pipeline\n";
  for (const std::string& how : edge.how)
    out += fmt::format("{}{} {}\n", indent, printable(edge.pipeline), printable(how));
  if (edge.how.empty()) out = fmt::format("{}{} as it is\n", indent, printable(edge.pipeline));
  return out;
}

// Why there are the rows there are, one line a reason; of a contract's rules one for all.
std::string rows_text(const std::vector<LineageGraph::Reached>& reached) {
  struct Reason {
    std::string why;
    std::vector<std::string> columns;
    std::size_t rules = 0;
  };
  std::vector<Reason> reasons;
  for (const auto& [edge, depth, indirect] : reached) {
    if (edge.via != Via::rows || edge.from.column.empty() || edge.how.empty()) continue;
    std::string why = edge.pipeline + " " + edge.how.back();
    const std::size_t rule = why.find("contract: rule ");
    if (rule != std::string::npos) why.resize(rule + 8);
    auto reason = std::ranges::find(reasons, why, &Reason::why);
    if (reason == reasons.end()) reason = reasons.insert(reason, {why, {}, 0});
    if (rule != std::string::npos) ++reason->rules;
    if (std::ranges::find(reason->columns, edge.from.column) == reason->columns.end())
      reason->columns.push_back(edge.from.column);
  }
  std::string out;
  for (const Reason& reason : reasons) {
    std::string columns;
    for (const std::string& column : reason.columns)
      columns += (columns.empty() ? "" : ", ") + column;
    out += fmt::format("  {}{}\n      {}\n", printable(reason.why),
                       reason.rules == 0 ? "" : ": its rules", printable(columns));
  }
  return out;
}

// What a value comes from, or goes to, along the values alone.
std::string values_text(const std::vector<LineageGraph::Reached>& reached, bool up) {
  std::string out;
  for (const auto& [edge, depth, indirect] : reached) {
    const ColumnNode& far = up ? edge.from : edge.to;
    if (edge.via == Via::rows || indirect || far.column.empty()) continue;
    const std::string lead(2 * depth, ' ');
    out += fmt::format("{}{:<7} {}\n", lead, name(edge.via), printable(node_text(far))) +
           how_text(edge, lead + "        ");
  }
  return out;
}

std::string upstream_text(const std::vector<LineageGraph::Reached>& reached) {
  std::string rows = rows_text(reached);
  if (!rows.empty()) rows = "which rows there are depends on\n" + rows + "-o json has each edge\n";
  return values_text(reached, true) + rows;
}

std::string downstream_text(const std::vector<LineageGraph::Reached>& reached) {
  std::string rows;
  std::set<std::string> told;
  for (const auto& [edge, depth, indirect] : reached) {
    if (edge.via != Via::rows || edge.how.empty() || edge.how.back() == "reads it") continue;
    const std::string line = fmt::format("  {}\n      {} {}\n", printable(node_text(edge.to)),
                                         printable(edge.pipeline), printable(edge.how.back()));
    if (told.insert(line).second) rows += line;
  }
  if (!rows.empty()) rows = "it decides which rows there are in\n" + rows;
  return values_text(reached, false) + rows;
}

std::string column_title(const LineageGraph& graph, const ColumnNode& node) {
  const LineageDataset& dataset = graph.datasets().at(node.dataset);
  const Column* column = graph.column(node);
  std::string out = fmt::format("{} of {}", node.column, node.dataset);
  if (column != nullptr) out += "  " + sql_name(column->type);
  if (column != nullptr && !column->classification.empty())
    out += fmt::format("  ({})", column->classification);
  if (!dataset.written_by.empty()) out += fmt::format("  by pipeline {}", dataset.written_by);
  return printable(out) + "\n";
}

// --- what was observed

Json touched_json(const State& state, const Touched& touched) {
  const Slot& slot = *state.find(touched.slot);
  return {{"pipeline", slot.pipeline},
          {"partition", slot.partition},
          {"sink", slot.sink},
          {"run", static_cast<std::uint32_t>(touched.run)},
          {"attempt", touched.attempt},
          {"entry", touched.staged},
          {"generation", touched.generation == 0 ? Json() : Json(touched.generation)},
          {"standing", touched.generation == 0 ? Json() : Json(word(touched.standing))},
          {"stands", touched.current},
          {"rows", touched.rows},
          {"depth", touched.depth},
          {"through", touched.through.empty() ? Json() : Json(touched.through)}};
}

std::string touched_text(const State& state, const Impact& impact, std::uint64_t limit) {
  std::string out;
  std::uint64_t shown = 0;
  for (const Touched& touched : impact.touched) {
    if (limit > 0 && shown++ == limit)
      return out + fmt::format("  … and {} more: --limit 0\n", impact.touched.size() - limit);
    const Slot& slot = *state.find(touched.slot);
    out += fmt::format("  {}{} {}  run {}  ", std::string(2 * touched.depth, ' '),
                       printable(slot.pipeline), printable(slot.partition), touched.run);
    out += touched.generation == 0 ? std::string("not loaded")
                                   : fmt::format("generation {}, {} rows, {}", touched.generation,
                                                 grouped(touched.rows), word(touched.standing));
    out += fmt::format("  (entry {})\n", touched.staged);
    if (touched.depth > 0)
      out += fmt::format("  {}  read {}\n", std::string(2 * touched.depth, ' '),
                         printable(touched.through));
  }
  return out;
}

void add_impact(Document& document, const State& state, const Impact& impact, std::uint64_t limit) {
  std::size_t loaded = 0, standing = 0;
  document.json["observed"] = Json::array();
  for (const Touched& touched : impact.touched) {
    document.json["observed"].push_back(touched_json(state, touched));
    loaded += touched.generation != 0 ? 1 : 0;
    standing += touched.current ? 1 : 0;
  }
  document.json["loads"] = loaded;
  document.json["standing"] = standing;
  document.text +=
      fmt::format("{} load{}, {} of them standing\n", loaded, loaded == 1 ? "" : "s", standing);
  document.text += touched_text(state, impact, limit);
}

// Pipelines whose source or lookup would read this file.
std::vector<std::string> readers_of(const LineageGraph& graph, const std::string& file) {
  std::set<std::string> readers;
  for (const auto& [name, dataset] : graph.datasets())
    for (const std::string& alias : dataset.aliases) {
      // "feed/{day}/orders.csv" against the file, component by component.
      std::string_view pattern = alias, path = file;
      bool fits = !dataset.read_by.empty();
      while (fits && !(pattern.empty() && path.empty())) {
        const auto p = pattern.substr(0, pattern.find('/')), f = path.substr(0, path.find('/'));
        const std::size_t varies = p.find_first_of("{*?[");
        if (varies == std::string_view::npos) {
          fits = p == f;
        } else {
          const std::size_t tail = p.find_last_of("}*?]");
          const std::string_view end = p.substr(tail + 1);
          fits = f.starts_with(p.substr(0, varies)) && f.ends_with(end) &&
                 f.size() >= varies + end.size();
        }
        pattern.remove_prefix(std::min(pattern.size(), p.size() + 1));
        path.remove_prefix(std::min(path.size(), f.size() + 1));
      }
      if (fits) readers.insert(dataset.read_by.begin(), dataset.read_by.end());
    }
  return {readers.begin(), readers.end()};
}

// What stands of the pipelines that a column reaches: one line each.
void add_standing(Document& document, const State& state, const std::set<std::string>& pipelines) {
  document.json["pipelines"] = Json::array();
  for (const std::string& pipeline : pipelines) {
    std::uint64_t partitions = 0, rows = 0;
    std::set<RunId> runs;
    for (const Slot& slot : state.slots) {
      if (slot.pipeline != pipeline || slot.current == 0) continue;
      const GenerationState& g = *generation(slot, slot.current);
      ++partitions;
      rows += g.rows;
      runs.insert(g.run);
    }
    Json one = {{"pipeline", pipeline}, {"partitions", partitions}, {"rows", rows}};
    one["runs"] = Json::array();
    for (const RunId run : runs) one["runs"].push_back(static_cast<std::uint32_t>(run));
    document.json["pipelines"].push_back(std::move(one));
    document.text +=
        fmt::format("  {}  {} partition{} stand{}, {} rows, from {} run{}\n", printable(pipeline),
                    partitions, partitions == 1 ? "" : "s", partitions == 1 ? "s" : "",
                    grouped(rows), runs.size(), runs.size() == 1 ? "" : "s");
  }
}

Outcome column_impact(Invocation& in, const ReadBook& book, const std::string& text) {
  const auto graph = graph_of(in, book);
  if (!graph) return std::unexpected(graph.error());
  const auto node = find_column(*graph, text);
  if (!node) return std::unexpected(node.error());
  const auto reached = graph->downstream(*node);
  Document document{.kind = "Impact",
                    .json = {{"of", node_json(*node)}, {"declared", Json::array()}},
                    .text = column_title(*graph, *node),
                    .ledger_size = book.state.size};
  std::set<std::string> pipelines;
  for (const auto& one : reached) {
    document.json["declared"].push_back(edge_json(one));
    if (!one.edge.pipeline.empty()) pipelines.insert(one.edge.pipeline);
  }
  if (const auto& own = graph->datasets().at(node->dataset).written_by; !own.empty())
    pipelines.insert(own);
  document.text +=
      reached.empty() ? "nothing is declared to depend on it\n" : downstream_text(reached);
  document.text += "loaded with it\n";
  add_standing(document, book.state, pipelines);
  return printed(in.output.print(document));
}

Outcome file_impact(Invocation& in, const ReadBook& book, const std::string& text,
                    const ImpactQuery& query) {
  const auto impact = observed_impact(book.state, *book.ledger, query);
  if (!impact) return std::unexpected(problem_of(impact.error()));
  const auto graph = graph_of(in, book);
  if (!graph) return std::unexpected(graph.error());
  const auto readers = readers_of(*graph, text);
  if (impact->touched.empty() && readers.empty())
    return not_found("inputs are named as in daybook log --kind AttemptStaged -o json",
                     "neither an input nor a pipeline's source is called {}", printable(text));
  Document document{.kind = "Impact",
                    .json = {{"of", {{"file", text}}}, {"readBy", readers}},
                    .text = {},
                    .ledger_size = book.state.size};
  document.json["versions"] = Json::array();
  for (const auto& [name, digest] : impact->versions) {
    document.json["versions"].push_back({{"name", name}, {"digest", hex(digest)}});
    document.text += fmt::format("{}\n  sha256:{}\n", printable(name), hex(digest));
  }
  for (const std::string& reader : readers)
    document.text += fmt::format("a source of pipeline {}\n", printable(reader));
  add_impact(document, book.state, *impact, in.arguments.number("limit").value_or(50));
  return printed(in.output.print(document));
}

Outcome run_impact(Invocation& in, const ReadBook& book, RunId run) {
  const auto impact =
      observed_impact(book.state, *book.ledger, {.file = {}, .digest = {}, .run = run});
  if (!impact) return std::unexpected(problem_of(impact.error()));
  Document document{
      .kind = "Impact",
      .json = {{"of", {{"run", static_cast<std::uint32_t>(run)}}}},
      .text = fmt::format("run {} of {}\n", run, printable(book.state.find(run)->pipeline)),
      .ledger_size = book.state.size};
  add_impact(document, book.state, *impact, in.arguments.number("limit").value_or(50));
  return printed(in.output.print(document));
}

bool names_input(const ReadBook& book, const std::string& text, const LineageGraph& graph) {
  std::error_code error;
  return !readers_of(graph, text).empty() ||
         std::filesystem::is_regular_file(book.paths.root.parent_path() / text, error);
}

}  // namespace

Outcome lineage(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto graph = graph_of(in, *book);
  if (!graph) return std::unexpected(graph.error());
  const auto node = find_column(*graph, in.arguments.text("COLUMN"));
  if (!node) return std::unexpected(node.error());
  const auto reached = graph->upstream(*node);
  Document document{.kind = "Lineage",
                    .json = {{"of", node_json(*node)}, {"edges", Json::array()}},
                    .text = column_title(*graph, *node),
                    .ledger_size = book->state.size};
  if (const Column* column = graph->column(*node))
    document.json["of"]["type"] = sql_name(column->type);
  for (const auto& one : reached) document.json["edges"].push_back(edge_json(one));
  document.text +=
      reached.empty() ? "a source: nothing of it is known before this\n" : upstream_text(reached);
  return printed(in.output.print(document));
}

Outcome impact(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::string text = in.arguments.text("WHAT");
  std::string_view digest = text;
  if (digest.starts_with("sha256:")) digest.remove_prefix(7);
  if (const auto bytes = digest_from_hex(digest))
    return file_impact(in, *book, text, {.file = {}, .digest = *bytes, .run = {}});
  if (text == "last" || parse_number(text)) {
    const auto run = find_run(book->state, text);
    if (!run) return std::unexpected(run.error());
    return run_impact(in, *book, *run);
  }
  for (const auto& [uuid, run] : book->state.run_by_uuid)
    if (uuid_text(uuid) == text) return run_impact(in, *book, run);
  if (text.find('/') != std::string::npos) {
    const auto graph = graph_of(in, *book);
    if (!graph) return std::unexpected(graph.error());
    if (graph->find(text).empty() || names_input(*book, text, *graph))
      return file_impact(in, *book, text, {.file = text, .digest = {}, .run = {}});
  }
  return column_impact(in, *book, text);
}

}  // namespace daybook::commands
