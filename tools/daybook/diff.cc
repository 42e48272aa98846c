// Two runs side by side. What they ran with is told first, since it usually explains the rest.
#include <algorithm>

#include "replay/run_diff.h"
#include "replay/words.h"
#include "runner/definition/definition_diff.h"
#include "runner/definitions.h"
#include "runner/stored_rows.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/row_changes.h"
#include "tools/daybook/scratch.h"

namespace daybook::commands {

namespace {

constexpr std::size_t partitions_shown = 50;  // as text; programs get all
constexpr std::uint64_t row_memory_bytes = std::uint64_t{512} << 20;

std::string shown(const std::string& text) { return text.empty() ? "(nothing)" : printable(text); }

Json difference_json(const RunDifference& d) { return {{"what", d.what}, {"a", d.a}, {"b", d.b}}; }

// Short ones on one line, long ones below each other.
std::string difference_text(const std::string& indent, const std::string& what,
                            const std::string& a, const std::string& b) {
  const std::string line =
      fmt::format("{}{:<24}  {} -> {}\n", indent, printable(what), shown(a), shown(b));
  if (columns(line) <= 81 && a.find('\n') == a.npos && b.find('\n') == b.npos) return line;
  return fmt::format("{0}{1}\n{0}  - {2}\n{0}  + {3}\n", indent, printable(what), shown(a),
                     shown(b));
}

// --- definitions

struct DefinitionChange {
  std::string file;  // "pipeline", "contract of the source", "contract of the output"
  std::vector<FieldChange> fields;
  bool same_meaning = false;  // other bytes, and nothing they say differs
};

std::vector<DefinitionChange> diff_definitions(const Pipeline& a, const Pipeline& b) {
  std::vector<DefinitionChange> out;
  const auto compare = [&](std::string file, const std::string& one, const std::string& other) {
    if (one == other) return;
    auto fields = diff_yaml(one, other);
    const bool same = fields.empty();
    out.push_back({std::move(file), std::move(fields), same});
  };
  const auto text = [](const std::optional<Contract>& c) { return c ? c->source : std::string(); };
  compare("pipeline", a.source_text, b.source_text);
  compare("contract of the source", text(a.contract), text(b.contract));
  compare("contract of the output", text(a.output), text(b.output));
  return out;
}

Json definition_json(const std::vector<DefinitionChange>& changes) {
  Json out = Json::array();
  for (const DefinitionChange& change : changes) {
    Json one = {
        {"file", change.file}, {"sameMeaning", change.same_meaning}, {"fields", Json::array()}};
    for (const FieldChange& field : change.fields)
      one["fields"].push_back({{"path", field.path}, {"a", field.a}, {"b", field.b}});
    out.push_back(std::move(one));
  }
  return out;
}

std::string definition_text(const std::vector<DefinitionChange>& changes) {
  std::string out;
  for (const DefinitionChange& change : changes) {
    out += change.file + (change.same_meaning ? ": other bytes that say the same\n" : "\n");
    for (const FieldChange& field : change.fields)
      out += difference_text("  ", field.path.empty() ? "the file" : field.path, field.a, field.b);
  }
  return out;
}

// --- rows

// What readers saw of the partition after the run.
const GenerationState* generation_of(const State& state, const PartitionFacts& facts) {
  if (facts.loaded && facts.loaded->committed_at != no_entry) return &*facts.loaded;
  if (!facts.skipped) return nullptr;
  return generation(*state.find(facts.slot), facts.skipped->generation);
}

class RunComparison {
 public:
  RunComparison(Invocation& in, const ReadBook& book, const PayloadStore& payloads)
      : in_(in), book_(book), view_(book.with(payloads)), definitions_(view_) {}

  Outcome run(RunId a, RunId b) {
    auto facts_a = run_facts(book_.state, *book_.ledger, a);
    if (!facts_a) return std::unexpected(problem_of(facts_a.error()));
    auto facts_b = run_facts(book_.state, *book_.ledger, b);
    if (!facts_b) return std::unexpected(problem_of(facts_b.error()));
    facts_[0] = std::move(*facts_a);
    facts_[1] = std::move(*facts_b);
    keep_only(in_.arguments.text("partition"));
    document_.kind = "RunDiff";
    document_.ledger_size = book_.state.size;
    document_.json = {{"a", static_cast<std::uint32_t>(a)}, {"b", static_cast<std::uint32_t>(b)}};
    add_settings();
    add_definitions(a, b);
    if (const auto done = add_partitions(); !done) return std::unexpected(done.error());
    if (!in_.arguments.has("no-rows"))
      if (const auto done = add_rows(); !done) return std::unexpected(done.error());
    add_verdict(a, b);
    if (const auto printed = in_.output.print(document_); !printed)
      return std::unexpected(printed.error());
    return differs_ && in_.arguments.has("exit-code") ? Exit::differs : Exit::good;
  }

