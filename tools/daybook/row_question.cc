#include "tools/daybook/row_question.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "runner/attempt.h"
#include "runner/definitions.h"
#include "statemachine/batch_name.h"

namespace daybook {

namespace fs = std::filesystem;

namespace {

// A directory of our own for one attempt, gone at the end.
class Sandbox {
 public:
  Sandbox() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "daybook-again-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Sandbox() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool is_dataset(const Slot& slot, const std::string& name) {
  if (slot.pipeline == name || slot.sink == name) return true;
  const std::size_t at = slot.sink.find_last_of("/:.");
  return at != std::string::npos && slot.sink.substr(at + 1) == name;
}

// The attempts where rows of the scope are looked for: newest partition first.
std::expected<std::vector<EntryIndex>, Problem> places_of(const BookView& book,
                                                          const RowScope& scope) {
  std::vector<std::pair<std::string, EntryIndex>> found;
  bool dataset = false, partition = false;
  for (const Slot& slot : book.state.slots) {
    if (!is_dataset(slot, scope.dataset)) continue;
    dataset = true;
    if (!scope.partition.empty() && slot.partition != scope.partition) continue;
    partition = true;
    const Generation number = scope.generation != 0 ? scope.generation : slot.current;
    // With append every generation stands.
    const GenerationState* first = generation(slot, number);
    if (first != nullptr && first->staged_at != no_entry)
      found.emplace_back(slot.partition, first->staged_at);
    if (scope.generation == 0 && first != nullptr && first->mode == LoadMode::append)
      for (const GenerationState& other : slot.generations)
        if (other.number != number && other.standing != Standing::aborted &&
            other.standing != Standing::compensated)
          found.emplace_back(slot.partition, other.staged_at);
    if (number == 0 && slot.staged) found.emplace_back(slot.partition, slot.staged->at);
  }
  if (!dataset)
    return not_found("a pipeline or a sink, as daybook state names them", "there is no dataset {}",
                     printable(scope.dataset));
  if (!partition)
    return not_found("daybook state lists them", "{} has no partition {}", printable(scope.dataset),
                     printable(scope.partition));
  std::ranges::stable_sort(found, std::greater<>{}, [](const auto& pair) { return pair.first; });
  std::vector<EntryIndex> places;
  for (const auto& [key, at] : found) places.push_back(at);
  if (places.empty())
    return not_found(
        "daybook state shows what is loaded", "nothing of {}{}{} is loaded{}",
        printable(scope.dataset), scope.partition.empty() ? "" : ", partition ",
        printable(scope.partition),
        scope.generation == 0 ? std::string() : fmt::format(" as generation {}", scope.generation));
  return places;
}

std::expected<std::vector<std::string>, Problem> key_columns(const BookView& book,
                                                             EntryIndex place) {
  const auto recorded = recorded_attempt(book, place);
  if (!recorded) return std::unexpected(problem_of(recorded.error()));
  DefinitionCache definitions(book);
  const auto pipeline = definitions.get(recorded->definition);
  if (!pipeline) return std::unexpected(problem_of(pipeline.error()));
  const Pipeline& p = **pipeline;
  if (!p.sink.key.empty()) return p.sink.key;
  if (p.output && !p.output->primary_key.empty()) return p.output->primary_key;
  if (p.contract && !p.contract->primary_key.empty()) return p.contract->primary_key;
  return std::vector<std::string>{};
}

}  // namespace

std::expected<RowQuestion, Problem> row_question(const BookView& book, const RowScope& scope,
                                                 const std::string& said) {
  RowQuestion question{.said = said, .wish = {}, .file = {}, .places = {}};
  auto places = places_of(book, scope);
  const std::size_t colon = said.rfind(':');
  const auto number = colon == std::string::npos
                          ? std::nullopt
                          : parse_number(std::string_view(said).substr(colon + 1));
  if (number && said.find('=') == std::string::npos) {
    const std::string before = said.substr(0, colon);
    if (before.find_first_not_of("0123456789.") == std::string::npos) {  // a quarantined record
      const auto batch = batch_named(book.state, before);
      const BatchState* state = batch ? book.state.find(*batch) : nullptr;
      if (state == nullptr || *number >= state->records)
        return not_found("daybook quarantine list shows them", "there is no quarantined record {}",
                         printable(said));
      if (!is_dataset(*book.state.find(state->slot), scope.dataset))
        return not_found("", "quarantined record {} is of {}, not of {}", said,
                         book.state.find(state->slot)->pipeline, printable(scope.dataset));
      question.wish.by = RowWish::By::quarantined;
      question.wish.number = *number;
      question.places = {state->at};
      return question;
    }
    if (before.find('/') != std::string::npos || before.find('.') != std::string::npos) {
      if (!places) return std::unexpected(places.error());
      question.wish.by = RowWish::By::record;
      question.wish.number = *number;
      question.file = before;
      for (const EntryIndex place : *places) {
        const auto entry = entry_at(book.ledger, place);
        if (!entry) return std::unexpected(problem_of(entry.error()));
        const auto& files = std::get<AttemptStaged>(entry->event).files;
        if (std::ranges::find(files, before, &InputFile::name) != files.end())
          question.places.push_back(place);
      }
      if (question.places.empty())
        return not_found("files are named from the project, as daybook log shows them",
                         "{} is no input of what is loaded of {}", printable(before),
                         printable(scope.dataset));
      return question;
    }
  }
  if (!places) return std::unexpected(places.error());
  question.places = std::move(*places);
  if (said.find('=') == std::string::npos) {
    const auto columns = key_columns(book, question.places.front());
    if (!columns) return std::unexpected(columns.error());
    if (columns->size() != 1)
      return usage("COLUMN=VALUE, BATCH:RECORD or FILE:ROW",
                   "\"{}\" does not say of which column it is a value", printable(said));
    question.wish.key = {{columns->front(), said}};
    return question;
  }
  for (std::size_t begin = 0; begin <= said.size();) {
    const std::size_t end = std::min(said.find(',', begin), said.size());
    const std::string pair = said.substr(begin, end - begin);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage("COLUMN=VALUE, and more of them after commas", "\"{}\" is no key of a row",
                   printable(said));
    question.wish.key.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    begin = end + 1;
  }
  std::ranges::sort(question.wish.key);
  return question;
}

std::string input_name_of(const Reexecution& again, std::uint32_t input) {
  const auto& files = again.recorded.staged.files;
  return input < files.size() ? files[input].name : "?";
}

Problem problem_of(const ReexecutionFailure& failure) {
  using Kind = ReexecutionFailure::Kind;
  Problem problem{
      .exit = Exit::bad, .code = "DB-1001", .message = failure.detail, .hint = failure.hint};
  if (failure.kind == Kind::missing)
    problem = {Exit::not_found, "DB-1004", failure.detail, failure.hint};
  if (failure.kind == Kind::changed)
    problem = {Exit::conflict, "DB-1005", failure.detail, failure.hint};
  problem.message =
      fmt::format("the partition can not be done again: {}", printable(problem.message));
  return problem;
}

std::expected<std::vector<RowAnswer>, Problem> answer_rows(const BookView& book,
                                                           std::vector<RowQuestion> questions,
                                                           bool steps, Output& output,
                                                           const AttemptVisit& visit) {
  std::vector<RowAnswer> answers(questions.size());
  std::vector<std::size_t> tried(questions.size());  // places
  const auto has_told = [](const RowTold& told) {
    return !told.outputs.empty() || told.quarantined || told.record;
  };
  while (true) {
    // The place that most of the open questions are next for.
    std::map<EntryIndex, std::vector<std::size_t>> next;
    for (std::size_t i = 0; i < questions.size(); ++i)
      if (!answers[i].again && tried[i] < questions[i].places.size())
        next[questions[i].places[tried[i]]].push_back(i);
    if (next.empty()) return answers;
    const auto most =
        std::ranges::max_element(next, {}, [](const auto& pair) { return pair.second.size(); });
    const EntryIndex place = most->first;
    const std::vector<std::size_t> asked = most->second;

    auto recorded = recorded_attempt(book, place);
    if (!recorded) return std::unexpected(problem_of(recorded.error()));
    LineageWish wish;
    wish.steps = steps;
    for (const std::size_t i : asked) {
      wish.rows.push_back(questions[i].wish);
      const auto& files = recorded->staged.files;
      const auto file = std::ranges::find(files, questions[i].file, &InputFile::name);
      if (file != files.end())
        wish.rows.back().input = static_cast<std::uint32_t>(file - files.begin());
      ++tried[i];
    }
    const Sandbox sandbox;
    if (sandbox.path().empty())
      return std::unexpected(Problem{.message = "no temporary directory can be made",
                                     .hint = "set TMPDIR to one that can be written"});
    if (!output.machine() && !output.quiet())
      output.say(fmt::format("doing {} {} again (entry {})", recorded->pipeline,
                             recorded->partition, place));
    ReexecutionOptions options;
    options.directory = sandbox.path() / "attempt";
    options.threads = std::max(1U, std::thread::hardware_concurrency());
    options.lineage = &wish;
    StageProgress progress;
    auto done = reexecute(book, *recorded, options, progress);
    if (!done) return std::unexpected(problem_of(done.error()));
    const auto again = std::make_shared<const Reexecution>(std::move(*done));
    std::vector<std::pair<std::size_t, const RowTold*>> found;
    for (std::size_t k = 0; k < asked.size() && k < wish.told.size(); ++k) {
      if (!has_told(wish.told[k])) continue;
      answers[asked[k]] = {again, std::move(wish.told[k])};
      found.emplace_back(asked[k], &answers[asked[k]].told);
    }
    if (visit)
      if (auto visited = visit(again, found); !visited) return std::unexpected(visited.error());
  }
}

}  // namespace daybook