 private:
  void keep_only(const std::string& partition) {
    if (partition.empty()) return;
    for (RunFacts& facts : facts_)
      std::erase_if(facts.partitions, [&](const auto& item) { return item.first != partition; });
  }

  void add_settings() {
    const auto settings = diff_settings(book_.state, facts_[0], facts_[1]);
    document_.json["environment"] = Json::array();
    std::string text;
    for (const RunDifference& d : settings) {
      document_.json["environment"].push_back(difference_json(d));
      text += difference_text("  ", d.what, d.a, d.b);
      if (d.what == "outcome" || d.what == "engine" || d.what == "pipeline") differs_ = true;
    }
    if (!text.empty()) body_ += "ran with\n" + text;
  }

  void add_definitions(RunId a, RunId b) {
    document_.json["definition"] = Json::array();
    const DefinitionId one = book_.state.find(a)->definition, two = book_.state.find(b)->definition;
    const auto pipeline_a = definitions_.get(one), pipeline_b = definitions_.get(two);
    if (pipeline_a) pipelines_[0] = *pipeline_a;
    if (pipeline_b) pipelines_[1] = *pipeline_b;
    if (one == two) return;
    differs_ = true;
    if (!pipeline_a || !pipeline_b) {
      const Error& error = !pipeline_a ? pipeline_a.error() : pipeline_b.error();
      document_.json["definitionUnreadable"] = error.detail;
      body_ += fmt::format("the definitions can not be compared: {}\n", printable(error.detail));
      return;
    }
    const auto changes = diff_definitions(**pipeline_a, **pipeline_b);
    document_.json["definition"] = definition_json(changes);
    body_ += definition_text(changes);
  }

  std::expected<void, Problem> add_partitions() {
    diffs_ = diff_partitions(facts_[0], facts_[1]);
    document_.json["partitions"] = Json::array();
    std::string text;
    std::size_t shown_partitions = 0;
    for (const PartitionDiff& diff : diffs_) {
      Json one = partition_json(diff);
      document_.json["partitions"].push_back(std::move(one));
      if (diff.same()) continue;
      ++different_;
      if (++shown_partitions > partitions_shown) continue;
      text += partition_text(diff);
    }
    if (different_ > partitions_shown)
      text += fmt::format("  … and {} more; -o json has them all\n", different_ - partitions_shown);
    if (different_ > 0) differs_ = true;
    if (!text.empty()) body_ += "partitions\n" + text;
    return {};
  }

  static Json happening_json(const Happening* h) {
    return h == nullptr ? Json() : Json{{"entry", h->index}, {"sentence", h->sentence}};
  }

  static Json partition_json(const PartitionDiff& diff) {
    Json one = {{"partition", diff.partition},
                {"same", diff.same()},
                {"sameRows", diff.same_rows()},
                {"differences", Json::array()}};
    for (const RunDifference& d : diff.differences)
      one["differences"].push_back(difference_json(d));
    one["firstDivergence"] =
        diff.first_a == nullptr && diff.first_b == nullptr
            ? Json()
            : Json{{"a", happening_json(diff.first_a)}, {"b", happening_json(diff.first_b)}};
    return one;
  }

  static std::string partition_text(const PartitionDiff& diff) {
    std::string text = fmt::format("  {}{}\n", printable(diff.partition),
                                   diff.same_rows() ? "  the same rows" : "");
    for (const RunDifference& d : diff.differences)
      text += difference_text("    ", d.what, d.a, d.b);
    if (diff.first_a == nullptr && diff.first_b == nullptr) return text;
    const auto entry = [](const Happening* h) {
      return h == nullptr ? std::string("nothing more")
                          : fmt::format("entry {}: {}", h->index, printable(h->sentence));
    };
    return text + fmt::format("    they part at\n      - {}\n      + {}\n", entry(diff.first_a),
                              entry(diff.first_b));
  }

  std::expected<void, Problem> add_rows() {
    document_.json["rows"] = Json::array();
    std::string text;
    for (const PartitionDiff& diff : diffs_) {
      if (diff.a == nullptr || diff.b == nullptr) continue;
      const GenerationState* generations[2] = {generation_of(book_.state, *diff.a),
                                               generation_of(book_.state, *diff.b)};
      if (generations[0] == nullptr || generations[1] == nullptr ||
          generations[0]->content == generations[1]->content || diff.same_rows() ||
          generations[0]->load_id == generations[1]->load_id)
        continue;
      Json one = {{"partition", diff.partition}};
      const auto rows = compare_rows(diff, generations);
      if (!rows) {
        if (rows.error().exit != Exit::not_found) return std::unexpected(rows.error());
        one["notCompared"] = rows.error().message;
        text += fmt::format("  {}  not compared: {}\n", printable(diff.partition),
                            printable(rows.error().message));
      } else {
        one.update(rows_json(*rows));
        text +=
            fmt::format("  {}  ", printable(diff.partition)) + rows_text(in_.output, "    ", *rows);
      }
      document_.json["rows"].push_back(std::move(one));
    }
    if (!text.empty()) body_ += "rows\n" + text;
    return {};
  }

  std::expected<RowDiff, Problem> compare_rows(const PartitionDiff& diff,
                                               const GenerationState* const (&generations)[2]) {
    RowDiffRequest request{.a = {}, .b = {}, .key = in_.arguments.all("key"), .directory = {}};
    request.sample = in_.arguments.number("limit").value_or(10);
    request.memory_limit_bytes = row_memory_bytes;
    for (int side = 0; side < 2; ++side) {
      const PartitionFacts& facts = side == 0 ? *diff.a : *diff.b;
      const auto pipeline = definitions_.get(generations[side]->definition);
      if (!pipeline)
        return std::unexpected(Problem{Exit::not_found, "DB-1004", pipeline.error().detail});
      if (request.key.empty()) request.key = row_key(**pipeline);
      auto stored =
          stored_rows(view_, **pipeline, *book_.state.find(facts.slot), *generations[side]);
      if (!stored) return std::unexpected(problem_of(stored.error()));
      (side == 0 ? request.a : request.b) =
          RowFiles{.format = stored->format, .files = std::move(stored->files)};
    }
    const auto scratch = ScratchFolder::make();
    if (!scratch) return std::unexpected(scratch.error());
    request.directory = scratch->path();
    auto rows = diff_rows(request);
    if (!rows) return std::unexpected(Problem{Exit::bad, "DB-1001", rows.error().detail});
    return std::move(*rows);
  }

  void add_verdict(RunId a, RunId b) {
    const bool same_rows =
        !diffs_.empty() && std::ranges::all_of(diffs_, &PartitionDiff::same_rows);
    const std::string verdict =
        !differs_        ? "no difference"
        : same_rows      ? "the same rows, made in another way"
        : different_ > 0 ? fmt::format("{} of {} partition{} differ{}", different_, diffs_.size(),
                                       diffs_.size() == 1 ? "" : "s", different_ == 1 ? "s" : "")
                         : "the same partitions, with another definition or engine";
    document_.json["verdict"] = verdict;
    document_.json["differs"] = differs_;
    document_.text = fmt::format("run {} against run {} of {}: {}\n", a, b,
                                 printable(book_.state.find(a)->pipeline), verdict) +
                     body_;
  }

  Invocation& in_;
  const ReadBook& book_;
  BookView view_;
  DefinitionCache definitions_;
  std::shared_ptr<const Pipeline> pipelines_[2];
  RunFacts facts_[2];
  std::vector<PartitionDiff> diffs_;
  std::size_t different_ = 0;
  bool differs_ = false;
  Document document_;
  std::string body_;
};

}  // namespace

Outcome diff(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto a = find_run(book->state, in.arguments.text("RUN_A"));
  if (!a) return std::unexpected(a.error());
  const auto b = find_run(book->state, in.arguments.text("RUN_B"));
  if (!b) return std::unexpected(b.error());
  if (const std::string partition = in.arguments.text("partition"); !partition.empty())
    if (const auto found = find_slot(book->state, partition, book->state.find(*a)->pipeline);
        !found)
      return std::unexpected(found.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  return RunComparison(in, *book, *payloads).run(*a, *b);
}

}  // namespace daybook::commands
